"""An editor that speaks with Taplo's language server about files that it has open. Unaware of any one schema."""

from __future__ import annotations

import itertools
import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.npm import package
from tests.processes import LIMIT

HOST = Path(__file__).with_suffix(".cjs")
CURSOR = "|"
STAGES = 3
"""Diagnostics are told of the syntax, then of keys and tables, then of the schema, until there are any."""


class Problem(NamedTuple):
    """A diagnostic: what is underlined, and what is said."""

    text: str
    message: str


class Editor:
    """One server in one folder. Each text is a file of its own there; what is asked about is at the cursor, `|`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.fail("node is missing: install it with the system's package manager (`apt-get install nodejs npm`)")
        self._folder = folder
        with open(folder / "server.log", "wb") as log:
            self._process = subprocess.Popen(
                [node, HOST, package("@taplo/lsp")],
                cwd=folder,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._numbers = itertools.count(1)
        self._received: queue.Queue[Any] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        root = {"uri": folder.as_uri(), "name": "project"}
        self._ask(
            "initialize", {"processId": None, "rootUri": root["uri"], "capabilities": {}, "workspaceFolders": [root]}
        )
        self._tell("initialized", {})

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def completions(self, text: str) -> dict[str, dict[str, Any]]:
        """What is offered at the cursor, by its label."""
        return {item["label"]: item for item in self._ask("textDocument/completion", self._place(text)) or ()}

    def hover(self, text: str) -> str | None:
        """What is shown when the pointer is where the cursor is."""
        found = self._ask("textDocument/hover", self._place(text))
        return found and found["contents"]["value"]

    def problems(self, text: str) -> list[Problem]:
        """What is underlined."""
        lines = text.split("\n")
        return [
            Problem(lines[start["line"]][start["character"] : end["character"]], told["message"])
            for told in self._open(text)[1]
            for start, end in [(told["range"]["start"], told["range"]["end"])]
        ]

    def _place(self, text: str) -> dict[str, Any]:
        """Where the cursor is, in terms of the protocol."""
        before, after = text.split(CURSOR)
        place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return {"textDocument": {"uri": self._open(before + after)[0]}, "position": place}

    def _open(self, text: str) -> tuple[str, list[Any]]:
        """The new file and its diagnostics; once they are told, the server knows it."""
        uri = (self._folder / f"{next(self._numbers)}" / "Flowfile").as_uri()
        document = {"uri": uri, "languageId": "toml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        told: list[Any] = []
        for _ in range(STAGES):
            if not told:
                told = self._until(lambda found: found.get("params", {}).get("uri") == uri)["params"]["diagnostics"]
        return uri, told

    def _ask(self, method: str, params: Any) -> Any:
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        answer = self._until(lambda found: found.get("id") == number and "method" not in found)
        assert "error" not in answer, answer
        return answer["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _until(self, wanted: Any) -> Any:
        """The next such message. What the server asks meanwhile, it is told that nothing is configured."""
        while not wanted(found := self._received.get(timeout=LIMIT)):
            if "id" in found and "method" in found:
                self._send({"id": found["id"], "result": [None for _ in found["params"].get("items", ())]})
        return found

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            name, _, value = header.decode().partition(":")
            assert name.lower() == "content-length", header
            stream.readline()
            self._received.put(json.loads(stream.read(int(value))))
