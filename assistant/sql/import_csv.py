"""Reads CSV files of any program: finds encoding, separator and whether the first row names the columns."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO

from rushlight import Error

_LOOK_BYTES = 64 * 1024
_BLOCK_BYTES = 1024 * 1024
_SEPARATORS = ",;\t|"
_MAX_CELL = 10_000_000
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


def read_csv(path: str, notes: list[str]) -> tuple[list[str], Iterable[list[str]], str]:
    """(names, rows, what parts the cells). Rows are read while they are asked for."""
    csv.field_size_limit(_MAX_CELL)
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(_LOOK_BYTES)
        encoding = _encoding(head, file)
    if b"\x00" in head and not encoding.startswith("utf-16"):
        raise Error(
            f"The file {path} is no text, so it cannot be read as CSV.",
            hint="Databases, CSV, Parquet and Excel files can be opened.",
            kind="file-damaged",
        )
    if encoding == "cp1252":
        notes.append("The file is not UTF-8; it was read as Windows text (cp1252).")
    sample = head.decode(encoding, "replace")
    separator = _separator(sample)
    rows = _rows(path, encoding, separator)
    first = next(rows, None)
    if first is None:
        return [], [], separator
    second = next(rows, None)
    rest = _chain(second, rows)
    if _names_columns(first, second):
        return first, rest, separator
    notes.append("The first row was not taken for names; columns are column_1, column_2 and so on.")
    return [f"column_{i}" for i in range(1, len(first) + 1)], _chain(first, rest), separator


def _rows(path: str, encoding: str, separator: str) -> Iterator[list[str]]:
    try:
        with open(path, encoding=encoding, errors="replace", newline="") as file:  # noqa: PTH123
            for row in csv.reader(_without_nul(file), delimiter=separator):
                if len(row) == 1 or any(cell.strip() for cell in row):  # of one column an empty cell is a row
                    yield row
    except csv.Error as err:
        raise Error(f"The file {path} cannot be read as CSV: {err}.", kind="file-damaged") from err


def _without_nul(file: io.TextIOWrapper) -> Iterator[str]:
    """Lines, each of bounded length: a file without line ends must not become one string."""
    while True:
        line = file.readline(_MAX_CELL)
        if not line:
            return
        yield line.replace("\x00", "")


def _encoding(head: bytes, file: IO[bytes]) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    decoder, block, has_more = codecs.getincrementaldecoder("utf-8")(), head, False
    try:
        while block:
            has_more |= not decoder.decode(block).isascii()
            block = file.read(_BLOCK_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # Of a file that spoke UTF-8 until there, one byte is damaged, and its others are what they are.
        return "utf-8" if has_more else "cp1252"
    return "utf-8"


def _separator(sample: str) -> str:
    """The one that parts the first lines most evenly."""
    best, best_score = ",", 0.0
    for separator in _SEPARATORS:
        try:
            rows = [
                row for row, _ in zip(csv.reader(io.StringIO(sample), delimiter=separator), range(30), strict=False)
            ]
        except csv.Error:
            continue
        widths = [len(row) for row in rows[:-1] or rows if row]
        if not widths or max(widths) < 2:
            continue
        most = max(set(widths), key=widths.count)
        score = widths.count(most) / len(widths) * (most > 1) * (1 + min(most, 50) / 100)
        if score > best_score:
            best, best_score = separator, score
    return best


def _names_columns(first: list[str], second: list[str] | None) -> bool:
    """Names are different texts, none of them a number, at least where the next row has one; or years behind a name."""
    if _names_years([cell.strip() for cell in first], second):
        return True
    if any(not cell.strip() for cell in first) or len({cell.strip().lower() for cell in first}) < len(first):
        return sum(bool(cell.strip()) for cell in first) > len(first) / 2 and not any(map(_is_number, first))
    return not any(map(_is_number, first))


def _names_years(first: list[str], second: list[str] | None) -> bool:
    """A country, 2022, 2023: a figure a year. Two years at least, since one may be when somebody was born."""
    years = [cell for cell in first if _is_number(cell)]
    below = [cell.strip() for one, cell in zip(first, second or (), strict=False) if _is_number(one)]
    if below and all(map(_YEAR.match, below)):
        return False  # years under years are rows
    return (
        len(years) > 1
        and bool(first[0])
        and not _is_number(first[0])
        and all(map(_YEAR.match, years))
        and len({cell.lower() for cell in first}) == len(first)
        and not set(years) & {cell.strip() for cell in second or ()}
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _chain(first: list[str] | None, rest: Iterable[list[str]]) -> Iterator[list[str]]:
    if first is not None:
        yield first
    yield from rest
