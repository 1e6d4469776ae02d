"""What is known of files that reasons name as changed: sizes and times, and which files of a folder. Judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowmake.cli.documents import FileChanged, FileSeen
from flowmake.cli.states import brief_time, local_time, rfc3339

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.world.earlier import Changed, Earlier, Seen

SHOWN = 10
"""How many files of a folder are named."""


class Changes:
    """Looks at each changed file once, however many tasks it makes stale."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._earlier: Earlier | None = None
        self._known: dict[tuple[str, str], list[FileChanged]] = {}

    def of(self, reason: Mapping[str, Any]) -> list[FileChanged]:
        """The files behind a reason in its `as_dict()` form; none where nothing more is known."""
        if reason["kind"] not in ("input_changed", "output_changed"):
            return []
        key = (reason["path"], reason["old"])
        if key not in self._known:
            found = self._look().changed(*key, reason["new"])
            self._known[key] = [_document(changed) for changed in found]
        return self._known[key]

    def _look(self) -> Earlier:
        if self._earlier is None:
            from flowmake import wiring

            self._earlier = wiring.earlier(self._project.flow.root, self._project.state)
        return self._earlier

    def lines(self, reason: Mapping[str, Any]) -> Iterator[str]:
        """For people: sizes and times of the file, or the files of the folder with theirs."""
        files = self.of(reason)
        for file in files[:SHOWN]:
            yield ", ".join(filter(None, (_which(file) if file.path != reason["path"] else "", _states(file))))
        if len(files) > SHOWN:
            yield f"and {len(files) - SHOWN} more"


def _document(changed: Changed) -> FileChanged:
    return FileChanged(changed.path, changed.old, changed.new, _seen(changed.before), _seen(changed.now))


def _seen(seen: Seen | None) -> FileSeen | None:
    modified = rfc3339(seen.modified) if seen is not None else None
    return FileSeen(seen.size, modified) if seen is not None and modified is not None else None


def _which(file: FileChanged) -> str:
    from flowmake.core.text import safe_line
    from flowmake.core.wording import digest_change

    if not file.old or not file.new:
        return f"{'added' if file.new else 'removed'}: {safe_line(file.path)}"
    return f"changed: {safe_line(file.path)} ({digest_change(file.old, file.new)})"


def _states(file: FileChanged) -> str:
    """`was 1.2 KiB of 09:00:00, is 2 B of 09:30:00`, as far as it is known."""
    parts = [f"{word} {_state(seen)}" for word, seen in (("was", file.before), ("is", file.now)) if seen is not None]
    return ", ".join(parts)


def _state(seen: FileSeen) -> str:
    from flowmake.core.text import size

    time = local_time(seen.modified)
    return f"{size(seen.size)} of {brief_time(time) if sys.stdout.isatty() else time}"
