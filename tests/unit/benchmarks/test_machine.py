"""How the Python that was used is told."""

from __future__ import annotations

import sys

import pytest
from environments import told_by
from machine import python_told

PYTHON = {"implementation": "CPython", "version": "3.11.2", "debian": False, "built": ""}


@pytest.mark.parametrize(
    ("built", "debian", "said"),
    [
        ("'--enable-optimizations' '--with-lto'", False, "built with profile-guided optimisation"),
        ("'--with-computed-gotos'", True, "as packaged by Debian, which builds it with profile-guided optimisation"),
        ("'--prefix=/opt' '--enable-shared'", False, "built without profile-guided optimisation"),
    ],
)
def test_how_it_was_built(built: str, debian: bool, said: str) -> None:
    told = python_told({**PYTHON, "built": built, "debian": debian})

    assert said in told
    assert "/opt" not in told


def test_a_python_tells_of_itself() -> None:
    told = told_by(sys.executable)

    assert told["version"] == ".".join(map(str, sys.version_info[:3]))
    assert told["prefix"] == sys.base_prefix
