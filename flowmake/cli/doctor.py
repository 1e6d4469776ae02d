"""`flowmake doctor`: looks at this machine and this project for what may go wrong. Mends nothing, keeps no file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flowmake.cli.options import flow_options, json_option
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.documents import Finding

MARKS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
PROBLEMS = 4


@click.command("doctor", help=help_of("doctor", "Exits with 4 if something will not work as it is."))
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    from flowmake.cli import checkup, documents

    findings = list(checkup.examine(ctx))
    if as_json:
        documents.write(documents.DoctorDocument(findings=findings))
    else:
        _print(findings)
    return PROBLEMS if any(finding.level == "problem" for finding in findings) else 0


def _print(findings: list[Finding]) -> None:
    from flowmake.cli.output import note, say
    from flowmake.core.text import counted

    for finding in findings:
        say(f"{MARKS[finding.level]:<8} {finding.name}: {finding.text}")
        if finding.hint:
            say(f"{'':<8} hint: {finding.hint}")
    sys.stdout.flush()
    found = sum(finding.level == "problem" for finding in findings)
    note(f"{counted(found, 'problem')} found" if found else "no problems found")
