"""Inputs for a fuzz target out of a corpus: repeatable, without any tool. Unaware of what the bytes mean."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

TOKENS: dict[str, Sequence[bytes]] = {
    "flowfile": [
        b"[tasks.a]\n",
        b"[flow]\n",
        b"[params]\n",
        b"[env]\n",
        b"[defaults]\n",
        b"inputs = ",
        b"outputs = ",
        b"foreach = ",
        b"run = ",
        b"exec = ",
        b"call = ",
        b"needs = ",
        b'"{{ inputs }}"',
        b'"*.csv"',
        b"{ path = ",
        b"{ lines = ",
        b"{ glob = ",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"""',
        b"'''",
        b"'",
        b'"',
        b"= 1\n",
        b"= true\n",
        b"1979-05-27T07:32:00Z",
        b"nan",
        b"-inf",
        b"0x",
        b"9" * 30,
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\0",
        b"\r",
        b"timeout = ",
        b"retries = ",
        b"resources = ",
        b"[[tasks]]\n",
        b"a.b.c = 1\n",
        b"include = ",
        b"zip = true",
        b"exclude = ",
        b"'../x'",
        b'"/"',
    ],
    "depfile": [
        b":",
        b": ",
        b"\\\n",
        b"\\\r\n",
        b"\\ ",
        b"\\#",
        b"$$",
        b"$",
        b"\\\\",
        b"#",
        b"\0",
        b"\xff",
        b"a.o: a.c\n",
    ],
    "glob": [
        b"*",
        b"**",
        b"**/",
        b"?",
        b"[a-z]",
        b"[!a]",
        b"[]]",
        b"[[]",
        b"/",
        b"..",
        b"./",
        b"\n",
        b"{x}",
        b"\xff",
        b"\0",
    ],
    "template": [
        b"{{ ",
        b" }}",
        b"{% ",
        b" %}",
        b"{# ",
        b" #}",
        b"inputs",
        b"params.text",
        b"params['list'][0]",
        b"|",
        b" | raw",
        b" | basename",
        b"for x in inputs",
        b"endfor",
        b"if cpu",
        b"endif",
        b"set x = 1",
        b"macro f(a)",
        b"endmacro",
        b"v",
        b"|join(',')",
        b".__class__",
        b"[",
        b"]",
        b"(",
        b")",
        b"'",
        b'"',
        b"~",
        b"range(3)",
        b"\r\n",
        b"\xff",
        b"\0\1",
        b"-%}",
    ],
    "dotenv": [
        b"A=",
        b"export ",
        b"'",
        b'"',
        b"\\n",
        b"\\",
        b"#",
        b" #",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff",
        b"=",
        b"A.B=",
    ],
    "snapshot": [
        b"\0",
        b"\xff" * 8,
        b"(",
        b")",
        b"[",
        b"{",
        b"i",
        b"s",
        b"N",
        b"l\x7f\xff\xff\x7f",
        b"flowmake snapshot 2\n",
    ],
    "journal": [b"flowmake journal 1\n", b"\0" * 12, b"begin", b"run", b"accept", b"\x92\xa6forget", b"\xc4\x02t1"],
    "state": [b"SQLite format 3\0", b"\0" * 16, b"\xff" * 16, b"\0\0\0\0\x10", b"\0\0\x10\0\x04", b"\0\0\0\x12\x01"],
}


def corpus(target: str) -> list[bytes]:
    """What is always tried: examples, and whatever made it fail once."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def mutations(target: str, count: int, seed: int) -> Iterator[bytes]:
    """`count` inputs made out of the corpus, the same ones for the same seed."""
    chance = random.Random(f"{target} {seed}")
    seeds = corpus(target)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            _mutate(data, chance, TOKENS[target], seeds)
        yield bytes(data)


def _mutate(data: bytearray, chance: random.Random, tokens: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 2, 4, 16, 64)))
    match chance.randrange(7):
        case 0:
            data[start:end] = chance.choice(tokens)
        case 1:
            data[start:start] = chance.choice(tokens)
        case 2:
            del data[start:end]
        case 3:
            data[start:start] = data[start:end] * chance.choice((1, 1, 2, 50))
        case 4:
            data[start:end] = chance.randbytes(end - start)
        case 5:
            other = chance.choice(seeds)
            cut = chance.randint(0, len(other))
            data[start:end] = other[cut : cut + chance.choice((4, 16, 64, 256))]
        case _:
            del data[start:]
