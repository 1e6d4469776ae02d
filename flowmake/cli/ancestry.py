"""From recorded traces to where a file came from, transitively. Reads nothing: digests and runs are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flowmake.cli.documents import FileOrigin
from flowmake.cli.states import rfc3339
from flowmake.core.model import Check, RunRecord, Trace

DigestNow = Callable[[str, Check], str]


def ancestry(
    path: str, traces: Mapping[str, Trace], runs: Mapping[str, RunRecord], digest_now: DigestNow
) -> Iterator[FileOrigin]:
    """The file, then everything it was made from, nearest first, each once."""
    makers = {output: trace for trace in traces.values() for output in trace.outputs}
    recorded: dict[str, str] = {}
    queue = [path]
    seen = {path}
    for current in queue:
        trace = _maker(current, makers)
        yield _origin(current, trace, recorded, runs, digest_now)
        for name, digest in trace.inputs.items() if trace is not None else ():
            recorded.setdefault(name, digest)
            if name not in seen:
                seen.add(name)
                queue.append(name)


def _maker(path: str, makers: Mapping[str, Trace]) -> Trace | None:
    """What recorded this very path among its outputs, or a directory around it."""
    if path in makers:
        return makers[path]
    parts = path.split("/")
    folders = ("/".join(parts[:end]) + "/" for end in range(len(parts) - 1, 0, -1))
    return next((makers[folder] for folder in folders if folder in makers), makers.get(path + "/"))


def _origin(
    path: str,
    trace: Trace | None,
    recorded: Mapping[str, str],
    runs: Mapping[str, RunRecord],
    digest_now: DigestNow,
) -> FileOrigin:
    digest = trace.outputs.get(path) if trace is not None else recorded.get(path)
    now = digest_now(path, _check(digest or ""))
    origin = FileOrigin(path=path, digest=now if digest is None else digest, now=now, edited=digest not in (None, now))
    if trace is None:
        return origin
    run = runs.get(trace.run)
    origin.task, origin.command, origin.run = trace.task, trace.recipe, trace.run
    origin.finished, origin.seconds = rfc3339(trace.finished), round(trace.seconds, 3)
    origin.inputs = list(trace.inputs)
    if run is not None:
        origin.user, origin.host, origin.commit = run.user, run.host, run.commit
    return origin


def _check(digest: str) -> Check:
    """How a digest was taken, which its form tells."""
    if digest.startswith("stat:"):
        return "stat"
    return "exists" if digest == "exists" else "content"
