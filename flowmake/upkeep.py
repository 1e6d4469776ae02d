"""Keeping house between runs: accept what is there, remove what flowmake made, name what no task makes any more."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from flowmake import wiring
from flowmake.core.errors import StateError
from flowmake.core.graph import Graph
from flowmake.core.plan import Demand, preview, resolve_targets
from flowmake.core.text import safe_line
from flowmake.core.tracing import accepted
from flowmake.engine.outputs import is_detour, is_inside, remove_output
from flowmake.workspace import View, Workspace, reveal
from flowmake.world import snapshot


def accept(workspace: Workspace, targets: Sequence[str]) -> list[str]:
    """Record what is there as fresh, for the targets themselves. Raises `StateError` if an output is missing."""
    workspace.state.create()
    with closing(wiring.open_store(workspace.state, read_only=False)) as store:
        files = wiring.open_files(workspace.flow.root, workspace.state, store)
        view = workspace.view(store, files)
        reveal(view, targets)
        names = _concrete(view.graph, resolve_targets(view.graph, targets, workspace.here))
        snapshot.clear(workspace.state.path)
        for name in names:
            trace = accepted(view.evidence, name)
            view.evidence.remember(trace)
            store.accept(trace)
        store.save_stat_cache(files.cache)
        return names


def _concrete(graph: Graph, names: Iterable[str]) -> list[str]:
    """The tasks behind names, upstream first."""
    wanted = {task.name for name in names for task in graph.members(name)}
    return [name for name in graph.order(wanted) if name in wanted]


def clean(workspace: Workspace, targets: Sequence[str], *, orphans: bool, say: Callable[[str], None]) -> list[str]:
    """Remove outputs that flowmake made, of the targets (none: of all tasks). Never follows a link.

    `say` is told of what is kept because something else is in it.
    """
    workspace.state.create()
    with closing(wiring.open_store(workspace.state, read_only=False)) as store:
        view = workspace.view(store, wiring.open_files(workspace.flow.root, workspace.state, store))
        paths = removable(workspace, view, targets, orphans=orphans, say=say)
        gone = [] if orphans else _emptied(workspace, view, targets, paths)
        _remove_all(workspace, paths)
        if orphans:
            _forget(view, paths)
        for name in gone:
            store.forget_task(name)
        return paths


def _emptied(workspace: Workspace, view: View, targets: Sequence[str], removed: Collection[str]) -> list[str]:
    """Tasks of which nothing is left; of the others it must be remembered what they made."""
    made = view.store.made()
    names = _wanted(workspace, view, targets)
    return [name for name in names if all(path in removed for path in _made(view, name, made))]


def removable(
    workspace: Workspace, view: View, targets: Sequence[str], *, orphans: bool, say: Callable[[str], None]
) -> list[str]:
    """What `clean` would remove."""
    _expand_known(view)
    made = view.store.made()
    if orphans:
        paths = find_orphans(view)
        for sentence in _undecided(view, made):
            say(sentence)
    else:
        paths = sorted(path for name in _wanted(workspace, view, targets) for path in _made(view, name, made))
    why_kept = {path: why for path in paths if (why := _why_kept(workspace, view, path, made[path]))}
    for path, why in why_kept.items():
        say(f"`{safe_line(path)}` is kept, since {why}")
    return [path for path in paths if path not in why_kept]


def _undecided(view: View, made: Iterable[str]) -> Iterator[str]:
    """What may have been dropped by a fan-out, or may not: that is known only once its source was made."""
    fanouts = view.graph.fanouts
    makers = {view.graph.producer(path) for path in made} if fanouts else set()
    for name in sorted(name for name in fanouts if name in makers):
        sources = ", ".join(f"`{source}`" for source in fanouts[name])
        yield f"what `{name}` made is kept, since its instances are not known before {sources} has run"


def _why_kept(workspace: Workspace, view: View, path: str, digest: str) -> str:
    """Why an output is not removed, if so: what somebody else put there could not be made again."""
    if is_detour(workspace.flow.root, path):
        return "a link leads it out of the root"
    if digest.startswith("tree:") and view.files.digest(path) != digest:
        return "not everything in it is as flowmake made it"
    if not path.endswith("/") and view.files.is_dir(path) and digest != view.files.digest(path):
        return "it is a folder now"
    if not is_inside(path) and view.files.digest(path) != digest:
        return "it lies outside the root and is not as flowmake made it"
    return ""


def _wanted(workspace: Workspace, view: View, targets: Sequence[str]) -> list[str]:
    names = resolve_targets(view.graph, targets, workspace.here) if targets else view.graph.tasks
    return _recorded(view, names)


def _expand_known(view: View) -> None:
    """Judge everything, so that fan-outs whose source is fresh have their instances."""
    preview(view.graph, view.evidence, Demand(tuple(view.graph.flow.declarations)))


def _recorded(view: View, names: Iterable[str]) -> list[str]:
    """The recorded tasks behind names; of a fan-out not known now, the instances it had."""
    wanted = {task.name for name in names for task in view.graph.members(name)}
    fanouts = view.graph.fanouts.keys() & set(names)
    return [name for name in view.store.traces() if name in wanted or name.partition("@")[0] in fanouts]


def _made(view: View, name: str, made: Mapping[str, str]) -> list[str]:
    trace = view.store.traces()[name]
    return [path for path in trace.outputs if path in made and view.files.exists(path)]


def _remove_all(workspace: Workspace, paths: Iterable[str]) -> None:
    root = os.path.realpath(workspace.flow.root)
    snapshot.clear(workspace.state.path)
    for path in paths:
        full = os.path.join(workspace.flow.root, path)
        try:
            remove_output(workspace.flow.root, path)
            _remove_empty_folders(os.path.dirname(full.rstrip("/")), root)
        except OSError as error:
            raise StateError(f"cannot remove `{path}`: {error.strerror}") from error


def _remove_empty_folders(folder: str, root: str) -> None:
    """Folders that only held removed outputs go, too, up to the root."""
    while (real := os.path.realpath(folder)) != root and real.startswith(root + os.sep):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


# -- orphans ---------------------------------------------------------------------------------------------------


def find_orphans(view: View) -> list[str]:
    """Files as flowmake made them that no task makes any more; what was edited since is the user's."""
    undeclared = view.store.made_beside(view.graph.outputs.files)
    return sorted(filter(view.graph.is_leftover, undeclared))


def remove_orphans(workspace: Workspace, view: View) -> list[str]:
    """Delete the orphans that are safe to delete; returns them."""
    made = view.store.made()
    doomed = [path for path in find_orphans(view) if not _why_kept(workspace, view, path, made[path])]
    if doomed:
        _remove_all(workspace, doomed)
        _forget(view, doomed)
    return doomed


def note_orphans(view: View) -> tuple[str, ...]:
    """Orphans that people were not told of yet, and are now."""
    orphans = find_orphans(view)
    known = view.store.named_orphans()
    if known != set(orphans):
        view.store.name_orphans(orphans)
    return tuple(path for path in orphans if path not in known)


def _forget(view: View, orphans: Sequence[str]) -> None:
    view.store.unmake(orphans)
    view.store.name_orphans(())
    for name in _vanished(view):
        view.store.forget_task(name)


def _vanished(view: View) -> Iterator[str]:
    """Recorded tasks that the Flowfile no longer has."""
    for name in list(view.store.traces()):
        if name not in view.graph.tasks and name.partition("@")[0] not in view.graph.fanouts:
            yield name
