from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from flowmake.core.model import Declaration, Input, Task
from flowmake.core.source import Place
from flowmake.views.composing import Known, Options, draw
from flowmake.views.picture import Picture, ends


def pairs(picture: Picture) -> list[str]:
    def shown(key: tuple[bool, str]) -> str:
        return f"<{key[1]}>" if key[0] else key[1]

    return [f"{shown(e.tail)} {'~' if e.kind == 'order' else '-'}> {shown(e.head)}" for e in picture.edges]


def test_fan_outs_are_one_node_with_counts(graph: Any, order: list[str], known: Known) -> None:
    picture = draw(graph, order, known)
    nodes = {node.name: node for node in picture.nodes}
    assert list(nodes) == ["fetch", "clean", "compile", "warm", "link", "split", "each", "report", "all"]
    compiling = nodes["compile"]
    assert (compiling.kind, compiling.tasks) == ("foreach", ("compile@a", "compile@b", "compile@c"))
    assert (compiling.status, compiling.counts) == ("failed", {"failed": 1, "stale": 1, "fresh": 1})
    assert compiling.outputs == ("build/a.o", "build/b.o", "build/c.o")
    assert (nodes["each"].kind, nodes["each"].expandable) == ("foreach", True)
    assert nodes["all"].kind == "group"
    assert pairs(picture) == [
        "fetch -> clean",
        "warm ~> link",
        "compile -> link",
        "clean -> split",
        "split -> each",
        "each -> report",
        "link -> report",
        "clean -> report",
        "report -> all",
        "link -> all",
    ]
    assert [node.name for node in ends(picture)] == ["all"]


def test_expanded_fan_outs_show_every_instance(graph: Any, order: list[str], known: Known) -> None:
    picture = draw(graph, order, known, Options(expand=True))
    names = [node.name for node in picture.nodes]
    assert names[2:5] == ["compile@a", "compile@b", "compile@c"]
    assert "compile" not in names
    assert [pair for pair in pairs(picture) if "compile" in pair] == [f"compile@{c} -> link" for c in "abc"]


def test_the_name_of_an_expanded_fan_out_stays_where_something_waits_for_it(flow_of: Any, task: Any) -> None:
    from flowmake.core.model import Foreach, KeySource

    graph = flow_of(
        task("part", foreach=Foreach({"n": KeySource(values=(1, 2))}), outputs=["p{n}"]),
        task("whole", needs=("part",)),
    )
    picture = draw(graph, ["part@1", "part@2", "part", "whole"], options=Options(expand=True))
    assert pairs(picture) == ["part@1 -> part", "part@2 -> part", "part -> whole"]


def test_only_the_chosen_tasks_are_drawn(graph: Any, known: Known) -> None:
    picture = draw(graph, ["compile@a", "link"], known)
    assert pairs(picture) == ["compile -> link"]
    assert picture.nodes[0].tasks == ("compile@a",)
    assert picture.nodes[0].counts == {"stale": 1}


def test_files_stand_between_tasks(graph: Any, order: list[str], known: Known) -> None:
    picture = draw(graph, order, known, Options(files=True))
    assert pairs(picture) == [
        "warm ~> link",
        "split -> each",
        "each -> report",
        "report -> all",
        "link -> all",
        "fetch -> <raw.csv>",
        "clean -> <clean.csv>",
        "compile -> <build/*.o>",
        "link -> <app>",
        "split -> <parts/>",
        "report -> <report.html>",
        "<raw.csv> -> clean",
        "<etl/clean.py> -> clean",
        "<src/*.c> -> compile",
        "<all.h> -> compile",
        "<build/*.o> -> link",
        "<clean.csv> -> split",
        "<app> -> report",
        "<clean.csv> -> report",
    ]
    files = {node.name: node.outputs for node in picture.nodes if node.kind == "file"}
    assert files["src/*.c"] == ("src/a.c", "src/b.c", "src/c.c")
    assert files["all.h"] == ("all.h",)


def test_files_known_to_be_read_replace_guesses(flow_of: Any, task: Any) -> None:
    graph = flow_of(
        task("gen", outputs=["out/", "log.txt"]),
        task("use", inputs=["*.txt"], needs=("gen",)),
        task("look", inputs=["out/part/x"]),
    )
    known = Known(reads={"use": ("log.txt", "notes.txt", "out/a")})
    picture = draw(graph, ["gen", "use", "look"], known, Options(files=True))
    assert pairs(picture) == [
        "gen -> <out/>",
        "gen -> <log.txt>",
        "<log.txt> -> use",
        "<out/> -> use",
        "<*.txt> -> use",
        "<out/> -> look",
    ]


def test_what_a_glob_excludes_is_not_read(flow_of: Any, task: Any) -> None:
    graph = flow_of(
        task("gen", outputs=["o/a.txt", "o/b.txt", "o[1].txt"]), task("use", inputs=["o/*.txt", "o[1].txt"])
    )
    use = graph.tasks["use"]
    excluding = (*use.inputs, Input("o/b*", "exclude"))
    graph.tasks["use"] = structs.replace(use, inputs=excluding)
    picture = draw(graph, ["gen", "use"], options=Options(files=True))
    assert pairs(picture)[3:] == ["<o/a.txt> -> use", "<o[1].txt> -> use"]


def test_a_directory_read_holds_what_is_made_inside(flow_of: Any, task: Any) -> None:
    graph = flow_of(task("gen", outputs=["site/a", "other"]), task("use", inputs=["site/"], needs=("gen",)))
    picture = draw(graph, ["gen", "use"], options=Options(files=True))
    assert pairs(picture) == ["gen -> <site/a>", "gen -> <other>", "<site/a> -> use"]


@given(st.data())
def test_a_collapsed_picture_is_the_image_of_the_expanded_one(data: st.DataObject) -> None:
    names = [f"{'abcd'[n % 4]}@{n}" for n in range(data.draw(st.integers(1, 12)))]
    upstream = {n: tuple(data.draw(st.sets(st.sampled_from(names[:i] or names[:1])))) for i, n in enumerate(names)}
    declared, group = Declaration("t", Place("Flowfile"), "run", "x"), Declaration("g", Place("Flowfile"))

    class Layered:
        tasks: ClassVar = {n: Task(n, declared) for n in names} | {n: Task(n, group) for n in "abcd"}
        groups: ClassVar = {group: tuple(n for n in names if n[0] == group) for group in "abcd"}
        fanouts: ClassVar[dict[str, tuple[str, ...]]] = {}

        def upstream(self, name: str) -> tuple[str, ...]:
            return tuple(u for u in upstream.get(name, ()) if u != name)

        def producer(self, path: str) -> str | None:
            return None

    every = draw(Layered(), names, options=Options(expand=True))
    folded = draw(Layered(), names)
    image = {(edge.tail[1][0], edge.head[1][0]) for edge in every.edges}
    assert {(edge.tail[1], edge.head[1]) for edge in folded.edges} == {(a, b) for a, b in image if a != b}
    assert sorted(name for node in folded.nodes for name in node.tasks) == sorted(names)


def test_files_of_different_tasks_that_look_alike_stay_apart(flow_of: Any, task: Any) -> None:
    from flowmake.core.model import Foreach, KeySource

    def fan(name: str, *values: int) -> Declaration:
        made: Declaration = task(name, foreach=Foreach({"n": KeySource(values=values)}), outputs=["x{n}.o"])
        return made

    graph = flow_of(fan("low", 1, 2), fan("high", 8, 9))
    picture = draw(graph, ["low@1", "low@2", "high@8", "high@9"], options=Options(files=True))
    assert pairs(picture) == ["low -> <x*.o>", "high -> <x*.o (high)>"]


def test_a_file_may_be_called_like_a_task(flow_of: Any, task: Any) -> None:
    graph = flow_of(task("app", outputs=["app"]), task("run", inputs=["app"]))
    picture = draw(graph, ["app", "run"], options=Options(files=True))
    assert pairs(picture) == ["app -> <app>", "<app> -> run"]
    assert [node.kind for node in picture.nodes] == ["task", "task", "file"]


def test_instances_that_wait_for_each_other_make_no_loop(flow_of: Any, task: Any) -> None:
    from flowmake.core.model import Foreach, KeySource

    graph = flow_of(task("day", foreach=Foreach({"n": KeySource(values=(1, 2))}), inputs=["d1"], outputs=["d{n}"]))
    assert pairs(draw(graph, ["day@1", "day@2", "day"])) == []


@pytest.mark.parametrize(("by", "cluster"), [("tag", "etl"), ("include", "etl.toml"), ("", "")])
def test_boxes_come_from_tags_or_included_files(graph: Any, by: Any, cluster: str) -> None:
    picture = draw(graph, ["clean"], options=Options(cluster=by))
    assert picture.nodes[0].cluster == cluster


@pytest.mark.parametrize(
    ("kind", "action", "command"), [("run", "echo {{ inputs }}", "echo {{ inputs }}"), ("exec", ("ls", "-l"), "ls -l")]
)
def test_commands_are_shown_rendered_where_that_is_known(
    flow_of: Any, task: Any, kind: str, action: Any, command: str
) -> None:
    graph = flow_of(task("t", kind=kind, action=action))
    assert draw(graph, ["t"]).nodes[0].command == command
    assert draw(graph, ["t"], Known(commands={"t": "rendered"})).nodes[0].command == "rendered"
