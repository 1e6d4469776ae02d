"""Carries out attempts for the process that started it, and ends with it, killing what runs. Unaware of engines.

A program of its own, so that nothing outlives a parent that is killed, and none of the parent's threads wait for disks.
Messages are four bytes of length and that many of pickle: to it a `Begin` or a `Stop`, from it a `Report`.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import time
from contextlib import suppress

from msgspec import Struct

from flowmake.core.ports import Ended, Work
from flowmake.engine.mailbox import Mailbox
from flowmake.engine.node import Node, remove_outputs

LOOK = 5.0
"""Seconds between two looks whether the attempts under way are still wanted."""
_CHUNK = 1 << 18


class Begin(Struct, frozen=True):
    """Carry out a pickled `Work`, unless somebody else has claimed it in the mailbox in that folder."""

    folder: str
    fence: str
    work: bytes


class Stop(Struct, frozen=True):
    """Attempts that are to end; whether they are to be killed."""

    fences: dict[str, bool]


class Report(Struct, frozen=True):
    """How an attempt ended: a pickled `Ended`, which whoever passes it on need not understand.

    It is empty when the command is over, but its outputs are not hashed yet.
    """

    fence: str
    ended: bytes = b""


def packed(message: bytes) -> bytes:
    """A message as it is sent."""
    return len(message).to_bytes(4, "big") + message


class Agent:
    """Attempts under way for one parent, who is at the other end of the channel. `calls` as for `Node`."""

    def __init__(self, channel: socket.socket, calls: int) -> None:
        self._channel = channel
        self._node = Node(calls)
        self._inbox = bytearray()
        self._begun: dict[str, tuple[Mailbox, Work]] = {}
        self._settling: set[str] = set()
        self._looked = time.monotonic()

    def run(self) -> None:
        """Until the parent hangs up."""
        try:
            while self._listen():
                for fence, ended in self._node.poll():
                    self._finish(fence, ended)
                self._announce_settling()
                self._stop_unwanted()
                self._node.wait(LOOK if self._begun else None, [self._channel.fileno()])
        finally:
            self._node.close()

    def end(self) -> None:
        """As if the parent had hung up. An exception instead might come between the start of a command and its note."""
        with suppress(OSError):  # it has
            self._channel.shutdown(socket.SHUT_RD)

    def _listen(self) -> bool:
        """Heed what the parent says; False once there is none."""
        while True:
            try:
                data = self._channel.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                return False
            if not data:
                return False
            self._inbox += data
            while len(self._inbox) >= 4 + (size := int.from_bytes(self._inbox[:4], "big")):
                message = bytes(self._inbox[4 : 4 + size])
                del self._inbox[: 4 + size]
                self._heed(pickle.loads(message))

    def _heed(self, order: Begin | Stop) -> None:
        if isinstance(order, Stop):
            for fence, kill in order.fences.items():
                self._node.stop(fence, kill=kill)
            return
        problem = self._begin(order)
        if problem is not None:
            self._report(order.fence, problem)

    def _begin(self, order: Begin) -> Ended | None:
        """Begin with an attempt, or tell why not."""
        mailbox = Mailbox(order.folder)
        try:
            if not mailbox.claim(order.fence):
                return Ended("", error="whoever began with it did not come back", lost=True)
            work: Work = pickle.loads(order.work)
        except OSError as error:
            host = socket.gethostname()
            why = f"{host} cannot write to `{order.folder}`, which all machines must see: {error.strerror}"
            return Ended("", error=why)
        except Exception as error:  # whatever an argument's own unpickling raises
            return Ended("", error=f"its arguments cannot be read on {socket.gethostname()}: {error}")
        self._begun[order.fence] = mailbox, work
        self._node.start(work)
        return None

    def _finish(self, fence: str, ended: Ended) -> None:
        """Report; what was made for nobody is removed by whoever has made it."""
        mailbox, work = self._begun.pop(fence)
        if not mailbox.is_claimed(fence):
            with suppress(OSError):  # it stays, and nobody looks at it
                remove_outputs(work)
        self._report(fence, ended)

    def _announce_settling(self) -> None:
        settling = set(self._node.settling())
        for fence in settling - self._settling:
            self._send(Report(fence))
        self._settling = settling

    def _report(self, fence: str, ended: Ended) -> None:
        self._send(Report(fence, pickle.dumps(ended)))

    def _send(self, report: Report) -> None:
        try:
            self._channel.sendall(packed(pickle.dumps(report)))
        except (BrokenPipeError, ConnectionResetError):  # the parent has gone, which `_listen` will find
            return

    def _stop_unwanted(self) -> None:
        """A coordinator that gives an attempt up takes its claim away, which we see even where nobody can tell us."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        for fence, (mailbox, _) in self._begun.items():
            if not mailbox.is_claimed(fence):
                self._node.stop(fence)


def command(fd: int, calls: int) -> list[str]:
    """The program, given its end of the line. Not `-m`: there its messages would be those of a module `__main__`."""
    return [sys.executable, "-P", "-c", f"from flowmake.engine.agent import main; main({fd}, {calls})"]


def main(fd: int, calls: int) -> None:
    """Serve until the parent hangs up."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # a worker may have it blocked; commands must not
    channel = socket.socket(fileno=fd)
    os.set_inheritable(fd, False)  # what runs must not hold our line to the parent
    agent = Agent(channel, calls)
    signal.signal(signal.SIGTERM, lambda number, frame: agent.end())
    agent.run()
