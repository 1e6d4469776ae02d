"""An example of `examples/`, copied to a temporary folder and driven by the real command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@dataclass(frozen=True)
class Example:
    """The copy; `project` runs the command in it."""

    project: Any

    caches: Path

    @property
    def root(self) -> Path:
        found: Path = self.project.root
        return found

    def command(self, *args: str, env: Mapping[str, str] | None = None, **more: Any) -> Any:
        """`flowmake ARGS…` to its end. Fonts are looked for once, not once for every HOME."""
        return self.project.run(*args, env={"MPLCONFIGDIR": str(self.caches), **(env or {})}, **more)

    def run(self, *args: str, code: int = 0, **more: Any) -> dict[str, str]:
        """`flowmake run ARGS…`: what became of each task that was not found fresh, by its name."""
        done = self.command("run", "-q", "--events", "-", *args, **more)
        assert done.code == code, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        finished = [event for event in events if event["event"] == "task_finished"]
        return {event["task"]: event["status"] for event in finished if event["status"] != "fresh"}

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in the file exactly once."""
        path = self.root / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))


@pytest.fixture
def example(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """`example("quickstart")` is a copy of that folder as it is for someone who has just cloned it."""

    def copied(name: str) -> Example:
        made = [line.rstrip("/") for line in (EXAMPLES / name / ".gitignore").read_text().splitlines()]
        shutil.copytree(EXAMPLES / name, project.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*made))
        return Example(project, tmp_path_factory.getbasetemp() / "matplotlib")

    return copied
