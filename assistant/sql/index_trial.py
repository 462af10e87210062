"""Indexes tried on a copy of a database: made, the statement timed with each, and dropped. Runs in the worker.

The statement itself runs under the guard as everywhere; only our own CREATE INDEX, its names quoted, may write.
"""

import time

import apsw

from rushlight.assistant.sql.guard import Guard, harden
from rushlight.assistant.sql.problems import explain
from rushlight.assistant.sql.protocol import Index, TriedIndex, TriedIndexes, TryIndexes
from rushlight.assistant.sql.schema_read import quoted

_NAME = "rushlight_trial"
_RUNS = 3
MAKING_S = 20.0


def try_indexes(guard: Guard, order: TryIndexes) -> TriedIndexes:
    """Raises `Error` where the statement cannot be run at all."""
    before = _timed(guard, order.sql, order.seconds)
    return TriedIndexes(before, tuple(_tried(guard, order, index) for index in order.indexes))


def _tried(guard: Guard, order: TryIndexes, index: Index) -> TriedIndex:
    maker = apsw.Connection(guard.sources[0].database, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        harden(maker)
        deadline = time.monotonic() + MAKING_S
        maker.set_progress_handler(lambda: time.monotonic() > deadline, 2_000)
        maker.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000")
        started, pages = time.monotonic(), _pages(maker)
        columns = ", ".join(quoted(name) for name in index.columns)
        try:
            maker.execute(f"CREATE INDEX {quoted(_NAME)} ON {quoted(index.table)} ({columns})")
        except (apsw.Error, MemoryError) as failure:
            return TriedIndex(index, False, None, 0.0, 0, str(failure).splitlines()[0][:200])
        making, size = time.monotonic() - started, (_pages(maker) - pages) * _page_size(maker)
        try:
            guard.begin(order.seconds, order.sql)
            # A plan alone does not look whether the schema has changed; reading a row does.
            list(guard.db.execute("SELECT 1 FROM sqlite_schema LIMIT 1", can_cache=False))
            plan = [str(row[3]) for row in guard.db.execute(f"EXPLAIN QUERY PLAN {order.sql}", can_cache=False)]
            used = any(_NAME in line for line in plan)
            return TriedIndex(index, used, _timed(guard, order.sql, order.seconds) if used else None, making, size)
        finally:
            maker.execute(f"DROP INDEX {quoted(_NAME)}")
    finally:
        maker.close(True)


def _timed(guard: Guard, sql: str, seconds: float) -> float | None:
    """The shortest of some runs, with all rows read; None where the first takes longer than it may."""
    best: float | None = None
    begun = time.monotonic()
    for _ in range(_RUNS):
        guard.begin(seconds, sql)
        started = time.monotonic()
        try:
            for _row in guard.db.execute(sql, can_cache=False):
                pass
        except (apsw.Error, UnicodeDecodeError, MemoryError) as failure:
            if guard.timed_out:
                return best
            raise explain(failure, refused=guard.refused, seconds=seconds) from failure
        took = time.monotonic() - started
        best = took if best is None else min(best, took)
        if time.monotonic() - begun > seconds:
            break
    return best


def _pages(db: apsw.Connection) -> int:
    """Pages in use: free ones of the file are taken before it grows."""
    return _number(db, "PRAGMA page_count") - _number(db, "PRAGMA freelist_count")


def _page_size(db: apsw.Connection) -> int:
    return _number(db, "PRAGMA page_size")


def _number(db: apsw.Connection, sql: str) -> int:
    (row,) = db.execute(sql)
    return int(row[0])
