"""Whole error texts of wrong Flowfiles, one case a file in `tests/cases/flowfile_errors`.

A case has sections `=== NAME`: files by their names, `set` and `environ` with `KEY = VALUE` lines (`set` values that
read as integers are integers, as from a parameter file), and `errors`, what people must see.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from flowmake.core.errors import FlowfileError, UsageError
from flowmake.core.flowfile import load_flow
from flowmake.core.positions import render

CASES = sorted((Path(__file__).parents[2] / "cases" / "flowfile_errors").glob("*.txt"))


def sections(text: str) -> dict[str, str]:
    _, *parts = re.split(r"(?m)^=== (.*)\n", text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def pairs(text: str) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in text.splitlines() if line)


def complaints(case: dict[str, str]) -> str:
    """What loading the case's files prints."""

    def read(path: str) -> bytes:
        if path not in case or path.startswith("<"):
            raise FileNotFoundError(path)
        return case[path].encode()

    def run_include(argv: tuple[str, ...], inputs: tuple[str, ...]) -> str:
        name = f"<output of {' '.join(argv)}>"
        if name not in case:
            raise UsageError(f"`{' '.join(argv)}` exited with 1", "its last line was `boom`")
        return case[name]

    given = {key: int(text) if text.isdecimal() else text for key, text in pairs(case.get("set", "")).items()}
    with pytest.raises(FlowfileError) as caught:
        load_flow(
            "/root",
            "Flowfile",
            read,
            glob=lambda pattern: [path for path in reversed(case) if fnmatch(path, pattern)],
            run_include=run_include,
            environ=pairs(case.get("environ", "")),
            params=given,
        )
    texts = caught.value.texts
    return render(caught.value.problems, lambda file: texts[file] if file in texts else case.get(file))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_errors_of_a_flowfile_are_told_whole(path: Path) -> None:
    case = sections(path.read_text())
    assert complaints(case) == case["errors"]


def test_there_are_cases() -> None:
    assert len(CASES) > 25
