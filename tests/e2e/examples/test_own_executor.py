"""The plug-in of the example does its work, and is as short as it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.plugins import install


def test_words_are_counted_elsewhere(example: Callable[[str], Any], tmp_path: Path) -> None:
    found = example("own-executor")
    env = install(found.root / "plugin", tmp_path / "plugins")
    assert set(found.run(env=env).values()) == {"succeeded"}
    assert found.project.read("total") == "19\n"
    assert found.run(env=env) == {}
    (found.root / "texts/more.txt").write_text("one two three\n")
    assert set(found.run(env=env)) == {"count@more", "total"}
    assert found.project.read("total") == "22\n"
    assert len((found.root / "plugin/flowmake_via.py").read_text().splitlines()) <= 75


def test_without_the_plug_in_it_says_what_is_missing(example: Callable[[str], Any]) -> None:
    done = example("own-executor").command("run")
    assert done.code == 2
    assert "error: there is no kind of executor `via`" in done.stderr
    assert "hint: a plug-in may bring it" in done.stderr
