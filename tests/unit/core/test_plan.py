"""From targets to tasks, and previews that agree with what a run then does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.errors import FlowfileError, UsageError
from flowmake.core.plan import Demand, check_inputs, needed, preview, resolve_targets
from flowmake.core.positions import render
from flowmake.core.staleness import Fresh, Stale, Waiting
from tests.desk import Desk, write_outputs

FLOW = """
[tasks.fetch]
foreach.city = ["rome", "oslo"]
tags = ["net", "etl"]
inputs = ["{{ city }}.url"]
outputs = ["raw/{{ city }}.csv"]
run = "x"
[tasks.clean-data]
tags = ["etl"]
inputs = ["raw/*.csv"]
outputs = ["data/clean.csv", "data/site/"]
run = "x"
[tasks.plots]
inputs = ["data/clean.csv"]
outputs = ["plots/*.png"]
run = "x"
[tasks.report]
needs = ["clean-data"]
outputs = ["report", "sub/report"]
run = "x"
[tasks.report-all]
needs = ["report", "plots"]
[tasks.lint]
inputs = ["style"]
run = "x"
"""
SOURCES = {"rome.url": "r", "oslo.url": "o", "style": "s"}


def resolve(*targets: str, here: str = "", text: str = FLOW) -> tuple[str, ...]:
    return resolve_targets(Desk(text, SOURCES).graph(), targets, here)


# -- targets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("report", ("report",)),
        ("./report", ("report",)),
        ("fetch", ("fetch",)),
        ("fetch@oslo", ("fetch@oslo",)),
        ("fetch@*", ("fetch@rome", "fetch@oslo")),
        ("report*", ("report", "report-all")),
        ("tag:etl", ("fetch", "clean-data")),
        ("raw/oslo.csv", ("fetch@oslo",)),
        ("raw//../raw/oslo.csv", ("fetch@oslo",)),
        ("data/clean.csv", ("clean-data",)),
        ("data/site/", ("clean-data",)),
        ("data/site", ("clean-data",)),
        ("data/site/deep/page", ("clean-data",)),
        ("plots/1.png", ("plots",)),
        ("/root/raw/rome.csv", ("fetch@rome",)),
    ],
)
def test_what_a_target_means(target: str, names: tuple[str, ...]) -> None:
    assert resolve(target) == names


@pytest.mark.parametrize(
    ("target", "here", "names"),
    [
        ("oslo.csv", "raw/", ("fetch@oslo",)),
        ("../report", "raw/", ("report",)),
        ("./report", "sub/", ("report",)),
        ("report", "sub/", ("report",)),
        ("clean.csv", "data/", ("clean-data",)),
        ("data/clean.csv", "raw/", ("clean-data",)),
        ("fetch", "raw/", ("fetch",)),
    ],
)
def test_paths_are_meant_from_the_current_folder(target: str, here: str, names: tuple[str, ...]) -> None:
    assert resolve(target, here=here) == names


def test_a_name_wins_over_a_path_of_the_same_spelling() -> None:
    text = "[tasks.x]\noutputs = ['y']\nrun = 'x'\n[tasks.y]\noutputs = ['x']\nrun = 'y'"
    assert resolve("x", text=text) == ("x",)
    assert resolve("./x", text=text) == ("y",)


def test_several_targets_keep_their_order_and_appear_once() -> None:
    assert resolve("lint", "tag:etl", "fetch", "lint") == ("lint", "fetch", "clean-data")


def test_without_targets_it_is_the_default_or_what_nothing_else_needs() -> None:
    assert resolve() == ("report-all", "lint")
    assert resolve(text="flow.default = ['report']\n" + FLOW) == ("report",)


def test_a_foreach_whose_instances_are_all_needed_is_no_default() -> None:
    text = FLOW + "[tasks.last]\nforeach.n = [1, 2]\nafter = ['lint']\nrun = 'x'\n"
    assert resolve(text=text) == ("report-all", "last")


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("oslo", "no task is called `oslo`, and none makes such a path", "did you mean `fetch@oslo`?"),
        ("reprot", "no task is called `reprot`, and none makes such a path", "did you mean `report`?"),
        (
            "raw/olso.csv",
            "no task is called `raw/olso.csv`, and none makes such a path",
            "did you mean `raw/oslo.csv`?",
        ),
        ("tag:etll", "no task has the tag `etll`", "did you mean `etl`?"),
        ("zzz*", "no task is called `zzz*`, and none makes such a path", ""),
        ("./fetch", "no task is called `./fetch`, and none makes such a path", ""),
    ],
)
def test_what_no_target_means(target: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(target)
    assert (caught.value.message, caught.value.hint if hint else "") == (message, hint)


def test_an_instance_that_is_not_known_yet() -> None:
    text = (
        "[tasks.split]\noutputs = ['p/*']\nrun = 'x'\n"
        "[tasks.each]\nforeach.n = { glob = 'p/{n}' }\noutputs = ['o/{{ n }}']\nrun = 'x'"
    )
    assert resolve("each", text=text) == ("each",)
    assert resolve("o/1", text=text) == ("each",)
    with pytest.raises(UsageError, match=r"^`each@1` is not known before `split` has run$"):
        resolve("each@1", text=text)


# -- what a demand needs ---------------------------------------------------------------------------------------


def test_a_demand_needs_everything_upstream_first_or_with_only_nothing_else() -> None:
    graph = Desk(FLOW, SOURCES).graph()
    assert needed(graph, Demand(("report",))) == ["fetch@oslo", "fetch@rome", "clean-data", "report"]
    assert needed(graph, Demand(("fetch", "report"), only=True)) == ["fetch@rome", "fetch@oslo", "report"]


def test_forcing_means_tasks_and_all_instances_of_a_name() -> None:
    tasks = Desk(FLOW, SOURCES).graph().tasks
    demand = Demand((), forced=frozenset({"fetch", "lint"}))
    assert [name for name, task in tasks.items() if demand.forces(task)] == ["lint", "fetch@rome", "fetch@oslo"]
    assert not Demand((), force_all=True).forces(tasks["report-all"])


def missing(text: str, files: dict[str, str], *targets: str) -> str:
    desk = Desk(text, files)
    evidence = desk.look()
    try:
        check_inputs(evidence, needed(evidence.graph, desk.demand(*targets)))
    except FlowfileError as error:
        return render(error.problems, lambda file: desk.text)
    return ""


def test_missing_inputs_are_told_for_what_was_asked_only() -> None:
    files = {"rome.url": "r"}
    assert missing(FLOW, files, "fetch@rome") == ""
    assert missing(FLOW, files, "report", "lint") == (
        "Flowfile:5:11: error: `oslo.url`, an input of `fetch@oslo`, does not exist and no task makes it\n"
        '    5 | inputs = ["{{ city }}.url"]\n'
        "      |           ^^^^^^^^^^^^^^^^\n"
        "\n"
        "Flowfile:24:11: error: `style`, an input of `lint`, does not exist and no task makes it\n"
        '   24 | inputs = ["style"]\n'
        "      |           ^^^^^^^\n"
        "\n"
        "2 errors in Flowfile\n"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "`list`, an input of `t`"),
        ({"list": "there\nmade\ndir\n"}, ""),
        ({"list": "there\nnot\n"}, "`not`, an input of `t`"),
    ],
)
def test_what_a_list_names_must_exist_or_be_made(files: dict[str, str], message: str) -> None:
    text = "[tasks.t]\ninputs = [{ lines = 'list' }]\nrun = 'x'\n[tasks.make]\noutputs = ['made', 'dir/x']\nrun = 'x'\n"
    shown = missing(text, {**files, "there": ""}, "t")
    assert message in shown
    assert bool(shown) == bool(message)


# -- previews --------------------------------------------------------------------------------------------------


def verdicts(desk: Desk, *targets: str) -> dict[str, str]:
    judgements = desk.preview(*targets).judgements
    return {name: type(judged.verdict).__name__.lower() for name, judged in judgements.items()}


CHAIN = """
[tasks.a]
inputs = ["src"]
outputs = ["a"]
run = "x"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "x"
[tasks.test]
inputs = ["a"]
run = "x"
[tasks.c]
needs = ["test"]
after = ["b"]
inputs = ["other"]
outputs = ["c"]
run = "x"
[tasks.all]
needs = ["b", "c", "test"]
"""


def test_what_waits_and_what_does_not() -> None:
    """
    src ──▶ a ──▶ b ┄┄after┄┄▶ c ──▶ all
             ╰──▶ test ──needs──╯
    """
    desk = Desk(CHAIN, {"src": "1", "other": "1"})
    assert set(verdicts(desk).values()) == {"stale", "waiting"}
    desk.run()
    assert set(verdicts(desk).values()) == {"fresh"}
    assert desk.preview().is_fresh
    desk.files.write("src", "2")
    assert verdicts(desk) == {"a": "stale", "b": "waiting", "test": "waiting", "c": "fresh", "all": "waiting"}
    judged = desk.preview().judgements
    assert judged["all"].verdict == Waiting(("b", "test"))
    assert [judgement.task.name for judgement in desk.preview().tasks()] == ["a", "b", "test", "c"]


def test_a_preview_of_only_what_was_asked() -> None:
    desk = Desk(CHAIN, {"src": "1", "other": "1"})
    desk.run()
    desk.files.write("src", "2")
    evidence = desk.look()
    plan = preview(evidence.graph, evidence, Demand(("b",), only=True))
    assert list(plan.judgements) == ["b"]
    assert plan.judgements["b"].verdict == Fresh()


def test_a_forced_preview() -> None:
    desk = Desk(CHAIN, {"src": "1", "other": "1"})
    desk.run()
    evidence = desk.look()
    plan = preview(evidence.graph, evidence, Demand(("b",), force_all=True))
    assert all(isinstance(judged.verdict, Stale) for judged in plan.tasks())


FANS = """
[tasks.split]
inputs = ["src"]
outputs = ["parts/"]
run = "x"
[tasks.each]
foreach.p = { glob = "parts/{p}" }
inputs = ["parts/{{ p }}"]
outputs = ["done/{{ p }}"]
run = "x"
[tasks.all]
needs = ["each"]
outputs = ["all"]
run = "{{ needs.each.outputs }}"
[tasks.glob]
inputs = ["done/*"]
outputs = ["glob"]
run = "x"
"""


def split(desk: Desk, task: object) -> None:
    desk.files.remove("parts")
    for word in desk.files.text("src").split():
        desk.files.write(f"parts/{word}", word)


def test_a_fan_out_waits_for_its_source_and_is_expanded_when_that_is_fresh() -> None:
    desk = Desk(FANS, {"src": "1 2"})
    assert verdicts(desk) == {"split": "stale", "each": "waiting", "all": "stale", "glob": "stale"}
    assert desk.run(plays={"split": split}) == ["split", "each@1", "each@2", "all", "glob"]
    assert set(verdicts(desk).values()) == {"fresh"}
    assert "each@2" in verdicts(desk)
    desk.files.write("src", "1")
    assert verdicts(desk) == {"split": "stale", "each": "waiting", "all": "waiting", "glob": "waiting"}
    assert desk.run(plays={"split": split}) == ["split", "all", "glob"]
    assert desk.run(plays={"split": split}) == []


def test_a_list_that_is_made_again_may_name_something_else() -> None:
    text = """
    [tasks.choose]
    inputs = ["wish"]
    outputs = ["list"]
    run = "x"
    [tasks.make]
    foreach.n = ["a", "b"]
    outputs = ["{{ n }}"]
    run = "x"
    [tasks.pack]
    inputs = [{ lines = "list" }]
    outputs = ["packed"]
    run = "cat {{ inputs }}"
    """
    desk = Desk(text, {"wish": "a"})

    def copy(desk: Desk, task: object) -> None:
        desk.files.write("list", desk.files.text("wish"))

    assert desk.run("pack", plays={"choose": copy}) == ["choose", "make@a", "pack"]
    desk.files.write("wish", "b")
    assert verdicts(desk, "pack") == {"choose": "stale", "pack": "waiting"}
    assert desk.run("pack", plays={"choose": copy}) == ["choose", "make@b", "pack"]
    desk.files.write("b", "edited")
    assert verdicts(desk, "pack") == {"choose": "fresh", "make@b": "stale", "pack": "waiting"}


def test_what_a_list_held_before_it_is_made_again_decides_nothing() -> None:
    text = """
    [tasks.choose]
    inputs = ["wish"]
    outputs = ["list"]
    run = "x"
    [tasks.pack]
    inputs = [{ lines = "list" }]
    outputs = ["packed"]
    run = "x"
    """
    desk = Desk(text, {"wish": "a"})

    def copy(desk: Desk, task: object) -> None:
        desk.files.write("list", desk.files.text("wish"))

    desk.run(plays={"choose": copy})
    desk.files.write("list", "harmed")
    assert verdicts(desk) == {"choose": "stale", "pack": "waiting"}
    assert desk.run(plays={"choose": copy}) == ["choose"]


def test_what_a_fan_out_may_no_longer_make_decides_nothing() -> None:
    """The result of an instance that is gone is a leftover, but only the next expansion can tell."""
    desk = Desk(FANS, {"src": "1 2"})
    desk.run(plays={"split": split})
    desk.files.write("src", "1")
    assert desk.run(plays={"split": split}) == ["split", "all", "glob"]
    desk.files.remove("parts/1")
    assert verdicts(desk) == {"split": "stale", "each": "waiting", "all": "waiting", "glob": "waiting"}
    assert desk.run(plays={"split": split}) == ["split"]


EDITS = ["src", "other", "a", "b", "c"]


@settings(deadline=None, max_examples=60)
@given(edits=st.lists(st.tuples(st.sampled_from(EDITS), st.sampled_from(["", "1", "2"])), max_size=4), data=st.data())
def test_a_preview_and_the_run_after_it_never_disagree(edits: list[tuple[str, str]], data: st.DataObject) -> None:
    """Stale runs, fresh does not; only what waits may go either way."""
    desk = Desk(CHAIN, {"src": "1", "other": "1"})
    desk.run()
    for path, text in edits:
        desk.files.write(path, text)
        if data.draw(st.booleans()):
            before = verdicts(desk)
            ran = desk.run(plays={"b": write_outputs})
            assert {name for name, verdict in before.items() if verdict == "stale"} <= set(ran)
            assert not {name for name, verdict in before.items() if verdict == "fresh"} & set(ran)
            assert set(verdicts(desk).values()) == {"fresh"}


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("prog", "did you mean `build/prog`?"),
        ("site", "did you mean `out/site/`?"),
        ("site/", "did you mean `out/site/`?"),
        ("linux", "did you mean `pack@linux`?"),
        ("bulid/prog", "did you mean `build/prog`?"),
        ("nothing-like-it", ""),
    ],
)
def test_the_end_of_a_path_or_an_instance_is_understood(target: str, hint: str) -> None:
    desk = Desk("""\
        [tasks.link]
        outputs = ["build/prog"]
        run = "link"

        [tasks.write]
        outputs = ["out/site/"]
        run = "write"

        [tasks.pack]
        foreach = { os = ["linux"] }
        outputs = ["{{ os }}.tar"]
        run = "pack"
        """)
    with pytest.raises(UsageError) as caught:
        resolve_targets(desk.graph(), [target])
    assert caught.value.hint == hint
