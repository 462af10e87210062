"""Examples out of files of other programs: JSONL, JSON, CSV and TSV, in whichever of the usual forms.

All that is wrong is told at once, by file and line. Columns of other names are mapped by hand.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.learn.example import Draft, Origin
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.kinds.record_forms import FIELDS, WrongRecord, draft_of

KINDS: Final = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
MAX_FILE_BYTES: Final = 256 * 2**20
MAX_EXAMPLES: Final = 200_000
_MOST_TOLD: Final = 10
_SPACE: Final = re.compile(r"[\s,]*")
_MAX_CELL: Final = 16 * 2**20


class ImportedLesson:
    """Files that somebody collected. `columns` says which of their fields is which: {"prompt": "question"}."""

    name = "imported"
    form = ""
    hint = "Give a file with examples."

    def __init__(self, paths: Sequence[Path], *, scope: str = "chat", columns: Mapping[str, str] | None = None) -> None:
        self._paths, self.scope, self._columns = tuple(paths), scope, dict(columns or {})
        unknown = [name for name in self._columns if name not in FIELDS]
        if unknown:
            import difflib

            near = difflib.get_close_matches(unknown[0], FIELDS, n=1)
            raise Error(
                f"There is no field {unknown[0][:40]!r} to map a column to.",
                hint=f"Did you mean {near[0]}?" if near else f"Fields are: {', '.join(FIELDS)}.",
                kind="bad-columns",
            )

    @property
    def title(self) -> str:
        return self._paths[0].stem if self._paths else "Imported"

    @property
    def source(self) -> dict[str, Any]:
        return {"what": "files", "files": [path.name for path in self._paths], "columns": self._columns}

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        found: list[Draft] = []
        problems: list[str] = []
        n_problems = 0
        for path in self._paths:
            raw = _read(path)
            sha256 = hashlib.sha256(raw).hexdigest()
            for line, value in _records(path, raw):
                if len(found) % 500 == 0:
                    watch.check()
                    watch.tell("Reading", len(found))
                try:
                    if isinstance(value, WrongRecord):
                        raise value
                    draft = draft_of(value, self._columns)
                except WrongRecord as wrong:
                    n_problems += 1
                    if len(problems) < _MOST_TOLD:
                        problems.append(f"{path.name} line {line}: {wrong}")
                    continue
                found.append(replace(draft, origins=(Origin("file", sha256, str(line)),)))
                if len(found) > MAX_EXAMPLES:
                    raise Error(
                        f"{path.name} has more than {MAX_EXAMPLES:,} examples.",
                        hint="A lesson is meant to be looked through; train on large files with: rushlight train",
                        kind="too-long",
                    )
        if n_problems:
            more = f"; and {n_problems - len(problems):,} more" if n_problems > len(problems) else ""
            raise Error(
                f"Cannot learn from {n_problems:,} lines: {'; '.join(problems)}{more}.",
                hint="Map columns of other names with --column, such as --column prompt=question.",
                kind="bad-data",
            )
        yield from found


def _read(path: Path) -> bytes:
    if path.suffix.lower() not in KINDS:
        raise Error(
            f"Cannot read {path.name}: its kind, {path.suffix or 'none'}, is not known.",
            hint=f"Examples are read from files of these kinds: {', '.join(KINDS)}.",
            kind="bad-file",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Error(f"Cannot read {path}: {error.strerror}.", hint="Check the path.", kind="bad-file") from None
    if len(raw) > MAX_FILE_BYTES:
        raise Error(
            f"{path.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.",
            hint="Train on large files with: rushlight train",
            kind="too-long",
        )
    return raw.removeprefix(b"\xef\xbb\xbf")


def _records(path: Path, raw: bytes) -> Iterator[tuple[int, Any]]:
    """(line, record) of a file; a `WrongRecord` in the place of one that cannot be read."""
    kind = path.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        yield from _lines(raw)
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        yield raw.count(b"\n", 0, error.start) + 1, WrongRecord("it is no UTF-8 text")
        return
    yield from _table(text, "\t" if kind == ".tsv" else ",") if kind in (".csv", ".tsv") else _list(text)


def _lines(raw: bytes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(io.BytesIO(raw), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except UnicodeDecodeError:
            yield number, WrongRecord("it is no UTF-8 text")
        except (ValueError, RecursionError) as error:
            yield number, WrongRecord(f"it is no JSON ({str(error)[:80]})")


def _list(text: str) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON list, or of the list that an object holds, each with the line in which it begins."""
    start = re.match(r'\s*(?:\{\s*"[^"\\]{1,40}"\s*:\s*)?\[', text)
    if start is None:
        yield 1, WrongRecord("it is no list of examples")
        return
    decoder, at, line, counted = json.JSONDecoder(), start.end(), 1, 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield line, WrongRecord(f"it is no JSON ({str(error)[:80]})")
            return
        yield line, value


def _table(text: str, delimiter: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    head: list[str] = []
    before = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, WrongRecord(f"it is no row of a table ({str(error)[:80]})")
            return
        line, before = before + 1, reader.line_num
        if not head:
            head = [name.strip() for name in row]
        elif len(row) > len(head):
            yield line, WrongRecord(f"it has {len(row)} cells, and the table has {len(head)} columns")
        elif any(cell.strip() for cell in row):
            yield line, {name: cell for name, cell in zip(head, row, strict=False) if cell.strip()}
