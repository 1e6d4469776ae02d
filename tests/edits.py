"""A project with everything that a snapshot has to watch, and edits to it with the tasks that each makes stale."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], object]

EVERYTHING = """
[flow]
default = ["copy", "join", "each", "pack", "all", "traced", "made"]
include = ["parts/*.toml", { exec = ["sh", "gen.sh"], inputs = ["gen.in"] }]
dotenv = [".env?"]
shell = ["sh", "-c"]
[params]
word = "hello"
[tasks.copy]
inputs = ["in"]
outputs = ["out/copy"]
run = "cat in > out/copy; echo {{ params.word }} >> out/copy"
[tasks.join]
inputs = ["src/*.txt", "!src/tmp*"]
outputs = ["out/join"]
run = "cat {{ inputs }} > out/join"
[tasks.each]
foreach.unit.glob = "units/{unit}.c"
inputs = ["units/{{ unit }}.c"]
outputs = ["out/{{ unit }}.o"]
run = "cp {{ inputs }} {{ outputs }}"
[tasks.pack]
inputs = ["tree/"]
outputs = ["out/pack"]
run = "ls -R tree > out/pack"
[tasks.all]
inputs = ["deep/**/*.md", { lines = "list" }]
outputs = ["out/all"]
run = "cat {{ inputs }} > out/all"
[tasks.traced]
inputs = ["main.c"]
outputs = ["out/main.o"]
track_env = ["MODE"]
depfile = "out/main.d"
run = "echo 'out/main.o: main.c main.h' > out/main.d; cat main.c main.h > out/main.o; echo $MODE >> out/main.o"
[tasks.made]
inputs = ["link", "tool"]
outputs = ["out/made"]
run = "cat {{ inputs }} > out/made"
"""
FILES = {
    "in": "in",
    "src/a.txt": "a",
    "src/b.txt": "b",
    "units/one.c": "1",
    "tree/x": "x",
    "tree/deep/y": "y",
    "deep/a.md": "a",
    "deep/er/b.md": "b",
    "list": "item\n",
    "item": "item",
    "main.c": "int",
    "main.h": "head",
    "target": "target",
    "other": "other",
    "tool": "tool",
    "parts/a.toml": '[tasks.part]\noutputs = ["out/part"]\nrun = "date > out/part"\n',
    "gen.in": "1",
    "gen.sh": "true",
}


def unseen(path: str, text: str) -> Edit:
    """An edit of the same size, with the times put back as far as they can be."""

    def edit(root: Path) -> None:
        before = (root / path).stat()
        assert len(text) == before.st_size
        (root / path).write_text(text)
        os.utime(root / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def write(path: str, text: str) -> Edit:
    def edit(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return edit


def replace(path: str, text: str) -> Edit:
    """A new file under the old name."""

    def edit(root: Path) -> None:
        (root / "draft").write_text(text)
        os.replace(root / "draft", root / path)

    return edit


def change(path: str, old: str, new: str) -> Edit:
    return lambda root: (root / path).write_text((root / path).read_text().replace(old, new))


def point(path: str, target: str) -> Edit:
    def edit(root: Path) -> None:
        (root / path).unlink()
        (root / path).symlink_to(target)

    return edit


def remove(path: str) -> Edit:
    return lambda root: (root / path).unlink()


ALL_TASKS = ["all", "copy", "each@one", "join", "made", "pack", "traced"]
EDITS: dict[str, tuple[Edit, list[str]]] = {
    "content": (write("in", "new"), ["copy"]),
    "same size, same time": (unseen("in", "IN"), ["copy"]),
    "replaced by renaming": (replace("in", "IN"), ["copy"]),
    "executable": (lambda root: (root / "tool").chmod(0o755), ["made"]),
    "output deleted": (remove("out/copy"), ["copy"]),
    "output edited": (write("out/copy", "mine"), ["copy"]),
    "output edited unseen": (unseen("out/made", "targetTOOL"), ["made"]),
    "new in a globbed folder": (write("src/c.txt", "c"), ["join"]),
    "removed from a globbed folder": (remove("src/b.txt"), ["join"]),
    "renamed in a globbed folder": (lambda root: (root / "src/b.txt").rename(root / "src/z.txt"), ["join"]),
    "new for a foreach": (write("units/two.c", "2"), ["each@two"]),
    "new in a folder below **": (write("deep/er/c.md", "c"), ["all"]),
    "new folder below **": (write("deep/new/folder/c.md", "c"), ["all"]),
    "new in a tree": (write("tree/deep/z", "z"), ["pack"]),
    "edited in a tree": (unseen("tree/deep/y", "Y"), ["pack"]),
    "removed from a tree": (remove("tree/x"), ["pack"]),
    "new folder in a tree": (lambda root: (root / "tree/deep/empty").mkdir(), ["pack"]),
    "list": (write("list", "item\nother\n"), ["all"]),
    "listed file": (write("item", "ITEM"), ["all"]),
    "discovered header": (unseen("main.h", "HEAD"), ["traced"]),
    "target of a link": (unseen("target", "TARGET"), ["made"]),
    "link to another target": (point("link", "other"), ["made"]),
    "command": (change("Flowfile", "cat in >", "cat  in >"), ["copy"]),
    "included file": (change("parts/a.toml", "[tasks.part]", '[params]\nword = "bye"\n[tasks.part]'), []),
    "another included file": (write("parts/b.toml", "[defaults]"), []),
    "dotenv created": (write(".env", "MODE=fast"), ["traced"]),
    "file that a program reads": (
        lambda root: (change("gen.sh", "true", "echo '[env]'; echo 'A=1'")(root), write("gen.in", "2")(root)),
        [],
    ),
    "records removed": (remove(".flowmake/state.db"), ALL_TASKS),
    "records overwritten": (write(".flowmake/state.db", "?" * 5000), ALL_TASKS),
    "records cut short": (lambda root: os.truncate(root / ".flowmake/state.db", 5000), ALL_TASKS),
    "records emptied": (write(".flowmake/state.db", ""), ALL_TASKS),
}
UNLOADABLE = {"included file", "another included file", "file that a program reads"}
