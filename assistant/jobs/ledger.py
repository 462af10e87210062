"""What is to be written of jobs: now, or as soon as the store lets us. Knows the columns of progress.

A store that is locked or full holds nothing up; what is owed to it is kept, newer values over older ones.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.store.database import Value

if TYPE_CHECKING:
    from rushlight.assistant.jobs.run import Run

_MAX_RESULT_CHARS = 1024 * 1024


class Ledger:
    """`records` gives the open store."""

    def __init__(self, records: Callable[[], JobRecords]) -> None:
        self._records = records
        self._owed: dict[str, dict[str, Value]] = {}  # job: columns that could not be written yet

    def __len__(self) -> int:
        return len(self._owed)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._owed

    def write(self, job_id: str, **columns: Value) -> str:
        """Set columns. The kind of the `Error` for which that must wait, or ""."""
        owed = {**self._owed.pop(job_id, {}), **columns}
        try:
            self._records().change(job_id, owed)
        except Error as err:
            self._owed[job_id] = owed
            return err.kind
        return ""

    def pay(self) -> None:
        """Try again what is owed."""
        for job_id in list(self._owed):
            if self.write(job_id):
                return

    def write_progress(self, runs: "list[Run]") -> None:
        """What has changed since the last time, in one transaction. Raises `Error`; nothing is owed then."""
        changed = [(run, columns) for run in runs if (columns := progress(run)) and columns != run.written]
        if not changed:
            return
        records = self._records()
        with records.store.transaction():
            for run, columns in changed:
                records.change(run.job.id, {**columns, **({"n_in_vain": 0} if run.got_further else {})})
        for run, columns in changed:
            run.written = columns


def progress(run: "Run") -> dict[str, Value]:
    """The columns that tell how far it has come."""
    columns: dict[str, Value] = {"notices": json.dumps(run.notices)} if run.notices else {}
    told = run.progress
    if told is not None:
        columns |= {"what": told.what, "done": told.done, "total": told.total, "unit": told.unit, "rate": run.speed}
    return columns


def whole(run: "Run") -> dict[str, Value]:
    """Done is done, whatever was reported last."""
    return {} if run.progress is None or run.progress.total is None else {"done": run.progress.total}


def result_text(value: dict[str, Any]) -> str:
    """The result as the store has it."""
    text = json.dumps(value)
    return text if len(text) <= _MAX_RESULT_CHARS else json.dumps({"too_long": len(text)})
