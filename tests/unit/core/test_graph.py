"""From Flowfile text to edges: who waits for whom, and what a graph refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import FlowfileError
from flowmake.core.walks import find_cycle
from tests.desk import Desk


def flow(**tasks: str) -> str:
    """Flowfile text: for each task its fields, `run` added."""
    return "".join(f"[tasks.{name}]\nrun = 'x'\n{fields}\n" for name, fields in tasks.items())


def edges(files: tuple[str, ...] = (), **tasks: str) -> dict[str, tuple[str, ...]]:
    return Desk(flow(**tasks), dict.fromkeys(files, "")).edges()


# -- edges that nobody has to declare --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("mid", "mid"),
        ("./a/../mid", "mid"),
        ("mid", "{{ flow.root }}/mid"),
        ("/root/mid", "mid"),
        ("site/", "site/"),
        ("site/", "site/deep/page"),
        ("site/", "site"),
        ("site/", "site/*.html"),
        ("site/", "**/*.html"),
        ("site/", "./"),
        ("site/deep/page", "site/"),
        ("site/deep/page", "site"),
        ("site/deep/", "site/"),
        ("site/deep/", "site"),
        ("site/*.html", "site/"),
        ("site/*.html", "site"),
        ("parts/*.csv", "parts/1.csv"),
        ("parts/*.csv", "parts/1*"),
        ("parts/*.csv", "**"),
        ("parts/1.csv", "parts/*.csv"),
        ("[[]x]", "[[]x]"),
        ("{{ params.name }}", "param"),
    ],
)
def test_reading_what_another_makes_is_an_edge(made: str, read: str) -> None:
    text = flow(make=f"outputs = ['{made}']", use=f"inputs = ['{read}']")
    assert Desk('params.name = "param"\n' + text).edges() == {"use": ("make",)}


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("mid", "middle"),
        ("site/", "sites/x"),
        ("site/", "site2"),
        ("site/x", "site2/"),
        ("site/*.html", "site/*.css"),
        ("parts/1.csv", "parts/*.txt"),
        ("parts/deep/1.csv", "parts/*.csv"),
        ("parts/.hidden", "parts/*"),
        ("parts/[[]1]", "parts/[1]"),
    ],
)
def test_reading_something_else_is_none(made: str, read: str) -> None:
    assert edges(make=f"outputs = ['{made}']", use=f"inputs = ['{read}']") == {}


def test_all_entries_of_named_lists_and_lists_count() -> None:
    """
    a ──▶ use ◀── list
    b ─────┘
    """
    found = edges(
        a="outputs = ['a']",
        b="outputs = ['b']",
        list="outputs = ['l']",
        use="inputs = { one = 'a', two = [{ path = 'b', check = 'exists' }], three = { lines = 'l' } }",
    )
    assert found == {"use": ("a", "b", "list")}


def test_own_outputs_never_count_among_what_a_glob_matches() -> None:
    assert edges(index="inputs = ['docs/*', 'docs/**']\noutputs = ['docs/index', 'docs/more*']") == {}


@pytest.mark.parametrize("exclude", ["out", "o*", "out*"])
def test_what_is_excluded_is_no_edge(exclude: str) -> None:
    assert edges(make="outputs = ['out']", use=f"inputs = ['*', '!{exclude}']") == {}
    assert edges(make="outputs = ['out']", use=f"inputs = ['out', '!{exclude}']") == {"use": ("make",)}


def test_excluded_directories_and_globs_are_no_edges() -> None:
    assert edges(make="outputs = ['tmp/']", use="inputs = ['**', '!tmp/']") == {}
    assert edges(make="outputs = ['tmp/x']", use="inputs = ['**', '!tmp/']") == {}
    assert edges(make="outputs = ['tmp/*.x']", use="inputs = ['**', '!tmp/*.x']") == {}
    assert edges(make="outputs = ['tmp/*.x']", use="inputs = ['**', '!tmp/1.x']") == {"use": ("make",)}


# -- edges by name ---------------------------------------------------------------------------------------------

MATRIX = "foreach = { city = ['rome', 'oslo'], year = [1, 2] }\noutputs = ['{{ city }}/{{ year }}']"


def test_needs_on_names_groups_instances_and_globs() -> None:
    """
    plot@rome,1 … plot@oslo,2 ──▶ plot ──▶ by-name, everything
                  plot@rome,* ──▶ some
    """
    found = edges(
        plot=MATRIX,
        **{
            "by-name": "needs = ['plot']",
            "one": "needs = ['plot@oslo,2']",
            "some": "needs = ['plot@rome,*']",
            "everything": "needs = ['*']",
        },
    )
    instances = ("plot@rome,1", "plot@rome,2", "plot@oslo,1", "plot@oslo,2")
    assert found["plot"] == instances
    assert found["by-name"] == ("plot",)
    assert found["one"] == ("plot@oslo,2",)
    assert found["some"] == instances[:2]
    assert set(found["everything"]) == {"plot", *instances, "by-name", "one", "some"}


def test_the_outputs_behind_needs_are_read_through_groups_of_groups() -> None:
    text = "[tasks.all]\nneeds = ['plot', 'a']\n" + flow(plot=MATRIX, a="outputs = ['a']", use="needs = ['all']")
    graph = Desk(text).graph()
    read = [output.path for task in graph.reads_from("use") for output in task.outputs]
    assert read == ["rome/1", "rome/2", "oslo/1", "oslo/2", "a"]


def test_after_only_orders() -> None:
    graph = Desk(flow(a="outputs = ['a']", b="outputs = ['b']", use="inputs = ['b']\nafter = ['a', 'b']")).graph()
    assert graph.upstream("use") == ("b", "a")
    assert graph.order_only("use") == {"a"}
    assert list(graph.reads_from("use")) == []


def test_a_pattern_means_neither_the_task_itself_nor_all_its_instances() -> None:
    found = edges(last="needs = ['*']", first="", each="foreach.n = [1, 2]\nafter = ['f*']")
    assert found["last"] == ("first", "each@1", "each@2", "each")
    graph = Desk(flow(a="needs = ['*']\noutputs = ['a']", b="outputs = ['b']")).graph()
    assert [task.name for task in graph.reads_from("a")] == ["b"]


# -- fan-outs --------------------------------------------------------------------------------------------------


def test_instances_are_chained_through_their_files() -> None:
    """a@1 ──▶ b@1, a@2 ──▶ b@2"""
    found = edges(
        b="foreach.n = { glob = 'a/{n}' }\ninputs = ['a/{{ n }}']\noutputs = ['b/{{ n }}']",
        a="foreach.n = [1, 2]\noutputs = ['a/{{ n }}']",
    )
    assert found == {"a": ("a@1", "a@2"), "b": ("b@1", "b@2"), "b@1": ("a@1",), "b@2": ("a@2",)}


def test_instances_may_need_the_one_before() -> None:
    found = edges(step='foreach.n = [0, 1, 2]\nneeds = ["{% if n %}step@{{ n - 1 }}{% endif %}"]')
    assert found["step@2"] == ("step@1",)
    assert found["step@1"] == ("step@0",)


@pytest.mark.parametrize(
    "source",
    [
        "{ from = 'split', glob = 'parts/{p}' }",
        "{ lines = 'parts/list' }",
        "{ json = 'parts/list' }",
        "{ glob = 'parts/{p}' }",
    ],
)
def test_a_source_that_is_made_puts_the_fan_out_off(source: str) -> None:
    """split ──▶ each (not expanded) ──▶ all"""
    desk = Desk(
        flow(
            split="outputs = ['parts/']",
            each=f"foreach.p = {source}\ninputs = ['x']\noutputs = ['done/{{{{ p }}}}']",
            all="needs = ['each']",
            reader="inputs = ['done/1']",
            globber="inputs = ['done/*']",
        )
    )
    graph = desk.graph()
    assert graph.fanouts == {"each": ("split",)}
    assert graph.upstream("each") == ("split",)
    assert [graph.upstream(name) for name in ("all", "reader", "globber")] == [("each",)] * 3
    assert graph.producer("done/1") == "each"
    desk.files.write("parts/list", '["1", "2"]' if "json" in source else "1\n2\n")
    if "glob" in source:
        desk.files.remove("parts/list")
        desk.files.write("parts/1")
        desk.files.write("parts/2")
    assert graph.expand_fanout("each") == ("each@1", "each@2")
    assert graph.fanouts == {}
    assert graph.upstream("each") == ("split", "each@1", "each@2")
    assert graph.producer("done/1") == "each@1"


def test_a_fan_out_of_a_fan_out() -> None:
    desk = Desk(
        flow(
            split="outputs = ['parts/*']",
            each="foreach.p = { glob = 'parts/{p}' }\ninputs = ['parts/{{ p }}']\noutputs = ['done/{{ p }}']",
            again="foreach.p = { glob = 'done/{p}' }\ninputs = ['done/{{ p }}']\noutputs = ['again/{{ p }}']",
        )
    )
    graph = desk.graph()
    assert graph.fanouts == {"each": ("split",), "again": ("each",)}
    desk.files.write("parts/1")
    assert graph.expand_fanout("each") == ("each@1",)
    assert graph.expand_fanout("again") == ("again@1",)
    assert graph.upstream("again@1") == ("each@1",)


# -- clean and built, and what is left over --------------------------------------------------------------------

BUILT = [
    flow(each="foreach.n = { glob = 'src/{n}' }\ninputs = ['src/{{ n }}']\noutputs = ['out/{{ n }}']",
         all="foreach.n = { glob = 'out/{n}' }\ninputs = ['out/{{ n }}']\noutputs = ['all/{{ n }}']"),
    flow(each="foreach.n = { glob = 'src/{n}' }\ninputs = ['src/{{ n }}']\noutputs = ['src/{{ n }}.out']"),
    flow(gen="outputs = ['src/gen']",
         each="foreach.n = { glob = 'src/{n}' }\ninputs = ['src/{{ n }}']\noutputs = ['out/{{ n }}']"),
]  # fmt: skip


@pytest.mark.parametrize("text", BUILT)
def test_a_built_checkout_has_the_graph_of_a_clean_one(text: str) -> None:
    desk = Desk(text, {"src/a": "a", "src/b": "b"})
    clean = desk.edges()
    assert desk.run()
    assert desk.edges() == clean
    assert desk.run() == []


def test_leftovers_are_no_sources_for_fan_outs() -> None:
    gen = flow(gen="outputs = ['src/gen', 'src/folder/']")
    each = flow(each="foreach.n = { glob = 'src/**/{n}' }\noutputs = ['out/{{ n }}']")
    desk = Desk(gen + each, {"src/own": ""})

    def make(desk: Desk, task: object) -> None:
        desk.files.write("src/gen", "made")
        desk.files.write("src/folder/inner", "made")

    desk.run("gen", plays={"gen": make})
    desk.text = each
    assert desk.edges()["each"] == ("each@own",)
    desk.files.write("src/folder/inner", "edited, and so mine")
    desk.files.forget()
    assert desk.edges()["each"] == ("each@inner", "each@own")


def test_what_an_input_names_is_no_leftover() -> None:
    desk = Desk(flow(gen="outputs = ['a', 'b', 'd/']"))
    desk.run("gen")
    desk.text = flow(use="inputs = ['a', 'd/x']")
    graph = desk.graph()
    assert {path: graph.is_leftover(path) for path in ("a", "b", "never-made")} == {
        "a": False,
        "b": True,
        "never-made": False,
    }


# -- cycles ----------------------------------------------------------------------------------------------------


def test_late_edges_never_make_a_cycle() -> None:
    graph = Desk(flow(a="outputs = ['a']", b="inputs = ['a']\noutputs = ['b']", c="")).graph()
    assert graph.discover("a", ["b", "a"]) == ()
    assert graph.discover("b", ["c", "a", "c"]) == ("c",)
    assert graph.upstream("b") == ("a", "c")


@pytest.mark.parametrize("needs", ["needs = ['prepare']", "inputs = ['conf']", "inputs = ['con?', 'x']"])
def test_what_a_fan_out_needs_does_not_wait_for_what_the_fan_out_may_make(needs: str) -> None:
    """
    split ──▶ each ◀── prepare ◀── (may be made by each, once it is known)
    """
    desk = Desk(
        flow(
            split="outputs = ['parts/*']",
            each=f"foreach.p = {{ glob = 'parts/{{p}}' }}\n{needs}\noutputs = ['{{{{ p }}}}']",
            prepare="inputs = ['source']\noutputs = ['conf']",
        )
    )
    desk.files.write("parts/1")
    graph = desk.graph()
    assert graph.upstream("prepare") == ()
    assert graph.expand_fanout("each") == ("each@1",)
    assert graph.upstream("each@1") == ("prepare",)


def test_a_cycle_that_shows_only_when_instances_exist() -> None:
    desk = Desk(
        flow(
            split="outputs = ['parts/*']",
            each="foreach.p = { glob = 'parts/{p}' }\nneeds = ['prepare']\noutputs = ['{{ p }}']",
            prepare="inputs = ['source']\noutputs = ['conf']",
        )
    )
    desk.files.write("parts/source")
    graph = desk.graph()
    with pytest.raises(FlowfileError, match="tasks wait for each other: `each@source` → `prepare`"):
        graph.expand_fanout("each")


def test_a_fan_out_whose_instances_wait_for_their_own_whole() -> None:
    desk = Desk(flow(split="outputs = ['p/*']", each="foreach.p = { glob = 'p/{p}' }\nneeds = ['each']"))
    desk.files.write("p/1")
    graph = desk.graph()
    with pytest.raises(FlowfileError, match="tasks wait for each other: `each` → `each@1`"):
        graph.expand_fanout("each")


graphs = st.integers(1, 7).flatmap(
    lambda size: st.lists(st.sets(st.integers(0, size - 1), max_size=3), min_size=size, max_size=size)
)


def as_upstream(rows: list[set[int]]) -> dict[str, tuple[str, ...]]:
    return {str(i): tuple(map(str, sorted(row))) for i, row in enumerate(rows)}


def closure(upstream: dict[str, tuple[str, ...]]) -> dict[str, set[str]]:
    """All that each name waits for, the naive way: add until nothing is added."""
    found = {name: set(others) for name, others in upstream.items()}
    while True:
        grown = {name: others.union(*(found[other] for other in others)) for name, others in found.items()}
        if grown == found:
            return found
        found = grown


@given(graphs)
def test_a_cycle_is_found_exactly_when_there_is_one(rows: list[set[int]]) -> None:
    upstream = as_upstream(rows)
    cycle = find_cycle(upstream, upstream)
    assert bool(cycle) == any(name in others for name, others in closure(upstream).items())
    for name, following in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
        assert following in upstream[name]
    assert len(set(cycle)) == len(cycle)


@given(graphs, st.data())
def test_order_and_reaches_agree_with_the_naive_closure(rows: list[set[int]], data: st.DataObject) -> None:
    upstream = as_upstream([{other for other in row if other < i} for i, row in enumerate(rows)])
    text = flow(**{f"t{name}": f"needs = {[f't{o}' for o in others]}" for name, others in upstream.items()})
    graph = Desk(text).graph()
    waits = {f"t{name}": {f"t{o}" for o in others} for name, others in closure(upstream).items()}
    wanted = data.draw(st.lists(st.sampled_from(sorted(waits)), max_size=3))
    order = graph.order(wanted)
    assert set(order) == set(wanted).union(*(waits[name] for name in wanted))
    assert len(set(order)) == len(order)
    for index, name in enumerate(order):
        assert waits[name] <= set(order[:index])
    for start in waits:
        assert {goal for goal in waits if graph.reaches(start, goal)} == waits[start] | {start}
