"""What is fuzzed: targets take bytes, and must end well or in an error meant for users. Unaware of who makes them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from zlib import crc32

from xxhash import xxh3_64_digest

from flowmake.core import dotenv as dotenv_files
from flowmake.core import templates
from flowmake.core.assembly import Assembly
from flowmake.core.depfile import parse_depfile
from flowmake.core.errors import FlowfileError, FlowmakeError
from flowmake.core.flowfile import load_flow
from flowmake.core.model import Attempt, RunRecord, TaskRecord, Trace
from flowmake.core.patterns import compile_pattern, escape, intersects, normalise, unescape
from flowmake.core.positions import render
from flowmake.core.source import Place
from flowmake.core.text import safe_text
from flowmake.core.values import PathList, outside
from flowmake.wiring import DiskSources
from flowmake.world import snapshot
from flowmake.world.database import journal_path
from flowmake.world.store import SqliteStore
from tests.answers import answer_of
from tests.fakes import FakeFiles

Target = Callable[[bytes], None]


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def flowfile(data: bytes) -> None:
    """Any file is a flow with a graph, or a list of problems that can be shown with their lines."""
    files = FakeFiles({"Flowfile": data, "a.csv": "a", "list.txt": "x\ny\n", "x.json": "[1, 2]"})
    try:
        flow = load_flow(
            "/root",
            "Flowfile",
            files.read,
            glob=files.glob,
            run_include=lambda argv, inputs: "",
            environ={},
            params={},
        )
        Assembly(flow, DiskSources(files))
    except FlowfileError as error:
        shown = render(error.problems, lambda name: text_of(data) if name == "Flowfile" else None)
        assert shown.strip()
        assert "\x1b" not in safe_text(shown)


def depfile(data: bytes) -> None:
    """Paths, or a `ValueError` that names a line."""
    try:
        found = parse_depfile(data)
    except ValueError as error:
        if str(error).startswith("line "):
            return
        raise
    assert all(path and "\n" not in path and "\0" not in path for path in found)
    assert len(set(found)) == len(found)


def glob(data: bytes) -> None:
    """Two patterns and a path, by lines: no text makes matching fail, and what is said of patterns is consistent."""
    first, second, path = [*text_of(data).split("\n", 2), "", ""][:3]
    first, second, path = (part.replace("\0", "")[:80] for part in (first, second, path))  # no Flowfile has NUL in one
    path = normalise(path)
    one, two = compile_pattern(normalise(first)), compile_pattern(normalise(second))
    matches = one.matches(path), two.matches(path)
    if all(matches) and path:
        assert intersects(one.source, two.source), (first, second, path)
    assert intersects(one.source, two.source) == intersects(two.source, one.source)
    assert compile_pattern(escape(path)).matches(path)
    assert unescape(escape(path)) == path
    assert normalise(normalise(first)) == normalise(first)


CONTEXT = {
    "params": {"a": 1, "text": "it's", "list": ["x", "y"], "deep": {"k": ["v"]}},
    "inputs": PathList(["a b.txt", "-x"], {"raw": ["a b.txt"]}),
    "outputs": PathList(["out/"]),
    "flow": {"name": "f", "root": "/root"},
    "task": {"name": "t"},
    "env": {"A": "b"},
    "cpu": 2,
    "v": outside("-rf"),
}


def template(data: bytes) -> None:
    """Rendered in every way, or one problem in words.

    Not what joins the letters of a text by a text, and those of the result again: that may grow to any length.
    """
    if data.count(b"join") > 1:
        return
    text, place = text_of(data), Place("Flowfile", ("tasks", "t", "run"))
    templates.check(text, place)
    templates.names(text)
    templates.skeleton(text)
    for rendered in (templates.render_shell, templates.render, templates.render_paths, templates.render_names):
        with suppress(FlowfileError):
            rendered(text, CONTEXT, place)
    with suppress(FlowfileError):
        templates.render_list(text, CONTEXT, place)


def dotenv(data: bytes) -> None:
    """Variables and problems, each problem with its line."""
    variables, problems = dotenv_files.parse(".env", text_of(data))
    assert all(name and "=" not in name for name in variables)
    assert all(problem.places[0].line >= 1 for problem in problems)


KEY = b"key"


def snapshots(data: bytes) -> None:
    """Whatever lies there, nobody is told that there is nothing to do. Its checksum is set right now and then."""
    body = data[1:]
    if data[:1] == b"\1":
        body = snapshot.MAGIC + crc32(body).to_bytes(4, "big") + body
    with _folder() as folder:
        path = os.path.join(folder, "snapshots", "one")
        os.mkdir(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(body)
        here = os.getcwd()
        assert answer_of(path, KEY, {}, 0.0) is None
        assert os.getcwd() == here


@cache
def good_state() -> bytes:
    """A database in which there is something of everything."""
    with _folder() as folder:
        path = os.path.join(folder, "state.db")
        store = SqliteStore(path)
        store.begin_run(RunRecord("r1", 1.0, argv=("run",)))
        for number in range(20):
            name = f"t{number}"
            attempt = Attempt(name, "succeeded", "r1", 1.0)
            trace = Trace(
                name, "cp a b\nshell: []", {"E": "1"}, {"a": "0" * 32}, {f"b{number}": "1" * 32}, 2.0, 1.0, "r1"
            )
            store.begin_task(attempt)
            store.end_task(attempt, TaskRecord("r1", name, "succeeded", 1, 1.0, 1.0), trace)
        store.end_run(RunRecord("r1", 1.0, 2.0, "succeeded", 0))
        store.close()
        with open(path, "rb") as file:
            return file.read()


def state(data: bytes) -> None:
    """A damaged database is read as far as it goes, set aside, or explained: for reading and for writing.

    The bytes are edits of a good one (four of place, one of length, then what goes there), or a whole file after `F`.
    """
    content = data[1:] if data[:1] == b"F" else edited(good_state(), data[1:])
    with _folder() as folder:
        for read_only in (True, False):
            path = os.path.join(folder, f"{read_only}.db")
            with open(path, "wb") as file:
                file.write(content)
            with suppress(FlowmakeError):
                _use(SqliteStore(path, read_only=read_only), read_only=read_only)


@cache
def good_journal() -> tuple[bytes, bytes]:
    """A database, and a journal that a writer who died has left beside it."""
    with _folder() as folder:
        path = os.path.join(folder, "state.db")
        store = SqliteStore(path)
        store.begin_run(RunRecord("r1", 1.0, argv=("run",)))
        for number in range(5):
            attempt = Attempt(f"t{number}", "running", "r1", 1.0)
            store.begin_task(attempt)
            store.flush()
            record = TaskRecord("r1", attempt.task, "succeeded", 1, 1.0, 1.0)
            store.end_task(attempt, record, Trace(attempt.task, "cp a b", {}, {"a": "1"}, {"b": "2"}, 2.0, 1.0, "r1"))
        store.forget_task("t1")
        store.flush()
        with open(path, "rb") as file, open(path + "-wal", "rb") as log:
            database = _joined(file.read(), log.read())
        with open(journal_path(path), "rb") as file:
            journal = file.read()
        store.close()
        return database, journal


def _joined(file: bytes, log: bytes) -> bytes:
    """A database as it is with what is still in its log."""
    with _folder() as folder:
        path = os.path.join(folder, "state.db")
        for suffix, data in (("", file), ("-wal", log)):
            with open(path + suffix, "wb") as out:
                out.write(data)
        SqliteStore(path).close()
        with open(path, "rb") as out:
            return out.read()


def journal(data: bytes) -> None:
    """Of a damaged journal counts what is sound at its beginning, or it is set aside; likewise for those who read.

    The bytes are as for `state`; after `C`, edits whose checksums are set right.
    """
    database, good = good_journal()
    content = data[1:] if data[:1] == b"F" else edited(good, data[1:])
    if data[:1] == b"C":
        content = _with_checksums(content)
    with _folder() as folder:
        for read_only in (True, False):
            path = os.path.join(folder, f"{read_only}.db")
            for place, part in ((path, database), (journal_path(path), content)):
                with open(place, "wb") as file:
                    file.write(part)
            with suppress(FlowmakeError):
                _use(SqliteStore(path, read_only=read_only), read_only=read_only)


def _with_checksums(data: bytes) -> bytes:
    """The frames of a journal as if they had been written so."""
    found = bytearray(data)
    position, checksum = found.find(b"\n") + 1, 0
    while position + 12 <= len(found):
        length = int.from_bytes(found[position : position + 4], "little")
        digest = xxh3_64_digest(bytes(found[position + 12 : position + 12 + length]), checksum)
        found[position + 4 : position + 12] = digest
        checksum = int.from_bytes(digest, "big")
        position += 12 + length
    return bytes(found)


def edited(good: bytes, edits: bytes) -> bytes:
    """With each edit done: four bytes tell where, one how much, then come the bytes themselves."""
    content = bytearray(good)
    while len(edits) > 5:
        place, length = int.from_bytes(edits[:4], "big") % len(content), edits[4]
        content[place : place + length] = edits[5 : 5 + length]
        edits = edits[5 + length :]
    return bytes(content)


def _use(store: SqliteStore, *, read_only: bool) -> None:
    try:
        for table in (store.traces(), store.attempts(), store.made()):
            for name in list(table):
                table.get(name)
        for run in store.runs():
            store.tasks_of(run.id)
        store.records_of("t1")
        store.named_orphans()
        store.stat_cache()
        if not read_only:
            store.accept(Trace("new", "", {}, {}, {}, 1.0, 1.0, "r2"))
            store.flush()
            assert store.traces().get("new") is not None
    finally:
        store.close()


@contextmanager
def _folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="flowmake-fuzz-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


TARGETS: dict[str, Target] = {
    "flowfile": flowfile,
    "depfile": depfile,
    "glob": glob,
    "template": template,
    "dotenv": dotenv,
    "snapshot": snapshots,
    "state": state,
    "journal": journal,
}
