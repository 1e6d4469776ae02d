"""Runs tasks on the workers of a Dask scheduler. Unaware of how Dask is talked to, and of what its workers do.

What carries attempts out is `engine.agent`, beside each worker (`engine.station`). Attempts and their ends travel as
Dask's messages; claims lie in a mailbox, so that an attempt that Dask starts again is not carried out twice.
"""

from __future__ import annotations

import logging
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, field, structs

from flowmake.core.errors import UsageError
from flowmake.core.ports import Ended, Executor, ExecutorKind, RemoteOptions, Site, Traits, Work
from flowmake.core.schema_fields import doc
from flowmake.engine.agent import Begin
from flowmake.engine.mailbox import Mailbox
from flowmake.world.bell import Bell

if TYPE_CHECKING:
    from flowmake.engine.daskclient import DaskClient
    from flowmake.engine.daskcluster import Cluster


BEGUN_EVERY = 0.5
"""Seconds between two looks for what has begun, as its claim shows: that costs a listing, and no message."""


class Options(RemoteOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of `[executors.NAME]` with `kind = "dask"`."""

    address: Annotated[
        str,
        doc(
            "Where the scheduler listens. Without it and `cluster`: as Dask is configured, or workers on this machine.",
            example='"tcp://head:8786"',
        ),
    ] = ""
    cluster: Annotated[
        Mapping[str, Any],
        doc(
            "A cluster that is opened for the run: `class`, how many workers (`scale`), and what the class takes.",
            expects="a table",
            example='{ class = "dask_jobqueue.PBSCluster", scale = 20, cores = 4, memory = "16GB" }',
        ),
    ] = field(default_factory=dict)
    connect_timeout: Annotated[
        float, Meta(gt=0), doc("How many seconds to wait for the scheduler to answer.", example="60")
    ] = 30.0
    grants: Annotated[
        tuple[str, ...],
        doc(
            "Resources that workers yet to come count, besides those that the present ones do.",
            expects="a list of strings",
            example='["gpu"]',
        ),
    ] = ()


class DaskExecutor(Executor):
    """The `Executor` on one Dask cluster. `poll` costs nothing while nothing ends: a bell tells of news."""

    def __init__(self, options: Options, site: Site) -> None:
        """Raises `UsageError` where Dask is not installed, or nobody answers."""
        self._bell = Bell()
        self._news: deque[tuple[str, bytes | Ended]] = deque()
        self._ended: list[Ended] = []
        self._notices: deque[str] = deque()
        self._tasks: dict[str, str] = {}
        self._fences: dict[str, str] = {}
        self._queued: set[str] = set()
        """Fences of which nobody knows that their commands have begun."""
        self._looked = 0.0
        self._mailbox = Mailbox(site.folder)
        self._mailbox.create()
        self._mailbox.empty()  # what dead runs left is not wanted: their clients are gone, and so are their results
        client, cluster = _modules(site.name)
        self._cluster: Cluster = cluster.open_cluster(options.cluster, options.address, site.jobs)
        self._client: DaskClient = client.DaskClient(self._take, self._say)
        try:
            counted = self._client.open(self._cluster.address, options.connect_timeout)
        except BaseException:
            self._cluster.close()
            raise
        self._counted = {name.lower(): name for name in [*options.grants, *counted]}
        self._traits = options.traits(self._counted, queues=True)

    @property
    def traits(self) -> Traits:
        return self._traits

    @property
    def interval(self) -> float | None:
        """The bell tells of ends, but not of what begins."""
        return BEGUN_EVERY if self._queued else None

    def fds(self) -> Sequence[int]:
        return (self._bell.fileno(),)

    def start(self, work: Work) -> int:
        """Hand an attempt to Dask, which queues it."""
        self._cluster.grow()
        try:
            sent = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever an argument's own pickling raises
            self._tell(Ended(work.task, error=f"the arguments of `{work.call}` cannot be sent: {error}"))
            return 0
        self._tasks[work.fence] = work.task
        self._fences[work.task] = work.fence
        self._queued.add(work.fence)
        order = pickle.dumps(Begin(self._mailbox.folder, work.fence, sent), pickle.HIGHEST_PROTOCOL)
        name = work.task.partition("@")[0]
        self._client.submit(order=order, fence=work.fence, name=name, resources=self._asked(work.resources))
        return 0

    def _asked(self, resources: Mapping[str, int]) -> dict[str, float]:
        """What an attempt takes of what its worker counts: one core, if nothing is said of them."""
        wanted = {"cpu": 1, **resources}
        return {name: float(wanted[key]) for key, name in self._counted.items() if wanted.get(key)}

    def poll(self) -> list[Ended]:
        self._bell.silence()
        ended, self._ended = self._ended, []
        while self._news:
            fence, news = self._news.popleft()
            task = self._tasks.pop(fence, None)
            if task is None:
                continue
            self._queued.discard(fence)
            self._mailbox.forget(fence)
            if self._fences.get(task) == fence:
                del self._fences[task]
            found: Ended = pickle.loads(news) if isinstance(news, bytes) else news
            ended.append(structs.replace(found, task=task))
        return ended

    def begun(self) -> Sequence[str]:
        now = time.monotonic()
        if not self._queued or now - self._looked < BEGUN_EVERY:
            return ()
        self._looked = now
        begun = self._queued.intersection(self._mailbox.names("claims"))
        self._queued -= begun
        return [self._tasks[fence] for fence in sorted(begun)]

    def notices(self) -> Sequence[str]:
        return [self._notices.popleft() for _ in range(len(self._notices))]

    def stop(self, task: str, *, kill: bool = False) -> None:
        """End an attempt: nobody begins any more with one that nobody has begun with, whatever Dask does."""
        fence = self._fences.get(task)
        if fence is None:
            return
        if self._is_void(fence):
            del self._fences[task], self._tasks[fence]
            self._queued.discard(fence)
            self._client.drop(fence)
            self._tell(Ended(task, signal=int(signal.SIGKILL if kill else signal.SIGTERM)))
        else:
            self._client.stop(fence, kill=kill)

    def _is_void(self, fence: str) -> bool:
        try:
            return self._mailbox.void(fence)
        except OSError:  # a full disk, say: then it is stopped like one that runs
            return False

    def close(self) -> None:
        self._client.close()
        self._cluster.close()
        self._mailbox.empty()
        self._bell.close()

    def _tell(self, ended: Ended) -> None:
        self._ended.append(ended)
        self._bell.ring()

    def _take(self, fence: str, ended: bytes | Ended) -> None:
        """Called by another thread."""
        self._news.append((fence, ended))
        self._bell.ring()

    def _say(self, text: str) -> None:
        """Called by another thread."""
        self._notices.append(text)
        self._bell.ring()


def _modules(name: str) -> tuple[Any, Any]:
    """What talks to Dask. Raises `UsageError` where it is not installed."""
    try:
        if "distributed" not in sys.modules:
            _silence()
        return import_module("flowmake.engine.daskclient"), import_module("flowmake.engine.daskcluster")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        raise UsageError(f"executor `{name}`: Dask is not installed", "pip install 'flowmake[dask]'") from error


def _silence() -> None:
    """Dask writes to stderr, once it is imported, what we tell in our own words; unless it is configured to."""
    import dask.config

    quiet = dict.fromkeys(("distributed", "distributed.client", "tornado.application"), logging.CRITICAL + 1)
    dask.config.update(dask.config.config, {"logging": quiet}, priority="old")


KIND = ExecutorKind(Options, DaskExecutor)
