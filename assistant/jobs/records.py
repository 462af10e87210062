"""The rows of jobs in the store: read as `Job`, inserted and changed. Knows the table; decides nothing."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from rushlight import Error
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.jobs.job import ACTIVE, OVER, STATES, Job, JobState
from rushlight.assistant.store.database import Row, Store, Value

_COLUMNS = (
    "id, kind, title, state, priority, what, done, total, unit, rate, message, hint, notices, created_at, started_at, "
    "ended_at, n_restarts, result, arguments, error_kind"
)
_MIN_FRAGMENT = 4
MAX_NOTICES = 100

_Jobs: TypeAlias = list[Job]  # inside the class, `list` is its method
_FORETOLD_S = 30 * 86_400.0


class JobRecords:
    """The jobs of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def insert(self, kind: str, title: str, arguments: Mapping[str, Any], priority: int) -> Job:
        """A new job that waits; on the disk when this returns."""
        job_id = new_id()
        with self.store.writing():
            self.store.execute(
                "INSERT INTO jobs (id, kind, title, arguments, state, priority, what, done, unit, message, hint, "
                "error_kind, notices, created_at, n_restarts, n_in_vain, result, needs_cleaning) "
                "VALUES (?, ?, ?, ?, 'waiting', ?, '', 0, '', '', '', '', '[]', ?, 0, 0, '{}', 0)",
                (job_id, kind, title, json.dumps(arguments), priority, time.time()),
            )
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Raises `Error(kind="job-not-found")`."""
        found = self._read("WHERE id = ?", (job_id,))
        if not found:
            raise no_job(job_id)
        return found[0]

    def find(self, fragment: str) -> Job:
        """By id, by a beginning or end of one (4 characters or more), or by the whole title (the newest of them)."""
        found = self._read("WHERE id = ?", (fragment,))
        if not found and len(fragment) >= _MIN_FRAGMENT:
            part = fragment.lower()
            found = self._read(
                "WHERE substr(id, 1, ?2) = ?1 OR substr(id, -?2) = ?1 ORDER BY number LIMIT 2", (part, len(part))
            )
        if len(found) > 1:
            raise Error(
                f"Several jobs match {fragment[:60]!r}.",
                hint="Give more characters of the id; see: rushlight jobs list",
                kind="job-ambiguous",
            )
        if not found and fragment.strip():
            found = self._read("WHERE title = ? ORDER BY number DESC LIMIT 1", (fragment,))
        if not found:
            raise no_job(fragment)
        return found[0]

    def list(self, states: Collection[JobState] | None = None, *, limit: int = 50, before: str | None = None) -> _Jobs:
        """The newest first; those of `states` only, and older than `before` only."""
        where, bindings = "WHERE 1", list[Value]()
        if states is not None:
            where += f" AND state IN ({_marks(states)})"
            bindings += list(states)
        if before is not None:
            where += " AND number < (SELECT number FROM jobs WHERE id = ?)"
            bindings.append(before)
        return self._read(f"{where} ORDER BY number DESC LIMIT ?", [*bindings, limit])

    def to_do(self) -> _Jobs:
        """What a host must see to: those that are not over and not paused, in the order in which they are to run."""
        states = [state for state in STATES if state in ACTIVE]
        return self._read(
            "WHERE state NOT IN ('done', 'failed', 'cancelled') "
            f"AND state IN ({_marks(states)}) ORDER BY priority DESC, number",
            states,
        )

    def has_work(self) -> bool:
        """Whether a host has to see to a job, or to what one left behind."""
        rows = self.store.rows(
            # The first condition is the index's, word for word.
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE state NOT IN ('done', 'failed', 'cancelled') "
            "AND state <> 'paused') "
            "OR EXISTS (SELECT 1 FROM jobs WHERE needs_cleaning = 1)"
        )
        return bool(rows[0][0])

    def to_clean(self) -> _Jobs:
        """Those that may have left files. Those that go on clean up after themselves."""
        return self._read(f"WHERE needs_cleaning = 1 AND state IN ({_marks(OVER)}) ORDER BY number", list(OVER))

    def change(self, job_id: str, columns: Mapping[str, Value], *, only_in: Collection[JobState] | None = None) -> bool:
        """Set columns of a job, if it is in one of these states. False, and nothing changed, where it is not."""
        names = ", ".join(f"{name} = ?" for name in columns)  # written by us, never by a caller's user
        where, bindings = "WHERE id = ?", [*columns.values(), job_id]
        if only_in is not None:
            where += f" AND state IN ({_marks(only_in)})"
            bindings += list(only_in)
        with self.store.writing():
            return bool(self.store.rows(f"UPDATE jobs SET {names} {where} RETURNING 1", bindings))

    def count_vain(self, job_id: str) -> int:
        """How many restarts in a row have got no further."""
        return int(self._one(job_id, "n_in_vain") or 0)

    def needs_cleaning(self, job_id: str) -> bool:
        return bool(self._one(job_id, "needs_cleaning"))

    def checkpoint(self, job_id: str) -> str | None:
        """The JSON of the checkpoint, None for the beginning."""
        found = self._one(job_id, "checkpoint")
        return None if found is None else str(found)

    def save_checkpoint(self, job_id: str, checkpoint: str) -> None:
        self.change(job_id, {"checkpoint": checkpoint})

    def remove_waiting(self, job_id: str) -> bool:
        """Take back a job that nobody has begun. False where somebody has."""
        with self.store.writing():
            return bool(
                self.store.rows(
                    "DELETE FROM jobs WHERE id = ? AND state = 'waiting' AND started_at IS NULL RETURNING 1", (job_id,)
                )
            )

    def remove(self, job_id: str) -> None:
        """Out of the history. Raises `Error` while it is not over."""
        with self.store.writing():
            if self.store.rows(f"DELETE FROM jobs WHERE id = ? AND state IN ({_marks(OVER)}) RETURNING 1",
                               [job_id, *OVER]):  # fmt: skip
                return
            job = self.get(job_id)
        raise Error(
            f"The job “{job.title}” is {job.state}; only what is over can be removed.",
            hint="Cancel it first.",
            kind="job-not-over",
        )

    def _one(self, job_id: str, column: str) -> Value:
        rows = self.store.rows(f"SELECT {column} FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise no_job(job_id)
        return rows[0][0]

    def _read(self, where: str, bindings: Sequence[Value]) -> _Jobs:
        return [_job(row) for row in self.store.rows(f"SELECT {_COLUMNS} FROM jobs {where}", bindings)]


def no_job(name: str) -> Error:
    return Error(f"There is no job {name[:60]!r}.", hint="See: rushlight jobs list", kind="job-not-found")


def remaining_s(done: float, total: float | None, rate: float | None) -> float | None:
    """Seconds until it is done at this rate; None where nobody can tell, as where it waits for something."""
    if total is None or not rate or rate <= 0:
        return None
    left_s = max(0.0, total - done) / rate
    return left_s if left_s < _FORETOLD_S else None


def _job(row: Row) -> Job:
    values: Any = row
    (job_id, kind, title, state, priority, what, done, total, unit, rate, message, hint, notices, created_at,
     started_at, ended_at, n_restarts, result, arguments, error_kind) = values  # fmt: skip
    if state != "running":
        rate = None
    return Job(
        id=job_id,
        kind=kind,
        title=title,
        state=state,
        priority=priority,
        what=what,
        done=done,
        total=total,
        unit=unit,
        rate=rate,
        remaining_s=remaining_s(done, total, rate),
        message=message,
        hint=hint,
        notices=tuple(json.loads(notices)),
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        n_restarts=n_restarts,
        result=json.loads(result),
        arguments=json.loads(arguments),
        error_kind=error_kind,
    )


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
