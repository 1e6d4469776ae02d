"""`graph`: every format, and every way to choose a part of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

XLINK = "{http://www.w3.org/1999/xlink}"


def test_graph_as_text(built: Any) -> None:
    assert built.run("graph", "--format", "text").stdout == (
        "all [fresh]\n└─ part [2 instances]\n   └─ upper [fresh]\nlint [stale]\n└─ upper [fresh]\n"
    )


def test_graph_in_ascii(built: Any) -> None:
    done = built.run("graph", "--format", "text", "--expand", "all", env={"PYTHONIOENCODING": "ascii"})
    assert done.stdout == (
        "all [fresh]\n|- part@1 [fresh]\n|  `- upper [fresh]\n`- part@2 [fresh]\n   `- upper [fresh]\n"
    )


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("g.dot", b"// letters\ndigraph"),
        ("g.gv", b"// letters\ndigraph"),
        ("g.svg", b"<?xml"),
        ("g.png", b"\x89PNG"),
        ("g.pdf", b"%PDF"),
        ("g.mmd", b'---\ntitle: "letters"'),
        ("g.txt", b"all [stale]"),
        ("g.json", b'{\n  "v": 1,'),
    ],
)
def test_graph_to_a_file_by_its_ending(letters: Any, name: str, start: bytes) -> None:
    done = letters.run("graph", "-o", name)
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    assert (letters.root / name).read_bytes().startswith(start)


def test_graph_to_a_file_of_unknown_ending(letters: Any) -> None:
    done = letters.run("graph", "-o", "g.foo")
    assert (done.code, done.stderr) == (
        2,
        "error: cannot draw `g.foo`: the format `foo` is not known\n"
        "hint: known endings are `.svg`, `.png`, `.pdf`, `.dot` and `.gv`\n",
    )


def test_graph_to_a_place_that_is_not_there(letters: Any) -> None:
    done = letters.run("graph", "--format", "text", "-o", "no/g.txt")
    assert (done.code, done.stderr) == (4, "error: cannot write `no/g.txt`: No such file or directory\n")


def shown(project: Any, *options: str) -> list[str]:
    """The tasks in a picture."""
    done = project.run("graph", "--format", "json", *options)
    assert (done.code, done.stderr) == (0, "")
    return [node["task"] for node in json.loads(done.stdout)["nodes"]]


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        (["all"], ["upper", "part", "all"]),
        (["all", "--up", "1"], ["part", "all"]),
        (["all", "--up", "0"], ["all"]),
        (["upper", "--down", "1"], ["upper", "part", "lint"]),
        (["upper", "--down", "all"], ["upper", "part", "all", "lint"]),
        (["part", "--up", "1", "--down", "1"], ["upper", "part", "all"]),
        (["part@1", "--up", "1", "--down", "1", "--expand"], ["upper", "part@1", "all"]),
        (["part1.txt", "--down", "1", "--expand"], ["part@1", "all"]),
        (["tag:text", "--down", "1", "--expand"], ["upper", "part@1", "part@2", "lint"]),
        (["--between", "upper", "all"], ["upper", "part", "all"]),
        (["--between", "in-no-way", "all"], None),
        (["--between", "upper", "part@2", "--expand"], ["upper", "part@2"]),
    ],
)
def test_parts(letters: Any, options: list[str], tasks: list[str] | None) -> None:
    if tasks is None:
        assert letters.run("graph", *options).stderr.startswith("error: no task is called `in-no-way`")
    else:
        assert shown(letters, *options) == tasks


@pytest.mark.parametrize(
    ("form", "node"),
    [("dot", "\t{} [label="), ("mermaid", '["{}: stale"]'), ("text", "{} [stale]\n"), ("json", '"task": "{}"')],
)
def test_parts_come_in_every_format(letters: Any, form: str, node: str) -> None:
    text = letters.run("graph", "upper", "--down", "1", "--format", form).stdout
    assert [node.format(name) in text for name in ("upper", "lint", "all")] == [True, True, False]


@pytest.mark.parametrize(
    ("options", "title"),
    [
        (["upper"], "letters"),
        (["upper", "lint", "--up", "2", "--down", "all"], "letters: around upper, lint, 2 up, all down"),
        (["upper", "--up", "0"], "letters: around upper"),
        (["--between", "upper", "all"], "letters: from upper to all"),
    ],
)
def test_the_title_tells_which_part(letters: Any, options: list[str], title: str) -> None:
    assert f'title: "{title}"\n' in letters.run("graph", "--format", "mermaid", *options).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--up", "1"], "error: `up` and `down` count from targets\nhint: name at least one\n"),
        (
            ["--between", "upper", "all", "lint"],
            "error: `between` stands for itself: no targets, no `up` or `down` beside it\n",
        ),
        (
            ["--between", "all", "upper"],
            "error: nothing leads from `all` to `upper`\nhint: turn them round: `upper` comes before `all`\n",
        ),
        (
            ["--between", "lint", "all"],
            "error: nothing leads from `lint` to `all`\nhint: neither comes before the other\n",
        ),
        (
            ["upper", "--up", "-1"],
            "error: Invalid value for '--up': `-1` is neither a number of steps nor `all`\n"
            "hint: `flowmake graph --help` lists what there is\n",
        ),
    ],
)
def test_what_does_not_go_together(letters: Any, options: list[str], message: str) -> None:
    done = letters.run("graph", *options)
    assert (done.code, done.stdout, done.stderr) == (2, "", message)


def test_a_broken_neighbour_does_not_keep_a_part_from_being_drawn(letters: Any) -> None:
    with (letters.root / "Flowfile").open("a") as file:
        file.write('\n[tasks.broken]\ninputs = ["upper.txt", "missing"]\nrun = "cat missing"\n')
    assert letters.run("graph", "--format", "text", "upper", "--down", "1").stdout == (
        "part [2 instances, all stale]\n└─ upper [stale]\n"
        "lint [stale]\n└─ upper [stale]\n"
        "broken [stale]\n├─ upper [stale]\n└─ missing (missing)\n"
    )


LACKING = """\
    [tasks.part]
    foreach = { n = ["1", "2", "3"] }
    inputs = ["raw/{{ n }}.txt", "common.txt"]
    outputs = ["part/{{ n }}.txt"]
    run = "cat {{ inputs }} > {{ outputs }}"

    [tasks.all]
    inputs = ["part/*.txt", "rules.txt"]
    run = "cat {{ inputs }}"
    """


def test_inputs_that_are_not_there_are_drawn_as_missing(project: Any) -> None:
    project.flowfile(LACKING)
    project.write("raw/2.txt")
    project.write("rules.txt")
    done = project.run("graph", "--format", "text")
    assert (done.code, done.stdout) == (
        0,
        "all [stale]\n"
        "└─ part [3 instances, all stale]\n"
        "   ├─ raw/*.txt (2 files, all missing)\n"
        "   └─ common.txt (missing)\n",
    )
    assert project.run("graph", "--format", "text", "--files").stdout == (
        "all [stale]\n"
        "├─ part/*.txt (3 files)\n"
        "│  └─ part [3 instances, all stale]\n"
        "│     ├─ raw/*.txt (3 files, 2 missing)\n"
        "│     └─ common.txt (missing)\n"
        "└─ rules.txt\n"
    )
    assert 'n2>"raw/*.txt (2 files, all missing)"]' in project.run("graph", "--format", "mermaid").stdout
    found = {node["file"]: node["missing"] for node in _nodes(project, "--files") if "file" in node}
    assert (found["raw/*.txt"], found["rules.txt"]) == (["raw/1.txt", "raw/3.txt"], [])
    assert '[label="\u00d7 common.txt\nmissing"' in project.run("graph").stdout


def test_many_missing_inputs_of_one_task_are_one_node(project: Any) -> None:
    paths = ", ".join(f'"raw/{number}.txt"' for number in range(20))
    project.flowfile(f'[tasks.all]\ninputs = [{paths}]\nrun = "true"')
    assert project.run("graph", "--format", "text").stdout == "all [stale]\n└─ raw/*.txt (20 files, all missing)\n"


def _nodes(project: Any, *options: str) -> list[Any]:
    found: list[Any] = json.loads(project.run("graph", "--format", "json", *options).stdout)["nodes"]
    return found


def test_a_picture_that_nobody_can_read_comes_with_a_hint(project: Any) -> None:
    project.flowfile("""
        [tasks.link]
        foreach = { n = { range = [0, 500] } }
        run = "true {{ n }}"
        """)
    done = project.run("graph", "--expand", "-o", "g.svg")
    assert (done.code, done.stderr) == (
        0,
        "hint: these are 500 nodes; `--up`, `--down` and `--between` draw a part of them\n",
    )
    assert project.run("graph", "-o", "g.svg").stderr == ""


def test_what_mermaid_would_not_draw_comes_with_a_hint(project: Any) -> None:
    project.flowfile("""
        [tasks.first]
        run = "true"

        [tasks.link]
        foreach = { n = { range = [0, 501] } }
        needs = ["first"]
        run = "true {{ n }}"
        """)
    done = project.run("graph", "--expand", "-o", "g.mmd")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == (
        "hint: Mermaid draws at most 500 edges and 50,000 characters; this has 501 and "
        f"{len(project.read('g.mmd')):,}; `--up`, `--down` and `--between` draw a part\n"
    )
    assert project.run("graph", "-o", "g.mmd").stderr == ""


def test_boxes_by_tag(letters: Any) -> None:
    done = letters.run("graph", "--cluster", "tag", "--format", "mermaid")
    assert '    subgraph c0["text"]\n        n0["upper: stale"]\n    end\n' in done.stdout
    assert "subgraph" not in letters.run("graph", "--cluster", "none", "--format", "mermaid").stdout


def links(project: Any, name: str) -> dict[str, str]:
    """Where the nodes of an SVG lead to, by their labels."""
    svg = ET.fromstring(project.read(name))
    found = [anchor for anchor in svg.iter("{http://www.w3.org/2000/svg}a") if anchor.get(f"{XLINK}href")]
    return {"".join(anchor.itertext()).strip().split("\n")[0]: anchor.get(f"{XLINK}href", "") for anchor in found}


def test_tasks_link_to_a_report(letters: Any) -> None:
    assert letters.run("graph", "--link", "report.html", "--expand", "-o", "g.svg").code == 0
    assert links(letters, "g.svg") == {
        "● upper": "report.html#task=upper",
        "● part@1": "report.html#task=part%401",
        "● part@2": "report.html#task=part%402",
        "● all": "report.html#task=all",
        "● lint": "report.html#task=lint",
    }


def test_tasks_link_to_anywhere(letters: Any) -> None:
    done = letters.run("graph", "--link", 'https://ci/?a="&t={task}', "--format", "mermaid", "all", "--up", "0")
    assert 'click n0 href "https#58;//ci/?a=#34;#38;t=all"' in done.stdout
