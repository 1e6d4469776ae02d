"""The small tables inside fields of the Flowfile, as written; their docs are the reference. Unaware of meaning."""

# Annotations are evaluated here: as texts, they took msgspec milliseconds each time that it first checks a Flowfile.

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from flowmake.core.spelling import NAME_PATTERN

OPTIONS = "x-options"
"""In a JSON Schema: the struct whose fields a table of free keys has besides."""


def doc(text: str, *, expects: str = "", example: str = "") -> Meta:
    """What a field is for; `expects` words its type in errors, `example` is TOML that could stand right of the `=`."""
    shown = f"{text}\n\nFor example `{example}`." if example else text
    return Meta(
        description=text,
        extra={"expects": expects, "example": example},
        extra_json_schema={"x-taplo": {"docs": {"main": shown}}},
    )


def wording(expects: str, hint: str = "") -> Meta:
    """How errors word the type of a value that is no field."""
    return Meta(extra={"expects": expects, "hint": hint})


Name = Annotated[str, Meta(extra_json_schema={"pattern": f"^{NAME_PATTERN}$"})]
Count = Annotated[int, Meta(ge=1)]
Argv = tuple[str, ...]
Texts = tuple[str, ...]
Variables = dict[str, str | int]


class InputEntry(Struct, forbid_unknown_fields=True):
    """One input with more to say than its path. Exactly one of `path` and `lines`."""

    path: Annotated[str, doc("A path, directory (trailing `/`), glob or `!exclude`.", example='"big.bam"')] = ""
    lines: Annotated[
        str,
        doc(
            "A file that lists paths, one a line; they are the inputs. It may itself be made by a task.",
            example='"list.txt"',
        ),
    ] = ""
    check: Annotated[
        Literal["content", "stat", "exists"],
        doc("What of the file counts: its content, its size and times, or only that it is there.", example='"stat"'),
    ] = "content"


class OutputEntry(Struct, forbid_unknown_fields=True):
    """One output with more to say than its path."""

    path: Annotated[str, doc("A path, directory (trailing `/`) or glob.", example='"big.bam"')]
    temp: Annotated[
        bool,
        doc("Removed once every task that reads it has succeeded; remade only when a reader must run.", example="true"),
    ] = False
    clean: Annotated[bool, doc("Emptied before each attempt.", example="true")] = False


_GROUP = wording("a path, a table like `{ path = … }` or a list of them", "options go into a list: `[{ path = …, … }]`")
_InputItem = Annotated[str | InputEntry, wording("a path or a table like `{ path = … }`")]
_OutputItem = Annotated[str | OutputEntry, wording("a path or a table like `{ path = … }`")]
Inputs = tuple[_InputItem, ...] | dict[Name, Annotated[str | InputEntry | tuple[_InputItem, ...], _GROUP]]
Outputs = tuple[_OutputItem, ...] | dict[Name, Annotated[str | OutputEntry | tuple[_OutputItem, ...], _GROUP]]


class RetryTable(Struct, forbid_unknown_fields=True):
    """How often and when a failed attempt is repeated."""

    attempts: Annotated[int, Meta(ge=0), doc("Repetitions after the first attempt.", example="3")] = 1
    delay: Annotated[
        float | str, doc("Seconds, or a duration, before the first repetition.", expects="a duration", example='"5s"')
    ] = 0.0
    backoff: Annotated[float, Meta(ge=1), doc("The delay grows by this factor each time.", example="2.0")] = 1.0
    max_delay: Annotated[
        float | str, doc("The delay never grows beyond this.", expects="a duration", example='"5m"')
    ] = 300.0
    jitter: Annotated[
        bool, doc("Vary each delay at random, so that many tasks do not retry at once.", example="true")
    ] = False
    on: Annotated[
        Texts,
        doc(
            "Which failures are repeated: `exit:CODE`, `signal:NAME`, `timeout`. Empty: every failure.",
            expects="a list of failures",
            example='["exit:75", "timeout"]',
        ),
    ] = ()


class SourceTable(Struct, forbid_unknown_fields=True):
    """Where the values of one `foreach` key come from. Exactly one of `glob`, `lines`, `json`, `range`, `dates`."""

    glob: Annotated[
        str,
        doc(
            "A glob with the key in braces, which captures the value; without, the paths are the values.",
            example='"src/{unit}.c"',
        ),
    ] = ""
    lines: Annotated[str, doc("A text file, one value a line.", example='"cities.txt"')] = ""
    json: Annotated[
        str,
        doc(
            "A file that holds a JSON list of values, or of objects with a `name` or an `id`.", example='"cities.json"'
        ),
    ] = ""
    range: Annotated[
        tuple[int, ...],
        doc("Start, end (not included) and step.", expects="a list of two or three integers", example="[0, 10]"),
    ] = ()
    dates: Annotated[
        tuple[Any, ...],
        doc(
            'First and last day, both included: dates, `"today"` or offsets like `"today-7d"`.',
            expects="a list of two dates",
            example='["2026-01-01", "today"]',
        ),
    ] = ()
    every: Annotated[Literal["day", "week", "month", "year"], doc("The step between `dates`.", example='"week"')] = (
        "day"
    )
    from_: Annotated[
        str,
        doc("The task that makes the files looked at: the instances exist once it is done.", example='"split"'),
    ] = field(default="", name="from")


class ForeachOptions(Struct):
    """What a `foreach` table holds besides its keys."""

    zip: Annotated[bool, doc("Pair the keys up instead of combining each with each.", example="true")] = False
    exclude: Annotated[
        tuple[dict[str, Any], ...],
        doc("Combinations to drop.", expects="a list of tables", example='[{ city = "bonn", year = 2025 }]'),
    ] = ()


KEY_VALUES = 'a list of values or a table like `{ glob = "src/{unit}.c" }`'
Foreach = Annotated[
    dict[Name, Annotated[bool | tuple[Any, ...] | SourceTable, wording(KEY_VALUES)]],
    Meta(
        extra={"options": ForeachOptions},
        extra_json_schema={OPTIONS: ForeachOptions.__name__},
    ),
]


class SlurmTask(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a single task asks of Slurm; it wins over what the executor's table says."""

    partition: Annotated[str, doc("The partition (queue) of its job.", example='"long"')] = ""
    account: Annotated[str, doc("The account that it is charged to.", example='"physics"')] = ""
    args: Annotated[
        Texts,
        doc(
            "More arguments of `sbatch`, after those of the executor.",
            expects="a list of strings",
            example='["--constraint=avx2"]',
        ),
    ] = ()
