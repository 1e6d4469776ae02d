"""What was measured so far, in a file that survives being interrupted. Unaware of what the numbers mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Kept:
    """JSON Lines: a header that says what is measured on, then records, and a line for each part that is complete.

    A file with another header is of no use, and begun anew; so is what follows the last complete part.
    """

    def __init__(self, path: Path, header: Record) -> None:
        self._path = path
        written = path.read_text().splitlines(keepends=True) if path.exists() else []
        lines = [json.loads(line) for line in written if line.endswith("\n")]  # one may have been cut short
        self.lines: list[Record] = lines if lines and lines[0] == header else [header]
        complete = [number for number, line in enumerate(self.lines) if "complete" in line]
        del self.lines[max(complete, default=0) + 1 :]
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))

    def add(self, record: Record) -> None:
        self.lines.append(record)
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def finish(self, part: list[Any]) -> None:
        self.add({"complete": part})

    def is_complete(self, part: list[Any]) -> bool:
        return part in self.parts()

    def parts(self) -> list[list[Any]]:
        """The complete ones."""
        return [line["complete"] for line in self.lines[1:] if "complete" in line]

    def records(self, key: str) -> list[Record]:
        """Those that have this key."""
        return [line for line in self.lines[1:] if key in line]

    def remove(self) -> None:
        self._path.unlink()
