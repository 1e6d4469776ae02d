"""The documents that `--json` prints, as structs: they are their own JSON Schemas. Unaware of how they are filled."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Time = Annotated[str, Meta(description="UTC, RFC 3339, ending in `Z`.", extra_json_schema={"format": "date-time"})]
Seconds = Annotated[float, Meta(description="Seconds of wall time.")]
Digest = Annotated[str, Meta(description="Digest of the content; empty: nothing is there.")]
State = Literal["fresh", "stale", "waiting", "queued", "running", "failed"]
Status = Literal["", "running", "succeeded", "failed", "timed_out", "interrupted", "skipped", "fresh", "restored"]


class Reason(Struct, omit_defaults=True):
    """Why a task is stale; which fields there are depends on `kind`."""

    kind: Literal[
        "never_ran",
        "last_run_failed",
        "interrupted",
        "recipe_changed",
        "env_changed",
        "input_added",
        "input_removed",
        "input_changed",
        "input_missing",
        "output_missing",
        "output_changed",
        "too_old",
        "always",
        "forced",
    ]
    path: Annotated[str, Meta(description="The input or output.")] = ""
    name: Annotated[str, Meta(description="The environment variable.")] = ""
    old: Annotated[str, Meta(description="Digest, or text of the recipe, as recorded.")] = ""
    new: Annotated[str, Meta(description="Digest, or text of the recipe, as it is now.")] = ""
    age: Annotated[float, Meta(description="Seconds since the last success.")] = 0.0
    max_age: Annotated[float, Meta(description="Seconds allowed.")] = 0.0


class TaskStatus(Struct):
    """One task as it stands. `state` is the verdict, or `running` or `failed` where that tells more."""

    task: str
    state: State
    verdict: Literal["fresh", "stale", "waiting"]
    reasons: list[Reason]
    waiting_on: Annotated[list[str], Meta(description="Upstream tasks whose outcome is not known yet.")]
    last_status: Annotated[Status, Meta(description="How its last attempt ended; empty: it never ran.")]
    last_run: Annotated[Time | None, Meta(description="When its last attempt started, or when it was accepted.")]
    seconds: Annotated[float | None, Meta(description="How long its last attempt took.")]


class StatusDocument(Struct, kw_only=True):
    """`flowmake status --json`"""

    v: Literal[1] = 1
    tasks: list[TaskStatus]


class FileState(Struct):
    """A file that a task reads or makes. `digest` is null while the file's content is not settled."""

    path: str
    digest: Digest | None
    made_by: Annotated[str, Meta(description="The task that makes it, empty if none does.")] = ""


class FileSeen(Struct):
    """One state of a file."""

    size: Annotated[int, Meta(description="Bytes.")]
    modified: Time


class FileChanged(Struct):
    """A file that is not as it was; a digest is empty where it was not there. States are null where not known."""

    path: str
    old: Digest
    new: Digest
    before: FileSeen | None
    now: FileSeen | None


class TaskExplained(Struct):
    """A task with its verdict and what that was judged by.

    `changed` tells more of the changed inputs and outputs, as far as it is known: of a directory, the files inside.
    """

    task: str
    verdict: Literal["fresh", "stale", "waiting"]
    reasons: list[Reason]
    waiting_on: list[str]
    inputs: list[FileState]
    outputs: list[FileState]
    changed: list[FileChanged]


class WhyDocument(Struct, kw_only=True):
    """`flowmake why --json`: the targets first, then the upstreams they wait on."""

    v: Literal[1] = 1
    targets: list[str]
    tasks: list[TaskExplained]


class TaskListed(Struct):
    """A task as declared. `instances` are those of a `foreach`; null while they are not known."""

    task: str
    description: str
    tags: list[str]
    action: Literal["run", "exec", "call", "none"]
    foreach: list[str]
    instances: list[str] | None
    file: Annotated[str, Meta(description="The Flowfile or included file that declares it.")]


class ListDocument(Struct, kw_only=True):
    """`flowmake list --json`"""

    v: Literal[1] = 1
    tasks: list[TaskListed]
    default: Annotated[list[str], Meta(description="What a bare `flowmake run` builds.")]


class TaskShown(Struct):
    """Everything about one task, rendered."""

    task: str
    description: str
    tags: list[str]
    action: Literal["run", "exec", "call", "none"]
    command: Annotated[str | None, Meta(description="Rendered; null while it depends on tasks that have not run.")]
    keys: Annotated[dict[str, Any], Meta(description="The values of its `foreach` keys.")]
    inputs: list[FileState]
    outputs: list[FileState]
    upstream: list[str]
    downstream: list[str]
    settings: Annotated[dict[str, Any], Meta(description="Its other fields, where they differ from the defaults.")]
    status: TaskStatus
    host: Annotated[str, Meta(description="The machine that an executor elsewhere ran it on last.")]
    declared: Annotated[str, Meta(description="Where it is declared, as FILE:LINE:COLUMN.")]


class ShowDocument(Struct, kw_only=True):
    """`flowmake show --json`"""

    v: Literal[1] = 1
    tasks: list[TaskShown]


class ProblemPlace(Struct):
    """A further place that has to do with a problem. Lines and columns from 1; null where they are not known."""

    file: str | None
    line: int | None
    column: int | None
    message: str


class ProblemFound(Struct):
    """One thing wrong in a Flowfile."""

    file: str | None
    line: int | None
    column: int | None
    message: str
    hint: str
    notes: list[ProblemPlace]


class CheckDocument(Struct, kw_only=True):
    """`flowmake check --json`"""

    v: Literal[1] = 1
    ok: bool
    problems: list[ProblemFound]
    tasks: Annotated[int, Meta(description="How many tasks there are; 0 if there are problems.")] = 0


class TaskInRun(Struct):
    """One task in a past run."""

    task: str
    status: str
    attempt: int
    started: Time | None
    seconds: Seconds
    exit_code: int | None
    signal: int | None
    log: Annotated[str, Meta(description="Path of its log, empty if there is none.")]
    reasons: list[Reason]
    host: Annotated[str, Meta(description="The machine that an executor elsewhere ran it on.")]


class PastRun(Struct):
    """One run. `status` is `running` while it runs, and `interrupted` if it never recorded its end."""

    run: str
    status: str
    exit_code: int | None
    started: Time | None
    finished: Time | None
    seconds: float | None
    targets: list[str]
    argv: list[str]
    jobs: int
    user: str
    host: str
    commit: str
    counts: dict[str, int]
    tasks: list[TaskInRun] = field(default_factory=list)


class HistoryDocument(Struct, kw_only=True):
    """`flowmake history --json`, latest first"""

    v: Literal[1] = 1
    runs: list[PastRun]


class FileOrigin(Struct):
    """Where a file came from. `task` is empty for a file that no recorded task made.

    `edited`: what is there now is not what was recorded.
    """

    path: str
    digest: Digest
    now: Annotated[Digest, Meta(description="Digest of what is there now.")]
    edited: bool
    task: str = ""
    command: str = ""
    run: str = ""
    finished: Time | None = None
    seconds: float | None = None
    user: str = ""
    host: str = ""
    commit: str = ""
    inputs: list[str] = field(default_factory=list)


class LineageDocument(Struct, kw_only=True):
    """`flowmake lineage --json`: the file asked for, then all that it was made from"""

    v: Literal[1] = 1
    path: str
    files: list[FileOrigin]


class Finding(Struct):
    """One thing the doctor looked at."""

    name: str
    level: Literal["ok", "note", "problem"]
    text: str
    hint: str = ""


class DoctorDocument(Struct, kw_only=True):
    """`flowmake doctor --json`"""

    v: Literal[1] = 1
    findings: list[Finding]


def problems(found: list[dict[str, Any]]) -> list[ProblemFound]:
    """Problems in their JSON form, as structs."""
    from msgspec import convert

    return convert(found, list[ProblemFound])


def text_of(document: object) -> str:
    """Indented JSON. Bytes of paths that are not UTF-8 become surrogate escapes (`\\udcXX`)."""
    from msgspec import json

    try:
        return json.format(json.encode(document), indent=2).decode() + "\n"
    except UnicodeEncodeError:
        from json import dumps

        from msgspec import to_builtins

        return dumps(to_builtins(document), indent=2) + "\n"


def write(document: object) -> None:
    """Print a document on stdout."""
    sys.stdout.write(text_of(document))
