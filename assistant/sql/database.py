"""A user's databases, opened: what they hold, and statements that read them.

    with open_database(["clinic.db", "cities.csv"], paths) as database:
        print(database.run("SELECT count(*) FROM visit").rows)

Knows files and the worker's process; never opens a database itself.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from rushlight import Error, Stop
from rushlight.assistant.paths import Paths
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.files import find_sources
from rushlight.assistant.sql.known import keep_known, load_known
from rushlight.assistant.sql.process import SqlProcess
from rushlight.assistant.sql.protocol import Begun, Ended, Open, Opened, Profile, Profiled, Rows, Run
from rushlight.assistant.sql.values import Cell, Result, Schema, Source

_OPEN_S = 5.0
_CELLS = {int, float, str, bytes}


class Database:
    """Some files behind one connection in a worker. Used from one thread at a time; a dead worker is started again."""

    def __init__(self, sources: Sequence[Source], cache: Path | None = None) -> None:
        self.sources = tuple(sources)
        self._cache = cache
        self._known: Profiled | None = None
        self._process: SqlProcess | None = None
        self.schema: Schema = Schema(())
        self.peak_bytes = 0
        self._started()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    @property
    def dialect(self) -> str:
        """The SQL that it speaks: sqlite, duckdb or postgres."""
        return {"duckdb": "duckdb", "postgresql": "postgres"}.get(self.sources[0].kind, "sqlite")

    @property
    def name(self) -> str:
        """What people call it: the files."""
        return ", ".join(source.path for source in self.sources)

    def run(
        self,
        sql: str,
        *,
        seconds: float = limits.STATEMENT_S,
        max_rows: int = 1_000,
        cell_bytes: int = limits.SHOWN_CELL_BYTES,
        bindings: Mapping[str, Cell] | None = None,
    ) -> Result:
        """The rows of one statement that reads. Raises `Error` of kind sql-error, sql-refused, sql-timeout...

        `bindings` are the values of its parameters (:name), which SQLite binds: they are never a part of the text.
        """
        columns: tuple[str, ...] = ()
        rows: list[tuple[Cell, ...]] = []
        held = 0
        with closing(self._answers(sql, seconds, min(max_rows, limits.MAX_ROWS), cell_bytes, bindings)) as answers:
            for answer in answers:
                if isinstance(answer, Begun):
                    columns = answer.columns
                elif isinstance(answer, Rows):
                    rows += _checked(answer)
                    held += sum(len(cell) for row in answer.rows for cell in row if isinstance(cell, (str, bytes)))
                    if held > 2 * limits.MAX_ANSWER_BYTES or len(rows) > limits.MAX_ROWS:
                        raise Error(
                            f"The answer is larger than {limits.MAX_ANSWER_BYTES // 1_000_000} MB.",
                            hint="Ask for fewer rows or columns, or export it to a file.",
                            kind="sql-memory",
                        )
                else:
                    self.peak_bytes = answer.peak_bytes
                    return Result(columns, tuple(rows), answer.more, answer.n_cut, answer.seconds)
        raise AssertionError

    def stream(
        self, sql: str, *, seconds: float, max_rows: int, bindings: Mapping[str, Cell] | None = None
    ) -> Generator[tuple[Cell, ...], None, None]:
        """First the names of the columns, then row after row with whole cells: for exports. Close it when leaving."""
        with closing(self._answers(sql, seconds, max_rows, limits.LENGTH_BYTES, bindings)) as answers:
            for answer in answers:
                if isinstance(answer, Begun):
                    yield answer.columns
                elif isinstance(answer, Rows):
                    yield from _checked(answer)

    def known(self, seconds: float = _OPEN_S) -> Profiled:
        """The schema with a look at the values of all columns: kept by the content of the files."""
        if self._known is None and self._cache is not None:
            self._known = load_known(self._cache, self.sources)
        if self._known is None:
            self._known = _with_counts(self.profile(seconds), self.schema)
            if self._cache is not None:
                keep_known(self._cache, self.sources, self._known)
        return self._known

    def profile(self, seconds: float = _OPEN_S) -> Profiled:
        """A look at the values of all columns, now."""
        profiled: Profiled = self._started().ask(Profile(seconds), seconds * 2, Profiled)
        return profiled

    def close(self) -> None:
        """End the worker; closing twice is no fault."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _answers(
        self, sql: str, seconds: float, max_rows: int, cell_bytes: int, bindings: Mapping[str, Cell] | None = None
    ) -> Generator[Begun | Rows | Ended, None, None]:
        if not 0 < seconds <= limits.MAX_STATEMENT_S:
            raise Error(
                f"A statement may take up to {limits.MAX_STATEMENT_S:g} s; {seconds:g} s was asked for.",
                kind="bad-request",
            )
        order = Run(sql, seconds, max_rows, cell_bytes, dict(bindings or {}))
        yield from self._started().answers(order, seconds, (Begun, Rows, Ended), last=Ended)

    def _started(self) -> SqlProcess:
        """The worker with the files open; a new one where the last one ended."""
        if self._process is not None and not self._process.ended:
            return self._process
        self._process = SqlProcess(self.name)
        try:
            opened: Opened = self._process.ask(Open(self.sources, _OPEN_S), _OPEN_S * 3, Opened)
        except Error as err:
            self.close()
            if err.kind in ("worker-died", "closed"):
                raise
            raise Error(f"{self.name}: {err.message}", err.hint, kind=err.kind) from err
        self.schema = opened.schema
        return self._process


def _with_counts(profiled: Profiled, counted: Schema) -> Profiled:
    """The numbers of rows were found when the files were opened."""
    n_rows = {(table.source, table.name): table.n_rows for table in counted.tables}
    tables = tuple(
        msgspec.structs.replace(table, n_rows=n_rows.get((table.source, table.name)))
        for table in profiled.schema.tables
    )
    return msgspec.structs.replace(profiled, schema=msgspec.structs.replace(profiled.schema, tables=tables))


def _checked(answer: Rows) -> tuple[tuple[Cell, ...], ...]:
    """Rows of plain cells and nothing else, whatever became of the worker."""
    if any(cell is not None and type(cell) not in _CELLS for row in answer.rows for cell in row):
        raise Error("The process that reads the database gave an answer that is none.", kind="bad-frame")
    return answer.rows


def open_database(files: Iterable[str | Path], paths: Paths, stop: Stop | None = None) -> Database:
    """These files, read-only, several at once; what is no database is imported into the cache first."""
    sources = find_sources(files, paths.cache, stop)
    # What a server holds changes without a trace in its address: nothing is kept of it.
    is_served = any(source.kind == "postgresql" for source in sources)
    return Database(sources, None if is_served else paths.cache)
