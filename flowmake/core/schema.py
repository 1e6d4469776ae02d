"""The Flowfile's tables as structs, as written; their docs are the reference. Unaware of what they lead to."""

# Annotations are evaluated here: as texts, they took msgspec milliseconds each time that it first checks a Flowfile.

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from flowmake.core.schema_fields import (
    OPTIONS,
    Argv,
    Count,
    Foreach,
    Inputs,
    Name,
    Outputs,
    RetryTable,
    SlurmTask,
    Texts,
    Variables,
    doc,
)


class IncludeProgram(Struct, forbid_unknown_fields=True):
    """A program that prints TOML; it is run again only when one of its inputs changes."""

    exec: Annotated[
        Argv,
        doc(
            "The program and its arguments, run in the root.",
            expects="a list of strings",
            example='["python", "gen.py"]',
        ),
    ]
    inputs: Annotated[
        Texts,
        doc("The files (globs allowed) it reads.", expects="a list of paths", example='["gen.py", "sites.json"]'),
    ] = ()


class HistoryTable(Struct, forbid_unknown_fields=True):
    """How much is remembered of past runs: of what goes beyond any of these, the oldest. Logs go with their runs."""

    runs: Annotated[Count, doc("The latest so many runs are kept.", example="100")] = 1000
    age: Annotated[
        float | str | None, doc("Runs that began longer ago are forgotten.", expects="a duration", example='"90d"')
    ] = None
    size: Annotated[
        int | str, doc("Logs and events of all runs together take no more.", expects="an amount", example='"200M"')
    ] = "1G"


class FlowTable(Struct, forbid_unknown_fields=True):
    """The flow as a whole."""

    name: Annotated[str, doc("The name shown in reports; `flow.name` in templates.", example='"weather"')] = ""
    description: Annotated[str, doc("What the flow is for, in a sentence.", example='"Daily weather report"')] = ""
    default: Annotated[
        Texts,
        doc(
            "What a bare `flowmake run` builds. Absent: every task that no other task needs.",
            expects="a list of targets",
            example='["report"]',
        ),
    ] = ()
    include: Annotated[
        tuple[str | IncludeProgram, ...],
        doc(
            "Further files (globs allowed), or programs that print TOML. Each may define tasks, params, pools and "
            "resources, in the same namespace.",
            expects="a list of files or tables like `{ exec = [...], inputs = [...] }`",
            example='["etl/*.toml", { exec = ["python", "gen.py"], inputs = ["gen.py"] }]',
        ),
    ] = ()
    shell: Annotated[
        Argv,
        doc(
            "The shell for `run`; the command text is appended as one argument.",
            expects="a list of strings",
            example='["bash", "-euo", "pipefail", "-c"]',
        ),
    ] = ("bash", "-euo", "pipefail", "-c")
    dotenv: Annotated[
        Texts,
        doc(
            "Files of `KEY=VALUE` lines passed to commands. A variable counts for staleness only where a task names it "
            "in `track_env`. A missing file is an error unless its name here ends in `?`.",
            expects="a list of files",
            example='[".env?"]',
        ),
    ] = ()
    requires: Annotated[str, doc("The flowmake versions this file works with.", example='">=0.1"')] = ""
    remove_orphans: Annotated[
        bool, doc("Remove outputs that no task makes any more at the end of each successful run.", example="true")
    ] = False
    jobserver: Annotated[
        Literal["pipe", "fifo", "none"],
        doc("How the GNU make jobserver is served to children. make 4.3 dies on `fifo`.", example='"pipe"'),
    ] = "pipe"
    secrets: Annotated[
        Texts,
        doc(
            "Names of environment variables whose values are secret, wherever they are set: kept as digests, shown as "
            "`***`. Values from `dotenv` files are secret by themselves.",
            expects="a list of variable names",
            example='["API_TOKEN"]',
        ),
    ] = ()
    log_limit: Annotated[
        int | str,
        doc(
            "How long the kept log of one task may become; of a longer one the middle is left out.",
            expects="an amount",
            example='"100M"',
        ),
    ] = "1G"
    history: Annotated[
        HistoryTable,
        doc(
            "How much is remembered of past runs. The latest run is kept in any case, and runs in which the latest "
            "attempt or success of a task was.",
            expects="a table like `{ runs = 100 }`",
            example='{ runs = 100, age = "90d", size = "200M" }',
        ),
    ] = field(default_factory=HistoryTable)


class HooksTable(Struct, forbid_unknown_fields=True):
    """Shell commands called when a run in which something ran or failed ends; the run's summary is JSON on stdin."""

    on_success: Annotated[str, doc("Called when the run succeeded.", example='"notify-send done"')] = ""
    on_failure: Annotated[str, doc("Called when the run failed.", example='"mail -s failed me@example.org"')] = ""
    on_recovery: Annotated[
        str, doc("Called on the first success after a failure.", example='"notify-send recovered"')
    ] = ""
    finally_: Annotated[str, doc("Called at the end, however the run went.", example='"cat >> runs.jsonl"')] = field(
        default="", name="finally"
    )


class TaskTable(Struct, forbid_unknown_fields=True):
    """A task. At most one of `run`, `exec` and `call`; none makes it a name for what it `needs`."""

    description: Annotated[str, doc("Shown by `flowmake list`. *Template.*", example='"Clean the raw data"')] = ""
    tags: Annotated[Texts, doc("For targets like `tag:etl`.", expects="a list of strings", example='["etl"]')] = ()
    inputs: Annotated[
        Inputs,
        doc(
            "What the task reads: paths, directories (trailing `/`), globs, excludes (`!…`), in a list or a table of "
            "named paths. *Template.*",
            expects="a list or a table of named paths",
            example='["path"]',
        ),
    ] = ()
    outputs: Annotated[
        Outputs,
        doc(
            "What the task makes: paths, directories (trailing `/`) or globs, in a list or a table of named "
            "paths. *Template.*",
            expects="a list or a table of named paths",
            example='["path"]',
        ),
    ] = ()
    needs: Annotated[
        Texts,
        doc(
            "Tasks run first; their outputs count as inputs. *Template.*",
            expects="a list of task names",
            example='["fetch"]',
        ),
    ] = ()
    after: Annotated[
        Texts,
        doc(
            "Tasks that come first, and are brought up to date, too; never makes this task stale. *Template.*",
            expects="a list of task names",
            example='["warm-up"]',
        ),
    ] = ()
    run: Annotated[
        str | None,
        doc(
            "Shell text. Values in `{{ }}` are quoted for the shell unless piped through `| raw`. *Template.*",
            expects="a string of shell text",
            example='"sort {{ inputs }} > {{ outputs }}"',
        ),
    ] = None
    exec: Annotated[
        Argv | None,
        doc(
            "A program and its arguments, run without a shell. *Template.*",
            expects="a list of strings",
            example='["python", "report.py"]',
        ),
    ] = None
    call: Annotated[
        str | None,
        doc(
            "A Python function, `pkg.module:function`, run in the process pool.",
            expects="a string like `pkg.module:function`",
            example='"steps.model:fit"',
        ),
    ] = None
    args: Annotated[
        dict[str, Any],
        doc("Keyword arguments of `call`. *Template.*", expects="a table", example="{ alpha = 0.5 }"),
    ] = {}
    cwd: Annotated[
        str, doc("The folder the command runs in, relative to the root. *Template.*", example='"sub/folder"')
    ] = ""
    shell: Annotated[
        Argv, doc("As in `[flow]`, for this task.", expects="a list of strings", example='["bash", "-c"]')
    ] = ()
    env: Annotated[
        Variables,
        doc(
            "Environment variables set for the command; part of the recipe. *Template.*",
            expects="a table of strings",
            example='{ LC_ALL = "C" }',
        ),
    ] = {}
    track_env: Annotated[
        Texts,
        doc(
            "Names of inherited variables whose values count for staleness.",
            expects="a list of variable names",
            example='["CC"]',
        ),
    ] = ()
    wrapper: Annotated[
        Argv,
        doc(
            "Put before the command, for containers and schedulers. *Template.*",
            expects="a list of strings",
            example='["apptainer", "exec", "img.sif"]',
        ),
    ] = ()
    foreach: Annotated[
        Foreach | None,
        doc(
            "Makes one instance of the task for each combination of its keys. A key is a list or a source; `zip = "
            "true` pairs the keys up, `exclude = [{…}]` drops combinations.",
            expects="a table",
            example='{ city = ["bonn", "oslo"] }',
        ),
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0)] | RetryTable,
        doc(
            "How often a failed attempt is repeated, or a table saying when.",
            expects='an integer or a table like `{ attempts = 3, delay = "5s" }`',
            example="3",
        ),
    ] = 0
    timeout: Annotated[
        float | str | None,
        doc("Seconds, or a duration, after which the command is stopped.", expects="a duration", example='"10m"'),
    ] = None
    resources: Annotated[
        dict[str, int | str],
        doc(
            "What it draws from `[resources]`; `cpu` is 1 unless said. *Template.*",
            expects="a table of amounts",
            example='{ cpu = 2, mem = "4G" }',
        ),
    ] = {}
    pool: Annotated[str, doc("The pool it takes a place of. *Template.*", example='"db"')] = ""
    priority: Annotated[int, doc("Higher starts first among ready tasks.", example="10")] = 0
    atomic: Annotated[bool, doc("Write to a staging path; rename into place only after success.", example="true")] = (
        False
    )
    always: Annotated[bool, doc("Run each time.", example="true")] = False
    max_age: Annotated[
        float | str | None,
        doc("Stale when the last success is longer ago.", expects="a duration", example='"1d"'),
    ] = None
    frozen: Annotated[bool, doc("Never run again, whatever changes.", example="true")] = False
    rerun_on: Annotated[
        tuple[Literal["inputs", "outputs", "recipe", "env", "age"], ...] | None,
        doc(
            "The only changes that make it stale. Absent: all of them.",
            expects="a list of `inputs`, `outputs`, `recipe`, `env`, `age`",
            example='["inputs", "outputs"]',
        ),
    ] = None
    depfile: Annotated[
        str,
        doc("A make-style dependency file that the command writes: further inputs. *Template.*", example='"main.d"'),
    ] = ""
    console: Annotated[bool, doc("Inherits the terminal; one such task at a time.", example="true")] = False
    confirm: Annotated[
        bool | str, doc("Asks this before it runs. *Template.*", expects="a question, or true", example='"Publish?"')
    ] = ""
    on_fail_outputs: Annotated[
        Literal["delete", "keep"], doc("What happens to outputs changed by a failed attempt.", example='"keep"')
    ] = "delete"
    allow_failure: Annotated[bool, doc("A failure does not fail the run.", example="true")] = False
    on_success: Annotated[str, doc("Shell command called when the task succeeded.", example='"touch done"')] = ""
    on_failure: Annotated[str, doc("Shell command called when the task failed.", example='"touch failed"')] = ""
    executor: Annotated[
        str,
        doc(
            "Where it runs: `local`, a table of `[executors]` or a kind of executor. Absent: where `--executor` says, "
            "or locally. What says `local` stays here whatever `--executor` says.",
            example='"slurm"',
        ),
    ] = ""
    slurm: Annotated[
        SlurmTask | None,
        doc(
            "What its job asks of Slurm, where it runs there, beyond `resources`.",
            expects="a table",
            example='{ partition = "long", args = ["--constraint=avx2"] }',
        ),
    ] = None


class ExecutorOptions(Struct):
    """What every `[executors.NAME]` holds; each kind has options besides (see [executors](executors.md))."""

    kind: Annotated[str, doc("What runs the tasks: `slurm`, `dask`, or what a plug-in brings.", example='"slurm"')]


Params = Annotated[
    dict[Name, Any],
    doc(
        "Values for templates (`params.year`), typed by their defaults. Override with `--set year=2027`, "
        "`FLOWMAKE_PARAM_YEAR=2027` or `--params-file FILE`.",
        expects="a table",
    ),
]
Pools = Annotated[
    dict[Name, Count], doc("Named limits on how many tasks run at once.", expects="a table", example="{ db = 1 }")
]
Resources = Annotated[
    dict[Name, Annotated[int, Meta(ge=0)] | str],
    doc(
        "Totals for the whole machine that tasks draw on: integers or sizes. `cpu` is the cores this process may use, "
        "unless said.",
        expects="a table of amounts",
        example='{ gpu = 2, mem = "16G" }',
    ),
]
Executors = Annotated[
    dict[
        Name,
        Annotated[
            dict[str, Any],
            Meta(
                extra={"options": ExecutorOptions, "expects": "a table"},
                extra_json_schema={OPTIONS: ExecutorOptions.__name__},
            ),
        ],
    ],
    doc(
        "Executors besides `local`, each a table `[executors.NAME]` with its `kind` and the options of that kind.",
        expects="a table of tables",
        example='{ big = { kind = "slurm", partition = "long" } }',
    ),
]
Tasks = Annotated[dict[Name, TaskTable], doc("The tasks, each a table `[tasks.NAME]`.", expects="a table of tasks")]


class FlowfileTable(Struct, forbid_unknown_fields=True):
    """A Flowfile: TOML in these tables."""

    flow: Annotated[FlowTable, doc("The flow as a whole.", expects="a table")] = field(default_factory=FlowTable)
    params: Params = {}
    env: Annotated[
        Variables,
        doc("Environment variables set for every command, part of every recipe.", expects="a table of strings"),
    ] = {}
    defaults: Annotated[
        TaskTable,
        doc(
            "Any task field, for every task that does not set it. A task's own value replaces it whole.",
            expects="a table",
        ),
    ] = field(default_factory=TaskTable)
    pools: Pools = {}
    resources: Resources = {}
    executors: Executors = {}
    hooks: Annotated[HooksTable, doc("Commands called at the end of a run.", expects="a table")] = field(
        default_factory=HooksTable
    )
    tasks: Tasks = {}


class IncludedTable(Struct, forbid_unknown_fields=True):
    """An included file: what it may define."""

    params: Params = {}
    pools: Pools = {}
    resources: Resources = {}
    tasks: Tasks = {}
