"""Rows of a statement into a file: CSV, Markdown or Parquet. What a spreadsheet would run as a formula is made text."""

import csv
import math
import os
import re
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.values import Cell, unique_names
from rushlight.installing import pip_line

KINDS = {".csv": "csv", ".tsv": "csv", ".md": "markdown", ".parquet": "parquet"}
MAX_MARKDOWN_ROWS = 10_000
# A cell that begins so is run by spreadsheets; a tab or line end before it is skipped by some.
_FORMULA = re.compile(r"[\s\x00-\x20\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?\Z")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_BATCH = 5_000

Row = Sequence[Cell]


def export_rows(found: Generator[Any, None, None], path: Path, *, replace: bool = False) -> int:
    """Write what `Database.stream` gives to `path`, whole or not at all; its ending says how. The number of rows."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise Error(
            f"{path.name} cannot be written: its ending names no kind of file.",
            hint=f"Known are {', '.join(KINDS)}.",
            kind="unknown-file",
        )
    if path.exists() and not replace:
        raise Error(
            f"The file {path} is there already.", hint="Choose another name, or add --replace.", kind="file-exists"
        )
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        columns = tuple(next(found))
        if kind == "csv":
            n_rows = _write_csv(columns, found, staged, "\t" if path.suffix.lower() == ".tsv" else ",")
        elif kind == "markdown":
            n_rows = _write_markdown(columns, found, staged)
        else:
            n_rows = _write_parquet(columns, found, staged)
        with staged.open("rb+") as file:
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as err:
        raise Error(
            f"The file {path} cannot be written: {err.strerror}.", hint="Choose another folder.", kind="cannot-write"
        ) from err
    finally:
        found.close()
        staged.unlink(missing_ok=True)
    return n_rows


def _write_csv(columns: tuple[str, ...], rows: Iterable[Row], path: Path, separator: str) -> int:
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow([harmless(name) for name in columns])
        for row in rows:
            writer.writerow([_csv_cell(cell) for cell in row])
            n_rows += 1
    return n_rows


def _csv_cell(cell: Cell) -> Any:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, bytes):
        return cell.hex()
    return "" if cell is None else cell


def harmless(text: str) -> str:
    """`text` as no spreadsheet runs it: with an apostrophe before what it would take for a formula."""
    text = text.replace("\x00", "")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


def _write_markdown(columns: tuple[str, ...], rows: Iterable[Row], path: Path) -> int:
    n_rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("| " + " | ".join(markdown_cell(name) for name in columns) + " |\n")
        file.write("|" + " --- |" * len(columns) + "\n")
        for row in rows:
            if n_rows == MAX_MARKDOWN_ROWS:
                raise Error(
                    f"The answer has more than {MAX_MARKDOWN_ROWS:,} rows, too many for Markdown.",
                    hint="Export it as .csv or .parquet.",
                    kind="too-many-rows",
                )
            file.write("| " + " | ".join(markdown_cell(cell) for cell in row) + " |\n")
            n_rows += 1
    return n_rows


def markdown_cell(cell: Cell) -> str:
    """A cell that neither ends its table nor is read as Markdown or HTML."""
    if cell is None:
        return ""
    text = cell.hex() if isinstance(cell, bytes) else str(cell)
    if isinstance(cell, str):
        text = _MARKDOWN.sub(r"\\\1", plain_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        text = text.replace("://", ":\u200b//")  # renderers make links of bare addresses
    return text


def _write_parquet(columns: tuple[str, ...], rows: Iterable[Row], path: Path) -> int:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as err:
        raise Error(
            "Parquet files need the package pyarrow.", hint=pip_line("rushlight[sql]"), kind="missing-package"
        ) from err
    everything = list(rows)
    arrays, fields = [], []
    for i, name in enumerate(unique_names(columns)):
        cells = [row[i] for row in everything]
        kind = _arrow_kind(cells, pyarrow)
        if kind == pyarrow.string():
            cells = [cell if cell is None or isinstance(cell, str) else _as_text(cell) for cell in cells]
        elif kind == pyarrow.float64():
            cells = [cell if cell is None else float(cell) for cell in cells if not isinstance(cell, bytes)]
        arrays.append(pyarrow.array(cells, type=kind))
        fields.append(pyarrow.field(name, kind))
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields)), path)
    return len(everything)


def _arrow_kind(cells: list[Cell], pyarrow: Any) -> Any:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {int}:
        return pyarrow.int64()
    if kinds and kinds <= {int, float}:
        return pyarrow.float64()
    return pyarrow.binary() if kinds == {bytes} else pyarrow.string()


def _as_text(cell: Cell) -> str:
    if isinstance(cell, bytes):
        return cell.hex()
    return "" if isinstance(cell, float) and math.isnan(cell) else str(cell)
