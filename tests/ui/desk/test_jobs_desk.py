"""The jobs page: rows in words, orders, and each end told once."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.records import JobRecords
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.jobs_desk import PAGE, JobsDesk, JobsState


class View:
    def __init__(self) -> None:
        self.states: list[JobsState] = []

    def show(self, state: JobsState) -> None:
        self.states.append(state)


@pytest.fixture(autouse=True)
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the jobs of these tests: their rows say what the test says."""
    monkeypatch.setattr(Jobs, "_look", lambda _self: None)
    monkeypatch.setattr(Jobs, "_attend", lambda _self, *, at_once=False: None)


@pytest.fixture
def records(desk_app: App) -> JobRecords:
    return JobRecords(desk_app.store)


@pytest.fixture
def add(records: JobRecords) -> Callable[..., Job]:
    """add("title", state="running", done=3.0) puts a job into the store."""

    def insert(title: str, **columns: Any) -> Job:
        job = records.insert("fake", title, {}, 0)
        if columns:
            records.change(job.id, columns)
        return records.get(job.id)

    return insert


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def desk(background: Background, view: View) -> Iterator[JobsDesk]:
    made = JobsDesk(background, view)
    yield made
    made.close()


@pytest.fixture
def begin(desk: JobsDesk, pump: Any) -> Callable[[], None]:
    def refresh() -> None:
        desk.refresh()
        pump(lambda: not desk.state.is_loading)

    return refresh


def titles(desk: JobsDesk) -> list[str]:
    return [row.title for row in desk.state.rows]


def test_what_is_unfinished_comes_first_by_what_runs_next(desk: JobsDesk, begin: Any, add: Any) -> None:
    now = time.time()
    add("old", state="done", started_at=now - 100, ended_at=now - 88)
    add("waits")
    add("urgent", priority=5)
    add("paused", state="paused")
    add("runs", state="running", started_at=now)
    add("broke", state="failed", message="The disk is full.", hint="Free some space.", started_at=now, ended_at=now)
    begin()
    assert titles(desk) == ["runs", "urgent", "waits", "paused", "broke", "old"]
    assert (desk.state.n_running, desk.state.n_unfinished) == (1, 4)


def test_rows_in_words(desk: JobsDesk, begin: Any, add: Any) -> None:
    now = time.time()
    add("fetch", state="running", what="Downloading", done=340e6, total=1.2e9, unit="bytes", rate=20e6, n_restarts=1)
    add("failed \x1b[31m", state="failed", message="The \x1b[2Jdisk is full.", hint="Free some.", ended_at=now)
    add("done", state="done", started_at=now - 200, ended_at=now, notices='["one", "two"]', done=5, total=5, unit="x")
    begin()
    runs, done, failed = desk.state.rows
    assert (runs.status, runs.fraction) == ("Downloading", pytest.approx(0.283, abs=0.001))
    assert runs.detail == "340.0 MB of 1.2 GB · 20.0 MB/s · 43 s left · went on after 1 interruption"
    assert (runs.can_pause, runs.can_resume, runs.can_cancel, runs.can_retry, runs.can_remove) == (1, 0, 1, 0, 0)
    assert (done.status, done.detail, done.notices) == ("Done", "took 3 min · 2 notes", ("one", "two"))
    assert (done.can_pause, done.can_cancel, done.can_retry, done.can_remove) == (False, False, False, True)
    assert (failed.title.strip(), failed.status, failed.detail, failed.hint) == (
        "failed", "Failed", "The disk is full.", "Free some.",
    )  # fmt: skip
    assert failed.can_retry and failed.can_remove


def test_orders(desk: JobsDesk, begin: Any, add: Any, pump: Any) -> None:
    job = add("one")
    begin()

    def state() -> str:
        return desk.state.rows[0].job.state if desk.state.rows else "gone"

    desk.pause(job.id)
    pump(lambda: state() == "paused")
    desk.resume(job.id)
    pump(lambda: state() == "waiting")
    desk.set_priority(job.id, 7)
    pump(lambda: desk.state.rows[0].job.priority == 7)
    desk.cancel(job.id)
    pump(lambda: state() == "cancelled")
    desk.retry(job.id)
    pump(lambda: state() == "waiting")
    desk.cancel(job.id)
    pump(lambda: state() == "cancelled")
    desk.remove(job.id)
    pump(lambda: state() == "gone")


def test_an_order_that_cannot_be_is_told(
    desk: JobsDesk, begin: Any, add: Any, pump: Any, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Any] = []
    monkeypatch.setattr(background, "on_error", errors.append)
    job = add("one", state="done", ended_at=time.time())
    begin()
    desk.pause(job.id)
    pump(lambda: errors)
    assert errors[0].kind == "job-over"


def test_each_end_is_told_once_and_only_what_ended_while_this_was_open(
    desk: JobsDesk, begin: Any, add: Any, pump: Any, records: JobRecords, background: Background
) -> None:
    add("before", state="done", ended_at=time.time())
    runs, waits = add("runs", state="running"), add("waits")
    finished: list[str] = []
    desk.on_finished = lambda job: finished.append(f"{job.title} {job.state}")
    begin()
    assert finished == []
    records.change(runs.id, {"state": "done", "ended_at": time.time()})
    pump(lambda: finished == ["runs done"])
    records.change(waits.id, {"state": "failed", "message": "no", "ended_at": time.time()})
    pump(lambda: finished == ["runs done", "waits failed"])
    add("quick", state="done", ended_at=time.time())  # began and ended between two looks
    pump(lambda: len(finished) == 3)
    assert finished[2] == "quick done"
    desk.refresh()
    desk.refresh()
    pump(lambda: not desk._is_reading)
    assert len(finished) == 3


def test_a_retried_job_that_ends_again_is_told_again(
    desk: JobsDesk, begin: Any, add: Any, pump: Any, records: JobRecords
) -> None:
    job = add("one", state="failed", ended_at=time.time())
    finished: list[str] = []
    desk.on_finished = lambda job: finished.append(job.state)
    begin()
    desk.retry(job.id)
    pump(lambda: desk.state.n_unfinished == 1)
    records.change(job.id, {"state": "done", "ended_at": time.time()})
    pump(lambda: finished == ["done"])


def test_the_history_has_pages_and_older_ones_are_no_news(desk: JobsDesk, begin: Any, add: Any, pump: Any) -> None:
    for number in range(PAGE + 3):
        add(f"job {number}", state="done", created_at=time.time() - 10_000, ended_at=time.time())
    finished: list[Any] = []
    desk.on_finished = finished.append
    begin()
    assert len(desk.state.rows) == PAGE and desk.state.has_more
    desk.more()
    pump(lambda: len(desk.state.rows) == PAGE + 3)
    assert not desk.state.has_more and finished == []


def test_all_that_is_over_can_go_at_once(desk: JobsDesk, begin: Any, add: Any, pump: Any) -> None:
    for number in range(3):
        add(f"job {number}", state="done", ended_at=time.time())
    add("waits")
    begin()
    desk.remove_over()
    pump(lambda: titles(desk) == ["waits"])


def test_the_log_is_cleaned(desk: JobsDesk, add: Any, pump: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "log", lambda _self, _id, *, tail_lines: "one\n\x1b[31mtwo\x1b[0m\n")
    logs: list[str] = []
    desk.log(add("one").id, logs.append)
    pump(lambda: logs)
    assert logs == ["one\ntwo\n"]


def test_it_looks_again_while_something_is_unfinished(
    desk: JobsDesk, begin: Any, add: Any, pump: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job whose process died changes nothing in the store; whoever looks has it go on."""
    looks: list[int] = []
    monkeypatch.setattr("rushlight.ui.desk.jobs_desk.PULSE_S", 0.01)
    monkeypatch.setattr(Jobs, "_attend", lambda _self, *, at_once=False: looks.append(1))
    add("waits")
    begin()
    pump(lambda: len(looks) > 3)
    desk.close()
