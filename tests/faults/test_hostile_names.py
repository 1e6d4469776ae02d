"""Names and values that would like to be commands, options or code: through every place that takes a template."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from flowmake.core import templates
from flowmake.core.errors import FlowfileError
from flowmake.core.source import Place
from flowmake.core.values import PathList, outside

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned;",
    "a && touch pwned",
    "| touch pwned",
    "> pwned",
    "$HOME",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "\\'; touch pwned; \\'",
    "--help",
    "-rf",
    "-",
    "two  words",
    " led and trailed ",
    "new\nline; touch pwned",
    "tab\there",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "*",
    "[a-z]",
    "?",
    "!excluded",
    "~root",
    "#comment",
    "a=b",
    "%s%n",
    "<script>alert(1)<b>",
    "caf\udce9 \udcff",
    "日本語",
    "\u202egnp.exe",
    "x" * 255,
]
SPOKEN = [re.sub(r"\W+", "_", value)[:20] or "_" for value in HOSTILE]
LITERAL = [v for v in HOSTILE if not re.search("[\ud800-\udfff]|[*?{!]|\\[|^ | $|\n", v)]
"""Those that a Flowfile can hold as a path that is neither a glob, nor a template, nor not UTF-8."""


def toml(text: str) -> str:
    """A TOML string; bytes that are not UTF-8 have no spelling there."""
    return json.dumps(text)


def encodable(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def names(folder: Path) -> set[str]:
    return {os.fsdecode(name) for name in os.listdir(os.fsencode(folder))}


def unharmed(project: Any) -> bool:
    return not [path for path in project.root.rglob("*") if path.name == "pwned"]


def fill(folder: Path, files: list[str]) -> None:
    """Files whose content tells their name in hex digits."""
    folder.mkdir(exist_ok=True)
    for name in files:
        with open(os.path.join(folder, name), "w") as file:
            file.write(os.fsencode(name).hex() + "\n")


def told(text: str) -> set[str]:
    return {os.fsdecode(bytes.fromhex(line)) for line in text.splitlines()}


def test_files_found_by_a_glob(project: Any) -> None:
    """Their content arrives, whatever they are called, in shell text and as arguments."""
    fill(project.root / "in", HOSTILE)
    project.flowfile(
        """
        [tasks.shell]
        inputs = ["in/*"]
        outputs = ["shell.txt"]
        run = "cat {{ inputs }} > {{ outputs }}"
        [tasks.argv]
        inputs = ["in/*"]
        outputs = ["argv/"]
        exec = ["cp", "{{ inputs }}", "{{ outputs }}"]
        [tasks.inside]
        cwd = "in"
        inputs = { all = ["in/*"] }
        outputs = ["inside.txt"]
        run = "cat {{ inputs.all | map('basename') }} > ../{{ outputs }}"
        """
    )
    done = project.run("run", "-k")
    assert done.code == 0, done.stderr
    assert told(project.read("shell.txt")) == told(project.read("inside.txt")) == set(HOSTILE)
    assert names(project.root / "argv") == set(HOSTILE)
    assert unharmed(project)
    assert project.run("status", "--check").code == 0
    for args in (["why"], ["status"], ["graph", "--files"], ["lineage", "shell.txt"], ["show", "shell"]):
        shown = project.run(*args)
        assert shown.code == 0, (args, shown.stderr)
        assert "\u202e" not in shown.stdout


def test_files_at_the_root(project: Any) -> None:
    """There a name can begin with a dash."""
    fill(project.root, HOSTILE)
    project.flowfile(
        """
        [tasks.shell]
        inputs = ["*", "!Flowfile"]
        outputs = ["out/shell"]
        run = "cat {{ inputs }} > {{ outputs }}"
        [tasks.argv]
        inputs = ["*", "!Flowfile"]
        outputs = ["out/argv/"]
        exec = ["cp", "{{ inputs }}", "{{ outputs }}"]
        [tasks.part]
        inputs = ["-rf"]
        outputs = ["out/part"]
        exec = ["cp", "{{ inputs[0] }}{{ '' }}", "{{ outputs }}"]
        """
    )
    done = project.run("run", "-k")
    assert done.code == 0, done.stderr
    assert told(project.read("out/shell")) == names(project.root / "out/argv") == set(HOSTILE)
    assert told(project.read("out/part")) == {"-rf"}
    assert unharmed(project)


def test_captures(project: Any) -> None:
    units = [name for name in HOSTILE if len(name) < 200]
    fill(project.root / "in", [unit + ".txt" for unit in units])
    project.flowfile(
        """
        [tasks.copy]
        foreach = { unit = { glob = "in/{unit}.txt" } }
        inputs = ["in/{{ unit }}.txt"]
        outputs = ["out/{{ unit }}.csv"]
        env = { UNIT = "{{ unit }}" }
        run = "cat in/{{ unit }}.txt > out/{{ unit }}.csv; printf -- %s {{ unit }} | cmp - <(printf %s \\"$UNIT\\")"
        """
    )
    done = project.run("run", "-k")
    assert done.code == 0, done.stderr
    assert names(project.root / "out") == {unit + ".csv" for unit in units}
    assert unharmed(project)
    assert project.run("status", "--check").code == 0
    assert project.run("clean").code == 0
    assert not (project.root / "out").exists()
    assert names(project.root / "in") == {unit + ".txt" for unit in units}


@pytest.mark.parametrize("value", [v for v in HOSTILE if encodable(v)], ids=lambda name: SPOKEN[HOSTILE.index(name)])
def test_a_parameter_in_every_place(project: Any, value: str) -> None:
    safe_name = value.replace("/", "_")[:100]
    project.flowfile(
        f"""
        [params]
        p = {toml(value)}
        n = {toml(safe_name)}
        [tasks.before]
        foreach = {{ v = ["{{{{ params.p }}}}"] }}
        run = "printf -- %s {{{{ v }}}} > before.txt"
        [tasks.shell]
        needs = ["before@{{{{ params.p }}}}"]
        description = "{{{{ params.p }}}}"
        outputs = ["dir-{{{{ params.n }}}}/out"]
        cwd = "dir-{{{{ params.n }}}}"
        env = {{ P = "{{{{ params.p }}}}" }}
        run = "printf -- %s {{{{ params.p }}}} > out; printf %s \\"$P\\" | cmp - out"
        [tasks.argv]
        outputs = ["argv.txt"]
        exec = ["python", "-c", "import sys; open('argv.txt', 'w').write(sys.argv[1])", "{{{{ params.p }}}}"]
        [tasks.call]
        call = "steps:write"
        args = {{ text = "{{{{ params.p }}}}" }}
        outputs = ["call.txt"]
        """
    )
    project.write("steps.py", "def write(text):\n    open('call.txt', 'w').write(text)\n")
    done = project.run("run", "-k")
    assert done.code == 0, done.stderr
    assert project.read("argv.txt") == project.read("call.txt") == project.read("before.txt") == value
    assert (project.root / f"dir-{safe_name}" / "out").read_text() == value
    assert unharmed(project)
    assert project.run("show", "shell").code == 0


def test_lines_of_a_list(project: Any) -> None:
    listed = [f"data/<{name}>" for name in HOSTILE if "\n" not in name and len(name) < 200]
    fill(project.root / "data", [path.removeprefix("data/") for path in listed])
    with open(project.root / "list.txt", "wb") as file:
        file.write(b"".join(os.fsencode(path) + b"\n" for path in listed))
    project.flowfile(
        """
        [tasks.all]
        inputs = [{ lines = "list.txt" }]
        outputs = ["all.txt"]
        run = "for i in {{ inputs }}; do test \\"$i\\" = list.txt || cat \\"$i\\"; done > all.txt"
        """
    )
    done = project.run("run")
    assert done.code == 0, done.stderr
    assert {f"data/{name}" for name in told(project.read("all.txt"))} == set(listed)
    assert unharmed(project)


def test_names_in_a_depfile(project: Any) -> None:
    hard = [name for name in HOSTILE if not {"\n", "\t"} & set(name) and not name.endswith((" ", "\\"))]
    fill(project.root / "inc", hard)
    spelt = [re.sub(r"([ #])", r"\\\1", name).replace("$", "$$") for name in hard]
    with open(project.root / "deps", "wb") as file:
        file.write(b"out: " + b" ".join(os.fsencode(f"inc/{name}") for name in spelt if "\\'" not in name) + b"\n")
    project.flowfile('[tasks.c]\noutputs = ["out"]\ndepfile = "out.d"\nrun = "touch out; cp deps out.d"\n')
    done = project.run("run")
    assert done.code == 0, done.stderr
    assert project.run("status", "--check").code == 0
    (project.root / "inc" / "$(touch pwned)").write_text("changed")
    reasons = json.loads(project.run("why", "c", "--json").stdout)["tasks"][0]["reasons"]
    assert [reason["path"] for reason in reasons] == ["inc/$(touch pwned)"]
    assert project.run("run", "-q").code == 0
    assert unharmed(project)


def test_what_an_include_program_prints(project: Any) -> None:
    """Names of tasks are checked, paths and values are only text."""
    tables = "".join(f"[tasks.t{n}]\noutputs = [{toml('out/' + v.replace('/', '_'))}]\n" for n, v in enumerate(LITERAL))
    text = tables.replace("]\n[", "]\nrun = 'touch {{ outputs }}'\n[") + "run = 'touch {{ outputs }}'\n"
    project.write("printed.toml", text)
    project.flowfile('[flow]\ninclude = [{ exec = ["cat", "printed.toml"], inputs = ["printed.toml"] }]\n')
    done = project.run("run", "-k")
    assert done.code == 0, done.stderr
    assert names(project.root / "out") == set(LITERAL)
    assert unharmed(project)
    for name in ("../x", "a/b", "-rf", "$(touch pwned)", "..", "a b"):
        project.write("printed.toml", f'[tasks.{toml(name)}]\nrun = "true"\n')
        done = project.run("run")
        assert done.code == 2, name
        assert "is not a good name" in done.stderr
    assert unharmed(project)


@pytest.mark.parametrize(
    ("declared", "prepared", "arguments"),
    [
        ('foreach = { v = { lines = "list" } }', True, ()),
        ('foreach = { v = { json = "list.json" } }', True, ()),
        ("", False, ("--set", "p={}")),
        ("", False, ("FLOWMAKE_PARAM_P={}",)),
    ],
)
@pytest.mark.parametrize(
    "action", ['run = "touch {{ v }}"', 'exec = ["touch", "{{ v }}"]', 'run = "true; touch {{ v | upper }}"']
)
def test_data_does_not_become_an_option(
    project: Any, declared: str, prepared: bool, arguments: tuple[str, ...], action: str
) -> None:
    value = "--help"
    if not prepared:
        action = action.replace("{{ v", "{{ params.p")
    project.flowfile(f'[params]\np = "plain"\n[tasks.a]\n{declared}\n{action}\n')
    project.write("list", value + "\n")
    project.write("list.json", json.dumps([value]))
    given = [argument.format(value) for argument in arguments]
    environ = dict(item.split("=", 1) for item in given if item.startswith("FLOWMAKE"))
    done = project.run("run", *[item for item in given if not item.startswith("FLOWMAKE")], env=environ)
    assert done.code != 0
    assert "would be taken for an option" in done.stderr


def test_options_are_options_where_the_flow_says_so(project: Any) -> None:
    project.write("list", "-5\n")
    project.flowfile(
        """
        [params]
        flags = ["-n", "-e"]
        level = "-1"
        free = "plain"
        [tasks.a]
        foreach = { v = { lines = "list" } }
        outputs = ["out"]
        run = '''
        printf '%s ' -- {{ params.flags }} {{ params.level }} -- {{ v }} x{{ v }} {{ v | raw }} --v={{ v }} > out
        '''
        [tasks.b]
        foreach = { v = { lines = "list" } }
        outputs = ["argv"]
        exec = ["bash", "argv.sh", "--v={{ v }}", "{{ params.level }}", "--", "{{ v }}", "{{ v | raw }}"]
        """
    )
    project.write("argv.sh", "printf '%s ' \"$@\" > argv\n")
    done = project.run("run", "--set", "level=-2")
    assert done.code == 0, done.stderr
    assert project.read("out") == "-- -n -e -2 -- -5 x-5 -5 --v=-5 "
    assert project.read("argv") == "--v=-5 -2 -- -5 -5 "


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ params.__class__ }}",
    "{{ inputs.__init__.__globals__ }}",
    "{{ inputs.groups.__class__ }}",
    "{{ self.__init__ }}",
    "{{ range.__self__ }}",
    "{{ dict.__subclasses__() }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.system('touch pwned') }}",
    "{{ lipsum.__globals__['os'].popen('touch pwned').read() }}",
    "{{ request.application.__globals__ }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ ('{0.__class__}').format(params) }}",
    "{{ ('{0.__class__}' | format(params)) }}",
    "{{ '{x.__class__}'.format_map({'x': 1}) }}",
    "{{ params.update({'a': 1}) }}",
    "{{ inputs.append('x') }}",
    "{% set x = ''.__class__ %}{{ x }}",
    "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
    "{% import 'os' as os %}{{ os }}",
    "{% include 'Flowfile' %}",
    "{% extends 'Flowfile' %}",
    "{{ joiner.__init__ }}",
    "{{ raw.__globals__ }}",
    "{{ flow.__class__.__init__ }}",
    "{{ task.name.__class__ }}",
    "{{ needs.__class__ }}",
    "{{ cpu.__class__.__base__ }}",
    "{{ cpu.real.__class__ }}",
    "{{ (1).__class__ }}",
    "{{ inputs | map(attribute='__class__') | list }}",
    "{{ [params] | map('attr', '__class__') | list }}",
    "{{ [1] | sum(attribute='__class__') }}",
    "{{ [params] | groupby('__class__') }}",
    "{{ range(10 ** 12) | list }}",
]


CONTEXT: dict[str, Any] = {
    "params": {"a": 1, "text": "x"},
    "inputs": PathList(["in.txt"], {"raw": ["in.txt"]}),
    "outputs": PathList(["out.txt"]),
    "flow": {"name": "f", "root": "/r"},
    "task": {"name": "t"},
    "needs": {"b": {"outputs": PathList(["b.txt"])}},
    "env": {"A": "b"},
    "cpu": 1,
    "v": outside({"name": "-x"}),
}


@pytest.mark.parametrize("template", ESCAPES)
def test_templates_do_not_reach_into_python(template: str) -> None:
    place = Place("Flowfile", ("tasks", "t"))
    for render in (templates.render_shell, templates.render, templates.render_paths, templates.render_list):
        with pytest.raises(FlowfileError) as caught:
            render(template, CONTEXT, place)
        assert "<class" not in str(caught.value)
    assert not Path("pwned").exists()


@pytest.mark.parametrize("field", ["run", "outputs"])
def test_a_template_that_tries_to_is_an_error_of_the_flowfile(project: Any, field: str) -> None:
    attack = toml("{{ lipsum.__globals__['os'].popen('touch pwned').read() }}")
    given = {"run": '"true"', "outputs": '"out"'} | {field: attack}
    project.flowfile(f"[tasks.t]\noutputs = [{given['outputs']}]\nrun = {given['run']}\n")
    done = project.run("run")
    assert done.code == 2, (done.stdout, done.stderr)
    assert "internal error" not in done.stderr
    assert unharmed(project)


PLAIN = r'"[^"<>`\\]*"'
MERMAID = rf"\s+(n\d+(\[{PLAIN}\]|\(\[{PLAIN}\]\)|>{PLAIN}\])|n\d+ -+\.?-?> n\d+|class.*|subgraph.*|end)"
FACES = [
    ("graph",),
    ("graph", "--files", "--expand"),
    ("graph", "--format", "mermaid", "--expand"),
    ("graph", "--format", "json", "--expand"),
    ("graph", "--format", "text"),
    ("list", "--json"),
    ("status", "--json"),
    ("show", "t", "--json"),
    ("why", "--json"),
    ("history", "--json"),
]
MARKUP = [
    '"]; evil [label="',
    "</script><script>alert(1)</script>",
    "\\",
    '"',
    "\\N \\G",
    "<b>bold</b>",
    "&amp;",
    "#quot;",
    "--> evil",
    "}\n{",
]


@pytest.mark.parametrize("markup", MARKUP)
def test_no_face_takes_a_name_for_markup(project: Any, markup: str) -> None:
    project.flowfile(
        f"""
        [flow]
        name = {toml(markup)}
        description = {toml(markup)}
        [tasks.t]
        foreach = {{ v = [{toml(markup)}] }}
        tags = [{toml(markup)}]
        description = {toml(markup)}
        outputs = ["out/{{{{ v | replace('/', '_') }}}}"]
        run = "touch {{{{ outputs }}}}"
        """
    )
    assert project.run("run", "-q").code == 0
    for args in FACES:
        done = project.run(*args)
        assert done.code == 0, (args, done.stderr)
        if "json" in args or "--json" in args:
            assert json.loads(done.stdout)["v"] == 1
        if "mermaid" in args:
            for line in done.stdout.splitlines()[4:]:
                assert re.fullmatch(MERMAID, line), line
    svg = project.root / "g.svg"
    done = project.run("graph", "--files", "--expand", "-o", "g.svg")
    assert done.code == 0, done.stderr
    from xml.etree import ElementTree

    tree = ElementTree.parse(svg)
    assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert "evil" not in {node.text for node in tree.iter() if node.tag.endswith("title")}
