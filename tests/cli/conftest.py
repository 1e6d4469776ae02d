"""A small flow that the tests of commands share: letters → capitals → two parts → one file, and a check beside it."""

from __future__ import annotations

from typing import Any

import pytest

FLOW = """\
[flow]
name = "letters"
default = ["all"]

[params]
sign = "-"

[tasks.upper]
description = "Letters in capitals"
tags = ["text"]
inputs = ["in.txt"]
outputs = ["upper.txt"]
run = "tr a-z A-Z < {{ inputs }} > {{ outputs }}"

[tasks.part]
foreach = { n = [1, 2] }
inputs = ["upper.txt"]
outputs = ["part{{ n }}.txt"]
run = "echo {{ params.sign }} part {{ n }}; head -c {{ n }} {{ inputs }} > {{ outputs }}"

[tasks.all]
inputs = ["part*.txt"]
outputs = ["all.txt"]
run = "cat {{ inputs }} > {{ outputs }}"

[tasks.lint]
inputs = ["upper.txt"]
run = "test -s {{ inputs }}"
"""


@pytest.fixture
def letters(project: Any) -> Any:
    """The flow with its input, nothing run yet."""
    project.flowfile(FLOW)
    project.write("in.txt", "abc\n")
    return project


@pytest.fixture
def built(letters: Any) -> Any:
    """The flow after a first run of its default target."""
    done = letters.run("run", "-q")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    return letters
