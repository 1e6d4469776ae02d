"""What must not grow unnoticed, counted instead of timed: modules loaded, database statements."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from tests.conftest import Project
from tests.perf.conftest import MAIN, NOTHING, SNAPSHOT, chain, loaded, python, settle

COUNT_SQL = """
import json, sqlite3, sys
statements = []
connect = sqlite3.connect

def counting(*args, **more):
    connection = connect(*args, **more)
    connection.set_trace_callback(statements.append)
    return connection

sqlite3.connect = counting
"""

HEAVY = {"asyncio", "concurrent", "graphviz", "jinja2", "multiprocessing", "psutil", "rich", "sqlite3"}
"""What takes long to load and has no business in these commands."""


def among(names: Iterable[str], modules: Iterable[str]) -> set[str]:
    return set(names) & {module.partition(".")[0] for module in modules}


# -- modules ---------------------------------------------------------------------------------------------------


def test_an_answer_from_a_snapshot_loads_next_to_nothing(project: Project) -> None:
    settle(chain(project, 3))
    assert loaded(project, "run", "-q") == SNAPSHOT


def test_help_loads_no_command_and_no_parser(project: Project) -> None:
    """Eleven modules, where click alone brings ninety."""
    assert loaded(project, "--help") == SNAPSHOT | {"flowmake.cli", "flowmake.cli.frontpage", "flowmake.cli.table"}


PARSERS = {"click", "inspect", "msgspec", "typing", "xxhash"}
"""What parses command lines and checks Flowfiles, and what that brings along; each takes long by itself."""
TABLE = {f"flowmake.cli{name}" for name in ("", ".frontpage", ".table", ".tasklist")} | {
    f"flowmake.{name}"
    for name in ("core", "core.expressions", "core.text", "views", "views.table", "world.cells", "world.terminal")
}
"""What prints a table that is at hand."""


def ours(found: Iterable[str]) -> set[str]:
    return {module for module in found if module.partition(".")[0] == "flowmake"}


def test_listing_tasks_for_the_first_time_loads_little_but_what_reads_toml(project: Project) -> None:
    chain(project, 3)
    found = loaded(project, "list")
    assert among({*HEAVY, *PARSERS}, found) == set()
    glance = {"obvious", "spelling", "units"}
    assert ours(found) == ours(SNAPSHOT) | TABLE | {f"flowmake.core.{name}" for name in glance}


def test_listing_tasks_of_an_unusual_flowfile_parses_no_command_line(project: Project) -> None:
    project.flowfile("[flow]\ndotenv = ['.env?']\n[tasks.a]\nrun = 'true'")
    found = loaded(project, "list")
    assert among({*HEAVY, "click", "gettext", "tempfile", "threading"}, found) == set()
    assert len(ours(found)) <= 56


def test_listing_tasks_looks_at_no_state_and_makes_no_graph(project: Project) -> None:
    found = loaded(chain(project, 3), "list", "--tag", "daily")
    assert among({*HEAVY, "difflib", "json", "shutil", "subprocess", "tempfile", "urllib"}, found) <= {"shutil"}
    judging = {"flowmake.build", "flowmake.cli.documents", "flowmake.core.graph", "flowmake.world.store"}
    assert found.isdisjoint(judging)


def test_a_run_loads_no_view_and_no_command_but_its_own(project: Project) -> None:
    found = loaded(chain(project, 3), "run", "-q")
    assert among({*HEAVY, "click", "difflib", "subprocess"} - {"sqlite3"}, found) == set()
    assert {module for module in found if module.startswith("flowmake.views")} == set()


def test_a_table_that_was_kept_takes_neither_click_nor_msgspec(project: Project) -> None:
    settle(chain(project, 3))
    found = loaded(project, "list")
    assert among({*HEAVY, *PARSERS, "collections", "re", "tomli"}, found) == set()
    assert ours(found) == ours(SNAPSHOT) | TABLE


def test_one_change_loads_neither_a_parser_nor_what_few_commands_need(project: Project) -> None:
    settle(chain(project, 3))
    project.write("src/1", "changed")
    found = loaded(project, "run", "-q")
    needless = {*HEAVY, "locale", "selectors", "subprocess", "threading", "tomli"} - {"sqlite3"}
    assert among({*needless, "click"}, found) == set()
    assert {"flowmake.cli.starting", "flowmake.core.assembly"}.isdisjoint(found)
    assert len(found) <= 180


@pytest.mark.parametrize("command", [("list",), ("status",), ("check",), ("run", "-q"), ("list", "--colour")])
def test_what_a_command_leaves_is_not_searched_for_cycles(project: Project, command: Sequence[str]) -> None:
    chain(project, 3)
    left = "import gc; print(json.dumps([gc.get_freeze_count(), len(gc.get_objects())]), file=sys.__stdout__)"
    frozen, searched = json.loads(python(project, NOTHING + MAIN + left, *command)[-1])
    assert frozen > 10 * searched


# -- database --------------------------------------------------------------------------------------------------


def statements(project: Project, *args: str) -> Counter[str]:
    """How often each kind of SQL statement is executed by a command."""
    code = COUNT_SQL + MAIN.replace("; ", "\n") + "print(json.dumps(statements), file=sys.__stdout__)"
    return Counter(statement.split()[0].upper() for statement in json.loads(python(project, code, *args)[-1]))


def test_what_is_recorded_is_loaded_in_bulk(sizes: list[Project]) -> None:
    few, many = (statements(one, "run", "-q", "-v") for one in sizes)
    assert few == many
    assert few["SELECT"] <= 12
    assert few["INSERT"] == few["DELETE"] == few["UPDATE"] == 0


def test_a_build_reads_and_writes_in_bulk(project: Project) -> None:
    found = statements(chain(project, 50), "run", "-q", "-j", "1")
    assert found["SELECT"] <= 16
    assert found["BEGIN"] == found["COMMIT"] <= 8
    assert found["INSERT"] <= 4 * 50 + 2 * 50 + 16


# -- functions -------------------------------------------------------------------------------------------------

COUNT_CALLS = """
import json, sys
from flowmake.engine.scheduler import Scheduler
calls = {"before": 0, "between": 0, "after": 0}
now = ["before"]

def count(frame, event, told):
    if event == "call":
        calls[now[0]] += 1

run = Scheduler.run

def counting(self):
    now[0] = "between"
    outcome = run(self)
    now[0] = "after"
    return outcome

Scheduler.run = counting
from flowmake.__main__ import main
sys.setprofile(count)
main()
sys.setprofile(None)
print(json.dumps(list(calls.values())), file=sys.__stdout__)
"""


def test_little_is_done_for_each_task_before_while_and_after_they_are_built(project: Project) -> None:
    """Calls of functions for each task, in a build from nothing: what is done before and after them, the machine has
    nothing else to do; what is done meanwhile, the commands do without.

    After the last one it depends on the clock how many files are hashed once more.
    """
    counts = []
    for number in (50, 150):
        project.flowfile("")
        shutil.rmtree(project.root / ".flowmake", ignore_errors=True)
        shutil.rmtree(project.root / "out", ignore_errors=True)
        counts.append(json.loads(python(chain(project, number), COUNT_CALLS, "run", "-q", "-j", "1")[-1]))
    before, between, after = ((many - few) / 100 for few, many in zip(*counts, strict=True))
    assert before <= 105
    assert between <= 365
    assert after <= 100


# -- one change ------------------------------------------------------------------------------------------------

COUNT_ALL = """
import json, sqlite3, sys
import msgspec
asked, rows, decoded = [], [], []
connect = sqlite3.connect

class Counting(sqlite3.Connection):
    def execute(self, sql, *values):
        cursor = super().execute(sql, *values)
        if not sql.lstrip().upper().startswith("SELECT"):
            return cursor
        found = cursor.fetchall()
        asked.append(sql)
        rows.extend(found)
        return Answer(found)

class Answer:
    def __init__(self, rows):
        self.rows = rows
        self.fetchall = lambda: rows
        self.fetchone = lambda: rows[0] if rows else None

sqlite3.connect = lambda *args, **more: connect(*args, factory=Counting, **more)

from flowmake.core import compiled
Decoder = msgspec.msgpack.Decoder

class CountingDecoder:
    def __init__(self, type):
        self.inner = Decoder(type)

    def decode(self, data):
        decoded.append(len(data))
        return self.inner.decode(data)

msgspec.msgpack.Decoder = CountingDecoder
from flowmake.__main__ import main
code = main()
anew = {"click", "flowmake.cli.starting"}
print(json.dumps([len(asked), len(rows), len(decoded), not anew.isdisjoint(sys.modules)]), file=sys.__stdout__)
"""


def counted(project: Project, number: int) -> list[int]:
    """How many queries, rows of records and decoded parts of the graph one changed source costs."""
    project.write(f"src/{number}", "changed")
    *counts, anew = json.loads(python(project, COUNT_ALL, "run", "-q")[-1])
    assert not anew
    return counts


def test_one_change_costs_the_same_among_many_tasks(sizes: list[Project]) -> None:
    """The last task of a chain of 100, and of one of 300."""
    few, many = (counted(one, number) for one, number in zip(sizes, (99, 299), strict=True))
    assert few == many
    queries, rows, decoded = few
    assert queries <= 12
    assert rows <= 24
    assert decoded <= 6
