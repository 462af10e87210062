"""Reads data sets as a stream of records: JSONL, JSON, CSV, TSV, Parquet, plain text and HTML.

Errors name the file and the line. Nothing is held but the row at hand (a JSON file of one list is held whole).
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.trainer.data.html_text import html_text
from rushlight.trainer.data.records import Record

MAX_LINE_BYTES = 64 * 2**20
MAX_FILE_BYTES = 256 * 2**20  # of what is held whole: a text, a page, a JSON list
TEXT_KINDS = (".txt", ".md", ".rst", ".text")
HTML_KINDS = (".html", ".htm", ".xhtml")
KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", *TEXT_KINDS, *HTML_KINDS)


def data_files(paths: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders, in the order of their names. Hidden ones and links in folders stay out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in KINDS and one.is_file()
                            and not one.is_symlink()
                            and not any(part.startswith(".") for part in one.relative_to(path).parts))  # fmt: skip
            if not inside:
                raise _bad(f"The folder {path} holds no data.", f"Data are files of these kinds: {', '.join(KINDS)}.")
            found += inside
        elif not path.exists():
            raise _bad(f"There is no file {path}.", "Check the path.")
        elif path.suffix.lower() not in KINDS:
            raise _bad(f"Cannot read {path.name}: its kind, {path.suffix or 'none'}, is not known.",
                       f"Data are files of these kinds: {', '.join(KINDS)}.")  # fmt: skip
        else:
            found.append(path)
    return found


def read_records(paths: Sequence[Path]) -> Iterator[tuple[Record, int]]:
    """Every record, and how many bytes of all files lie behind it (roughly)."""
    behind = 0
    for path in data_files(paths):
        try:
            for record, within in _read_file(path):
                yield record, behind + within
            behind += path.stat().st_size
        except OSError as error:
            raise _bad(f"Cannot read {path}: {error.strerror}.", "Check the file and its disk.") from None


def total_bytes(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in data_files(paths))


def _read_file(path: Path) -> Iterator[tuple[Record, int]]:
    kind = path.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        with path.open("rb") as file:
            yield from _json_lines(file, path.name)
    elif kind == ".json":
        yield from _json_list(path)
    elif kind in (".csv", ".tsv"):
        yield from _csv(path, "\t" if kind == ".tsv" else ",")
    elif kind == ".parquet":
        yield from _parquet(path)
    else:
        text = _decoded(_whole(path), path.name, 0)
        row = {"text": html_text(text) if kind in HTML_KINDS else text, "source": path.name}
        yield Record(row, path.name), 0


def _json_lines(file: IO[bytes], name: str) -> Iterator[tuple[Record, int]]:
    number, within = 0, 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        place = f"{name}, line {number}"
        if len(line) > MAX_LINE_BYTES:
            raise _bad(f"{place} is longer than {MAX_LINE_BYTES // 2**20} MiB.", "Split the record.")
        within += len(line)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield Record(_row(_json(line, place), place), place), within


def _json_list(path: Path) -> Iterator[tuple[Record, int]]:
    found = _json(_whole(path), path.name)
    if not isinstance(found, list):
        raise _bad(f"{path.name} holds no list of records.", "Expected [{...}, ...], or JSONL: one record a line.")
    for number, one in enumerate(found, 1):
        place = f"{path.name}, record {number}"
        yield Record(_row(one, place), place), path.stat().st_size * number // len(found)


def _json(raw: bytes, place: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{place} is no JSON: {error}.", "Correct the line, or take it out.") from None
    except RecursionError:
        raise _bad(f"{place} is nested too deeply.", "Correct the line, or take it out.") from None


def _row(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, dict):
        return value
    raise _bad(f"{place} is {type(value).__name__}, expected an object such as {{\"text\": \"...\"}}.",
               "Correct the line, or take it out.")  # fmt: skip


def _csv(path: Path, delimiter: str) -> Iterator[tuple[Record, int]]:
    csv.field_size_limit(MAX_LINE_BYTES)
    size = path.stat().st_size
    with path.open("rb") as raw:
        lines = _lines(raw, path.name)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                return
            if len(set(header)) != len(header):
                raise _bad(f"{path.name} has a column twice.", "Give each column a name of its own.")
            for values in reader:
                place = f"{path.name}, line {reader.line_num}"
                if not values:
                    continue
                if len(values) != len(header):
                    raise _bad(f"{place} has {len(values)} values, expected {len(header)}.", "Correct the line.")
                yield Record(dict(zip(header, values, strict=True)), place), min(size, raw.tell())
        except csv.Error as error:
            raise _bad(f"{path.name}, line {reader.line_num}: {error}.", "Correct the line.") from None


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise _bad(f"{name}, line {number} is longer than {MAX_LINE_BYTES // 2**20} MiB.", "Split the record.")
        yield _decoded(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, name, number)


def _parquet(path: Path) -> Iterator[tuple[Record, int]]:
    pyarrow, parquet = arrow()
    size, number = path.stat().st_size, 0
    try:
        with parquet.ParquetFile(path, memory_map=True) as file:
            n = max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(row, f"{path.name}, row {number}"), size * number // n
    except (pyarrow.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        raise _bad(f"Cannot read {path.name} after row {number}: {str(error)[:300]}.", "The file is damaged.") from None


def arrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet part."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        raise Error("Parquet files need the package pyarrow.", pip_line("rushlight[sql]"),
                    kind="missing-package") from None  # fmt: skip
    return pyarrow, parquet


def _whole(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise _bad(f"{path.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.", "Split it, or make it JSONL.")
    return path.read_bytes().removeprefix(b"\xef\xbb\xbf")


def _decoded(raw: bytes, name: str, number: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = number or raw[: error.start].count(b"\n") + 1
        raise _bad(f"{name}, line {line}: byte {error.object[error.start]:#04x} is no UTF-8.",
                   "Convert the file to UTF-8.") from None  # fmt: skip


def _bad(message: str, hint: str) -> Error:
    return Error(message, hint, kind="bad-data")
