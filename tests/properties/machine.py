"""Random projects under random edits, and whether each run does what the oracle says: no more, no less."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from time import time

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import flowmake
from flowmake.core.events import Event, TaskFinished
from flowmake.shortcut import Invocation
from flowmake.world import snapshot
from tests.answers import answer_of, run
from tests.properties.oracle import FATES, Oracle, Spec

SOURCES = ("src/a", "src/b", "src/c", "dir/x", "dir/y")
EXTRA = ("src/new1", "src/new2", "dir/z")
MOST_TASKS = 7
INVOCATION = Invocation(b"any", str)


class Ran:
    """An observer that notes what ran and how it ended."""

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}

    def on_event(self, event: Event) -> None:
        if isinstance(event, TaskFinished) and event.status != "fresh":
            self.ends[event.task] = event.status

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class Edits(RuleBasedStateMachine):
    """Random projects, random edits, and after each run the oracle's opinion."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="flowmake-edits-"))
        self.oracle = Oracle(self.root)
        self.count = 0

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize(data=st.data(), tasks=st.integers(2, 5))
    def begin(self, data: st.DataObject, tasks: int) -> None:
        for path in SOURCES:
            self._write(path, path)
        for _ in range(tasks):
            self._add(data)
        self.check(jobs=2)

    # -- edits -------------------------------------------------------------------------------------------------

    @rule(path=st.sampled_from(SOURCES + EXTRA), text=st.sampled_from(["", "one", "two", "three"]))
    def edit_source(self, path: str, text: str) -> None:
        self._write(path, text)

    @rule(path=st.sampled_from(SOURCES))
    def edit_unseen(self, path: str) -> None:
        """Another content of the same size, with the modification time put back."""
        file = self.root / path
        before = file.stat()
        file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(path=st.sampled_from(SOURCES))
    def touch(self, path: str) -> None:
        os.utime(self.root / path)

    @rule(path=st.sampled_from(SOURCES))
    def replace_by_equal(self, path: str) -> None:
        file = self.root / path
        shutil.copyfile(file, self.root / "copy")
        os.replace(self.root / "copy", file)

    @rule(path=st.sampled_from(SOURCES), executable=st.booleans())
    def set_mode(self, path: str, executable: bool) -> None:
        (self.root / path).chmod(0o755 if executable else 0o644)

    @rule(path=st.sampled_from(EXTRA))
    def remove_source(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    @rule(data=st.data())
    def harm_output(self, data: st.DataObject) -> None:
        outputs = sorted(path for spec in self.oracle.specs.values() for path in spec.outputs)
        path = self.root / data.draw(st.sampled_from(outputs))
        if not path.exists():
            return
        harm = data.draw(st.sampled_from(["delete", "edit", "append", "empty"]))
        if harm == "delete":
            path.unlink()
        elif harm == "append":
            path.write_bytes(path.read_bytes() + b"!")
        else:
            path.write_bytes(b"" if harm == "empty" else b"zz")

    @rule(data=st.data(), salt=st.sampled_from("012"), width=st.sampled_from([0, 1, 2, 8]))
    def change_command(self, data: st.DataObject, salt: str, width: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.specs)))
        self.oracle.change(name, salt=salt, width=width)

    @rule(data=st.data())
    def change_inputs(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.oracle.specs)))
        self.oracle.change(name, inputs=self._draw_inputs(data, int(name[1:])))

    @precondition(lambda self: len(self.oracle.specs) < MOST_TASKS)
    @rule(data=st.data())
    def add_task(self, data: st.DataObject) -> None:
        self._add(data)

    @rule(data=st.data())
    def drop_task(self, data: st.DataObject) -> None:
        """Drop one that nobody names; its outputs stay behind as leftovers, unless they were edited.

        An edited leftover is the user's own file from then on, so that a clean build would have it, too.
        """
        used = {path for spec in self.oracle.specs.values() for path in spec.inputs}
        used |= {need for spec in self.oracle.specs.values() for need in spec.needs}
        free = [s.name for s in self.oracle.specs.values() if s.name not in used and not used & set(s.outputs)]
        if len(free) > 1:
            name = data.draw(st.sampled_from(sorted(free)))
            for path in self.oracle.specs.pop(name).outputs:
                if (self.root / path).exists() and (self.root / path).read_bytes() != self.oracle.made.get(path):
                    (self.root / path).unlink()

    # -- runs --------------------------------------------------------------------------------------------------

    @rule(jobs=st.integers(1, 3))
    def check(self, jobs: int) -> None:
        self.oracle.write_flowfile()
        ends, made = self.oracle.run()
        ran = Ran()
        end, by_parts = run(self.root, INVOCATION, ran, flowmake.RunOptions(jobs=jobs, keep_going=True))
        event(f"looked only at what is affected: {by_parts}")
        assert end.exit_code == int("failed" in ends.values())
        assert sum(end.counts.values()) == len(self.oracle.specs)
        assert ran.ends == ends
        assert {path: (self.root / path).read_bytes() for path in made} == made

    @rule()
    def snapshot_agrees(self) -> None:
        """The fast path never says "nothing to do" where something has to run."""
        self.oracle.write_flowfile()
        path = snapshot.path_for(str(self.root / ".flowmake"), INVOCATION.key)
        if answer_of(path, INVOCATION.key, os.environ, time()) is not None:
            assert self.oracle.opinion() == set()

    @rule()
    def preview_agrees(self) -> None:
        """`plan` calls nothing fresh that would run, and nothing stale that would not."""
        from flowmake.core.staleness import Fresh, Stale

        self.oracle.write_flowfile()
        plan = flowmake.load(self.root).plan()
        verdicts = {judged.task.name: judged.verdict for judged in plan.tasks()}
        had_to_run = self.oracle.opinion()
        assert {name for name, verdict in verdicts.items() if isinstance(verdict, Stale)} <= had_to_run
        assert not {name for name, verdict in verdicts.items() if isinstance(verdict, Fresh)} & had_to_run

    @invariant()
    def nothing_else_was_touched(self) -> None:
        allowed = {"Flowfile", "src", "dir", "out", FATES, ".flowmake"}
        assert set(os.listdir(self.root)) <= allowed

    # -- making things up --------------------------------------------------------------------------------------

    def _write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(text)

    def _draw_inputs(self, data: st.DataObject, number: int) -> tuple[str, ...]:
        lower = [spec for spec in self.oracle.specs.values() if int(spec.name[1:]) < number]
        made = sorted(path for spec in lower for path in spec.outputs)
        globs = sorted(f"out/{spec.name}.*" for spec in lower)
        kinds = [[*SOURCES, "dir/", "src/*"], globs, made]
        entries = st.one_of(*(st.sampled_from(kind) for kind in kinds if kind))
        return tuple(data.draw(st.lists(entries, min_size=1, max_size=3, unique=True)))

    def _add(self, data: st.DataObject) -> None:
        self.count += 1
        name = f"t{self.count}"
        lower = sorted(spec.name for spec in self.oracle.specs.values())
        needs = tuple(data.draw(st.lists(st.sampled_from(lower), max_size=1))) if lower else ()
        outputs = tuple(f"out/{name}.{i}" for i in range(data.draw(st.integers(1, 2))))
        width = data.draw(st.sampled_from([0, 1, 2, 8]))
        inputs = self._draw_inputs(data, self.count)
        self.oracle.specs[name] = Spec(name, inputs, outputs, needs, "0", width)
