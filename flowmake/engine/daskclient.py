"""The line to a Dask scheduler, in a thread of its own: tasks out, ends back. Unaware of what the tasks do.

Public methods are called from other threads, and return at once but for `open` and `close`.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import dask
import distributed
from distributed import Client, Future
from distributed.scheduler import NoValidWorkerError, NoWorkerError
from distributed.versions import VersionMismatchWarning
from msgspec import Struct

from flowmake import __version__
from flowmake.core.errors import UsageError
from flowmake.core.ports import Ended
from flowmake.engine import daskworkers, station
from flowmake.engine.daskworkers import Asked, Shortages

PATIENCE = 10.0
"""Seconds after which a worker that was told to kill something, and does not answer, counts as lost."""
SWEEP = 0.5
"""Seconds between two looks at what Dask has told of tasks that fail; of all others, an event tells at once."""
ALIVE = ("running", "connecting")
"""States of Dask's client in which it takes messages."""
THROUGH_NO_FAULT = ("scheduler-connection-lost", "scheduler-restart")
"""Why Dask cancels tasks without being asked to."""
FAREWELL = 5.0
"""Seconds that each step of taking leave may take."""
QUIET = 5.0
"""Seconds without an end after which to see whether there are workers for what waits; longer each time."""
QUIET_AT_MOST = 60.0
T = TypeVar("T")


class _Order(Struct, frozen=True):
    order: bytes
    fence: str
    name: str
    resources: dict[str, float]


class _Attempt(Struct, frozen=True):
    """A task that Dask has, and what it asks for."""

    asked: Asked
    future: Future[None]


class DaskClient:
    """One connection. `ended` gets a fence and a pickled `Ended`, or an `Ended` of which the task is not known here.

    `say` gets sentences that people should read. Both are called by another thread.
    """

    def __init__(self, ended: Callable[[str, bytes | Ended], None], say: Callable[[str], None]) -> None:
        self._ended = ended
        self._say = say
        self._ends = 0
        self._is_watched = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="flowmake-dask", daemon=True)
        self._orders: deque[_Order] = deque()
        self._has_called = False
        self._wishes: dict[str, bool] = {}
        self._attempts: dict[str, _Attempt] = {}
        self._errands: set[asyncio.Task[Any]] = set()
        self._client: Client
        self._address = ""

    def open(self, address: str, timeout: float) -> set[str]:
        """Connect; the names of the resources that its workers count. Raises `UsageError`."""
        self._address = address
        self._thread.start()
        try:
            return self._wait_for(self._open(timeout), None)
        except BaseException:
            self._end_thread()
            raise

    def submit(self, order: bytes, *, fence: str, name: str, resources: dict[str, float]) -> None:
        """Give a task to Dask, as soon as its client can take it. `name` stands for all of its kind."""
        self._orders.append(_Order(order, fence, name, resources))
        if not self._has_called:
            self._has_called = True
            self._loop.call_soon_threadsafe(self._submit_all)

    def stop(self, fence: str, *, kill: bool) -> None:
        """Ask for the end of a task that runs; `ended` is called in any case."""
        self._loop.call_soon_threadsafe(self._stop, fence, kill)

    def drop(self, fence: str) -> None:
        """Nobody wants to hear of that task any more."""
        self._loop.call_soon_threadsafe(self._forget, fence)

    def close(self) -> None:
        """Kill what runs and hang up, even if nobody answers; a second time it does nothing.

        A scheduler that hangs is left alone after a while. Nothing is lost by that: no end is waited for any more, and
        whatever still runs stops by itself, as its claim is taken away (`agent.LOOK`).
        """
        if self._loop.is_closed():
            return
        try:
            self._wait_for(self._close(), 3 * FAREWELL)
        except TimeoutError:
            self._say(self._silent())
        finally:
            self._end_thread()

    # -- in our thread -----------------------------------------------------------------------------------------

    def _wait_for(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, timeout: float) -> set[str]:
        try:
            with warnings.catch_warnings():  # whoever asked for the connection waits for it
                warnings.simplefilter("ignore", VersionMismatchWarning)  # that is said in other words below
                self._client = await Client(
                    self._address, asynchronous=True, timeout=timeout, set_as_default=False, name="flowmake"
                )
        except (OSError, TimeoutError) as error:
            hint = "is it running, and is this its address?"
            raise UsageError(f"no Dask scheduler answers at `{self._address}` within {timeout:g} s", hint) from error
        except (ValueError, TypeError) as error:
            raise UsageError(f"`{self._address}` is no address of a Dask scheduler: {error}") from error
        try:
            await asyncio.wait_for(self._check_versions(), timeout)
            workers = await asyncio.wait_for(self._workers(), timeout)
        except TimeoutError as error:
            await self._client.close(timeout=FAREWELL)
            raise UsageError(f"the workers of the Dask scheduler at `{self._address}` do not answer") from error
        except UsageError:
            await self._client.close(timeout=FAREWELL)
            raise
        self._subscribe()
        return daskworkers.counted(workers)

    async def _workers(self) -> list[dict[str, float]]:
        return daskworkers.resources(await self._client.scheduler.identity())

    async def _check_versions(self) -> None:
        """Raises `UsageError` where others run something else than we do."""
        versions = await self._client.get_versions(packages=["flowmake"])
        ours = versions["client"]["packages"]
        self._compare("the scheduler", versions["scheduler"]["packages"], ours, ["distributed"])
        for address, found in versions["workers"].items():
            self._compare(f"the worker at `{address}`", found["packages"], ours, ["distributed", "flowmake"])

    def _compare(self, who: str, theirs: dict[str, str], ours: dict[str, str], packages: list[str]) -> None:
        for package in packages:
            if theirs.get(package) != ours[package]:
                has = f"has {package} {theirs[package]}" if theirs.get(package) else f"has no {package}"
                hint = "install the same versions on all machines"
                raise UsageError(f"{who} of Dask {has}; here is {package} {ours[package]}", hint)

    def _submit_all(self) -> None:
        """Tasks in a row that need the same are sent in one message."""
        self._has_called = False
        while self._orders:
            orders = [self._orders.popleft()]
            while self._orders and self._orders[0].resources == orders[0].resources:
                orders.append(self._orders.popleft())
            if self._client.status not in ALIVE:
                for order in orders:
                    self._ended(order.fence, Ended("", error=self._gone()))
                continue
            try:
                self._follow(orders, self._sent(orders))
            except Exception as error:  # whatever Dask thinks of it: nobody else will hear of these tasks
                for order in orders:
                    self._ended(order.fence, Ended("", error=f"Dask does not take it: {error}"))

    def _follow(self, orders: list[_Order], futures: list[Future[None]]) -> None:
        for order, future in zip(orders, futures, strict=True):
            self._attempts[order.fence] = _Attempt(Asked(order.name, order.resources), future)
        if not self._is_watched:
            self._is_watched = True
            self._begin(self._watch())

    async def _watch(self) -> None:
        """As long as there are tasks: see which have failed; when none ends, whether somebody could begin with them."""
        shortages = Shortages(self._workers, self._say, self._silent())
        loop = asyncio.get_running_loop()
        quiet, ends, since = QUIET, self._ends, loop.time()
        while self._attempts:
            await asyncio.sleep(SWEEP)
            await self._sweep()
            if self._ends != ends:
                quiet, ends, since = QUIET, self._ends, loop.time()
            elif loop.time() - since >= quiet and self._attempts:
                await shortages.look([attempt.asked for attempt in self._attempts.values()])
                quiet, since = min(2 * quiet, QUIET_AT_MOST), loop.time()
        self._is_watched = False

    async def _sweep(self) -> None:
        """Costs no message: Dask's client is told what becomes of its tasks."""
        failed = [each for each in self._attempts.items() if each[1].future.status in ("error", "cancelled")]
        for fence, attempt in failed:
            self._finish(fence, await self._failure(attempt.future))

    def _sent(self, orders: list[_Order]) -> list[Future[None]]:
        self._subscribe()  # each time: a scheduler that took the place of another does not know what we want to hear
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            futures: list[Future[None]] = self._client.map(
                station.attempt,
                [order.order for order in orders],
                [order.fence for order in orders],
                topic=self._client.id,
                version=__version__,
                key=[(order.name, order.fence) for order in orders],
                resources=orders[0].resources or None,
                pure=False,
            )
        return futures

    def _subscribe(self) -> None:
        self._client.subscribe_topic(self._client.id, self._hear)

    async def _failure(self, future: Future[None]) -> Ended:
        """The end of a task that did not even get to its command, or was taken away from it."""
        try:
            await future
        except distributed.KilledWorker:
            return Ended("", error="the Dask workers that it was given to died", lost=True)
        except (NoValidWorkerError, NoWorkerError):
            return Ended("", error="Dask has waited in vain for a worker that can run it")
        except distributed.client.FutureCancelledError as error:
            if self._client.status in ("closing", "closed"):
                return Ended("", error=self._gone())
            if str(error.reason) in THROUGH_NO_FAULT:
                return Ended("", error="the Dask scheduler has lost it", lost=True)
            return Ended("", error="somebody has cancelled it")
        except Exception as error:  # whatever a worker stumbles over
            return Ended("", error=f"a Dask worker cannot run it: {error}")
        return Ended("", error="Dask has changed its mind about it", lost=True)

    def _gone(self) -> str:
        return f"the Dask scheduler at `{self._address}` has gone"

    def _silent(self) -> str:
        return f"the Dask scheduler at `{self._address}` does not answer"

    # -- ends --------------------------------------------------------------------------------------------------

    def _hear(self, event: tuple[float, Any]) -> None:
        """The scheduler writes about our client under the same topic."""
        if isinstance(event[1], list | tuple):
            fence, ended = event[1]
            attempt = self._attempts.get(fence)
            if attempt is not None and attempt.future.status != "cancelled":  # or it is told that it was stopped
                self._finish(fence, ended)

    def _finish(self, fence: str, ended: bytes | Ended) -> None:
        if fence in self._attempts:
            self._ends += 1
            self._forget(fence)
            self._ended(fence, ended)

    def _forget(self, fence: str) -> None:
        if fence in self._attempts:
            self._attempts.pop(fence).future.release()

    def _stop(self, fence: str, kill: bool) -> None:
        if not self._wishes:
            self._loop.call_soon(self._send_wishes)
        self._wishes[fence] = kill
        if kill:
            self._loop.call_later(
                PATIENCE, self._finish, fence, Ended("", error="its worker does not answer", lost=True)
            )

    def _send_wishes(self) -> None:
        wishes, self._wishes = self._wishes, {}
        self._begin(self._tell_workers(wishes))

    async def _tell_workers(self, wishes: dict[str, bool]) -> None:
        """A worker that does not heed it is told again to kill, and given up if that does not help either."""
        try:
            await self._client.run(station.stop, wishes, on_error="ignore")
        except OSError:  # no line to the scheduler; those whose end is not told are given up after a while
            return

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        errand = asyncio.create_task(work)
        self._errands.add(errand)
        errand.add_done_callback(self._end_errand)
        return errand

    def _end_errand(self, errand: asyncio.Task[None]) -> None:
        self._errands.discard(errand)
        if not errand.cancelled() and (error := errand.exception()) is not None:
            self._say(f"something went wrong between here and Dask: {error!r}")

    async def _close(self) -> None:
        if self._attempts:
            errand = self._begin(self._tell_workers(dict.fromkeys(self._attempts, True)))
            await asyncio.wait([errand], timeout=FAREWELL)
        for fence in list(self._attempts):
            self._forget(fence)
        if self._client.status in ALIVE:
            self._client.unsubscribe_topic(self._client.id)  # or we were told of our own leaving
        for errand in self._errands:
            errand.cancel()
        await self._client.close(timeout=FAREWELL)
