"""Makes an SQLite file out of a CSV, Parquet or Excel file. Runs in a worker of its own, under its limits."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from rushlight import Error
from rushlight.assistant.sql.import_values import Guesser, clean_names, convert
from rushlight.assistant.sql.problems import explain
from rushlight.assistant.sql.protocol import Import
from rushlight.assistant.sql.schema_read import quoted
from rushlight.installing import pip_line

MAX_COLUMNS = 1_000
MAX_ROWS = 20_000_000
MAX_SHEETS = 64
_BATCH = 2_000
_LOOKED_AT = 200_000  # rows from which the types of columns are found

Row = Sequence[Any]


def import_file(order: Import) -> tuple[str, ...]:
    """Fill the SQLite file `order.target`; what people should know of it."""
    notes: list[str] = []
    target = Path(order.target)
    try:
        if order.kind == "sqlite":
            return _settle(target)
        db = apsw.Connection(str(target))
        db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = 2")
        taken: set[str] = set()
        n_tables = 0
        for name, header, rows, separator in _tables(order, notes):
            n_tables += _fill(db, _free(name, taken), header, rows, separator, notes)
        db.close()
    except (apsw.FullError, apsw.IOError) as failure:
        raise Error(
            f"There is no room for what {order.path} holds: {failure}.",
            hint="Free some space on the disk of the cache folder.",
            kind="disk-full",
        ) from failure
    except apsw.Error as failure:
        raise explain(failure) from failure
    if not n_tables:
        raise Error(f"The file {order.path} holds no table.", hint="It needs a row of names and rows.", kind="no-table")
    return tuple(notes[:20])


def _settle(copy: Path) -> tuple[str, ...]:
    """A copied database takes in what lies in its write-ahead log or journal, and needs them no longer."""
    db = apsw.Connection(str(copy))
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    list(db.execute("SELECT count(*) FROM sqlite_schema"))  # before it, SQLite does not know that there is a log
    ((mode,),) = db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    if mode != "delete":
        raise Error(
            "The state of the database at this moment cannot be copied.", hint="Try again.", kind="database-locked"
        )
    return ("Another program has this database open, or was killed; its state at this moment is shown.",)


def _tables(order: Import, notes: list[str]) -> Iterator[tuple[str, list[str], Iterable[Row], str]]:
    """(name, names of columns, rows, what parts the cells, where something does)."""
    if order.kind == "csv":
        from rushlight.assistant.sql.import_csv import read_csv

        yield order.table, *read_csv(order.path, notes)
    elif order.kind == "parquet":
        yield order.table, *_read_parquet(order.path), ""
    elif order.kind == "excel":
        yield from _read_excel(order, notes)
    else:
        raise Error(f"Files of the kind {order.kind} cannot be imported.", kind="bad-request")


def _fill(
    db: apsw.Connection, name: str, header: list[str], rows: Iterable[Row], separator: str, notes: list[str]
) -> bool:
    """One table; False where it had neither names nor rows."""
    if not header:
        return False
    if len(header) > MAX_COLUMNS:
        raise Error(f"The table {name} has {len(header)} columns; {MAX_COLUMNS} are allowed.", kind="too-many-columns")
    names, comments = clean_names(header)
    guesser = Guesser(len(names), separator)
    waiting: list[Row] = []
    source = iter(rows)
    for row in source:
        waiting.append(row)
        guesser.look(row)
        if len(waiting) >= _LOOKED_AT:
            break
    kinds = guesser.kinds()
    lines = [
        f"    {quoted(column)} {kind.declared}{',' if i < len(names) - 1 else ''}{f' -- {comment}' if comment else ''}"
        for i, (column, kind, comment) in enumerate(zip(names, kinds, comments, strict=True))
    ]
    db.execute(f"CREATE TABLE {quoted(name)} (\n" + "\n".join(lines) + "\n)")
    insert = f"INSERT INTO {quoted(name)} VALUES ({', '.join('?' * len(names))})"
    n_rows, n_odd = 0, 0
    with db:
        for row in _both(waiting, source):
            n_rows += 1
            if n_rows > MAX_ROWS:
                notes.append(f"{name}: only the first {MAX_ROWS:,} rows are there.")
                break
            if len(row) != len(names):
                n_odd += 1
                row = [*row, *[None] * (len(names) - len(row))][: len(names)]
            db.execute(insert, [convert(value, kind) for value, kind in zip(row, kinds, strict=True)])
    if n_odd:
        notes.append(f"{name}: {n_odd:,} rows had more or fewer cells than there are names.")
    for column, kind in zip(names, kinds, strict=True):
        if kind.note:
            notes.append(f"{name}.{column}: {kind.note}.")
    return True


def _both(first: list[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    first.clear()
    yield from rest


def _free(name: str, taken: set[str]) -> str:
    base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()[:60] or "table"
    if base[0].isdigit() or base.startswith("sqlite_"):
        base = f"t_{base}"
    free, n = base, 2
    while free in taken:
        free, n = f"{base}_{n}", n + 1
    taken.add(free)
    return free


def _read_parquet(path: str) -> tuple[list[str], Iterable[Row]]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as err:
        raise Error(
            "Parquet files need the package pyarrow.", hint=pip_line("rushlight[sql]"), kind="missing-package"
        ) from err
    try:
        pyarrow.set_cpu_count(1)
        file = parquet.ParquetFile(path, memory_map=False, thrift_string_size_limit=10_000_000)
        header = list(file.schema_arrow.names)
    except (pyarrow.ArrowException, OSError, ValueError) as err:
        raise _unreadable(path, "Parquet", err) from err

    def rows() -> Iterator[Row]:
        try:
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as err:
            raise _unreadable(path, "Parquet", err) from err

    return header, rows()


def _read_excel(order: Import, notes: list[str]) -> Iterator[tuple[str, list[str], Iterable[Row], str]]:
    try:
        import python_calamine as calamine
    except ImportError as err:
        raise Error(
            "Excel files need the package python-calamine.", hint=pip_line("rushlight[sql]"), kind="missing-package"
        ) from err
    try:
        book = calamine.load_workbook(order.path)
        names = book.sheet_names
        if len(names) > MAX_SHEETS:
            notes.append(f"Only the first {MAX_SHEETS} of {len(names)} sheets are there.")
        for name in names[:MAX_SHEETS]:
            rows = iter(book.get_sheet_by_name(name).to_python(skip_empty_area=True))
            filled = (row for row in rows if any(cell != "" for cell in row))
            header = next(filled, None)
            if header is not None:
                yield (name if len(names) > 1 else order.table), [_said(cell) for cell in header], filled, ""
    except Error:
        raise
    except Exception as err:  # calamine's errors, and Rust's panics for files that it did not expect
        raise _unreadable(order.path, "Excel", err) from err


def _said(cell: Any) -> str:
    """A cell of the header as it is seen: 2023, which a sheet holds as 2023.0."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _unreadable(path: str, kind: str, err: BaseException) -> Error:
    first = (str(err).strip().splitlines() or [type(err).__name__])[0][:200]
    return Error(
        f"The {kind} file {path} cannot be read: {first.rstrip('.')}.",
        hint="Open it with the program that made it and save it again.",
        kind="file-damaged",
    )
