"""The SQLite file that holds everything but models and indexes: opening, migrating, transactions.

Several processes open it at once (WAL); changes by others are noticed through `data_version`. It knows no
table beyond its own two; what is kept is the business of the modules that use it. Only apsw may open this
file: a second SQLite library in the same process would drop its locks.
"""

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import apsw

from rushlight import Error, __version__
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.errors import explain
from rushlight.assistant.store.migrations import MIGRATIONS

APPLICATION_ID = 0x52534C54  # "RSLT"
BUSY_TIMEOUT_MS = 10_000
# Before this version two connections that write and checkpoint can lose pages of the WAL.
FIRST_SAFE_WAL = (3, 51, 3)

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]


def open_store(paths: Paths) -> "Store":
    """The store of this data folder, created or brought up to date. Raises `Error` naming the file and the cause."""
    return Store(paths.store)


def journal_for(sqlite_version: str) -> str:
    """ "wal" where SQLite is sound with several processes, else "exclusive": one process, rollback journal."""
    version = tuple(int(part) for part in sqlite_version.split(".")[:3])
    return "wal" if version >= FIRST_SAFE_WAL else "exclusive"


class Store:
    """One connection. Every commit is on the disk when it returns (`synchronous=FULL`).

    with store.transaction():
        store.execute("UPDATE ...", (value,))
    """

    def __init__(self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self.path = path
        self._pid = os.getpid()
        _create_private(path)
        try:
            # URI names are off, so that a folder called "file:x?mode=memory" is only a folder.
            self._db = apsw.Connection(os.fsdecode(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        except apsw.Error as failure:
            raise explain(failure, path) from failure
        try:
            self._prepare(busy_timeout_ms)
        except apsw.Error as failure:
            self.close()
            raise explain(failure, path) from failure
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, bindings: Sequence[Value] = ()) -> None:
        """Run statements that return nothing."""
        self._same_process()
        try:
            for _ in self._db.execute(sql, tuple(bindings)):
                pass
        except apsw.ConstraintError:
            raise
        except apsw.Error as failure:
            raise explain(failure, self.path) from failure

    def rows(self, sql: str, bindings: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query."""
        self._same_process()
        try:
            return [tuple(row) for row in self._db.execute(sql, tuple(bindings))]
        except apsw.Error as failure:
            raise explain(failure, self.path) from failure

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk at the end. Not nested."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction, or inside one a part of it that is undone by itself when it fails."""
        if not self._db.in_transaction:
            with self.transaction():
                yield
            return
        self.execute("SAVEPOINT part")
        try:
            yield
            self.execute("RELEASE part")
        except BaseException:
            if self._db.in_transaction:  # SQLite itself undoes everything after some disk faults
                self._db.execute("ROLLBACK TO part; RELEASE part")
            raise

    def data_version(self) -> int:
        """A number that changes when another connection has committed something."""
        (row,) = self.rows("PRAGMA data_version")
        assert isinstance(row[0], int)
        return row[0]

    def close(self) -> None:
        """Close; safe to call twice. In a forked child nothing is touched: the locks are the parent's."""
        if self._pid == os.getpid():
            try:
                self._db.close(True)
            except apsw.Error:
                pass  # the last checkpoint failed: what is in the journal stays there until the next open

    def _same_process(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError("a store was used across fork; open another one in the child")

    def _prepare(self, busy_timeout_ms: int) -> None:
        db = self._db
        db.set_busy_timeout(busy_timeout_ms)
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
        db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        db.execute("PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON")
        exclusive = journal_for(apsw.sqlite_lib_version()) != "wal"
        if exclusive:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._refuse_foreign_file()
        _set_journal(db, "DELETE" if exclusive else "WAL", busy_timeout_ms)
        if self._missing_migrations():
            self._migrate()

    def _refuse_foreign_file(self) -> None:
        if self._application_id() == APPLICATION_ID:
            return
        (n_tables,) = next(iter(self._db.execute("SELECT count(*) FROM sqlite_schema")))
        # Once more: another process may just have made it ours. The id comes with the first tables, in one commit.
        application_id = self._application_id()
        if application_id != APPLICATION_ID and (application_id or n_tables):
            raise Error(
                f"The file {self.path} is the database of another program.",
                hint="Move it away; Rushlight then starts with a new store.",
                kind="not-a-store",
            )

    def _application_id(self) -> int:
        (found,) = next(iter(self._db.execute("PRAGMA application_id")))
        return int(found)

    def _missing_migrations(self) -> list[str]:
        """Names still to apply. Raises when the file knows a migration that this program does not."""
        known = list(self._db.execute("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='migrations'"))
        if not known:
            return list(MIGRATIONS)
        applied = list(self._db.execute("SELECT name, version FROM migrations ORDER BY name"))
        unknown = [(name, version) for name, version in applied if name not in MIGRATIONS]
        if unknown:
            newest = unknown[-1][1]
            raise Error(
                f"The store {self.path} was written by Rushlight {newest}; this is Rushlight {__version__}, "
                "which does not know its newer tables. Nothing was changed.",
                hint=f"Use Rushlight {newest} or newer, or set RUSHLIGHT_HOME to another folder.",
                kind="store-newer",
            )
        done = {name for name, _ in applied}
        return [name for name in MIGRATIONS if name not in done]

    def _migrate(self) -> None:
        """Apply what is missing, each in a transaction of its own; looks again inside, for another process may have."""
        for _ in range(len(MIGRATIONS) + 1):
            with self.transaction():
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS migrations "
                    "(name TEXT PRIMARY KEY, applied_at REAL NOT NULL, version TEXT NOT NULL) STRICT"
                )
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                missing = self._missing_migrations()
                if not missing:
                    return
                MIGRATIONS[missing[0]](self._db)
                self._db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (missing[0], time.time(), __version__))


def _create_private(path: Path) -> None:
    """Conversations are private: folder 0700, file 0600 before SQLite makes its own beside it with the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
    except OSError as failure:
        raise Error(
            f"The store {path} cannot be created: {failure.strerror}.",
            hint="Check the folder's permissions and free space, or set RUSHLIGHT_HOME to another folder.",
            kind="disk-full" if failure.errno == errno.ENOSPC else "store-unwritable",
        ) from failure


def _set_journal(db: apsw.Connection, mode: str, timeout_ms: int) -> None:
    """Switch the journal. SQLite does not wait for other processes here (its busy handler is not called), so we do."""
    deadline = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            (found,) = next(iter(db.execute(f"PRAGMA journal_mode={mode}")))
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if found.lower() != mode.lower():
            # A file system without shared memory (some network mounts) answers with the mode it kept.
            raise Error(
                f"The store cannot use SQLite's {mode} journal on this file system (it kept {found}).",
                hint="Set RUSHLIGHT_HOME to a folder on a local disk.",
                kind="store-unwritable",
            )
        return
