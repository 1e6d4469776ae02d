"""What was laid together as bytes is found again, each thing on its own."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import pytest

from flowmake.core.blocks import ENOUGH, Blocks, joined, numbers, packed, path_bytes, texts
from tests.pieces import whole


@pytest.mark.parametrize("items", [[], [b""], [b"one", b"", b"three"], [b"\0", b"\xff" * 1000]])
def test_blocks_are_those_that_were_packed(items: list[bytes]) -> None:
    blocks = Blocks(whole(packed("some", items)), "some", bytes)
    assert len(blocks) == len(items)
    assert [blocks[number] for number in range(len(blocks))] == items
    assert list(map(bytes, blocks.blocks())) == items


def test_a_block_is_decoded_once_and_only_when_it_is_asked_for() -> None:
    decoded: list[bytes] = []

    def decode(data: memoryview) -> int:
        decoded.append(bytes(data))
        return len(data)

    blocks = Blocks(whole(packed("some", [b"a", b"bb", b"ccc"])), "some", decode)
    assert (blocks[1], blocks[1]) == (2, 2)
    assert decoded == [b"bb"]


def test_numbers_are_those_of_an_array() -> None:
    lists: list[tuple[int, ...]] = [(), (7,), (0, 1, 4_000_000_000)]
    blocks = Blocks(whole(packed("some", [array("I", one).tobytes() for one in lists])), "some", numbers)
    assert [blocks[number] for number in range(3)] == lists


def test_paths_in_order_are_found_by_halving() -> None:
    """Those that are no UTF-8 included, whose order as text is another one."""
    paths = ["a", "a/b", "\udcff", "é", "\uffff", "z"]
    ordered = sorted(map(path_bytes, paths))
    blocks = Blocks(whole(packed("path", ordered)), "path", bytes)
    assert [bisect_left(blocks, path_bytes(path)) for path in paths] == [ordered.index(path_bytes(p)) for p in paths]


@pytest.mark.parametrize("some", [[], ["one"], ["one", "", "\udce9", "é"]])
def test_texts_are_those_that_were_joined(some: list[str]) -> None:
    assert texts(joined(some)) == some


def test_a_section_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Blocks({}, "none", bytes)


def test_many_blocks_come_in_pieces() -> None:
    pieces = list(packed("some", [bytes(ENOUGH // 4)] * 10))
    assert [name for name, _ in pieces] == ["some", "some", "some", "some begins"]
    assert max(len(data) for _, data in pieces) == ENOUGH
    assert len(Blocks(whole(pieces), "some", bytes)) == 10
