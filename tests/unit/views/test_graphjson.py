from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowmake.views import graphjson
from flowmake.views.composing import Known, Options, draw

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "graph.schema.json"


@pytest.mark.parametrize(
    ("name", "options"),
    [("collapsed", Options()), ("expanded", Options(expand=True)), ("files", Options(files=True))],
)
def test_whole_documents(
    graph: Any, order: list[str], known: Known, snapshot: Callable[[str, str], None], name: str, options: Options
) -> None:
    document = graphjson.document(draw(graph, order, known, options))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    snapshot(f"{name}.json", json.dumps(document, indent=1) + "\n")
