"""SQLite behind the seam of backends: the guard, its schema, its statements. Runs in the worker."""

from collections.abc import Callable, Sequence

import apsw

from rushlight.assistant.sql.guard import Guard
from rushlight.assistant.sql.problems import explain
from rushlight.assistant.sql.profile import profile
from rushlight.assistant.sql.protocol import Profiled, Run
from rushlight.assistant.sql.schema_read import count_rows, quoted, read_schema
from rushlight.assistant.sql.statement import run_statement
from rushlight.assistant.sql.values import Schema, Source


class SqliteBackend:
    """Some files behind one connection, the first as main."""

    def __init__(self, sources: Sequence[Source], seconds: float) -> None:
        guard = None
        try:
            guard = Guard(sources)
            schema = read_schema(guard, seconds)
            guard.lock(_readable(guard))
            self.schema: Schema = count_rows(guard, schema, seconds)
        except (apsw.Error, UnicodeDecodeError, MemoryError) as failure:
            late = guard is not None and guard.timed_out
            raise explain(failure, timed_out=late, seconds=seconds) from failure
        self.guard = guard

    def profile(self, seconds: float) -> Profiled:
        return profile(self.guard, seconds)

    def run(self, run: Run, send: Callable[[object], None]) -> None:
        run_statement(self.guard, run, send)


def _readable(guard: Guard) -> list[str]:
    """The names of all tables and views of the opened files; inner tables of search tables are read through them."""
    names = []
    for source in guard.sources:
        place = quoted(guard.database_name(source))
        names += [
            str(name)
            for (name,) in guard.db.execute(f"SELECT name FROM {place}.sqlite_schema WHERE type IN ('table', 'view')")
        ]
    return names
