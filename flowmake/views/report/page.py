"""What a report shows, as data: what the template and the page's script read. Unaware of where it comes from."""

from __future__ import annotations

from msgspec import Struct, field

from flowmake.views.reasons import Line as Words
from flowmake.views.report.layout import Drawing
from flowmake.views.timeline import Span


class Past(Struct, frozen=True, omit_defaults=True):
    """An earlier end of a task: in which run, how, and after how many seconds."""

    run: str
    status: str
    seconds: float


class TaskPage(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One task as the page shows it.

    `status` is how it ended in the run, empty if it had no part in it; `now` how it stands at the moment. `inputs` and
    `outputs` are indices into `Page.files`; `upstream` into `Page.tasks`. `started` in seconds after the run began.
    """

    name: str
    status: str = ""
    now: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    command: str = ""
    started: float | None = None
    seconds: float | None = None
    before: float | None = None
    """Seconds of its last success before this run."""
    attempt: int = 0
    ended: str = ""
    host: str = ""
    """`exit code 2`, `killed by SIGKILL`, …: only if it failed."""
    allowed: bool = False
    cut_off: bool = False
    critical: bool = False
    reasons: tuple[Words, ...] = ()
    why: str = ""
    """The first reason in one line."""
    inputs: tuple[int, ...] = ()
    more_inputs: int = 0
    inputs_of: str = ""
    """The run that recorded these inputs; empty: as they are now."""
    outputs: tuple[int, ...] = ()
    more_outputs: int = 0
    log: str = ""
    log_cut: bool = False
    log_run: str = ""
    """The run that wrote the log, if it is not the one that is reported."""
    history: tuple[Past, ...] = ()
    upstream: tuple[int, ...] = ()


class RunPage(Struct, frozen=True):
    """The run that is reported. Times in words of where the report was made; seconds of wall time."""

    id: str
    status: str
    started: str
    seconds: float | None
    jobs: int = 0
    exit_code: int | None = None
    targets: tuple[str, ...] = ()
    argv: str = ""
    who: str = ""
    commit: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    critical_seconds: float = 0.0


class Change(Struct, frozen=True):
    """A task (its index) that took longer or shorter than at its last success before: seconds before and now."""

    task: int
    name: str
    before: float
    now: float


class Comparison(Struct, frozen=True):
    """The run beside what was before it. `previous` is the run before, None if there is none.

    `broken` failed and had succeeded before, `mended` the other way round; `first` ran for the first time. `cut_off`
    came out as they were before, and so spared `spared` tasks that depend on them.
    """

    previous: RunPage | None = None
    slower: tuple[Change, ...] = ()
    faster: tuple[Change, ...] = ()
    broken: tuple[tuple[int, str], ...] = ()
    mended: tuple[tuple[int, str], ...] = ()
    first: tuple[tuple[int, str], ...] = ()
    cut_off: tuple[tuple[int, str], ...] = ()
    spared: int = 0


class Page(Struct, frozen=True):
    """All of a report. `drawings`: the graph in one or two degrees of detail, the one to begin with first."""

    title: str
    description: str
    version: str
    made: str
    run: RunPage
    tasks: tuple[TaskPage, ...]
    files: tuple[tuple[str, str], ...]
    drawings: tuple[Drawing, ...]
    spans: tuple[Span, ...]
    """Times in seconds after the run began."""
    critical: tuple[int, ...] = ()
    """The critical path, as indices of tasks."""
    comparison: Comparison = Comparison()
