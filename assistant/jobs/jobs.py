"""What a face asks of jobs: start, list, follow, and give orders. Reads the store directly; a host does the work.

Whoever looks while something is unfinished sees to it that a host runs, so that no job waits for a particular face.
"""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from rushlight import Error, Stop
from rushlight.assistant.host.lock import FileLock, try_lock
from rushlight.assistant.jobs.job import ACTIVE, OVER, Job, JobState, Order
from rushlight.assistant.jobs.joblog import make_folder, read_tail, remove_folder
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.jobs.resting import after_death, after_order, over
from rushlight.assistant.store.database import Store, Value

if TYPE_CHECKING:
    from rushlight.assistant.host.client import HostClient
    from rushlight.assistant.paths import Paths

_Jobs: TypeAlias = list[Job]  # inside the class, `list` is its method

MAX_PRIORITY = 100
_FOLLOW_S = 0.1  # between looks at a job that is followed
_ATTEND_S = 1.0  # between looks whether a host sees to what is unfinished
_CLEAN_S = 3.0  # for the host to clean up after a job that is to be removed
_TRIES, _AGAIN_S = 5, 0.05  # orders, where another face holds the jobs just now or a host just ended
_PASSING = frozenset({"jobs-elsewhere", "host-died", "host-ending", "host-ended", "connection-lost"})


class Jobs:
    """The jobs of one user. Cheap to make; from one thread.

    `host` is the host of this user, started if it is not there; it is called only when something is to be done.
    """

    def __init__(self, store: Store, paths: "Paths", host: "Callable[[], HostClient]") -> None:
        self.store = store
        self._records = JobRecords(store)
        self._paths = paths
        self._host = host
        self._attended_s = -_ATTEND_S

    # --- reading ------------------------------------------------------------------------------------------------------
    def list(self, *, states: Collection[JobState] | None = None, limit: int = 50, before: str | None = None) -> _Jobs:
        """The newest first; those of `states` only, and older than the job `before` only."""
        found = self._records.list(states, limit=limit, before=before)
        if any(job.state in ACTIVE for job in found):
            self._attend()
        return found

    def get(self, job_id: str) -> Job:
        """Raises `Error(kind="job-not-found")`."""
        return self._attended(self._records.get(job_id))

    def find(self, fragment: str) -> Job:
        """By id, a beginning or end of one (4 characters or more), or the whole title, as conversations have it."""
        return self._attended(self._records.find(fragment))

    def latest(self) -> Job | None:
        """The one asked for last."""
        found = self.list(limit=1)
        return found[0] if found else None

    def log(self, job_id: str, *, tail_lines: int = 200) -> str:
        """The last lines of what the job, its process and its host had to say; "" where nothing was said."""
        self._records.get(job_id)
        return read_tail(self._paths, job_id, tail_lines)

    def follow(self, job_id: str, stop: Stop | None = None) -> Iterator[Job]:
        """The job now and after each change, until it is over or `stop` is set."""
        woken = threading.Event()
        forget = stop.on_set(woken.set) if stop is not None else lambda: None
        try:
            job = self.get(job_id)
            yield job
            version, looked_s = self.store.data_version(), time.monotonic()
            while not job.is_over and not woken.wait(_FOLLOW_S):
                now_s, now_version = time.monotonic(), self.store.data_version()
                if now_version == version and now_s - looked_s < _ATTEND_S:
                    continue  # looked at now and then all the same: our own connection's changes do not count
                version, looked_s = now_version, now_s
                found = self.get(job_id)
                if found != job:
                    job = found
                    yield job
        finally:
            forget()

    # --- orders -------------------------------------------------------------------------------------------------------
    def start(self, kind: str, arguments: Mapping[str, Any], *, title: str = "", priority: int = 0) -> Job:
        """A new job, stored before this returns. Raises `Error`, and stores nothing, where no host can see to it."""
        import msgspec

        from rushlight.assistant.jobs.kind import checked_arguments
        from rushlight.assistant.jobs.registry import find_kind

        found = find_kind(kind)
        checked = checked_arguments(found, arguments)
        plain = json.loads(msgspec.json.encode(checked))  # with the defaults of today
        job = self._records.insert(kind, title or found.title(checked), plain, _checked_priority(priority))
        try:
            make_folder(self._paths, job.id)
            self._look()
        except Error:
            if self._records.remove_waiting(job.id):
                remove_folder(self._paths, job.id)
                raise
        return self._records.get(job.id)

    def pause(self, job_id: str) -> Job:
        """It stops within a second, and goes on with `resume`."""
        return self._order(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Go on, or wait for a place to."""
        return self._order(job_id, "resume")

    def cancel(self, job_id: str) -> Job:
        """End it for good; what it left half-made is removed."""
        return self._order(job_id, "cancel")

    def retry(self, job_id: str) -> Job:
        """Once more, a failed one from its checkpoint. Raises `Error(kind="job-not-over")` unless it has ended."""
        job = self._records.get(job_id)
        if job.state == "done":
            raise over(job)
        again: dict[str, Value] = {
            "state": "waiting", "ended_at": None, "message": "", "hint": "", "error_kind": "", "n_in_vain": 0,
            "notices": "[]", "result": "{}",
        }  # fmt: skip
        if job.state == "cancelled":  # what it could have gone on from is removed, or laid aside, first
            self._wait_clean(job_id)
            again |= {"checkpoint": None, "what": "", "done": 0, "total": None, "unit": ""}
        if not self._records.change(job_id, again, only_in=(job.state,) if job.is_over else ()):
            job = self._records.get(job_id)
            raise Error(
                f"The job “{job.title}” is {job.state}; only one that failed or was cancelled can be retried.",
                hint="Resume it with: rushlight jobs resume" if job.state == "paused" else "It goes on by itself.",
                kind="job-not-over",
            )
        self._look()
        return self._records.get(job_id)

    def set_priority(self, job_id: str, priority: int) -> Job:
        """A higher one goes first. Raises `Error` outside -100 to 100."""
        self._records.get(job_id)
        self._records.change(job_id, {"priority": _checked_priority(priority)})
        return self.get(job_id)

    def remove(self, job_id: str) -> None:
        """Out of the history, with its log. Raises `Error(kind="job-not-over")` while it is not over."""
        self._wait_clean(job_id)
        self._records.remove(job_id)
        remove_folder(self._paths, job_id)

    def _wait_clean(self, job_id: str) -> None:
        """Until the host has cleaned up after a job that is over, or a while has passed."""
        deadline_s = time.monotonic() + _CLEAN_S
        while self._records.get(job_id).is_over and self._records.needs_cleaning(job_id):
            self._attend()
            if time.monotonic() > deadline_s:
                break  # it cannot be cleaned up; the next import or download knows its leftovers
            time.sleep(_AGAIN_S)

    def clear(self, states: Collection[JobState] = tuple(OVER)) -> int:
        """Remove all that is over; returns how many."""
        n_removed = 0
        while found := self._records.list([state for state in states if state in OVER], limit=100):
            for job in found:
                self.remove(job.id)
            n_removed += len(found)
        return n_removed

    # --- the host ---------------------------------------------------------------------------------------------------
    def _order(self, job_id: str, order: Order) -> Job:
        """Through the process that runs the jobs; where there is none, nobody works on it, and we write it down."""
        for n_left in reversed(range(_TRIES)):
            job = self._records.get(job_id)
            lock = try_lock(self._paths.jobs_lock)
            if lock is not None:
                self._order_resting(job, order, lock)
                break
            try:
                self._host().order_job(job_id, order)
                break
            except Error as err:
                if err.kind not in _PASSING or not n_left:
                    raise
                time.sleep(_AGAIN_S)
        return self.get(job_id)

    def _order_resting(self, job: Job, order: Order, lock: FileLock) -> None:
        """Nobody else can begin or change it while we hold the lock."""
        try:
            columns = after_death(job)
            if columns:
                self._records.change(job.id, columns, only_in=(job.state,))
                job = self._records.get(job.id)
            _, columns = after_order(job, order)
            if columns:
                self._records.change(job.id, columns, only_in=(job.state,))
        finally:
            lock.release()
        if order == "resume":
            self._look()
        else:
            self._attend(at_once=True)

    def _attended(self, job: Job) -> Job:
        if job.state in ACTIVE:
            self._attend()
        return job

    def _attend(self, *, at_once: bool = False) -> None:
        """Have a host see to what is unfinished. Whoever only looks is not told that none can be had."""
        now_s = time.monotonic()
        if at_once or now_s - self._attended_s >= _ATTEND_S:
            self._attended_s = now_s
            try:
                if self._records.has_work():
                    self._look()
            except Error:
                pass  # the next look tries again

    def _look(self) -> None:
        self._attended_s = time.monotonic()
        for n_left in reversed(range(_TRIES)):
            try:
                self._host().look_at_jobs()
                return
            except Error as err:
                if err.kind not in _PASSING or not n_left:
                    raise
                time.sleep(_AGAIN_S)


def _checked_priority(priority: int) -> int:
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise Error(
            f"A priority of {priority} is not possible.",
            hint=f"It lies between -{MAX_PRIORITY} and {MAX_PRIORITY}; 0 is usual, and a higher one goes first.",
            kind="bad-priority",
        )
    return priority
