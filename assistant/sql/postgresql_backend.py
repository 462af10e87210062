"""PostgreSQL behind the seam of backends, for those who outgrow files. The one file that imports pg8000. In the worker.

The role must be one that can only read: a superuser, or one that may write into a table, is turned away. Each statement
is the query of a cursor in a read-only transaction, with the server's own time limit; functions are those of a list.
"""

import getpass
import os
import resource
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.addresses import Address, parse_address
from rushlight.assistant.sql.functions import unknown_function
from rushlight.assistant.sql.profile import LAST_ROWS, LOOKED_ROWS, counting, gathered, is_cut, looked_at
from rushlight.assistant.sql.protocol import Ended, Profiled, Run
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.sending import Sender, plain_cell
from rushlight.assistant.sql.values import Column, Key, Schema, Source, Table
from rushlight.installing import pip_line

_CONNECT_S = 10
_BATCH = 500
_MAX_TABLES = 2_000
_POWERS = """
    SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole
        OR pg_has_role(oid, 'pg_write_all_data', 'MEMBER') OR pg_has_role(oid, 'pg_read_server_files', 'MEMBER')
        OR pg_has_role(oid, 'pg_write_server_files', 'MEMBER')
        OR pg_has_role(oid, 'pg_execute_server_program', 'MEMBER') OR pg_has_role(oid, 'pg_signal_backend', 'MEMBER')
    FROM pg_roles WHERE rolname = current_user
"""
_WRITES = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1 LIMIT 1
"""
_HOW = (
    "CREATE ROLE reader LOGIN PASSWORD '...'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; "
    "and open it as postgresql://reader@host/database"
)
_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        col_description(c.oid, a.attnum), c.relkind = 'v' OR c.relkind = 'm', obj_description(c.oid, 'pg_class'),
        CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false)) AND a.attnum > 0
        AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY c.relname, a.attnum LIMIT 20000
"""
_KEYS = """
    SELECT c.relname, k.contype::text, o.relname,
        ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY x(n, i)
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.n ORDER BY i),
        ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY x(n, i)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n ORDER BY i)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class o ON o.oid = k.confrelid
    WHERE k.contype IN ('p', 'f') AND n.nspname = ANY (current_schemas(false))
"""


class PostgresqlBackend:
    """One database of a server."""

    def __init__(self, source: Source, seconds: float) -> None:
        try:
            import pg8000.native as driver
            from pg8000.exceptions import DatabaseError, InterfaceError
        except ImportError as err:
            raise Error(
                "PostgreSQL needs the package pg8000.", hint=pip_line("rushlight[postgresql]"),
                kind="missing-package",
            ) from err  # fmt: skip
        self._failures = (DatabaseError, InterfaceError, OSError)
        self._source = source
        address = parse_address(source.database)
        user = address.user or os.environ.get("PGUSER") or getpass.getuser()
        try:
            self._db: Any = driver.Connection(
                user,
                host=None if address.socket else address.host,
                unix_sock=address.socket or None,
                port=address.port,
                database=address.database,
                password=_password(address, user),
                timeout=_CONNECT_S,
                ssl_context=ssl.create_default_context() if address.encrypted else None,
                application_name="rushlight",
            )
            usock = getattr(self._db, "_usock", None)
            if usock is not None:  # its timeout was for connecting; statements have the server's own
                usock.settimeout(None)
            self._run("SET default_transaction_read_only = on")
            self._run("SET idle_in_transaction_session_timeout = '60s'")
            self._require_reader(user)
            self.schema = self._read_schema(seconds)
        except self._failures as failure:
            raise self._explained(failure, seconds) from failure

    def profile(self, seconds: float) -> Profiled:
        def counted(column: Column, rows: str, share: float) -> list[Any] | None:
            try:
                self._begin(max(0.01, share))
                found = self._run(counting(quoted(column.name), rows, "::text"))
            except self._failures:  # such as a type that cannot be grouped
                return None
            finally:
                self._end()
            return [(plain_cell(value), n, n_held) for value, n, n_held in found]

        def look(table: Table, column: Column, share: float) -> tuple[Column, list[str], bool] | None:
            place = quoted(table.name)
            rows = counted(column, f"{place} LIMIT {LOOKED_ROWS + 1}", share)
            if rows is None:
                return None
            last: list[Any] | None = None
            if is_cut(rows) and table.n_rows and not table.is_view:
                # Pages from everywhere: new rows stand where old ones were, not at the end.
                percent = min(100.0, 100 * LAST_ROWS / table.n_rows)
                sample = f"{place} TABLESAMPLE SYSTEM ({percent:.9f}) LIMIT {LOOKED_ROWS}"
                last = counted(column, sample, share / 2)
            return looked_at(column, rows, last or ())

        return gathered(self.schema, look, seconds)

    def run(self, run: Run, send: Callable[[object], None]) -> None:
        sql = run.sql.strip().rstrip("; \n\t")
        if not sql:
            raise Error("There is no statement.", hint='Such as: "SELECT count(*) FROM orders"', kind="sql-error")
        if len(sql.encode()) > limits.SQL_BYTES:
            raise Error(f"A statement may have {limits.SQL_BYTES // 1000} kB.", kind="sql-too-big")
        refused = unknown_function(sql, "postgres")
        if refused:
            raise Error(
                f"The statement was refused: {refused} is not allowed. Only reading is.",
                hint="Rushlight opens databases for reading; change them with another program.",
                kind="sql-refused",
            )
        started = time.monotonic()
        sender = Sender(run, send)
        try:
            self._begin(run.seconds)
            # A cursor takes nothing but a query; a second statement would not fit into one message of the protocol.
            self._prepared(f"DECLARE answer NO SCROLL CURSOR FOR {sql}", run.bindings)
            is_first = True
            while True:
                rows = self._run(f"FETCH {_BATCH} FROM answer")
                if is_first:
                    sender.begin(tuple(str(one["name"]) for one in self._db.columns or ()))
                    is_first = False
                if not rows or not all(sender.add(tuple(map(plain_cell, row))) for row in rows):
                    break
                if time.monotonic() - started > run.seconds:
                    raise TimeoutError
        except TimeoutError as late:
            raise self._late(run.seconds) from late
        except self._failures as failure:
            raise self._explained(failure, run.seconds) from failure
        finally:
            self._end()
        sender.flush()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        send(Ended(sender.more, sender.n_cut, time.monotonic() - started, peak))

    def _run(self, sql: str) -> list[Any]:
        return list(self._db.run(sql) or ())

    def _prepared(self, sql: str, bindings: dict[str, Any]) -> None:
        """By the extended protocol, in which one message is one statement."""
        statement = self._db.prepare(sql)
        try:
            statement.run(**bindings)
        finally:
            statement.close()

    def _begin(self, seconds: float) -> None:
        self._run("BEGIN TRANSACTION READ ONLY")
        self._run(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")

    def _end(self) -> None:
        try:
            self._run("ROLLBACK")
        except self._failures:
            pass  # the connection is gone, which the next statement tells

    def _require_reader(self, user: str) -> None:
        ((has_powers,),) = self._run(_POWERS)
        written = self._run(_WRITES)
        if has_powers or written:
            why = "has more rights than reading" if has_powers else f"may write into {written[0][0]}"
            raise Error(f"The role {user} {why}, so it is not used for questions.", hint=_HOW, kind="not-a-reader")

    def _read_schema(self, seconds: float) -> Schema:
        self._begin(seconds)
        try:
            described, constrained = self._run(_COLUMNS), self._run(_KEYS)
        finally:
            self._end()
        columns: dict[str, list[Column]] = {}
        facts: dict[str, tuple[bool, str, int | None]] = {}
        for table, column, kind, not_null, comment, is_view, about, n_rows in described:
            columns.setdefault(table, []).append(
                Column(column, str(kind).upper()[:40], not_null=bool(not_null), comment=(comment or "")[:200])
            )
            facts[table] = (bool(is_view), (about or "")[:200], n_rows)
        keys: dict[str, list[Key]] = {}
        for table, kind, other, own, others in constrained:
            if kind == "f":
                keys.setdefault(table, []).append(Key(tuple(own), other, tuple(others)))
            elif table in columns:
                columns[table] = [_keyed(one, own) for one in columns[table]]
        return Schema(
            tuple(
                Table(self._source.name, table, tuple(own), tuple(keys.get(table, ())), facts[table][1],
                      facts[table][2], facts[table][0])
                for table, own in list(columns.items())[:_MAX_TABLES]
            )
        )  # fmt: skip

    def _late(self, seconds: float) -> Error:
        return Error(
            f"The statement took longer than {seconds:g} s and was stopped.",
            hint="Ask for less, or give it more time: --seconds 30",
            kind="sql-timeout",
        )

    def _explained(self, failure: Exception, seconds: float) -> Error:
        told = failure.args[0] if failure.args and isinstance(failure.args[0], dict) else {}
        code, message = str(told.get("C", "")), str(told.get("M", failure))[:300].rstrip(".")
        if code == "57014":
            return self._late(seconds)
        if code in ("25006", "42501") or (code == "42601" and "multiple commands" in message):
            return Error(
                f"The statement was refused: {message}. Only reading is allowed.",
                hint="Rushlight opens databases for reading; change them with another program.",
                kind="sql-refused",
            )
        if code.startswith(("42", "22", "0A", "21", "54")):
            return Error(f"PostgreSQL: {message}.", kind="sql-error")
        if code == "53200":
            return Error("The server ran out of memory for the statement.", hint="Ask for less.", kind="sql-memory")
        return Error(
            f"PostgreSQL cannot be asked: {message}.",
            hint="Is the server running, and are user and password right? PGPASSWORD or ~/.pgpass hold it.",
            kind="database-unreadable",
        )


def _keyed(column: Column, names: list[str]) -> Column:
    import msgspec

    place = names.index(column.name) + 1 if column.name in names else column.key
    return msgspec.structs.replace(column, key=place)


def _password(address: Address, user: str) -> str | None:
    """From PGPASSWORD, else from ~/.pgpass where only the user can read it: host:port:database:user:password."""
    if os.environ.get("PGPASSWORD"):
        return os.environ["PGPASSWORD"]
    path = Path(os.environ.get("PGPASSFILE") or "~/.pgpass").expanduser()
    try:
        if path.stat().st_mode & 0o077:
            return None
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    wanted = ("localhost" if address.socket else address.host, str(address.port), address.database, user)
    for line in lines:
        parts = line.replace("\\:", "\0").split(":")
        if len(parts) == 5 and all(given in ("*", own) for given, own in zip(parts, wanted, strict=False)):
            return parts[4].replace("\0", ":").replace("\\\\", "\\")
    return None
