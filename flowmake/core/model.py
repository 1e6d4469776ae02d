"""What a flow is made of: declarations as written, tasks as they will run, traces as recorded. Data only."""

# Annotations are evaluated here: as texts, they took msgspec milliseconds each time that it first decodes a flow.

import math
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from flowmake.core.source import Place

Check = Literal["content", "stat", "exists"]
ActionKind = Literal["run", "exec", "call", "none"]
COMMON = frozenset({"mem", "gpu", "time"})
"""Resources that other machines' schedulers know. Here they count only where `[resources]` says how much there is."""
RERUN_ON_ALL: frozenset[str] = frozenset({"inputs", "outputs", "recipe", "env", "age"})


class Input(Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of `inputs`.

    In a `Declaration`, `path` is the template text as written. In a `Task` it is a normalised
    path relative to the root (a directory keeps its trailing `/`), or a glob pattern.
    `kind`: `path`, `glob`, `exclude` (a pattern, without its `!`), or `lines` (a file listing paths).
    `name` is the group in a table of named inputs, empty in a plain list.
    """

    path: str
    kind: Literal["path", "glob", "exclude", "lines"] = "path"
    check: Check = "content"
    name: str = ""


STAGED = ".flowmake-staged."
FENCED = ".flowmake-fenced."
"""How names begin under which outputs are made before they are put in place: such files are nobody's content."""


class Output(Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of `outputs`; `path` as in `Input`. `temp` and `clean` as in the Flowfile reference."""

    path: str
    kind: Literal["path", "glob"] = "path"
    temp: bool = False
    clean: bool = False
    name: str = ""


class Retry(Struct, frozen=True, gc=False, omit_defaults=True):
    """How often and when a failed attempt is repeated. Times in seconds.

    `attempts` counts the repetitions after the first attempt. `on` narrows which failures are
    repeated: `exit:CODE`, `signal:NAME`, `timeout`; empty means every failure.
    """

    attempts: int = 0
    delay: float = 0.0
    backoff: float = 1.0
    max_delay: float = 300.0
    jitter: bool = False
    on: tuple[str, ...] = ()


class KeySource(Struct, frozen=True, omit_defaults=True):
    """Where the values of one `foreach` key come from; exactly one of the fields but `upstream` and `every` is set.

    `upstream` is the task named by `from`: the values exist once that task is done.
    """

    values: tuple[Any, ...] | None = None
    glob: str = ""
    lines: str = ""
    json: str = ""
    range: tuple[int, ...] = ()
    dates: tuple[str, str] | None = None
    every: str = "day"
    upstream: str = ""


class Foreach(Struct, frozen=True, omit_defaults=True):
    """The `foreach` table of a declaration: keys in the order written."""

    keys: dict[str, KeySource]
    exclude: tuple[dict[str, Any], ...] = ()
    zip: bool = False


class Declaration(Struct, frozen=True, omit_defaults=True):
    """A task as written in a Flowfile, `[defaults]` merged in, templates not yet rendered.

    `action` is the `run` text, the `exec` argv or the `call` target, by `kind`.
    Times in seconds. `max_age` None: never too old. `pool` and the values of `resources` may be templates.
    """

    name: str
    place: Place
    kind: ActionKind = "none"
    action: str | tuple[str, ...] = ""
    args: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    cwd: str = ""
    shell: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    track_env: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    foreach: Foreach | None = None
    retries: Retry = Retry()
    timeout: float | None = None
    resources: dict[str, int | str] = field(default_factory=dict)
    pool: str = ""
    priority: int = 0
    atomic: bool = False
    always: bool = False
    max_age: float | None = None
    frozen: bool = False
    rerun_on: frozenset[str] = RERUN_ON_ALL
    depfile: str = ""
    console: bool = False
    confirm: str = ""
    on_fail_outputs: Literal["delete", "keep"] = "delete"
    allow_failure: bool = False
    on_success: str = ""
    on_failure: str = ""
    executor: str = ""
    """Empty: as the run says, or local."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What it asks of executors, by their kind; only that kind can check it."""
    include: str = ""
    """The included file it came from (root-relative), empty for the Flowfile itself."""


class Hooks(Struct, frozen=True):
    """`[hooks]`: shell commands run after a run; empty text means none."""

    on_success: str = ""
    on_failure: str = ""
    on_recovery: str = ""
    finally_: str = field(default="", name="finally")


class History(Struct, frozen=True):
    """`[flow] history`: how much is kept of past runs, at most: their number, their age in seconds, their bytes."""

    runs: int = 1000
    age: float = math.inf
    size: int = 1 << 30


class ExecutorTable(Struct, frozen=True):
    """`[executors.NAME]` as written: what kind of executor it is, and its options, which only that kind can check."""

    kind: str
    options: dict[str, Any]
    place: Place


class Flow(Struct, frozen=True):
    """A whole Flowfile with its includes, checked and with parameters settled, before any task is expanded.

    `root` is absolute. `sources` are the files (root-relative) whose content decided all this.
    """

    root: str
    file: str
    name: str = ""
    description: str = ""
    default: tuple[str, ...] = ()
    shell: tuple[str, ...] = ("bash", "-euo", "pipefail", "-c")
    params: dict[str, Any] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    """Parameters that are plain words by themselves, and were given another value from outside."""
    env: dict[str, str] = field(default_factory=dict)
    dotenv: dict[str, str] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    executors: dict[str, ExecutorTable] = field(default_factory=dict)
    hooks: Hooks = Hooks()
    jobserver: Literal["pipe", "fifo", "none"] = "pipe"
    remove_orphans: bool = False
    secrets: tuple[str, ...] = ()
    """Names of variables whose values are not to be seen."""
    log_limit: int = 1 << 30
    """Bytes kept of one task's log."""
    history: History = History()
    declarations: dict[str, Declaration] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    place: Place = Place("Flowfile")


class Task(Struct, frozen=True):
    """One concrete task: a declaration, or one instance of a `foreach` declaration, with its paths settled.

    The action is rendered only when the task is judged, since it may mention inputs that do not exist earlier.
    """

    name: str
    declared: Declaration
    keys: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    pool: str = ""
    resources: dict[str, int] = field(default_factory=dict)
    description: str = ""
    confirm: str = ""

    @property
    def is_group(self) -> bool:
        """A name for what it needs, with nothing to do itself."""
        return self.declared.kind == "none"


class Recipe(Struct, frozen=True):
    """What a task would do, rendered: all that, when changed, makes it stale besides its files.

    `text` is the canonical text that is compared and shown; `env` maps the name of each declared or tracked
    variable to a digest of its value (values may be secrets). `argv` is the command with wrapper and shell
    (`run` and `exec`), `call`/`args` the function; `environment` holds the variables set for the command.
    """

    text: str
    env: dict[str, str]
    argv: tuple[str, ...] = ()
    call: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    cwd: str = ""
    shown: tuple[str, ...] = ()
    """`argv` with digests for secrets; empty if there are none in it."""


class Trace(Struct, frozen=True):
    """What a task's last success was made of; recorded only after success and verification.

    `inputs` and `outputs` map paths to digests. `finished` is in seconds since the epoch, `seconds` how long it took.
    """

    task: str
    recipe: str
    env: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    finished: float
    seconds: float
    run: str
    discovered: tuple[str, ...] = ()
    """Inputs learnt from a depfile, also in `inputs`."""
    identity: str = ""
    """Digest of recipe, env and inputs: what an empty output stands for."""


LastStatus = Literal["", "running", "succeeded", "failed", "timed_out", "interrupted"]


class Attempt(Struct, frozen=True):
    """How the latest attempt at a task ended; `running` if nobody lived to record an end.

    `foreign` are the files that matched its output globs before it began, and so are not its own.
    """

    task: str
    status: LastStatus
    run: str
    started: float
    seconds: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    foreign: tuple[str, ...] = ()


class RunRecord(Struct, frozen=True):
    """One run in the history. Times in seconds since the epoch; `finished` 0 while it runs or if it died.

    `size` is what its logs and events take, in bytes.
    """

    id: str
    started: float
    finished: float = 0.0
    status: str = "running"
    exit_code: int = -1
    targets: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    jobs: int = 0
    user: str = ""
    host: str = ""
    commit: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    size: int = 0


class TaskRecord(Struct, frozen=True):
    """One task in one run of the history: its last attempt there."""

    run: str
    task: str
    status: str
    attempt: int
    started: float
    seconds: float
    exit_code: int | None = None
    signal: int | None = None
    log: str = ""
    reasons: tuple[dict[str, Any], ...] = ()
    host: str = ""
    """The machine that an executor elsewhere ran it on."""
