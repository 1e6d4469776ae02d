"""A second, much simpler opinion on incremental builds: whole contents instead of digests, and no database.

A made-up project of tasks whose commands are a known function of their inputs. `Oracle` tells what every output
must be after a run, and exactly which tasks had to run.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

Contents = dict[str, object]
FATES = "fates"
"""A folder that no task declares: what befalls a task is in a file called like it."""
RAN = f"{FATES}/ran"
"""Gets the name of each task that succeeds, and with a `-` before it of each that fails."""

_PRELUDE = """
cat_it() { if [ -d "$1" ]; then (cd "$1" && cat $(ls)); else cat "$1"; fi; }
when=; [ ! -e FATE ] || read -r when what < FATE
suffer() {
    [ "$when" = "$1" ] || return 0
    case $what in
        fails) echo -NAME >> RAN; exit 1;;
        stumbles) echo -NAME >> RAN; rm FATE; exit 1;;
        kills) kill -9 $PPID; exit 1;;
        stops) kill -TERM $PPID; exec sleep 60;;
    esac
}
"""
"""Builtins only: it is run thousands of times."""


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
    retries: int = 0
    always: bool = False

    @property
    def command(self) -> str:
        """Hashes salt, output name, and every file read, in the order in which flowmake must list them.

        Its fate strikes before the first or after the last output.
        """
        reads = " ".join(["{{ inputs }}"] * bool(self.inputs) + [f'{{{{ needs["{n}"].outputs }}}}' for n in self.needs])
        feed = f"for f in {reads}; do cat_it $f; done" if reads else ":"
        writes = [
            f"( printf '%s' '{self.salt}:{out}:'; {feed} ) | sha1sum | head -c {self.width} > {out}"
            for out in self.outputs
        ]
        prelude = _PRELUDE.replace("FATE", f"{FATES}/{self.name}").replace("RAN", RAN).replace("NAME", self.name)
        return prelude + "\n".join(["suffer first", *writes, "suffer last", f"echo {self.name} >> {RAN}"])


@dataclass
class Record:
    """What a task's last success was made of."""

    command: tuple[str, ...]
    read: Contents
    made: dict[str, bytes]


@dataclass(frozen=True)
class Fate:
    """What befalls a task while it runs: `fails` each time, `stumbles` once, `kills` or `stops` flowmake."""

    what: str
    when: str = "last"

    def is_failure(self, retries: int) -> bool:
        return self.what == "fails" or (self.what == "stumbles" and not retries)


@dataclass
class Oracle:
    """Knows the specs, what the user put on disk, what each task last did, and what will befall it."""

    root: Path
    specs: dict[str, Spec] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    made: dict[str, bytes] = field(default_factory=dict)
    """What successful tasks last wrote to each path."""
    fates: dict[str, Fate] = field(default_factory=dict)

    # -- the project on disk ---------------------------------------------------------------------------------

    def write_flowfile(self) -> None:
        lines = ["[flow]", 'shell = ["sh", "-c"]']
        for spec in self.specs.values():
            lines += [
                f"[tasks.{spec.name}]",
                f"inputs = {_toml(spec.inputs)}",
                f"outputs = {_toml(spec.outputs)}",
                f"needs = {_toml(spec.needs)}",
                f"retries = {spec.retries}",
                f"always = {str(spec.always).lower()}",
                f"run = '''{spec.command}'''",
            ]
        text = "\n".join(lines) + "\n"
        flowfile = self.root / "Flowfile"
        if not flowfile.exists() or flowfile.read_text() != text:
            flowfile.write_text(text)

        (self.root / FATES).mkdir(exist_ok=True)
        for name, fate in self.fates.items():
            (self.root / FATES / name).write_text(f"{fate.when} {fate.what}\n")

    def spare(self, name: str) -> None:
        """Nothing befalls a task any more."""
        del self.fates[name]
        (self.root / FATES / name).unlink(missing_ok=True)

    def opinion(self) -> set[str]:
        """Which tasks would have to run now if nothing befell them, changing nothing."""
        return set(replace(self, fates={}, records=dict(self.records), made=dict(self.made)).run()[0])

    # -- what must happen ------------------------------------------------------------------------------------

    def run(self) -> tuple[dict[str, str], dict[str, bytes]]:
        """How the tasks end that are not fresh, and what the outputs of all that succeeded must be afterwards."""
        ends: dict[str, str] = {}
        made: dict[str, bytes] = {}
        values: dict[str, object] = {}
        for spec in self._in_order():
            reads = self._reads(spec)
            if any(ends.get(name) in ("failed", "skipped") for name in self._upstream(spec, reads)):
                ends[spec.name] = "skipped"
                continue
            read = {path: values[path] if path in values else self._on_disk(path) for path in reads}
            results = self._results(spec, made)
            if self._has_to_run(spec, read):
                ends[spec.name] = self._end(spec, Record(self._rendered(spec), read, results))
            if ends.get(spec.name) == "failed":
                continue
            made |= results
            identity = ("stamp", self._rendered(spec), tuple(sorted(read.items(), key=lambda item: item[0])))
            values |= {path: content or identity for path, content in results.items()}
        self.records = {name: record for name, record in self.records.items() if name in self.specs}
        return ends, made

    def run_cut_short(self, name: str) -> Callable[[], None]:
        """A run of one task at a time that the fate of this task ends; what is returned takes note of how far it got.

        To be called before and after it: what had to run is seen before only.
        """
        before = replace(self, records=dict(self.records), made=dict(self.made), fates=dict(self.fates))
        ends, _ = self.run()
        after = self.records
        (self.root / RAN).unlink(missing_ok=True)

        def take_note() -> None:
            told = (self.root / RAN).read_text().split() if (self.root / RAN).exists() else []
            ran = [one for one in told if not one.startswith("-")]
            assert len(ran) == len(set(ran))
            assert {one for one, end in ends.items() if end == "succeeded"} >= set(ran)
            self.records, self.made = before.records, before.made
            self.fates = {one: fate for one, fate in before.fates.items() if (self.root / FATES / one).exists()}
            for one in told:
                self.records.pop(one.removeprefix("-"), None)
            self.records |= {one: after[one] for one in ran}
            self.made |= {path: content for one in ran for path, content in after[one].made.items()}
            if ends.get(name) == "succeeded":  # as it would have, had it not ended the run
                assert name not in ran
                self.records.pop(name, None)

        return take_note

    def _has_to_run(self, spec: Spec, read: Contents) -> bool:
        record = self.records.get(spec.name)
        return spec.always or record is None or not self._still_holds(spec, record, read)

    def _upstream(self, spec: Spec, reads: Iterable[str]) -> set[str]:
        makers = {out: other.name for other in self.specs.values() for out in other.outputs}
        return {makers[path] for path in reads if path in makers}.union(spec.needs)

    def _end(self, spec: Spec, record: Record) -> str:
        """Take note of how a task that has to run ends."""
        fate = self.fates.get(spec.name)
        if fate is not None and fate.what == "stumbles":
            del self.fates[spec.name]
        if fate is not None and fate.is_failure(spec.retries):
            self.records.pop(spec.name, None)
            return "failed"
        self.records[spec.name] = record
        self.made |= record.made
        return "succeeded"

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
