"""Records of files of other programs, each with the line in which it begins: JSONL, JSON, CSV and TSV."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.assistant.learn.kinds.record_forms import WrongRecord

KINDS: Final = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
MAX_FILE_BYTES: Final = 256 * 2**20
_SPACE: Final = re.compile(r"[\s,]*")
_MAX_CELL: Final = 16 * 2**20


def read_bytes(path: Path) -> bytes:
    """All of the file. Raises `Error` for a kind that is not known, and what is too large."""
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


def records(path: Path, raw: bytes) -> Iterator[tuple[int, Any]]:
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
