"""The child processes of one executor, with their groups: started, stopped, awaited. Unaware of tasks and logs."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from flowmake.world.process import CannotStart, Exit, group_members, kill_group, reap, spawn
from flowmake.world.watch import Watch, open_watch


class _Child:
    """A started leader. `exit` is kept back while a stopped group still has living members."""

    def __init__(self, console: bool) -> None:
        self.console = console
        self.stopping = False
        self.killed = False
        self.exit: Exit | None = None


class Children:
    """The processes one executor started, each (but for `console`) with a group of its own.

    What a *succeeding* command leaves in the background is left alone, as with make. After a *failing* one the
    rest of its group is killed, so that nothing of it interferes with a retry. A group that was asked to stop
    ends when its last living member does, or, once it is killed, with its leader.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or open_watch()
        self._children: dict[int, _Child] = {}
        self._members: dict[int, int] = {}
        """Member of a stopping group whose leader is gone -> that leader."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        console: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> int:
        """As `process.spawn`, and remember the child."""
        pid = spawn(argv, env=env, cwd=cwd, log_fd=log_fd, console=console, pass_fds=pass_fds)
        try:
            self._watch.add(pid)
        except OSError as failure:
            if console or not kill_group(pid, signal.SIGKILL):
                os.kill(pid, signal.SIGKILL)
            reap(pid, block=True)
            raise CannotStart(f"cannot start `{argv[0]}`: {failure.strerror}") from failure
        self._children[pid] = _Child(console)
        return pid

    def stop(self, pid: int, *, kill: bool = False) -> None:
        """TERM (or KILL) the group led by `pid`, or the process alone if it shares our terminal."""
        child = self._children.get(pid)
        if child is None:
            return
        child.stopping = True
        child.killed = child.killed or kill
        sig = signal.SIGKILL if kill else signal.SIGTERM
        if not child.console:
            kill_group(pid, sig)
        elif child.exit is None:
            os.kill(pid, sig)

    def ended(self) -> list[Exit]:
        """Those that ended since the last call, in no particular order."""
        done = []
        for pid in self._watch.ended():
            leader = self._members.pop(pid, pid)
            child = self._children.get(leader)
            if child is None:
                continue
            if leader == pid:
                # It is about to be a zombie, if it is not one already: macOS tells a moment early.
                child.exit = reap(pid, block=True)
            if child.exit is not None and self._is_over(leader, child, child.exit):
                del self._children[leader]
                done.append(child.exit)
        return done

    def _is_over(self, leader: int, child: _Child, result: Exit) -> bool:
        if child.console or (result.exit_code == 0 and not child.stopping):
            return True
        if not child.stopping or child.killed:
            kill_group(leader, signal.SIGKILL)
            return True
        return not self._follow(leader)

    def _follow(self, leader: int) -> bool:
        """Watch the living members of a leaderless group; False if there are none."""
        alive = False
        for member in group_members(leader):
            with suppress(ProcessLookupError):  # it ended just now
                if member not in self._members:
                    self._watch.add(member)
                    self._members[member] = leader
                alive = True
        return alive

    def fileno(self) -> int:
        """Readable when `ended` may have news."""
        return self._watch.fileno()

    def close(self) -> None:
        """Kill and collect whatever still runs."""
        for pid, child in self._children.items():
            self.stop(pid, kill=True)
            if child.exit is None:
                reap(pid, block=True)
        self._children.clear()
        self._members.clear()
        self._watch.close()
