"""Tasks that run elsewhere, through the plug-in of `examples/own-executor`: the same verdicts, the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins import install

PLUGIN = Path(__file__).parents[2] / "examples/own-executor/plugin"
BOX = '[executors.box]\nkind = "via"\nvia = ["env", "SLURM_BOX=1"]\n'


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return install(PLUGIN, tmp_path / "plugins")


def finished(done: Any) -> dict[str, Any]:
    """The end of each task by its name, of a run with `--events -`."""
    events = map(json.loads, done.stdout.splitlines())
    return {event["task"]: event for event in events if event["event"] == "task_finished"}


def test_it_makes_what_a_local_run_makes_and_knows_it(project: Any, env: dict[str, str]) -> None:
    project.flowfile(
        BOX
        + """
        [defaults]
        executor = "box"
        [tasks.one]
        inputs = ["in"]
        outputs = { text = "out/one", tool = "out/tool" }
        run = "cat {{ inputs }} > {{ outputs.text }}; cp {{ inputs }} {{ outputs.tool }}; chmod +x {{ outputs.tool }}"
        [tasks.two]
        inputs = ["out/one"]
        outputs = ["dir/"]
        run = "mkdir -p {{ outputs }}/sub; cp {{ inputs }} {{ outputs }}/sub/copy; : > {{ outputs }}/empty"
        """
    )
    project.write("in", "some text")
    there = project.run("run", "--events", "-", env=env)
    assert there.code == 0, there.stderr
    made = {name: event["outputs"] for name, event in finished(there).items()}
    assert project.read("dir/sub/copy") == "some text"
    again = project.run("run", env=env)
    assert "nothing to do: all 2 tasks are fresh" in again.stderr
    here = project.run("run", "-B", "--executor", "local", "--events", "-", env=env)
    assert {name: event["outputs"] for name, event in finished(here).items()} == made
    leftover = [path for path in project.root.rglob("*") if ".flowmake-" in path.name]
    assert leftover == []
    assert [path for path in (project.root / ".flowmake/attempts").rglob("*") if path.is_file()] == []


def test_what_stays_here(project: Any, env: dict[str, str]) -> None:
    project.flowfile(
        BOX
        + """
        [tasks.there]
        run = "echo there ${SLURM_BOX:-no}"
        [tasks.here]
        run = "echo here ${SLURM_BOX:-no}"
        executor = "local"
        [tasks.terminal]
        run = "echo terminal ${SLURM_BOX:-no}"
        console = true
        """
    )
    done = project.run("run", "-q", "--executor", "box", env=env)
    assert done.code == 0, done.stderr
    assert project.run("log", "there", env=env).stdout == "there 1\n"
    assert project.run("log", "here", env=env).stdout == "here no\n"
    assert "terminal no" in done.stdout


def test_its_capacity_counts_and_not_the_jobs_of_this_machine(project: Any, env: dict[str, str]) -> None:
    meet = "for i in $(seq 500); do [ -e {} ] && exit 0; sleep 0.02; done; exit 1"
    project.flowfile(
        BOX
        + f"""
        [tasks.a]
        run = "touch a; {meet.format("b")}"
        [tasks.b]
        run = "touch b; {meet.format("a")}"
        """
    )
    done = project.run("run", "-j", "1", "--executor", "box", env=env)
    assert done.code == 0, done.stderr


def test_pools_hold_here_and_there(project: Any, env: dict[str, str]) -> None:
    alone = "mkdir lock; sleep 0.1; rmdir lock"
    project.flowfile(
        BOX
        + f"""
        [pools]
        db = 1
        [tasks.work]
        foreach = {{ n = [1, 2, 3] }}
        pool = "db"
        run = "{alone}"
        [tasks.here]
        pool = "db"
        run = "{alone}"
        executor = "local"
        """
    )
    done = project.run("run", "-j", "4", "--executor", "box", env=env)
    assert done.code == 0, done.stderr


def test_failures_come_back_as_they_were(project: Any, env: dict[str, str]) -> None:
    project.flowfile(
        BOX
        + """
        [defaults]
        executor = "box"
        [tasks.code]
        run = "echo why; exit 7"
        [tasks.signal]
        exec = ["sh", "-c", "kill -KILL $$"]
        [tasks.slow]
        run = "sleep 100"
        timeout = 0.2
        [tasks.unmade]
        outputs = ["out"]
        run = ": {{ outputs }}"
        [tasks.unknown]
        exec = ["no-such-program"]
        """
    )
    done = project.run("run", "-k", "--events", "-", env=env)
    assert done.code == 1
    ends = finished(done)
    assert {name: (event["status"], event["message"]) for name, event in ends.items()} == {
        "code": ("failed", "exit code 7"),
        "signal": ("failed", "killed by SIGKILL"),
        "slow": ("timed_out", "timed out after 0.2 s"),
        "unmade": ("failed", "exit code 0, but it did not make `out`"),
        "unknown": ("failed", "command `no-such-program` not found in PATH"),
    }
    assert ends["code"]["exit_code"] == 7
    assert project.run("log", "code", env=env).stdout == "why\n"


def test_what_gets_lost_is_repeated_three_times(project: Any, env: dict[str, str]) -> None:
    project.write("flaky", '#!/bin/sh\necho >> tries; [ $(wc -l < tries) -lt 3 ] || exec "$@"\n')
    project.flowfile(
        """
        [executors.flaky]
        kind = "via"
        via = ["./flaky"]
        [executors.never]
        kind = "via"
        via = ["false"]
        [tasks.flaky]
        outputs = ["out"]
        run = "echo done > {{ outputs }}"
        executor = "flaky"
        [tasks.never]
        run = "echo never"
        executor = "never"
        """
    )
    done = project.run("run", "-k", "--events", "-", env=env)
    ends = finished(done)
    assert (ends["flaky"]["status"], ends["flaky"]["attempt"], project.read("out")) == ("succeeded", 3, "done\n")
    assert (ends["never"]["status"], ends["never"]["attempt"]) == ("failed", 4)
    assert ends["never"]["message"] == "it ended without a result"


@pytest.mark.parametrize("shift", ["+3h", "-3h"])
def test_a_machine_whose_clock_is_wrong(project: Any, env: dict[str, str], shift: str) -> None:
    project.flowfile(
        f"""
        [executors.late]
        kind = "via"
        via = ["faketime", "-f", "{shift}"]
        [tasks.one]
        inputs = ["in"]
        outputs = ["one"]
        timeout = 30
        run = "sleep 0.1; cp {{{{ inputs }}}} {{{{ outputs }}}}"
        executor = "late"
        [tasks.two]
        inputs = ["one"]
        outputs = ["two"]
        run = "cp {{{{ inputs }}}} {{{{ outputs }}}}"
        """
    )
    project.write("in", "text")
    done = project.run("run", "--events", "-", env=env)
    assert done.code == 0, done.stderr
    seconds = finished(done)["one"]["seconds"]
    assert 0.1 <= seconds < 30
    again = project.run("run", env=env)
    assert "nothing to do: all 2 tasks are fresh" in again.stderr
    project.write("in", "texts")
    assert set(finished(project.run("run", "--events", "-", env=env))) == {"one", "two"}
    assert project.read("two") == "texts"


def test_stopping_a_run_stops_what_is_elsewhere(project: Any, env: dict[str, str]) -> None:
    project.flowfile(BOX + '[tasks.t]\nrun = "echo > gate; exec sleep 1000"\nexecutor = "box"\n')
    with project.gate() as gate, project.start("run", env=env) as process:
        gate.read(1)
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said.decode()
    assert [path for path in (project.root / ".flowmake/attempts").rglob("*") if path.is_file()] == []


ASKING = """
from msgspec import Struct
from flowmake.core.ports import ExecutorKind
from flowmake_via import Options, Via

class OfTask(Struct, forbid_unknown_fields=True):
    queue: str = ""
    weight: int = 1

class Asking(Via):
    def start(self, work):
        with open(f"{work.root}/asked", "a") as file:
            print(work.task, dict(work.options), file=file)
        return super().start(work)

KIND = ExecutorKind(Options, Asking, OfTask)
"""


@pytest.fixture
def asking(env: dict[str, str]) -> dict[str, str]:
    """A plug-in beside the other, whose tasks may say something to it, each for itself."""
    folder = Path(env["PYTHONPATH"])
    (folder / "flowmake_asking.py").write_text(ASKING)
    (folder / "asking-1.0.dist-info").mkdir()
    (folder / "asking-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: asking\nVersion: 1.0\n")
    (folder / "asking-1.0.dist-info/entry_points.txt").write_text(
        "[flowmake.executors]\nasking = flowmake_asking:KIND\n"
    )
    return env


ASKED = """\
[flow]
include = ["more.toml"]
[executors.ask]
kind = "asking"
via = ["env"]
[defaults]
executor = "ask"
asking = { queue = "short" }
[tasks.own]
run = "true"
asking = { queue = "long", weight = 3 }
slurm = { partition = "elsewhere" }
[tasks.given]
run = "true"
"""


def test_a_task_asks_for_what_it_needs_in_a_table_named_like_the_kind(project: Any, asking: dict[str, str]) -> None:
    """As with any field, its own table takes the place of the one in the defaults."""
    project.write("Flowfile", ASKED)
    project.write("more.toml", '[tasks.included]\nrun = "true"\nasking.weight = 2\n')
    assert project.run("run", "-j1", env=asking).code == 0
    assert sorted(project.read("asked").splitlines()) == [
        "given {'asking': {'queue': 'short'}}",
        "included {'asking': {'weight': 2}}",
        "own {'slurm': {'partition': 'elsewhere'}, 'asking': {'queue': 'long', 'weight': 3}}",
    ]
    project.write("Flowfile", ASKED.replace("weight = 3", "weight = 4"))
    shown = project.run("show", "own", "--json", env=asking)
    assert json.loads(shown.stdout)["tasks"][0]["settings"]["options"]["asking"] == {"queue": "long", "weight": 4}


def test_what_a_task_asks_for_is_no_part_of_its_recipe(project: Any, asking: dict[str, str]) -> None:
    asked = ASKED.replace('run = "true"', 'outputs = ["{{ task.name }}"]\nrun = "echo > {{ outputs }}"')
    project.write("Flowfile", asked)
    project.write("more.toml", "")
    assert project.run("run", env=asking).code == 0
    project.write("Flowfile", asked.replace("weight = 3", "weight = 4"))
    assert "nothing to do" in project.run("run", env=asking).stderr


def _wrong(line: str, error: str) -> tuple[str, str]:
    flowfile = f'[executors.ask]\nkind = "asking"\nvia = ["env"]\n[tasks.t]\nrun = "true"\nexecutor = "ask"\n{line}\n'
    return flowfile, f"Flowfile:7:{error}\n\n1 error in Flowfile\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            'asking = { quue = "x" }',
            "12: error: unknown field `quue`\n"
            '    7 | asking = { quue = "x" }\n      |            ^^^^\n   hint: did you mean `queue`?',
        ),
        (
            "asking = { weight = true }",
            "21: error: `asking.weight` must be an integer, not a boolean\n"
            "    7 | asking = { weight = true }\n      |                     ^^^^",
        ),
        (
            'asking = "heavy"',
            '10: error: `asking` must be a table, not a string\n    7 | asking = "heavy"\n      |          ^^^^^^^',
        ),
        (
            'slurm = { partitoin = "x" }',
            "11: error: unknown field `partitoin`\n"
            '    7 | slurm = { partitoin = "x" }\n      |           ^^^^^^^^^\n   hint: did you mean `partition`?',
        ),
        (
            'slurm = { args = "--x" }',
            "18: error: `slurm.args` must be a list of strings, not a string\n"
            '    7 | slurm = { args = "--x" }\n      |                  ^^^^^\n'
            '   hint: write `args = ["--constraint=avx2"]`',
        ),
        (
            "slurm = true",
            "9: error: `slurm` must be a table, not a boolean\n"
            "    7 | slurm = true\n      |         ^^^^\n"
            '   hint: write `slurm = { partition = "long", args = ["--constraint=avx2"] }`',
        ),
        (
            "via = { queue = 1 }",
            "1: error: unknown field `via`\n    7 | via = { queue = 1 }\n      | ^^^",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_what_a_task_asks_for_is_checked(
    project: Any, asking: dict[str, str], command: str, line: str, error: str
) -> None:
    flowfile, said = _wrong(line, error)
    project.write("Flowfile", flowfile)
    done = project.run(command, env=asking)
    assert (done.code, done.stderr) == (2, said)


def test_a_kind_that_asks_nothing_of_tasks_says_so(project: Any, env: dict[str, str]) -> None:
    project.write("Flowfile", f'{BOX}[tasks.t]\nrun = "true"\nexecutor = "box"\nvia = {{ x = 1 }}\n')
    done = project.run("run", env=env)
    assert (done.code, done.stderr) == (
        2,
        "Flowfile:7:1: error: executors of kind `via` take no options from tasks\n"
        "    7 | via = { x = 1 }\n      | ^^^\n\n1 error in Flowfile\n",
    )


# -- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = {
    "an unknown kind": (
        '[executors.box]\nkind = "vai"\n[tasks.t]\nrun = "true"\nexecutor = "box"\n',
        "Flowfile:2:8: error: there is no kind of executor `vai`\n"
        '    2 | kind = "vai"\n      |        ^^^^^\n   hint: did you mean `via`?\n\n1 error in Flowfile\n',
    ),
    "no kind": (
        '[executors.box]\nvia = ["env"]\n[tasks.t]\nrun = "true"\n',
        "Flowfile:1:1: error: `executors.box` lacks `kind`\n"
        '    1 | [executors.box]\n      | ^^^^^^^^^^^^^^^\n   hint: say what it is, like `kind = "slurm"`\n\n'
        "1 error in Flowfile\n",
    ),
    "a name that is taken": (
        '[executors.local]\nkind = "via"\n[tasks.t]\nrun = "true"\n',
        "Flowfile:1:12: error: `local` is an executor already\n"
        "    1 | [executors.local]\n      |            ^^^^^\n   hint: give yours another name\n\n"
        "1 error in Flowfile\n",
    ),
    "options that it does not have": (
        '[executors.box]\nkind = "via"\nvia = ["env"]\ncapacty = 3\n[tasks.t]\nrun = "true"\nexecutor = "box"\n',
        "Flowfile:4:1: error: unknown field `capacty`\n"
        "    4 | capacty = 3\n      | ^^^^^^^\n   hint: did you mean `capacity`?\n\n1 error in Flowfile\n",
    ),
    "options of the wrong type": (
        '[executors.box]\nkind = "via"\nvia = "env"\n[tasks.t]\nrun = "true"\nexecutor = "box"\n',
        "Flowfile:3:7: error: `executors.box.via` must be a list, not a string\n"
        '    3 | via = "env"\n      |       ^^^^^\n\n1 error in Flowfile\n',
    ),
    "no duration": (
        f'{BOX}latency_wait = "soon"\n[tasks.t]\nrun = "true"\nexecutor = "box"\n',
        "Flowfile:4:16: error: `latency_wait` is not a duration: `soon`\n"
        '    4 | latency_wait = "soon"\n      |                ^^^^^^\n'
        '   hint: write a number of seconds, or text like "5s", "1h30m" or "2d"\n\n1 error in Flowfile\n',
    ),
    "paths that are not taken from the template": (
        f'{BOX}[tasks.t]\noutputs = ["out"]\nrun = "echo > out"\nexecutor = "box"\n',
        "Flowfile:6:7: error: a task that runs elsewhere must take the paths of its outputs from `{{ outputs }}`\n"
        '    6 | run = "echo > out"\n      |       ^^^^^^^^^^^^\n'
        "   hint: it writes under other names there, so that no lost attempt can spoil them; or "
        '`executor = "local"` keeps it here\n\n1 error in Flowfile\n',
    ),
    "an output glob": (
        f'{BOX}[tasks.t]\noutputs = ["parts/*.csv"]\nrun = "echo > parts/a.csv"\nexecutor = "box"\n',
        "Flowfile:5:11: error: `parts/*.csv` cannot be an output of a task that runs elsewhere\n"
        '    5 | outputs = ["parts/*.csv"]\n      |           ^^^^^^^^^^^^^^^\n'
        '   hint: declare the folder, `"parts/"`, and write `{{ outputs }}` in the command; or '
        '`executor = "local"` keeps it here\n\n1 error in Flowfile\n',
    ),
    "a depfile anywhere": (
        f'{BOX}[tasks.t]\noutputs = ["o"]\nrun = "cc {{{{ outputs }}}}"\ndepfile = "o.d"\nexecutor = "box"\n',
        "Flowfile:7:11: error: the depfile of a task that runs elsewhere must lie beside its outputs\n"
        '    7 | depfile = "o.d"\n      |           ^^^^^\n   hint: write `{{ outputs[0] }}.d`\n\n'
        "1 error in Flowfile\n",
    ),
}


MISTAKES["too much for one job"] = (
    '[executors.hpc]\nkind = "slurm"\nbatch = 101\n[tasks.t]\nrun = "true"\nexecutor = "hpc"\n',
    "Flowfile:3:9: error: `executors.hpc.batch` must be at most 100, not 101\n"
    "    3 | batch = 101\n      |         ^^^\n\n"
    "1 error in Flowfile\n",
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found_before_anything_starts(project: Any, env: dict[str, str], mistake: str) -> None:
    flowfile, error = MISTAKES[mistake]
    project.write("Flowfile", flowfile)
    done = project.run("run", env=env)
    assert (done.code, done.stderr) == (2, error)
    assert not project.exists(".flowmake/runs") or not list((project.root / ".flowmake/runs").iterdir())


def test_check_looks_at_executors_that_nobody_uses(project: Any, env: dict[str, str]) -> None:
    project.write("Flowfile", f'{BOX}capacty = 3\n[tasks.t]\nrun = "true"\n')
    done = project.run("check", env=env)
    assert done.code == 2
    assert "error: unknown field `capacty`" in done.stderr
    assert project.run("run", env=env).code == 0


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise RuntimeError('it is broken')", "cannot load the executor `via` from `flowmake_via:KIND`: it is broken"),
        ("KIND = 3", "`flowmake_via:KIND`, which should be the executor `via`, is no `ExecutorKind`"),
    ],
)
def test_a_plug_in_that_does_not_work(project: Any, tmp_path: Path, module: str, message: str) -> None:
    env = install(PLUGIN, tmp_path / "plugins")
    (tmp_path / "plugins/flowmake_via.py").write_text(module)
    project.write("Flowfile", f'{BOX}[tasks.t]\nrun = "true"\nexecutor = "box"\n')
    done = project.run("run", env=env)
    assert (done.code, done.stderr) == (2, f"error: {message}\n")
