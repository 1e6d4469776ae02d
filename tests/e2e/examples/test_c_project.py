"""Compile, link, test: a header concerns its users and nobody else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

UNITS = {"compile@main", "compile@reader", "compile@report", "compile@table"}
TEST_PROGRAMS = {"test-program@test_reader", "test-program@test_table"}
UNIT_TESTS = {"unit-test@test_reader", "unit-test@test_table"}
CASES = {"case@empty", "case@gettysburg"}
ALL = {"stop-words", "program", *UNITS, *TEST_PROGRAMS, *UNIT_TESTS, *CASES}


@pytest.fixture
def words(example: Callable[[str], Any]) -> Any:
    """The example after its first run."""
    found = example("c-project")
    assert found.run() == dict.fromkeys(ALL, "succeeded")
    return found


def test_built_once_and_not_again_for_new_times(words: Any) -> None:
    assert (words.root / "build/words").stat().st_mode & 0o111
    assert words.run() == {}
    for path in [*words.root.glob("include/*.h"), *words.root.glob("src/*.c")]:
        os.utime(path)
    assert words.run() == {}


def test_a_header_rebuilds_exactly_its_users(words: Any) -> None:
    words.edit("include/reader.h", "/* Words longer than this are cut. */", "/* The longest word. */")
    assert set(words.run()) == {"compile@main", "compile@reader", "test-program@test_reader"}, "only a comment"

    words.edit("include/reader.h", "#define WORD_MAX 64", "#define WORD_MAX 32")
    users = {"compile@main", "compile@reader", "program"}
    assert set(words.run()) == users | TEST_PROGRAMS | UNIT_TESTS | CASES

    words.edit("include/report.h", "/* Print the", "/* Prints the")
    assert set(words.run()) == {"compile@main", "compile@report"}


def test_the_generated_header_concerns_the_one_file_that_includes_it(words: Any) -> None:
    words.edit("stop-words.txt", "with\n", "we\nwith\n")
    ran = words.run(code=1)
    assert set(ran) & UNITS == {"compile@reader"}
    assert {task for task, status in ran.items() if status == "failed"} == {"case@gettysburg"}
    words.edit("tests/cases/gettysburg.expected", "4 we\n3 are\n2 conceived\n2 dedicated\n", "3 are\n2 conceived\n")
    assert words.run("-k", code=1)["case@gettysburg"] == "failed"
    done = words.project.run("run", "-q", "case")
    assert "+2 dedicated\n" in done.stderr, "the log's last lines show what is wrong"


def test_a_new_source_is_a_new_task(words: Any) -> None:
    words.project.write("src/extra.c", "int extra(void);\nint extra(void) { return 1; }\n")
    ran = words.run()
    assert set(ran) & {"compile@extra", *UNITS} == {"compile@extra"}
    assert "program" in ran

    (words.root / "src/extra.c").unlink()
    assert set(words.run()) == {"program", *TEST_PROGRAMS, *UNIT_TESTS, *CASES}, "linked without it"
    assert words.project.exists("build/extra.o")
    assert words.project.run("clean", "--orphans").code == 0
    assert not words.project.exists("build/extra.o")
    assert words.run() == {}


def test_other_flags_compile_everything(words: Any) -> None:
    assert set(words.run("--set", "cflags=-std=c99 -O0 -g")) == ALL - {"stop-words"}


def test_an_error_of_the_compiler_is_shown(words: Any) -> None:
    words.edit("src/table.c", "table->used = 0;", "table->usd = 0;")
    done = words.project.run("run", "-q", "program")
    assert done.code == 1
    assert "has no member named" in done.stderr
    assert "src/table.c: In function" in done.stderr
    words.edit("src/table.c", "table->usd = 0;", "table->used = 0;")
    assert set(words.run()) == {"compile@table"}, "the object came out as before, so that is all"


def test_show_names_who_waits_for_one_unit_and_for_all_of_them(words: Any) -> None:
    shown = json.loads(words.project.run("show", "compile@reader", "--json").stdout)["tasks"][0]
    assert sorted(shown["downstream"]) == ["program", "test-program@test_reader", "test-program@test_table"]
    headers = [entry["path"] for entry in shown["inputs"]]
    assert headers == ["src/reader.c", "include/reader.h", "build/stop_words.h"]
