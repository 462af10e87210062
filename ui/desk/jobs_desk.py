"""Background work as a page shows it: what runs, what waits, what came of the rest, and the orders one may give.

Follows the store, so that jobs of other faces are seen too. Knows no widget and no process.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from rushlight import Error
from rushlight.assistant.jobs.job import ACTIVE, OVER, STATES, Job
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.figures import amount_text, duration_text, rate_text
from rushlight.ui.desk.job_words import what_text
from rushlight.ui.desk.waiting import wait
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

PAGE = 100
LOG_LINES = 2000
_UNFINISHED = tuple(state for state in STATES if state not in OVER)
_BUSY = ("running", "pausing", "cancelling")
_SLACK_S = 10.0
PULSE_S = 5.0  # between looks while something is unfinished: whose process died changes nothing in the store


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job in words. The texts are cleaned; those in `job` are not."""

    job: Job
    title: str
    status: str  # "Copying", "Waiting", "Paused", "Done", "Failed"
    detail: str  # how far, how fast, how long; of what failed, why
    hint: str = ""  # what to do about a failure
    notices: tuple[str, ...] = ()
    fraction: float | None = None
    can_pause: bool = False
    can_resume: bool = False
    can_cancel: bool = False
    can_retry: bool = False
    can_remove: bool = False

    @property
    def id(self) -> str:
        return self.job.id


@dataclass(frozen=True, slots=True)
class JobsState:
    """All that the page shows: what is unfinished first, then the history, the newest first."""

    rows: tuple[JobRow, ...] = ()
    n_running: int = 0  # with a process; for the line at the bottom
    n_unfinished: int = 0
    has_more: bool = False
    is_loading: bool = True


class JobsView(Protocol):
    """Whatever draws the jobs."""

    def show(self, state: JobsState) -> None: ...


class JobsDesk:
    """One per face. Call `refresh` once to begin; it follows the store from then on, until `close`."""

    def __init__(self, background: Background, view: JobsView) -> None:
        self.state = JobsState()
        self.on_finished: Callable[[Job], None] = lambda _job: None  # done, failed or cancelled while this was open
        self._background = background
        self._view = view
        self._n_pages = 1
        self._looked_at = 0.0
        self._known: dict[str, bool] | None = None  # by id: is it over? None: nothing has been read yet
        self._is_reading = self._is_stale = self._follows = False
        self._pulse: Running | None = None
        self._is_closed = False
        self._end_watch = background.watch(self._follow)

    def close(self) -> None:
        """Follow the store no more."""
        self._is_closed = True
        self._end_watch()
        if self._pulse is not None:
            self._pulse.drop()

    def rest(self) -> None:
        """Follow the store no more until the next `refresh`: the page is not shown."""
        self._follows = self._is_stale = False

    def refresh(self) -> None:
        """Look again; while one look goes on, one more follows."""
        self._follows = True
        if self._is_closed:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        limit = self._n_pages * PAGE
        expected = [job_id for job_id, is_over in (self._known or {}).items() if not is_over]
        # A task: a look at unfinished jobs may have to start the process that runs them.
        self._background.task(lambda app, _stop: _read(app, limit, expected), self._show_found, self._failed)

    def more(self) -> None:
        """A page more of the history."""
        if self.state.has_more:
            self._n_pages += 1
            self.refresh()

    def pause(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.pause(job_id))

    def resume(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.resume(job_id))

    def cancel(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.cancel(job_id))

    def retry(self, job_id: str) -> None:
        """A failed or cancelled one again, from where it can go on."""
        self._order(lambda app: app.jobs.retry(job_id))

    def set_priority(self, job_id: str, priority: int) -> None:
        """A higher one goes first."""
        self._order(lambda app: app.jobs.set_priority(job_id, priority))

    def remove(self, job_id: str) -> None:
        """Out of the history."""
        self._order(lambda app: app.jobs.remove(job_id))

    def remove_over(self) -> None:
        """All that is over, out of the history."""
        self._order(lambda app: app.jobs.clear())

    def log(self, job_id: str, then: Callable[[str], None]) -> None:
        """What the job wrote down, cleaned; the last lines of it."""
        self._background.read(lambda app: plain(app.jobs.log(job_id, tail_lines=LOG_LINES)), then)

    # --- inside -------------------------------------------------------------------------------------------------
    def _order(self, work: "Callable[[App], object]") -> None:
        def failed(err: Error) -> None:
            self._background.on_error(err)
            self.refresh()

        self._background.task(lambda app, _stop: work(app), lambda _done: self.refresh(), failed)

    def _follow(self) -> None:
        if self._follows:
            self.refresh()

    def _show_found(self, found: "_Found") -> None:
        self._is_reading = False
        if self._is_closed:
            return
        finished = self._finished(found)
        state = _state_of(found)
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)
        for job in finished:
            self.on_finished(job)
        if self._is_stale:
            self._is_stale = False
            self.refresh()
        elif any(job.state in ACTIVE for job in found.jobs) and self._pulse is None:
            self._pulse = self._background.task(lambda _app, stop: wait(stop, PULSE_S), self._beat)

    def _beat(self, is_due: bool) -> None:
        """Looking is what gets unfinished jobs a new process, where the one before died."""
        self._pulse = None
        if is_due:
            self.refresh()

    def _finished(self, found: "_Found") -> list[Job]:
        """Those that were over by now, and were not when this looked last. The first look finds none."""
        before, looked_at = self._known, self._looked_at
        jobs = (*found.jobs, *found.ended)
        self._known = {**(before or {}), **{job.id: job.is_over for job in jobs}}
        self._looked_at = found.read_at
        if before is None:
            return []
        # Never seen: it began and ended between two looks, or it comes from a further page of the history.
        return [job for job in jobs if job.is_over and not before.get(job.id, job.created_at < looked_at - _SLACK_S)]

    def _failed(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        if self.state.is_loading and not self._is_closed:
            self.state = replace(self.state, is_loading=False)
            self._view.show(self.state)
        self._background.on_error(err)


@dataclass(frozen=True, slots=True)
class _Found:
    jobs: tuple[Job, ...]  # unfinished, then a page of the history
    ended: tuple[Job, ...]  # expected to go on, and over by now; may lie on a further page
    has_more: bool
    read_at: float  # seconds since 1970


def _read(app: "App", limit: int, expected: list[str]) -> _Found:
    read_at = time.time()
    unfinished = app.jobs.list(states=_UNFINISHED, limit=10_000)
    history = app.jobs.list(states=OVER, limit=limit + 1)
    seen = {job.id for job in (*unfinished, *history)}
    ended = []
    for job_id in expected:
        if job_id not in seen:
            try:
                ended.append(app.jobs.get(job_id))
            except Error:
                continue  # removed from the history meanwhile
    unfinished.sort(key=lambda job: (job.state not in _BUSY, job.state == "paused", -job.priority, job.created_at))
    return _Found((*unfinished, *history[:limit]), tuple(ended), len(history) > limit, read_at)


def _state_of(found: _Found) -> JobsState:
    return JobsState(
        rows=tuple(row_of(job) for job in found.jobs),
        n_running=sum(job.state in _BUSY for job in found.jobs),
        n_unfinished=sum(not job.is_over for job in found.jobs),
        has_more=found.has_more,
        is_loading=False,
    )


def row_of(job: Job) -> JobRow:
    """The job in words."""
    return JobRow(
        job=job,
        title=plain_line(job.title),
        status=_status(job),
        detail=_detail(job),
        hint=plain_line(job.hint) if job.state == "failed" else "",
        notices=tuple(plain_line(notice) for notice in job.notices),
        fraction=job.fraction,
        can_pause=job.state in ("waiting", "running"),
        can_resume=job.state in ("paused", "pausing"),
        can_cancel=not job.is_over and job.state != "cancelling",
        can_retry=job.state in ("failed", "cancelled"),
        can_remove=job.is_over,
    )


def _status(job: Job) -> str:
    match job.state:
        case "waiting":
            return text("Waiting")
        case "running":
            return what_text(job.what) or text("Running")
        case "pausing":
            return text("Pausing")
        case "paused":
            return text("Paused")
        case "cancelling":
            return text("Cancelling")
        case "done":
            return text("Done")
        case "failed":
            return text("Failed")
        case "cancelled":
            return text("Cancelled")


def _detail(job: Job) -> str:
    """One line, its parts in the order of interest."""
    if job.state == "failed":
        return plain_line(job.message)
    parts = [] if job.state == "done" else [amount_text(job.done, job.total, job.unit)]
    if job.state == "running":
        parts.append(rate_text(job.rate, job.unit))
        if job.remaining_s is not None:
            parts.append(text("{time} left", time=duration_text(max(1.0, job.remaining_s))))
    if job.is_over and job.ended_at is not None and job.started_at is not None:
        parts.append(text("took {time}", time=duration_text(job.ended_at - job.started_at)))
    if job.n_restarts:
        parts.append(
            plural("went on after {count} interruption", "went on after {count} interruptions", job.n_restarts)
        )
    if job.notices:
        parts.append(plural("{count} note", "{count} notes", len(job.notices)))
    return " · ".join(part for part in parts if part)
