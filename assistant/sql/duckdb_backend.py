"""DuckDB behind the seam of backends: files too large for SQLite. The one file that imports duckdb. Runs in the worker.

Opened read-only, without access to other files, the network or extensions, its settings locked; one SELECT at a time,
which the engine's own parser tells apart.
"""

import contextlib
import resource
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rushlight import Error
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.parameters import with_marks
from rushlight.assistant.sql.profile import LAST_ROWS, LOOKED_ROWS, counting, gathered, is_cut, looked_at
from rushlight.assistant.sql.protocol import Ended, Profiled, Run
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.sending import Sender, plain_cell
from rushlight.assistant.sql.values import Column, Key, Schema, Source, Table
from rushlight.installing import pip_line

_CONFIG = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "memory_limit": f"{limits.DUCKDB_BYTES // 1_000_000}MB",
    "threads": "1",
    "lock_configuration": "true",
}
_READING = {"SELECT", "EXPLAIN"}
_BATCH = 1_000
_MAX_TABLES = 2_000


class DuckdbBackend:
    """One file."""

    def __init__(self, source: Source, seconds: float) -> None:
        try:
            import duckdb
        except ImportError as err:
            raise Error(
                "DuckDB files need the package duckdb.", hint=pip_line("rushlight[duckdb]"), kind="missing-package"
            ) from err
        self._duckdb: Any = duckdb
        self._source = source
        try:
            self._db = duckdb.connect(source.database, read_only=True, config=_CONFIG)
            with self._within(seconds):
                self.schema = self._read_schema()
        except (duckdb.Error, MemoryError) as failure:
            raise self._explained(failure, seconds) from failure

    def profile(self, seconds: float) -> Profiled:
        def counted(column: Column, rows: str, share: float) -> list[Any] | None:
            sql = counting(quoted(column.name), rows, "::VARCHAR") + ", v"
            try:
                with self._within(max(0.01, share)):
                    found = self._db.execute(sql).fetchall()
            except (self._duckdb.Error, MemoryError):
                return None
            return [(plain_cell(value), n, n_held) for value, n, n_held in found]

        def look(table: Table, column: Column, share: float) -> tuple[Column, list[str], bool] | None:
            place = quoted(table.name)
            rows = counted(column, f"{place} LIMIT {LOOKED_ROWS + 1}", share)
            if rows is None:
                return None
            last: list[Any] | None = None
            if is_cut(rows) and table.n_rows:
                first = max(0, table.n_rows - LAST_ROWS)
                last = counted(column, f"{place} LIMIT {LAST_ROWS} OFFSET {first}", share / 2)
            return looked_at(column, rows, last or ())

        return gathered(self.schema, look, seconds)

    def run(self, run: Run, send: Callable[[object], None]) -> None:
        if not run.sql.strip():
            raise Error("There is no statement.", hint='Such as: "SELECT count(*) FROM orders"', kind="sql-error")
        if len(run.sql.encode()) > limits.SQL_BYTES:
            raise Error(f"A statement may have {limits.SQL_BYTES // 1000} kB.", kind="sql-too-big")
        started = time.monotonic()
        sender = Sender(run, send)
        try:
            with self._within(run.seconds):
                self._check(run.sql)
                cursor = self._db.execute(with_marks(run.sql, "$"), run.bindings or None)
                sender.begin(tuple(name for name, *_ in cursor.description or ()))
                while rows := cursor.fetchmany(_BATCH):
                    if not all(sender.add(tuple(map(plain_cell, row))) for row in rows):
                        break
        except (self._duckdb.Error, MemoryError, UnicodeDecodeError) as failure:
            raise self._explained(failure, run.seconds) from failure
        sender.flush()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        send(Ended(sender.more, sender.n_cut, time.monotonic() - started, peak))

    def _check(self, sql: str) -> None:
        """One statement that reads, by DuckDB's own parser."""
        kinds = [one.type.name for one in self._db.extract_statements(with_marks(sql, "$"))]
        if len(kinds) > 1:
            raise Error(
                "There is more than one statement; one at a time is run.",
                hint="Leave out what follows the first semicolon.",
                kind="sql-refused",
            )
        if not kinds or kinds[0] not in _READING:
            raise Error(
                f"The statement was refused: {kinds[0] if kinds else 'nothing'} is not allowed. Only reading is.",
                hint="Rushlight opens databases for reading; change them with another program.",
                kind="sql-refused",
            )

    @contextlib.contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Whatever runs inside is broken off after so long."""
        timer = threading.Timer(seconds, self._db.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _read_schema(self) -> Schema:
        db, name = self._db, self._source.name
        here = "database_name = current_database() AND schema_name = 'main'"
        columns: dict[str, list[Column]] = {}
        for table, column, kind, optional, comment in db.execute(
            f"SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            f"WHERE {here} AND NOT internal ORDER BY table_name, column_index"
        ).fetchall():
            columns.setdefault(table, []).append(
                Column(column, str(kind)[:40], not_null=not optional, comment=(comment or "")[:200])
            )
        keys: dict[str, list[Key]] = {}
        for table, kind, own, other, others in db.execute(
            f"SELECT table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names "
            f"FROM duckdb_constraints() WHERE {here}"
        ).fetchall():
            if kind == "FOREIGN KEY":
                keys.setdefault(table, []).append(Key(tuple(own), other, tuple(others)))
            elif kind == "PRIMARY KEY":
                columns[table] = [_keyed(one, own) for one in columns.get(table, [])]
        tables = [
            Table(name, str(table), tuple(columns.get(table, ())), tuple(keys.get(table, ())), (comment or "")[:200], n)
            for table, comment, n in db.execute(
                f"SELECT table_name, comment, estimated_size FROM duckdb_tables() WHERE {here} AND NOT internal "
                f"ORDER BY table_oid LIMIT {_MAX_TABLES}"
            ).fetchall()
        ]
        tables += [
            Table(name, str(view), tuple(columns.get(view, ())), is_view=True)
            for (view,) in db.execute(
                f"SELECT view_name FROM duckdb_views() WHERE {here} AND NOT internal ORDER BY 1 LIMIT {_MAX_TABLES}"
            ).fetchall()
        ]
        return Schema(tuple(one for one in tables if one.columns))

    def _explained(self, failure: Exception, seconds: float) -> Error:
        message = (str(failure).strip().splitlines() or ["unknown fault"])[0][:300].rstrip(".")
        if isinstance(failure, getattr(self._duckdb, "InterruptException", ())):
            return Error(
                f"The statement took longer than {seconds:g} s and was stopped.",
                hint="Ask for less, or give it more time: --seconds 30",
                kind="sql-timeout",
            )
        if isinstance(failure, (MemoryError, getattr(self._duckdb, "OutOfMemoryException", MemoryError))):
            return Error(
                f"The statement needed more than {limits.DUCKDB_BYTES // 1_000_000} MB of memory and was stopped.",
                hint="Ask for fewer rows or columns at once.",
                kind="sql-memory",
            )
        if isinstance(failure, getattr(self._duckdb, "PermissionException", ())):
            return Error(
                "The statement was refused: it reaches for other files. Only the opened one is read.",
                kind="sql-refused",
            )
        if isinstance(failure, getattr(self._duckdb, "IOException", ())):
            return Error(f"The database cannot be read: {message}.", kind="database-unreadable")
        return Error(f"DuckDB: {message}.", kind="sql-error")


def _keyed(column: Column, names: list[str]) -> Column:
    import msgspec

    place = names.index(column.name) + 1 if column.name in names else column.key
    return msgspec.structs.replace(column, key=place)
