"""A second, much simpler opinion on incremental builds: whole contents instead of digests, and no database.

A made-up project of tasks whose commands are a known function of their inputs. `Oracle` tells what every output
must be after a run, and exactly which tasks had to run.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

Contents = dict[str, object]


@dataclass(frozen=True)
class Spec:
    """One task: reads `inputs` (paths, a folder with a closing slash, or globs `folder/*`), writes `outputs`.

    Each output is the first `width` hex digits of a hash of salt, its own name and all that is read: narrow ones
    often come out unchanged (early cut-off); width 0 makes an empty stamp file.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    needs: tuple[str, ...] = ()
    salt: str = "0"
    width: int = 2

    @property
    def command(self) -> str:
        """Hashes salt, output name, and every file read, in the order in which flowmake must list them."""
        reads = " ".join(["{{ inputs }}"] * bool(self.inputs) + [f'{{{{ needs["{n}"].outputs }}}}' for n in self.needs])
        feed = f"for f in {reads}; do cat_it $f; done" if reads else ":"
        writes = [
            f"( printf '%s' '{self.salt}:{out}:'; {feed} ) | sha1sum | head -c {self.width} > {out}"
            for out in self.outputs
        ]
        cat_it = 'cat_it() { if [ -d "$1" ]; then (cd "$1" && cat $(ls)); else cat "$1"; fi; }'
        return "; ".join([cat_it, *writes])


@dataclass
class Record:
    """What a task's last success was made of."""

    command: tuple[str, ...]
    read: Contents
    made: dict[str, bytes]


@dataclass
class Oracle:
    """Knows the specs, what the user put on disk, and what each task last did."""

    root: Path
    specs: dict[str, Spec] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    # -- the project on disk ---------------------------------------------------------------------------------

    def write_flowfile(self) -> None:
        lines = ["[flow]", 'shell = ["sh", "-c"]']
        for spec in self.specs.values():
            lines += [
                f"[tasks.{spec.name}]",
                f"inputs = {_toml(spec.inputs)}",
                f"outputs = {_toml(spec.outputs)}",
                f"needs = {_toml(spec.needs)}",
                f"run = '''{spec.command}'''",
            ]
        text = "\n".join(lines) + "\n"
        flowfile = self.root / "Flowfile"
        if not flowfile.exists() or flowfile.read_text() != text:
            flowfile.write_text(text)

    def opinion(self) -> set[str]:
        """Which tasks would have to run now, changing nothing."""
        before = dict(self.records)
        had_to_run, _ = self.run()
        self.records = before
        return had_to_run

    def clean_copy(self, target: Path) -> Oracle:
        """The same project with only what the user wrote: no outputs, no state."""
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("out", ".flowmake"))
        return Oracle(target, dict(self.specs))

    # -- what must happen ------------------------------------------------------------------------------------

    def run(self) -> tuple[set[str], dict[str, bytes]]:
        """Which tasks have to run now, and what every output must be afterwards."""
        had_to_run: set[str] = set()
        made: dict[str, bytes] = {}
        values: dict[str, object] = {}
        for spec in self._in_order():
            read = {path: values[path] if path in values else self._on_disk(path) for path in self._reads(spec)}
            record = self.records.get(spec.name)
            results = self._results(spec, made)
            if record is None or not self._still_holds(spec, record, read):
                had_to_run.add(spec.name)
                self.records[spec.name] = Record(self._rendered(spec), read, results)
            made |= results
            identity = ("stamp", self._rendered(spec), tuple(sorted(read.items(), key=lambda item: item[0])))
            values |= {path: content or identity for path, content in results.items()}
        self.records = {name: record for name, record in self.records.items() if name in self.specs}
        return had_to_run, made

    def _still_holds(self, spec: Spec, record: Record, read: Contents) -> bool:
        there = {path: self._bytes(path) for path in record.made}
        return record.command == self._rendered(spec) and record.read == read and record.made == there

    def _rendered(self, spec: Spec) -> tuple[str, ...]:
        """The command with what `{{ inputs }}` stands for."""
        return (spec.command, *self._listed(spec))

    def _results(self, spec: Spec, made: dict[str, bytes]) -> dict[str, bytes]:
        text = b""
        for path in [*self._listed(spec), *(out for need in spec.needs for out in self.specs[need].outputs)]:
            text += self._content(path, made)
        return {
            out: hashlib.sha1(f"{spec.salt}:{out}:".encode() + text).hexdigest()[: spec.width].encode()
            for out in spec.outputs
        }

    def _content(self, path: str, made: dict[str, bytes]) -> bytes:
        if path.endswith("/"):
            return b"".join((self.root / path / name).read_bytes() for name in sorted(os.listdir(self.root / path)))
        return made[path] if path in made else (self.root / path).read_bytes()

    def _listed(self, spec: Spec) -> list[str]:
        """What `{{ inputs }}` stands for."""
        found: dict[str, None] = {}
        for entry in spec.inputs:
            found.update(dict.fromkeys(self._matches(spec, entry) if "*" in entry else [entry]))
        return list(found)

    def _reads(self, spec: Spec) -> list[str]:
        return [*self._listed(spec), *(out for need in spec.needs for out in self.specs[need].outputs)]

    def _matches(self, spec: Spec, pattern: str) -> list[str]:
        folder = self.root / pattern.rpartition("/")[0]
        sources = [f"{folder.name}/{name}" for name in os.listdir(folder)] if folder.name != "out" else []
        declared = [out for other in self.specs.values() for out in other.outputs]
        return sorted({p for p in [*sources, *declared] if fnmatch.fnmatch(p, pattern) and p not in spec.outputs})

    def _on_disk(self, path: str) -> object:
        if path.endswith("/"):
            folder = self.root / path
            return tuple(sorted((name, self._mode_and_bytes(folder / name)) for name in os.listdir(folder)))
        return self._mode_and_bytes(self.root / path)

    @staticmethod
    def _mode_and_bytes(path: Path) -> tuple[bool, bytes]:
        return bool(path.stat().st_mode & 0o111), path.read_bytes()

    def _bytes(self, path: str) -> bytes | None:
        full = self.root / path
        return full.read_bytes() if full.exists() else None

    def _in_order(self) -> Iterator[Spec]:
        """Specs are numbered so that each reads only what lower ones make."""
        return iter(sorted(self.specs.values(), key=lambda spec: int(spec.name[1:])))

    def change(self, name: str, **changes: object) -> None:
        self.specs[name] = replace(self.specs[name], **changes)  # type: ignore[arg-type]


def _toml(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
