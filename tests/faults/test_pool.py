"""Functions that misbehave in the pool, and what a pool of kept processes must not mix up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowmake.core.ports import Ended
from flowmake.engine.executors.pool import PoolExecutor
from tests.processes import Bench, Meeting, is_alive, wait_gone

JOBS = 2


class PoolBench(Bench):
    def module(self, code: str, name: str = "mod") -> None:
        path = self.folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)

    def call(self, function: str, task: str = "a", **args: Any) -> Ended:
        return self.run(task, call=f"mod:{function}", args=args)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PoolBench]:
    bench = PoolBench(PoolExecutor(JOBS), tmp_path)
    yield bench
    bench.executor.close()


def test_a_thousand_calls_need_no_more_interpreters_than_jobs(bench: PoolBench) -> None:
    bench.module("import os\ndef f(n): os.write(1, b'%d %d\\n' % (os.getpid(), n))")
    for n in range(1000):
        bench.start(f"t{n}", call="mod:f", args={"n": n}, log=str(bench.folder / "all.log"))
    assert {ended.exit_code for ended in bench.ends(1000)} == {0}
    lines = [line.split() for line in (bench.folder / "all.log").read_text().splitlines()]
    assert sorted(int(n) for _, n in lines) == list(range(1000))
    assert len({pid for pid, _ in lines}) <= JOBS


def test_workers_are_started_only_when_needed(bench: PoolBench) -> None:
    children = psutil.Process().children
    before = len(children())
    bench.module("def f(): pass")
    for _ in range(5):
        bench.call("f")
    assert len(children()) == before + 1


ENDS: dict[str, tuple[str, tuple[int | None, int | None, str], str]] = {
    "returns": ("return False", (0, None, ""), ""),
    "exits": ("sys.exit()", (0, None, ""), ""),
    "exits with a code": ("sys.exit(75)", (75, None, ""), ""),
    "exits with a big code": ("sys.exit(-1)", (255, None, ""), ""),
    "exits with a text": ("sys.exit('no more')", (1, None, ""), "no more\n"),
    "leaves at once": ("os._exit(3)", (3, None, ""), ""),
    "is killed": ("os.kill(os.getpid(), 9)", (None, 9, ""), ""),
    "crashes": ("os.abort()", (None, int(signal.SIGABRT), ""), ""),
}


@pytest.mark.parametrize(("body", "end", "log"), ENDS.values(), ids=ENDS.keys())
def test_ends(bench: PoolBench, body: str, end: tuple[int | None, int | None, str], log: str) -> None:
    bench.module(f"import os, sys\ndef f(): {body}\ndef g(): print('next')")
    ended = bench.call("f")
    assert (ended.exit_code, ended.signal, ended.error) == end
    assert bench.log("a") == log
    assert bench.call("g", "b").exit_code == 0
    assert bench.log("b") == "next\n"


def test_an_exception_is_shown_from_the_users_first_frame_on(bench: PoolBench) -> None:
    bench.module("def f():\n    return g()\n\ndef g():\n    raise ValueError('not\\n  good')\n")
    ended = bench.call("f")
    assert (ended.exit_code, ended.error) == (1, "ValueError: not good")
    path = bench.folder / "mod.py"
    assert bench.log("a") == (
        "Traceback (most recent call last):\n"
        f'  File "{path}", line 2, in f\n    return g()\n           ^^^\n'
        f"  File \"{path}\", line 5, in g\n    raise ValueError('not\\n  good')\n"
        "ValueError: not\n  good\n"
    )


ODD_ERRORS = {
    "no text": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "no string": ("class E(Exception):\n    def __str__(self): 1/0\n  raise E", "E: (no text: ZeroDivisionError)"),
    "half a character": ("raise ValueError('\\udcff')", "ValueError: \udcff"),
    "wrong arguments": ("f(1)", "TypeError: f() takes 0 positional arguments but 1 was given"),
}


@pytest.mark.parametrize(("body", "error"), ODD_ERRORS.values(), ids=ODD_ERRORS.keys())
def test_odd_exceptions(bench: PoolBench, body: str, error: str) -> None:
    bench.module(f"def f():\n  {body}")
    assert (ended := bench.call("f")).exit_code == 1
    assert ended.error == error


def test_what_cannot_be_called(bench: PoolBench) -> None:
    bench.module("value = 1\nclass C:\n    @staticmethod\n    def m(): print('method')")
    bench.module("import nowhere", "broken")
    bench.module("def f(:", "wrong")
    folder = bench.folder
    said = {
        target: bench.run("a", call=target).error
        for target in ["none:f", "mod.sub:f", "broken:f", "wrong:f", "mod:f", "mod:value", "mod:C.m"]
    }
    assert said == {
        "none:f": f"cannot import `none` from `{folder}`: ModuleNotFoundError: No module named 'none'",
        "mod.sub:f": f"cannot import `mod.sub` from `{folder}`: ModuleNotFoundError: No module named 'mod.sub'; "
        "'mod' is not a package",
        "broken:f": f"cannot import `broken` from `{folder}`: ModuleNotFoundError: No module named 'nowhere'",
        "wrong:f": f"cannot import `wrong` from `{folder}`: SyntaxError: invalid syntax (wrong.py, line 1)",
        "mod:f": f"no `f` in module `mod` (`{folder}/mod.py`)",
        "mod:value": "`value` in module `mod` is not callable: it is of type `int`",
        "mod:C.m": "",
    }


def test_surroundings_do_not_reach_the_next_task(bench: PoolBench) -> None:
    code = """
        import os, signal, sys
        def spoil():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.alarm(1000)
            os.umask(0)
            sys.argv.append("spoilt")
            os.environ["SPOILT"] = "yes"
            os.chdir("/")
            sys.path.insert(0, "/spoilt")
            sys.stdout.close()
            sys.stderr = None
            os.close(1)
        def show():
            print(os.environ.get("SPOILT"), os.environ["FLOWMAKE_TASK"], os.getcwd(), sys.path[0])
            print(os.readlink("/proc/self/fd/0"), __name__, file=sys.stderr)
            print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.alarm(0), os.umask(0) > 0, sys.argv)
    """
    bench.module("\n".join(line[8:] for line in code.splitlines()))
    pids = set()
    for task, function in (("a", "spoil"), ("b", "show")):
        pids.add(bench.start(task, call=f"mod:{function}", env={**os.environ, "FLOWMAKE_TASK": task}))
        assert bench.ends(1)[0].exit_code == 0
    assert len(pids) == 1
    assert bench.log("b") == f"None b {bench.folder} {bench.folder}\n/dev/null mod\nTrue 0 True ['']\n"


def test_arguments_keep_their_types(bench: PoolBench) -> None:
    bench.module("def f(**given): print(given)")
    given: dict[str, Any] = {
        "text": "é \udcff",
        "number": 1.5,
        "day": date(2026, 1, 2),
        "list": [1, {"a": None}],
        "big": "x" * 10,
    }
    bench.call("f", **given)
    assert bench.log("a") == f"{given}\n".replace("\udcff", "\\udcff")


def test_a_message_larger_than_any_buffer(bench: PoolBench) -> None:
    bench.module("def f(data): print(len(data))")
    bench.call("f", data="x" * 5_000_000)
    assert bench.log("a") == "5000000\n"


def test_what_was_printed_before_a_kill_is_in_the_log(bench: PoolBench) -> None:
    bench.module("import os\ndef f():\n  print('on the way')\n  os.kill(os.getpid(), 9)")
    bench.call("f")
    assert bench.log("a") == "on the way\n"


def test_no_bytecode_is_left_among_the_sources(bench: PoolBench) -> None:
    bench.module("from pkg import other\ndef f(): pass")
    bench.module("", "pkg.other")
    assert bench.call("f").exit_code == 0
    assert sorted(path.name for path in bench.folder.rglob("*")) == ["a.log", "mod.py", "other.py", "pkg"]


def edit_module(bench: PoolBench) -> None:
    bench.module("def f(): print('new')")


def edit_helper(bench: PoolBench) -> None:
    bench.module("word = 'new'", "lib.helper")


def replace_by_an_older_file(bench: PoolBench) -> None:
    bench.module("word = 'new'", "other")
    os.utime(bench.folder / "other.py", (1, 1))
    os.replace(bench.folder / "other.py", bench.folder / "lib" / "helper.py")


@pytest.mark.parametrize("edit", [edit_module, edit_helper, replace_by_an_older_file])
def test_an_edited_module_is_never_run_stale(bench: PoolBench, edit: Callable[[PoolBench], None]) -> None:
    bench.module("def f():\n  from lib.helper import word\n  print(word)")
    bench.module("word = 'old'", "lib.helper")
    # Both workers have it imported, and both must notice, whatever the resolution of file times.
    for task in ("a", "b", "c"):
        assert bench.call("f", task).exit_code == 0
    edit(bench)
    pids = {bench.start(f"{task}", call="mod:f") for task in ("d", "e")}
    assert len(pids) == 2
    assert {ended.exit_code for ended in bench.ends(2)} == {0}
    assert [bench.log(task) for task in "abcde"] == ["old\n"] * 3 + ["new\n"] * 2


def test_a_module_that_did_not_exist_before(bench: PoolBench) -> None:
    assert "No module named 'mod'" in bench.call("f").error
    bench.module("def f(): pass")
    assert bench.call("f").exit_code == 0


def test_stopping_takes_what_the_function_started(bench: PoolBench) -> None:
    met = Meeting(bench.folder)
    bench.module("import subprocess\ndef f(): subprocess.run(['sh', '-c', 'echo $$ > ready; exec sleep 1000'])")
    bench.start("a", call="mod:f")
    child = int(met.wait())
    bench.executor.stop("a")
    (ended,) = bench.ends(1)
    assert (ended.exit_code, ended.signal) == (None, signal.SIGTERM)
    assert not is_alive(child)


def test_a_worker_that_was_told_to_stop_is_not_used_again(bench: PoolBench) -> None:
    met = Meeting(bench.folder)
    code = """
        import signal
        def f():
            told = []
            signal.signal(signal.SIGTERM, lambda *_: told.append(1))
            open("ready", "w").close()
            while not told:
                signal.pause()
            print("tidied up")
        def g():
            pass
    """
    bench.module("\n".join(line[8:] for line in code.splitlines()))
    first = bench.start("a", call="mod:f")
    met.wait()
    bench.executor.stop("a")
    (ended,) = bench.ends(1)
    assert (ended.exit_code, ended.signal) == (0, None)
    assert bench.log("a") == "tidied up\n"
    assert bench.start("b", call="mod:g") != first
    assert [ended.exit_code for ended in bench.ends(1)] == [0]


def test_a_fork_that_returns_does_not_become_a_second_worker(bench: PoolBench) -> None:
    code = """
        import os
        def f():
            child = os.fork()
            if child == 0:
                print("child")
                raise SystemExit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        def g():
            print("next")
    """
    bench.module("\n".join(line[8:] for line in code.splitlines()))
    assert bench.call("f").exit_code == 0
    assert bench.log("a") == "child\n7\n"
    assert bench.call("g", "b").exit_code == 0
    assert bench.log("b") == "next\n"


def test_the_death_of_an_idle_worker_goes_unnoticed(bench: PoolBench) -> None:
    bench.module("def f(): pass")
    pid = bench.start("a", call="mod:f")
    bench.ends(1)
    os.kill(pid, signal.SIGKILL)
    wait_gone([pid])
    assert bench.call("f").exit_code == 0


def test_one_waiting_its_turn_can_be_stopped(bench: PoolBench) -> None:
    bench.module("import time\ndef f(): time.sleep(1000)")
    for task in ("a", "b", "c"):
        bench.start(task, call="mod:f")
    bench.executor.stop("c")
    assert [(ended.task, ended.signal) for ended in bench.ends(1)] == [("c", signal.SIGTERM)]


def test_a_death_makes_room_for_the_next(bench: PoolBench) -> None:
    bench.module("import os\ndef f(): os._exit(1)")
    for task in "abcdefgh":
        bench.start(task, call="mod:f")
    assert sorted((ended.task, ended.exit_code) for ended in bench.ends(8)) == [(task, 1) for task in "abcdefgh"]


def test_idle_workers_run_their_exit_handlers(bench: PoolBench) -> None:
    bench.module("import atexit\ndef f(): atexit.register(lambda: open('bye', 'w').close())")
    pid = bench.start("a", call="mod:f")
    bench.ends(1)
    bench.executor.close()
    assert (bench.folder / "bye").exists()
    assert not psutil.pid_exists(pid)


def test_arguments_that_cannot_be_sent(bench: PoolBench) -> None:
    bench.module("def f(g): pass")
    error = bench.call("f", g=lambda: None).error
    assert error.startswith("the arguments of `mod:f` cannot be sent: ")


def test_an_interpreter_that_does_not_start(bench: PoolBench) -> None:
    bench.module("def f(): pass")
    ended = bench.run("a", call="mod:f", env={**os.environ, "PYTHONHOME": "/nowhere"})
    assert ended.exit_code == 1
    assert "PYTHONHOME" in bench.log("a")


def test_a_worker_knows_the_run_but_no_task(bench: PoolBench) -> None:
    bench.module("def f(): pass")
    env = {**os.environ, "FLOWMAKE_RUN_ID": "run-1", "FLOWMAKE_TASK": "a"}
    pid = bench.start("a", call="mod:f", env=env)
    bench.ends(1)
    found = psutil.Process(pid).environ()
    assert (found["FLOWMAKE_RUN_ID"], found.get("FLOWMAKE_TASK")) == ("run-1", None)


def test_a_worker_imports_nothing_of_flowmake(bench: PoolBench) -> None:
    bench.module("import sys\ndef f(): print([name for name in sys.modules if name.startswith('flowmake')])")
    bench.call("f")
    assert bench.log("a") == "[]\n"
