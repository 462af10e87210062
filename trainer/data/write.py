"""Writes records as JSONL or Parquet: whole under the final name, or not at all."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from rushlight import Error
from rushlight.trainer.data.read import arrow

_BATCH = 1000


class RecordWriter:
    """Takes rows, one after the other."""

    def __init__(self, path: Path) -> None:
        self.n_rows = 0
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._encoder = msgspec.json.Encoder()
        self._parquet: Any = None
        self._is_parquet = path.name.removesuffix(".part").endswith(".parquet")
        self._file = path.open("wb")

    def add(self, row: dict[str, Any]) -> None:
        self.n_rows += 1
        if self._is_parquet:
            self._rows.append(row)
            if len(self._rows) >= _BATCH:
                self._flush()
            return
        try:
            self._file.write(self._encoder.encode(row) + b"\n")
        except (TypeError, UnicodeEncodeError) as error:
            raise Error(f"Row {self.n_rows} cannot be written as JSON: {error}.",
                        "Write to a .parquet file instead.", kind="bad-data") from None  # fmt: skip

    def _flush(self) -> None:
        # Not by Table.from_pylist: it takes the fields of the first row, or of a schema, and drops all others.
        pyarrow, parquet = arrow()
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        try:
            if self._parquet is None:
                table = pyarrow.Table.from_pydict(self._columns(names))
                self._parquet = parquet.ParquetWriter(self._file, table.schema)
            else:
                schema = self._parquet.schema
                columns = self._columns(schema.names)
                lost = [name for name in names if name not in columns]
                lost += [one.name for one in schema if pyarrow.types.is_nested(one.type)
                         and not _holds(one.type, pyarrow.array(columns[one.name]).type)]  # fmt: skip
                if lost:
                    raise ValueError(f"{lost[0]!r} is a new field, or has new ones in it")
                table = pyarrow.Table.from_pydict(columns, schema=schema)
            self._parquet.write_table(table)
        except (pyarrow.ArrowException, ValueError, TypeError) as error:
            raise Error(f"The rows up to {self.n_rows} do not fit one table: {str(error)[:200]}.",
                        "Write to a .jsonl file instead.", kind="bad-data") from None  # fmt: skip
        self._rows = []

    def _columns(self, names: Iterable[str]) -> dict[str, list[Any]]:
        return {name: [row.get(name) for row in self._rows] for name in names}

    def finish(self) -> None:
        if self._is_parquet and (self._rows or self._parquet is None):
            self._flush()
        if self._parquet is not None:
            self._parquet.close()
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._parquet is not None:
            with suppress(Exception):  # not closed yet after an error: it would write its end when it is collected
                self._parquet.close()
        self._file.close()


def _holds(kept: Any, found: Any) -> bool:
    """Whether a column of the type `kept` has a place for every field in values of the type `found`."""
    types = arrow()[0].types
    if types.is_list(kept) and types.is_list(found):
        return _holds(kept.value_type, found.value_type)
    if types.is_struct(kept) and types.is_struct(found):
        return all(kept.get_field_index(one.name) >= 0 and _holds(kept.field(one.name).type, one.type) for one in found)
    return True  # of other kind, or not: pyarrow says so when it converts the values


def checked_out(path: Path) -> Path:
    """A name that may be written to."""
    if path.suffix.lower() not in (".jsonl", ".ndjson", ".parquet"):
        raise Error(f"Cannot write {path.name}: expected a name that ends in .jsonl or .parquet.",
                    "Give another name with --out.", kind="bad-data")  # fmt: skip
    if path.exists():
        raise Error(f"{path} is there already.", "Give another name with --out, or move it away.", kind="exists")
    return path


@contextmanager
def writing(path: Path) -> Iterator[RecordWriter]:
    """The file appears under its name when the block has ended well, with all that was added."""
    checked_out(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = RecordWriter(part)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.close()
            part.unlink(missing_ok=True)
            raise
        writer.close()
        if path.exists():  # since
            part.unlink()
            checked_out(path)
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Error(f"Cannot write {path}: {error.strerror}.", "Check the folder, and the space on its disk.",
                    kind="file-error") from None  # fmt: skip
