"""A new SQLite file from statements and rows, for databases that are made up. Files with data are opened elsewhere."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw

from rushlight.assistant.sql.schema_read import quoted


def make_database(path: Path, tables: Iterable[tuple[str, str, Sequence[Sequence[Any]]]]) -> None:
    """`tables` are (name, CREATE TABLE statement, rows), owners before what points to them. `path` must be new."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        db.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        with db:
            for name, statement, rows in tables:
                db.execute(statement)
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    db.executemany(f"INSERT INTO {quoted(name)} VALUES ({marks})", rows)
    finally:
        db.close()
