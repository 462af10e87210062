"""Orders to a job that has no process: what becomes of its row. Used by whoever holds the lock of the jobs."""

import time

from rushlight import Error
from rushlight.assistant.jobs.job import Job, JobState, Order
from rushlight.assistant.store.database import Value

_ENDED = {"done": "is done", "failed": "failed", "cancelled": "was cancelled"}


def after_death(job: Job) -> dict[str, Value]:
    """The columns of a job whose host died, whatever the store says of it; none where it waits or is over anyway."""
    match job.state:
        case "running":
            return {"state": "waiting", "n_restarts": job.n_restarts + 1}
        case "pausing":
            return {"state": "paused"}
        case "cancelling":
            return cancelled(job)
        case _:
            return {}


def after_order(job: Job, order: Order) -> tuple[JobState, dict[str, Value]]:
    """The state that follows an order, and the columns to set. Raises `Error(kind="job-over")`."""
    if job.is_over and not (order == "cancel" and job.state == "cancelled"):
        raise over(job)
    match order:
        case "pause" if job.state == "waiting":
            return "paused", {"state": "paused"}
        case "resume" if job.state == "paused":
            return "waiting", {"state": "waiting"}
        case "cancel" if not job.is_over:
            return "cancelled", cancelled(job)
        case _:
            return job.state, {}


def cancelled(job: Job) -> dict[str, Value]:
    """One that has begun may have left files."""
    return {"state": "cancelled", "ended_at": time.time(), "needs_cleaning": int(job.started_at is not None)}


def over(job: Job) -> Error:
    return Error(
        f"The job “{job.title}” is over: it {_ENDED[job.state]}.",
        hint=f"See it with: rushlight jobs show {job.id[-6:]}"
        if job.state == "done"
        else f"Start it again with: rushlight jobs retry {job.id[-6:]}",
        kind="job-over",
    )
