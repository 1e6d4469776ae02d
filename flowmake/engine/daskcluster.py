"""Where a run's Dask scheduler is: it runs already, or is opened for the run, with workers. Unaware of tasks."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any

import dask

from flowmake.core.errors import UsageError

LOCAL_CLUSTER = "distributed.LocalCluster"


class Cluster:
    """A scheduler at an address; with a `handle` it is ours, and `scale` workers are had once there is work."""

    def __init__(self, address: str, handle: Any = None, scale: int = 0) -> None:
        self.address = address
        self._handle = handle
        self._scale = scale

    def grow(self) -> None:
        """There is work: have workers. Does not wait for them."""
        if self._scale:
            self._handle.scale(self._scale)
            self._scale = 0

    def close(self) -> None:
        """End what is ours."""
        if self._handle is not None:
            self._handle.close()


def open_cluster(wanted: Mapping[str, Any], address: str, jobs: int) -> Cluster:
    """The scheduler at that address, or of a cluster like that, or whatever Dask is configured for.

    Without any of these, it is one on this machine for `jobs` tasks at once. Raises `UsageError`.
    """
    if address and wanted:
        raise UsageError("`address` names a scheduler that runs, `cluster` opens one", "leave one of them out")
    if wanted:
        return _open(dict(wanted))
    if address := address or dask.config.get("scheduler-address", None) or "":
        return Cluster(address)
    # One worker is enough: it only passes messages, to an agent that runs them all.
    return _open({"class": LOCAL_CLUSTER, "n_workers": 0, "threads_per_worker": jobs, "scale": 1})


def _open(options: dict[str, Any]) -> Cluster:
    name, scale = options.pop("class", None), options.pop("scale", None)
    if not isinstance(name, str) or not isinstance(scale, int) or scale < 1:
        hint = '`cluster = { class = "dask_jobqueue.PBSCluster", scale = 20, … }`'
        raise UsageError("`cluster` needs a `class`, and in `scale` how many workers there shall be", f"write {hint}")
    if name == LOCAL_CLUSTER:
        options = {"dashboard_address": ":0", **options}  # its port may be taken by that of another run
    kind = _class(name)
    try:
        with _ctrl_c_kept_from_workers():
            handle = kind(**options)
    except Exception as error:  # whatever the class thinks of its options, or of this machine
        raise UsageError(f"cannot open a `{name}`: {error}") from error
    return Cluster(handle.scheduler_address, handle, scale)


@contextmanager
def _ctrl_c_kept_from_workers() -> Iterator[None]:
    """The terminal sends it to all of our group; it is for us, who then end the workers.

    Threads that are begun meanwhile have it blocked, and what they start inherits that. Python's tracker of resources
    would unblock it when it is first needed, so it is started before.
    """
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _class(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, ValueError, AttributeError) as error:
        hint = "pip install 'flowmake[dask]'" if module.startswith("dask_jobqueue") else "it is written `module.Class`"
        raise UsageError(f"there is no cluster `{name}`: {error}", hint) from error
