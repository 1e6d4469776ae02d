"""The Flowfile that `flowmake init` writes: small, complete, and runs as it is. Text only."""

from __future__ import annotations

FLOWFILE = """\
#:schema {schema}
# What this flow makes, and how. `flowmake run` runs what is stale; `flowmake why` says why it is;
# `flowmake graph -o graph.svg` draws it. Every path is relative to this file's folder.

[flow]
name = {name}
default = ["report"]

[params]
greeting = "Hello"                      # override: `flowmake run --set greeting=Ahoy`

[tasks.greet]
description = "One greeting for each name"
foreach = {{ name = ["Ada", "Grace"] }}
outputs = ["build/{{{{ name }}}}.txt"]
run = "echo {{{{ params.greeting }}}}, {{{{ name }}}} > {{{{ outputs }}}}"

[tasks.report]
description = "All greetings in one file"
inputs = ["build/*.txt"]                # made by `greet`, so `report` waits for it: nothing else to declare
outputs = ["report.md"]
run = "cat {{{{ inputs }}}} > {{{{ outputs }}}}"
"""


def flowfile(name: str, schema: str) -> str:
    """The starter Flowfile for a flow of this name; `schema` is where editors find the JSON Schema."""
    from json import dumps

    return FLOWFILE.format(name=dumps(name, ensure_ascii=False), schema=schema)
