"""An SQLite connection that can only read: what the engine itself refuses, whatever the statement says.

Runs in the worker process only. Opened with `mode=ro`, `query_only`, DEFENSIVE, no trusted schema, no extensions and
no attaching; an authorizer knows the few actions, tables and functions that reading needs and denies the rest.
"""

import os
import re
import time
from collections.abc import Iterable
from urllib.parse import quote

import apsw

from rushlight import Error
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.values import Source

_ON, _OFF = 1, 0
_CONFIG = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, _ON),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, _OFF),
    (apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, _OFF),
    (apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, _OFF),
    (apsw.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, _OFF),
    (apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, _OFF),
    (apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, _OFF),
    (apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, _OFF),
    (apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, _ON),
    (apsw.SQLITE_DBCONFIG_DQS_DML, _OFF),  # "no such column", not a text of that name
    (apsw.SQLITE_DBCONFIG_DQS_DDL, _ON),  # files of strangers hold such views
)
_LIMITS = (
    (apsw.SQLITE_LIMIT_LENGTH, limits.LENGTH_BYTES),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, limits.SQL_BYTES),
    (apsw.SQLITE_LIMIT_ATTACHED, 0),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, 200),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (apsw.SQLITE_LIMIT_VDBE_OP, 250_000),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, 127),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_OWN_NAME = re.compile(
    r"""(\b\w{1,200}|"[^"]{1,200}"|`[^`]{1,200}`|\[[^\]]{1,200}\])\s*(?:\([^()]{0,2000}\)\s*)?"""
    r"""\bas\s*(?:not\s+)?(?:materialized\s*)?\(""",
    re.IGNORECASE,
)
_STEPS = 2_000  # of SQLite's machine between two looks at the clock


class Guard:
    """Some read-only databases behind one connection: one as main, several under their names. Each use is bounded."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = tuple(sources)
        self._deadline = 0.0
        self._own: set[str] = set()
        self._parent = os.getppid()
        self.timed_out = False
        self.refused = ""
        self.tables: set[str] = set()
        apsw.hard_heap_limit(limits.HEAP_BYTES)
        # Several files stand side by side, each under its name; the empty database in memory is nobody's.
        first = _uri(self.sources[0].database) if len(self.sources) == 1 else ":memory:"
        self.db = apsw.Connection(first, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        self._prepare()

    def _prepare(self) -> None:
        db = self.db
        harden(db)
        db.limit(apsw.SQLITE_LIMIT_ATTACHED, limits.MAX_SOURCES)
        db.limit(apsw.SQLITE_LIMIT_LENGTH, limits.LENGTH_BYTES)
        db.set_progress_handler(self._late, _STEPS)
        self.begin(limits.STATEMENT_S)
        for pragma in (
            "query_only = 1",
            "temp_store = 2",
            "cell_size_check = 1",
            "mmap_size = 0",
            "cache_size = -16000",
        ):
            db.execute(f"PRAGMA {pragma}")
        for source in self.sources if len(self.sources) > 1 else ():
            db.execute("ATTACH ? AS ?", (_uri(source.database), source.name))
        for option, value in _LIMITS:
            db.limit(option, value)
        self.unlock()

    def unlock(self) -> None:
        """Our own look at the schema, by pragmas, under every limit but the authorizer."""
        self.db.authorizer = None

    def lock(self, tables: Iterable[str]) -> None:
        """From here on only reading of these tables is possible, and of what every database has."""
        self.tables = {name.lower() for name in tables} | limits.BUILT_IN_TABLES
        self.db.authorizer = self._authorize

    def database_name(self, source: Source) -> str:
        """The name that SQLite knows it by."""
        return "main" if len(self.sources) == 1 else source.name

    def begin(self, seconds: float, sql: str = "") -> None:
        """The time of the next statement starts now. Names that it defines itself (WITH) are no tables of the file."""
        self._own = {name.strip('"`[]').lower() for name in _OWN_NAME.findall(sql)}
        self._deadline = time.monotonic() + seconds
        self.timed_out = False
        self.refused = ""

    def _late(self) -> bool:
        if os.getppid() != self._parent:
            os._exit(0)  # nobody is left who waits for the answer
        self.timed_out = time.monotonic() > self._deadline
        return self.timed_out

    def _authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None
    ) -> int:
        if action in (apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE):
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_READ:
            if not first or first.lower() in self.tables or (not second and first.lower() in self._own):
                return apsw.SQLITE_OK
            self.refused = f"the table {first}"
        elif action == apsw.SQLITE_FUNCTION:
            if (second or "").lower() in limits.FUNCTIONS:
                return apsw.SQLITE_OK
            self.refused = f"the function {second}"
        elif action == apsw.SQLITE_PRAGMA and first == "data_version" and not second:
            return apsw.SQLITE_OK  # full-text search asks it, to know whether its caches are still true
        else:
            name = apsw.mapping_authorizer_function.get(action, str(action))
            self.refused = str(name).removeprefix("SQLITE_").replace("_", " ")
        return apsw.SQLITE_DENY


def harden(db: apsw.Connection) -> None:
    """What every connection to a stranger's file has switched off."""
    for option, value in _CONFIG:
        db.config(option, value)


def _uri(path: str) -> str:
    """Read-only, and for a database in WAL mode without its own -shm file, which SQLite would otherwise create."""
    return f"file:{quote(path)}?mode=ro" + ("&immutable=1" if is_wal(path) else "")


def is_wal(path: str) -> bool:
    """Whether the file's head says that it is written through a write-ahead log."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(20)
    except OSError as err:
        raise Error(
            f"The file {path} cannot be opened: {err.strerror}.", hint="Check its name and permissions.", kind="no-file"
        ) from err
    return head[18:20] == b"\x02\x02"
