"""Secret values reach the command and nobody else: not the state, the logs that are kept, the events, nor a screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.mounts import unchangeable
from tests.processes import LIMIT, Meeting

TOKEN = "hunter2-'quoted\"-and-$more"
"""Every shell and every JSON writer spells it in a way of its own."""

LEAKY = """
    [flow]
    secrets = ["TOKEN"]
    dotenv = [".env"]
    [env]
    TOKEN = '''{token}'''
    [tasks.use]
    env = {{ AUTH = "Bearer {{{{ env.TOKEN }}}}" }}
    track_env = ["PASSWORD"]
    outputs = ["out"]
    description = "with {{{{ env.TOKEN }}}}"
    run = '''
    echo command {{{{ env.TOKEN }}}} and {{{{ env.AUTH }}}}
    echo variable "$TOKEN" "$PASSWORD"
    printf %s "$TOKEN" | sha256sum > out
    test ! -e fail
    '''
    [tasks.argv]
    exec = ["python", "-c", "import sys; print(sys.argv)", "--token={{{{ env.TOKEN }}}}"]
    [tasks.group]
    needs = ["use", "argv"]
"""


def leaks(folder: Path, *values: str) -> list[str]:
    """Files below the folder that hold one of the values, as text or as JSON or a shell writes it."""
    spelt = {s.encode() for v in values for s in (v, json.dumps(v)[1:-1], v.replace("'", "'\"'\"'"))}
    return [
        str(path) for path in sorted(folder.rglob("*")) if path.is_file() and any(s in path.read_bytes() for s in spelt)
    ]


@pytest.fixture
def leaky(project: Any) -> Any:
    project.flowfile(LEAKY.format(token=TOKEN))
    project.write(".env", "PASSWORD=correct-horse\nSHORT=1\n")
    return project


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_that_is_kept_or_shown_holds_a_secret(leaky: Any, fails: bool) -> None:
    if fails:
        leaky.write("fail")
    done = leaky.run("run", "-v", "-k", "--events", "events.jsonl")
    assert done.code == (1 if fails else 0)
    said = [done.stdout, done.stderr]
    for args in (["status"], ["why", "use"], ["show", "use"], ["show", "argv"], ["list"], ["log"], ["history"]):
        said += [leaky.run(*args).stdout, "" if args == ["log"] else leaky.run(*args, "--json").stdout]
    said += [leaky.run("lineage", "out").stdout, leaky.run("graph").stdout, leaky.run("graph", "--files").stdout]
    for text in said:
        for value in (TOKEN, json.dumps(TOKEN)[1:-1], TOKEN.replace("'", "'\"'\"'"), "correct-horse"):
            assert value not in text
    assert leaks(leaky.root / ".flowmake", TOKEN, "correct-horse") == []
    assert leaks(leaky.root, TOKEN) == [str(leaky.root / "Flowfile")]
    assert leaks(leaky.root, "correct-horse") == [str(leaky.root / ".env")]
    if not fails:
        assert "variable ***" in leaky.run("log", "use").stdout or "variable **" in leaky.run("log", "use").stdout


def test_the_command_gets_the_value_itself(leaky: Any) -> None:
    from hashlib import sha256

    assert leaky.run("run", "-q").code == 0
    assert leaky.read("out").split()[0] == sha256(TOKEN.encode()).hexdigest()


def test_a_changed_secret_makes_its_users_stale(leaky: Any) -> None:
    assert leaky.run("run", "-q").code == 0
    assert leaky.run("status", "--check", "use").code == 0
    leaky.flowfile(LEAKY.format(token="another one"))
    document = json.loads(leaky.run("why", "use", "--json").stdout)
    (task,) = document["tasks"]
    kinds = {reason["kind"] for reason in task["reasons"]}
    assert kinds == {"recipe_changed", "env_changed"}
    assert "another one" not in json.dumps(document)
    assert leaky.run("run", "-q").code == 0
    leaky.write(".env", "PASSWORD=battery-staple\n")
    reasons = json.loads(leaky.run("why", "use", "--json").stdout)["tasks"][0]["reasons"]
    assert reasons == [{"kind": "env_changed", "name": "PASSWORD"}]


def test_a_value_recorded_before_it_was_secret_is_masked_when_it_becomes_one(project: Any) -> None:
    text = '[flow]\nsecrets = [{names}]\n[tasks.a]\nenv = {{ T = "tell-nobody" }}\nrun = "echo {{{{ env.T }}}}"\n'
    project.flowfile(text.format(names=""))
    assert project.run("run", "-q").code == 0
    project.flowfile(text.format(names='"T"'))
    before = set((project.root / ".flowmake/runs").iterdir())
    done = project.run("run", "-v", "--events", "-")
    assert done.code == 0
    assert "tell-nobody" not in done.stdout + done.stderr
    (last,) = {*(project.root / ".flowmake/runs").iterdir()} - before
    assert leaks(last, "tell-nobody") == []


def test_a_secret_inherited_from_the_environment(project: Any) -> None:
    project.flowfile('[flow]\nsecrets = ["KEY"]\n[tasks.a]\ntrack_env = ["KEY"]\nrun = "echo $KEY; false"\n')
    done = project.run("run", "--events", "-", env={"KEY": "from-outside"})
    assert done.code == 1
    assert "from-outside" not in done.stdout + done.stderr
    assert leaks(project.root / ".flowmake", "from-outside") == []


def test_a_secret_with_several_lines(project: Any) -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"
    project.flowfile(
        f'[flow]\nsecrets = ["KEY"]\n[env]\nKEY = """{key}"""\n[tasks.a]\nrun = "echo \\"$KEY\\" | tac; false"\n'
    )
    done = project.run("run")
    assert done.code == 1
    for line in key.splitlines():
        assert line not in done.stderr
    assert leaks(project.root / ".flowmake", "abcdefgh", "ijklmnop") == []


def test_a_filter_that_cannot_take_a_digest(project: Any) -> None:
    """Then the whole recipe is known by its digest only."""
    text = (
        '[flow]\nsecrets = ["DAY"]\n[env]\nDAY = "{day}"\n'
        '[tasks.a]\noutputs = ["o"]\nrun = "echo {{{{ env.DAY | strftime(\'%Y\') }}}} > o"\n'
    )
    project.flowfile(text.format(day="2026-01-31"))
    assert project.run("run", "-q").code == 0
    assert project.read("o") == "2026\n"
    assert "secret:recipe:" in project.run("show", "a").stdout
    assert project.run("status", "--check").code == 0
    project.flowfile(text.format(day="2027-01-31"))
    assert project.run("status", "--check").code == 3


def test_a_template_makes_the_secret(project: Any) -> None:
    project.flowfile(
        '[flow]\nsecrets = ["T"]\n[params]\np = "sesame"\n[env]\nT = "open-{{ params.p }}"\n'
        '[tasks.a]\nrun = "echo {{ env.T }}; echo $T; false"\n'
    )
    done = project.run("run", "-v")
    assert done.code == 1
    assert "open-sesame" not in done.stderr
    assert leaks(project.root / ".flowmake", "open-sesame") == []


def test_a_call_gets_the_value_and_does_not_tell(project: Any) -> None:
    project.write("steps.py", "def go(token):\n    print(token)\n    raise ValueError('wrong ' + token)\n")
    project.flowfile(
        '[flow]\nsecrets = ["T"]\n[env]\nT = "open-sesame"\n'
        '[tasks.a]\ncall = "steps:go"\nargs = { token = "{{ env.T }}" }\n'
    )
    done = project.run("run")
    assert done.code == 1
    assert "ValueError: wrong *" in done.stderr
    assert "open-sesame" not in done.stderr
    assert leaks(project.root / ".flowmake", "open-sesame") == []


def test_a_running_log_is_masked_while_it_is_read(project: Any) -> None:
    project.flowfile('[flow]\nsecrets = ["T"]\n[env]\nT = "open-sesame"\n[tasks.a]\nrun = "echo $T; read x < gate"\n')
    with project.gate() as gate, project.start("run") as running:
        assert b"started" in running.stderr.readline()
        path = next((project.root / ".flowmake/runs").glob("*/logs/a.log"))
        while b"open-sesame\n" not in path.read_bytes():
            assert running.poll() is None
        assert project.run("log", "a").stdout == "***\n"
        gate.write(b"go\n")
        running.communicate()
    assert path.read_bytes() == b"***********\n"


@contextmanager
def killed_with_a_secret_in_its_log(project: Any) -> Iterator[Path]:
    """A run of which nothing lives any more but, perhaps, what its task waits with. The log, and the task may go on."""
    project.flowfile('[flow]\nsecrets = ["T"]\n[env]\nT = "open-sesame"\n[tasks.a]\nrun = "echo $T; read x < gate"\n')
    with project.gate() as gate, project.start("run") as running:
        assert b"started" in running.stderr.readline()
        path = next((project.root / ".flowmake/runs").glob("*/logs/a.log"))
        while b"open-sesame\n" not in path.read_bytes():
            assert running.poll() is None
        running.kill()
        running.communicate()
        gate.write(b"go\ngo\n")  # one for what the dead run left behind, if it is still there to read it
        yield path


def test_the_log_of_a_run_that_was_killed_is_cleaned_by_the_next(project: Any) -> None:
    with killed_with_a_secret_in_its_log(project) as path:
        assert project.run("run", "-q").code == 0
    assert path.read_bytes() == b"***********\n"


@pytest.mark.root
def test_a_secret_that_cannot_be_taken_out_of_a_log_is_told(project: Any) -> None:
    """By the run that finds it there, and it goes on."""
    with killed_with_a_secret_in_its_log(project) as path, unchangeable(path.parent):
        done = project.run("run")
    assert done.code == 0
    assert f"cannot clean the log `{path}`, and secrets may have stayed in it: Read-only file system" in done.stderr
    assert path.read_bytes() == b"open-sesame\n"


def test_short_dotenv_values_do_not_garble_the_text(project: Any) -> None:
    project.flowfile('[flow]\ndotenv = [".env"]\n[tasks.a]\nrun = "echo 1 true"\n')
    project.write(".env", "DEBUG=1\nVERBOSE=true\n")
    assert project.run("run", "-q").code == 0
    assert project.run("log", "a").stdout == "1 true\n"


def test_a_snapshot_holds_no_values_of_parameters(project: Any) -> None:
    """They tell one call from another, which a digest does as well."""
    project.write("in")
    project.flowfile('[params]\nkey = "k"\n[tasks.a]\ninputs = ["in"]\noutputs = ["o"]\nrun = "touch o"\n')
    given = ("run", "--set", "key=tell-nobody")
    environ = {"FLOWMAKE_PARAM_KEY": "tell-nobody-either"}
    for args, env in ((given, {}), (("run",), environ)):
        assert project.run(*args, env=env).code == 0
        assert project.run(*args, env=env).stderr == "nothing to do: the task is fresh\n"
    snapshots = project.root / ".flowmake/snapshots"
    assert len(list(snapshots.iterdir())) == 2
    assert leaks(snapshots, "tell-nobody") == []


def test_hooks_get_the_value_and_do_not_tell(project: Any) -> None:
    """In pieces, on both streams, and when they fail."""
    project.flowfile(
        """
        [flow]
        secrets = ["TOKEN"]
        [hooks]
        on_success = "printf open-; echo sesame; echo $TOKEN >&2; echo $TOKEN > got; exit 3"
        [tasks.t]
        run = "true"
        on_success = "echo task $TOKEN"
        """
    )
    done = project.run("run", env={"TOKEN": "open-sesame"})
    assert done.code == 0
    assert "open-sesame" not in done.stdout + done.stderr
    stars = "*" * len("open-sesame")
    assert f"task {stars}\n" in done.stderr
    assert f"{stars}\n{stars}\n" in done.stderr
    assert "hook `on_success` failed with exit code 3" in done.stderr
    assert project.read("got") == "open-sesame\n"


def test_who_waits_for_the_lock_does_not_learn_the_secrets_of_who_holds_it(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.flowfile(
        '[flow]\nsecrets = ["TOKEN"]\n[params]\nkey = ""\n[tasks.t]\nrun = "echo > up; read line < gate"\n'
    )
    with project.gate() as gate, project.start("run", "--set", "key=open-sesame", env={"TOKEN": "open-sesame"}) as run:
        up.wait()
        done = project.run("run", "--lock", "fail")
        held = project.read(".flowmake/lock.holder")
        gate.write(b"\n")
        assert run.wait(LIMIT) == 0
    assert done.code == 75
    assert "--set key=***)" in done.stderr.replace("'", "")
    assert "open-sesame" not in done.stderr + held
