"""Depfiles as gcc, clang and others write them, and junk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowmake.core.depfile import parse_depfile

CASES = {
    "empty": (b"", []),
    "blank lines and comments": (b"\n  \n# made by a tool: really\n", []),
    "one rule": (b"a.o: a.c a.h\n", ["a.c", "a.h"]),
    "no newline at the end": (b"a.o: a.c", ["a.c"]),
    "no prerequisites": (b"a.o:\n", []),
    "continued lines": (b"a.o: a.c \\\n  a.h \\\n  b.h\n", ["a.c", "a.h", "b.h"]),
    "continued right behind a word": (b"a.o: a.c\\\n b.h\n", ["a.c", "b.h"]),
    "continued with CRLF": (b"a.o: a.c \\\r\n a.h\r\n", ["a.c", "a.h"]),
    "continued at the very end": (b"a.o: a.c \\", ["a.c"]),
    "several targets": (b"a.o a.d b/a.o: a.c\n", ["a.c"]),
    "space before the colon": (b"a.o : a.c\n", ["a.c"]),
    "several rules, repeats once": (b"a.o: x y\nb.o: y z\n", ["x", "y", "z"]),
    "phony targets of -MP": (b"a.o: a.c a.h\na.h:\n", ["a.c", "a.h"]),
    "escaped space": (b"a.o: my\\ file.c b.c\n", ["my file.c", "b.c"]),
    "escaped space in a target": (b"my\\ a.o: b.c\n", ["b.c"]),
    "escaped hash": (b"a.o: c\\#.h\n", ["c#.h"]),
    "dollars": (b"a.o: $$x/$y.h\n", ["$x/$y.h"]),
    "backslashes before a space": (b"a.o: a\\\\\\ b\n", ["a\\ b"]),
    "an even number of backslashes ends the word": (b"a.o: a\\\\ b\n", ["a\\\\", "b"]),
    "backslashes before anything else stay": (b"a.o: a\\b\\\\c\n", ["a\\b\\\\c"]),
    "colon inside a word": (b"a.o: http://x a:b\n", ["http://x", "a:b"]),
    "escaped colon": (b"x\\:y.o: c\\:d.h\n", ["c:d.h"]),
    "tabs": (b"a.o:\ta.c\tb.c\n", ["a.c", "b.c"]),
    "no-break space belongs to a name": ("a.o: a\u00a0b\n".encode(), ["a\u00a0b"]),
    "not UTF-8": (b"a.o: caf\xe9.h\n", ["caf\udce9.h"]),
}


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES.keys())
def test_prerequisites(data: bytes, expected: list[str]) -> None:
    assert parse_depfile(data) == expected


JUNK = {
    "no colon": (b"a.o: x\nhello world\n", "line 2: no `:` after the target in `hello world`"),
    "no colon, continued lines counted": (b"a: \\\n b\nc\n", "line 3: no `:` after the target in `c`"),
    "no target": (b": a.c\n", "line 1: no target before the `:`"),
    "binary": (b"a: b\n\x7fELF\0\0", "line 2: a NUL byte, which no depfile holds"),
    "cut short": (b"a: b\nc", "line 2: no `:` after the target in `c`"),
}


@pytest.mark.parametrize(("data", "message"), JUNK.values(), ids=JUNK.keys())
def test_junk_is_named_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^line") as caught:
        parse_depfile(data)
    assert str(caught.value) == message


@given(st.binary() | st.text(alphabet=" \\:#$\n\r\tab").map(str.encode))
@example(b"\\")
@example(b"a:\\\r")
def test_any_bytes_give_paths_or_a_value_error(data: bytes) -> None:
    try:
        found = parse_depfile(data)
    except ValueError as error:
        found = [str(error)]
    assert all(found)
    assert len(set(found)) == len(found)


def _as_gcc_writes(name: str) -> str:
    written = ""
    for index, character in enumerate(name):
        if character == " ":
            before = len(name[:index]) - len(name[:index].rstrip("\\"))
            written += "\\" * (before + 1)
        written += {"$": "$$", "#": "\\#"}.get(character, character)
    return written


NAMES = st.text(alphabet="ab $#\\./é", min_size=1, max_size=8).filter(
    lambda name: not name.endswith("\\") and "\\#" not in name
)


@given(st.lists(NAMES, max_size=5, unique=True))
def test_what_gcc_writes_is_read_back(names: list[str]) -> None:
    text = "x.o: " + " \\\n ".join(map(_as_gcc_writes, names)) + "\n"
    assert parse_depfile(text.encode()) == names


def test_a_real_compiler(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None, "these tests need a C compiler"
    headers = ["plain.h", "with space.h", "has#hash.h", "a$b.h"]
    for header in headers:
        (tmp_path / header).write_text("")
    (tmp_path / "main.c").write_text("".join(f'#include "{header}"\n' for header in headers))
    subprocess.run([compiler, "-MD", "-MP", "-MF", "m.d", "-c", "main.c"], cwd=tmp_path, check=True)
    found = parse_depfile((tmp_path / "m.d").read_bytes())
    assert [path for path in found if not path.startswith("/")] == ["main.c", *headers]
