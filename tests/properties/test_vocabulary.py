"""Anything a Flowfile says, edited at random: a run leaves what a clean build leaves, and a second does nothing.

The core alone, on files in memory: directories, output globs, fan-outs, lists, groups, stamps, temporary outputs,
leftovers. What must run, task by task, is told by an oracle in `test_incremental`, with fewer words and real files.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from flowmake.core.fingerprint import text_digest
from flowmake.core.model import Task
from flowmake.core.staleness import Fresh, Stale
from tests.desk import Desk

TASKS = {
    "generate": 'inputs = ["seed"]\noutputs = ["src/generated"]',
    "folder": 'inputs = ["src/*"]\noutputs = ["folder/"]\nrun = "{{ inputs }}"',
    "peek": 'inputs = ["folder/a"]\noutputs = ["peek"]',
    "split": 'inputs = ["words"]\noutputs = ["parts/*"]',
    "each": 'foreach.p = { glob = "parts/{p}" }\ninputs = ["parts/{{ p }}"]\noutputs = ["done/{{ p }}"]',
    "pack": 'inputs = ["folder/", "done/*"]\noutputs = ["pack"]\nrun = "{{ inputs }}"',
    "check": 'inputs = ["pack"]',
    "temp": 'inputs = ["src/a"]\noutputs = [{ path = "temp/", temp = true }]',
    "reader": 'inputs = ["temp/*", "src/b"]\noutputs = ["reader"]\nrun = "{{ inputs }}"',
    "choose": 'inputs = ["list"]\noutputs = ["lists/chosen"]',
    "pick": 'inputs = [{ lines = "lists/chosen" }]\noutputs = ["pick"]\nrun = "{{ inputs }}"',
    "stamp": 'inputs = ["pick"]\noutputs = ["stamp"]',
    "cities": 'foreach.c = { lines = "cities" }\noutputs = ["city/{{ c }}"]',
    "group": 'needs = ["cities", "each", "check"]',
    "all": 'needs = ["group"]\ninputs = ["stamp"]\noutputs = ["all"]\nrun = "{{ needs.group.outputs }}"',
}
OPTIONAL = ("generate", "peek", "reader")
LISTED = ("src/a", "src/b", "folder/a", "pack", "words")
WORDS = st.lists(st.sampled_from("xyz"), min_size=1, unique=True).map("\n".join)


def read(desk: Desk, path: str) -> str:
    """The content of a file, or of all files in a directory."""
    if path.endswith("/"):
        return "".join(f"{one}={desk.files.text(one)}" for one in sorted(desk.files.files) if one.startswith(path))
    return desk.files.text(path) if path in desk.files.files else "absent"


def digest_of(desk: Desk, task: Task) -> str:
    """A short digest of all that the task's command may look at, often the same as before."""
    facts = desk.evidence.facts(task.name)
    assert facts.recipe is not None
    paths = [path for path in facts.inputs if path != "stamp"]
    return text_digest(facts.recipe.text + "".join(path + read(desk, path) for path in sorted(paths)))[:1]


def play(desk: Desk, task: Task) -> None:
    """What commands do: read all inputs, write all outputs, each in its own way."""
    match task.declared.name:
        case "folder":
            desk.files.remove("folder")
            for path in desk.evidence.facts("folder").inputs:
                desk.files.write("folder/" + path.removeprefix("src/"), read(desk, path)[:1])
        case "split":
            for word in read(desk, "words").split():
                desk.files.write(f"parts/{word}", word)
        case "temp":
            desk.files.remove("temp")
            desk.files.make_dir("temp")
            for name in "123"[: len(read(desk, "src/a"))]:
                desk.files.write(f"temp/{name}", digest_of(desk, task))
        case "choose":
            desk.files.write("lists/chosen", read(desk, "list"))
        case "stamp":
            desk.files.write("stamp")
        case _:
            for output in task.outputs:
                desk.files.write(output.path, digest_of(desk, task))


PLAYS = dict.fromkeys(TASKS, play)


class Vocabulary(RuleBasedStateMachine):
    """One desk, edited at random; `sources` is what the user wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, str] = {}
        self.salts = dict.fromkeys(TASKS, 0)
        self.dropped: set[str] = set()
        self.desk = Desk("")

    @initialize(words=WORDS, cities=WORDS, listed=st.sampled_from(LISTED))
    def begin(self, words: str, cities: str, listed: str) -> None:
        for path, text in {"src/a": "a", "src/b": "b", "seed": "s", "words": words, "cities": cities}.items():
            self._write(path, text)
        self._write("list", listed)
        self.check()

    def text(self) -> str:
        kept = {name: fields for name, fields in TASKS.items() if name not in self.dropped}
        return "".join(f"[tasks.{n}]\n{fields}\n{self._action(n, fields)}\n" for n, fields in kept.items())

    def _action(self, name: str, fields: str) -> str:
        if name == "group":
            return ""
        return f"env.SALT = '{self.salts[name]}'\n" + ("" if "run = " in fields else "run = 'x'")

    # -- edits -------------------------------------------------------------------------------------------------

    @rule(path=st.sampled_from(["src/a", "src/b", "src/c", "seed"]), text=st.sampled_from(["", "1", "22", "23"]))
    def edit(self, path: str, text: str) -> None:
        self._write(path, text)

    @rule()
    def remove(self) -> None:
        self.sources.pop("src/c", None)
        self.desk.files.remove("src/c")

    @rule(path=st.sampled_from(["words", "cities"]), words=WORDS)
    def edit_words(self, path: str, words: str) -> None:
        self._write(path, words)

    @rule(paths=st.lists(st.sampled_from(LISTED), min_size=1, unique=True))
    def edit_list(self, paths: list[str]) -> None:
        self._write("list", "\n".join(paths))

    @rule(name=st.sampled_from(sorted(TASKS)), salt=st.integers(0, 2))
    def change_recipe(self, name: str, salt: int) -> None:
        self.salts[name] = salt

    @rule(data=st.data(), text=st.sampled_from([None, "", "harm"]))
    def harm_output(self, data: st.DataObject, text: str | None) -> None:
        made = sorted(self.desk.files.files.keys() - self.sources.keys())
        if not made:
            return
        path = data.draw(st.sampled_from(made))
        self.desk.text = self.text()
        if self.desk.graph().producer(path) is None:
            return  # nobody makes it any more: edited, it would rightly count as the user's
        if text is None or path.startswith(("done/", "city/")):
            # Edited, and then no longer made because its instance has gone, it would rightly count as the user's.
            self.desk.files.remove(path)
        else:
            self.desk.files.write(path, text)

    @rule(name=st.sampled_from(OPTIONAL))
    def drop_or_restore(self, name: str) -> None:
        """Only what is as it was made counts as a leftover, so everything is made before."""
        self.check()
        self.dropped ^= {name}

    @rule()
    def lose_temporary_outputs(self) -> None:
        self.check()
        self.desk.files.remove("temp")
        assert self._run() == []

    # -- runs --------------------------------------------------------------------------------------------------

    @rule()
    def check(self) -> None:
        self.desk.text = self.text()
        verdicts = {judged.task.name: judged.verdict for judged in self.desk.preview(*self._targets()).tasks()}
        ran = self._run()
        assert {name for name, verdict in verdicts.items() if isinstance(verdict, Stale)} <= set(ran)
        assert not {n for n, v in verdicts.items() if isinstance(v, Fresh)} & set(ran) - {"temp"}
        assert self._run() == []
        clean = Desk(self.desk.text, self.sources)
        clean.run(*self._targets(), plays=PLAYS)
        assert clean.edges() == self.desk.edges()
        assert self._results(self.desk) == self._results(clean)

    def _run(self) -> list[str]:
        return self.desk.run(*self._targets(), plays=PLAYS)

    def _targets(self) -> list[str]:
        return [name for name, fields in TASKS.items() if name not in self.dropped]

    def _results(self, desk: Desk) -> dict[str, str]:
        """All that current tasks made, but for what is temporary."""
        tasks = [task for task in desk.evidence.graph.tasks.values() if task.name != "temp"]
        return {path: read(desk, path) for task in tasks for path in desk.evidence.output_paths(task)}

    def _write(self, path: str, text: str) -> None:
        self.sources[path] = text
        self.desk.files.write(path, text)


def test_incremental_runs_equal_clean_ones_whatever_the_flowfile_says() -> None:
    run_state_machine_as_test(Vocabulary, settings=_settings(examples=40, steps=12))


@pytest.mark.slow
def test_hundreds_of_sequences_of_everything() -> None:
    run_state_machine_as_test(Vocabulary, settings=_settings(examples=600, steps=30))


def _settings(examples: int, steps: int) -> settings:
    checks = list(HealthCheck)
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
