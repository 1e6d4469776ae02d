"""What GitHub Actions is told of by the command line, and how it names files. Unaware of runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from flowmake.core.errors import Problem


def is_on() -> bool:
    """Whether this is a step of a workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def path_of(root: str, file: str) -> str:
    """A file below the root as it is named in annotations: relative to the checkout."""
    return os.path.relpath(os.path.join(root, file), os.environ.get("GITHUB_WORKSPACE") or root)


def annotate(problems: Sequence[Problem], ctx: click.Context | None) -> None:
    """An error at each place where a Flowfile is wrong."""
    from flowmake import wiring
    from flowmake.cli.given import flowfile_given, read_source
    from flowmake.core.positions import problems_as_json
    from flowmake.observers.actions import annotation

    root = os.path.dirname(wiring.find_flowfile(flowfile_given(ctx) if ctx is not None else None))
    for found in problems_as_json(problems, read_source(ctx)):
        text = found["message"] + (f"\nhint: {found['hint']}" if found["hint"] else "")
        place = (path_of(root, found["file"]), found["line"]) if found["line"] else None
        sys.stderr.write(annotation("error", text, place=place) + "\n")
