"""What is remembered within a run, against a plain model that searches everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowmake.world.memory import Memory

PATHS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map("/".join)
FOLDERS = PATHS.map(lambda path: path + "/")
STEPS = st.lists(st.tuples(st.sampled_from(["put", "tree", "forget"]), PATHS | FOLDERS | st.just("./")), max_size=30)


def lies_in(one: str, other: str) -> bool:
    """Whether `one` is `other` or something inside it."""
    return other == "./" or f"{one.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")


@given(STEPS)
def test_what_is_forgotten_goes_with_all_around_it_and_nothing_else(steps: list[tuple[str, str]]) -> None:
    memory = Memory()
    known: dict[str, str] = {}
    for number, (step, path) in enumerate(steps):
        if step == "forget":
            memory.forget([path])
            for one in list(known):
                found = memory.get(one)
                if lies_in(path, one) or (path.endswith("/") and lies_in(one, path)):
                    assert found is None
                elif not lies_in(one, path):
                    assert found == known[one]
                if found is None:  # of a path without `/`, what lies inside goes only if it is known for a folder
                    del known[one]
        else:
            known[path] = f"{step} {number}"
            memory.put(path, known[path])
            if step == "tree":
                memory.put_tree(path, has_links=False)
    assert {one: memory.get(one) for one in known} == known


def test_a_known_folder_takes_what_is_in_it_along_whatever_its_spelling() -> None:
    memory = Memory()
    memory.put("d/", "tree")
    memory.put_tree("d/", has_links=False)
    memory.put("d/a", "file")
    memory.forget(["d"])
    assert (memory.get("d/"), memory.get("d/a")) == (None, None)


def test_a_folder_with_symlinks_may_hold_any_path() -> None:
    memory = Memory()
    memory.put("linked/", "1")
    memory.put_tree("linked/", has_links=True)
    memory.put("plain/", "2")
    memory.put_tree("plain/", has_links=False)
    memory.forget(["elsewhere"])
    assert (memory.get("linked/"), memory.get("plain/")) == (None, "2")


def test_absolute_paths() -> None:
    memory = Memory()
    for path in ("/a/b", "/a/", "/a", "a"):
        memory.put(path, path)
    memory.forget(["/a/"])
    assert [memory.get(path) for path in ("/a/b", "/a/", "/a", "a")] == [None, None, None, "a"]
