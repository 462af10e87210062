"""Jobs with real processes under a host in this process: what they come to, orders, deaths, places."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.jobs import runner
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs

Reach = Callable[..., Job]
ORDER_S = 1.0  # an order is carried out within
LONG = {"steps": 600, "step_s": 0.05}


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_BACKOFF_S", 0.01)


def refused(call: Callable[[], Any]) -> Error:
    with pytest.raises(Error) as caught:
        call()
    return caught.value


def process_of(jobs: Jobs, job: Job) -> int:
    """The process that works on it, from its log."""
    lines = [line for line in jobs.log(job.id).splitlines() if "Started as process" in line]
    return int(lines[-1].rstrip(".").rsplit(" ", 1)[1])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# --- what jobs come to --------------------------------------------------------------------------------------------
def test_a_job_is_done_in_the_background(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"steps": 3})
    assert job.title == "Puppet: count" and job.arguments["step_s"] == 0.0, "arguments are kept with their defaults"
    done = reach(job, "done")
    assert (done.what, done.done, done.total, done.unit, done.fraction) == ("Counting", 3.0, 3.0, "steps", 1.0)
    assert done.result == {"does": "count"} and done.notices == ("Began at 0.",) and done.n_restarts == 0
    assert done.started_at is not None and done.ended_at is not None
    assert done.created_at <= done.started_at <= done.ended_at
    assert "Done." in jobs.log(job.id) and jobs.log(job.id, tail_lines=1).endswith("Done.")


def test_a_result_that_is_too_long_is_left_out_and_the_job_is_done_once(jobs: Jobs, reach: Reach) -> None:
    done = reach(jobs.start("puppet-exit", {"does": "tell"}), "done", "failed")
    assert done.state == "done" and done.n_restarts == 0
    assert list(done.result) == ["too_long"] and done.result["too_long"] > 2_000_000
    assert any("too long to be kept" in notice for notice in done.notices)


def test_follow_tells_every_state_and_ends(jobs: Jobs) -> None:
    job = jobs.start("puppet-exit", {"steps": 50, "step_s": 0.05})
    seen = list(jobs.follow(job.id))
    states = [one.state for one in seen]
    assert states[-1] == "done" and "running" in states
    amounts = [one.done for one in seen]
    assert amounts == sorted(amounts) and len(set(amounts)) > 2
    assert any(one.rate and one.remaining_s is not None for one in seen)


def test_follow_can_be_stopped(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", LONG)
    stop = Stop()
    for now in jobs.follow(job.id, stop):
        if now.state == "running":
            stop.set()
    assert now.state == "running"
    jobs.cancel(job.id)
    reach(job, "cancelled")


def test_a_failure_has_its_reason_and_can_be_retried(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"does": "fail"})
    failed = reach(job, "failed")
    assert (failed.message, failed.hint, failed.error_kind) == ("It cannot be done.", "Do something else.", "puppet")
    assert jobs.retry(job.id).message == ""
    assert reach(job, "failed").error_kind == "puppet"


def test_a_bug_is_told_and_its_traceback_is_in_the_log(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"does": "bug"})
    failed = reach(job, "failed")
    assert failed.error_kind == "bug" and "an odd value" in failed.message
    assert "Traceback" in jobs.log(job.id) and "ValueError: an odd value" in jobs.log(job.id)


@pytest.mark.parametrize(("does", "words"), [("die", "signal 9"), ("exit", "exit code 3")])
def test_one_that_dies_again_and_again_fails(jobs: Jobs, reach: Reach, tmp_path: Path, does: str, words: str) -> None:
    job = jobs.start("puppet-exit", {"does": does, "file": str(tmp_path / "half")})
    failed = reach(job, "failed", timeout_s=60)
    assert failed.error_kind == "job-died" and words in failed.message and "6 times in a row" in failed.message
    assert failed.n_restarts == runner.MAX_IN_VAIN
    if does == "exit":
        assert "the last words" in failed.message
    wait_for(lambda: not (tmp_path / "half").exists())


def test_one_that_gets_further_each_time_is_done(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"steps": 12, "die_at": list(range(1, 12))})
    done = reach(job, "done", timeout_s=60)
    assert done.n_restarts == 11 > runner.MAX_IN_VAIN and done.done == 12
    assert done.notices[:3] == ("Began at 0.", "Began at 1.", "Began at 2."), "from the checkpoint, not from the start"


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


# --- orders -------------------------------------------------------------------------------------------------------
CASES = [
    ("puppet-exit", LONG),
    ("puppet-hold", LONG),
    ("puppet-exit", {"does": "sleep", "step_s": 60.0}),  # does not listen: halted
    ("puppet-stiff", {"does": "sleep", "step_s": 60.0}),  # neither: ended
]


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_pause_resume_and_cancel_within_a_second(
    jobs: Jobs, reach: Reach, kind: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    job = jobs.start(kind, {**arguments, "file": str(tmp_path / "half")})
    reach(job, "running")
    wait_for(lambda: jobs.get(job.id).what != "")
    took_s = {}
    for order, state in (("pause", "paused"), ("resume", "running"), ("pause", "paused"), ("cancel", "cancelled")):
        begun_s = time.monotonic()
        getattr(jobs, order)(job.id)
        reach(job, state)
        took_s[order] = max(took_s.get(order, 0.0), time.monotonic() - begun_s)
    print(kind, arguments.get("does", "count"), {order: f"{took:.3f} s" for order, took in took_s.items()})
    assert max(took_s.values()) < ORDER_S, took_s
    wait_for(lambda: not (tmp_path / "half").exists())  # cleaned up after
    wait_for(lambda: not lives(process_of(jobs, job)))


@pytest.mark.parametrize("kind", ["puppet-exit", "puppet-hold"])
def test_a_paused_job_goes_on_where_it_was(jobs: Jobs, reach: Reach, kind: str) -> None:
    job = jobs.start(kind, {"steps": 40, "step_s": 0.03})
    wait_for(lambda: jobs.get(job.id).done > 3)
    jobs.pause(job.id)
    paused = reach(job, "paused")
    assert paused.rate is None and paused.remaining_s is None
    time.sleep(0.3)
    assert jobs.get(job.id).done == paused.done < 40, "it stands still"
    jobs.resume(job.id)
    done = reach(job, "done")
    assert done.n_restarts == 0
    assert done.notices[-1] != "Began at 0." if kind == "puppet-exit" else done.notices == ("Began at 0.",)


def test_a_cancel_in_the_middle_of_a_pause(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"does": "sleep", "step_s": 60.0})
    reach(job, "running")
    jobs.pause(job.id)
    begun_s = time.monotonic()
    jobs.cancel(job.id)
    reach(job, "cancelled")
    assert time.monotonic() - begun_s < ORDER_S
    assert refused(lambda: jobs.resume(job.id)).kind == "job-over"


def test_resume_takes_a_pause_back(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-hold", {"does": "sleep", "steps": 10, "step_s": 0.2})
    reach(job, "running")
    jobs.pause(job.id)
    assert jobs.resume(job.id).state == "running"
    assert reach(job, "done").n_restarts == 0


def test_orders_to_what_is_over_are_refused_in_words(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {})
    reach(job, "done")
    for order in (jobs.pause, jobs.resume, jobs.cancel, jobs.retry):
        error = refused(lambda order=order: order(job.id))  # type: ignore[misc]
        assert error.kind == "job-over" and "is done" in error.message and error.hint
    other = jobs.start("puppet-exit", LONG)
    assert refused(lambda: jobs.retry(other.id)).kind == "job-not-over"
    assert refused(lambda: jobs.remove(other.id)).kind == "job-not-over"
    jobs.cancel(other.id)
    assert reach(other, "cancelled") and jobs.cancel(other.id).state == "cancelled", "twice is no fault"
    for order in (jobs.pause, jobs.resume, jobs.cancel, jobs.retry, jobs.get, jobs.log, jobs.remove):
        assert refused(lambda order=order: order("nothing")).kind == "job-not-found"  # type: ignore[misc]


def test_a_cancelled_job_begins_anew_when_retried(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-exit", {"steps": 30, "step_s": 0.02})
    wait_for(lambda: jobs.get(job.id).done > 2)
    jobs.cancel(job.id)
    reach(job, "cancelled")
    assert jobs.retry(job.id).done == 0
    done = reach(job, "done")
    assert done.notices == ("Began at 0.",) and done.ended_at is not None


def test_one_that_is_retried_at_once_is_cleaned_up_first(jobs: Jobs, reach: Reach, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    job = jobs.start("puppet-exit", {"steps": 30, "step_s": 0.02, "kept": str(kept)})
    wait_for(lambda: jobs.get(job.id).done > 2)
    jobs.cancel(job.id)
    reach(job, "cancelled")
    jobs.retry(job.id)
    assert int(kept.read_text()) > 2, "what it had done was still known"
    reach(job, "done")


def test_places_and_priorities(jobs: Jobs, reach: Reach, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_JOBS_AT_ONCE", "1")
    first = jobs.start("puppet-hold", LONG)
    reach(first, "running")
    low = jobs.start("puppet-exit", {"steps": 2}, priority=-3)
    high = jobs.start("puppet-exit", {"steps": 2})
    assert jobs.set_priority(high.id, 7).priority == 7
    assert {jobs.get(low.id).state, jobs.get(high.id).state} == {"waiting"}
    jobs.pause(first.id)  # makes room
    low, high = reach(low, "done"), reach(high, "done")
    assert high.started_at is not None and low.started_at is not None and high.started_at < low.started_at
    jobs.resume(first.id)
    reach(first, "running")
    jobs.cancel(first.id)
    reach(first, "cancelled")
    assert refused(lambda: jobs.set_priority(first.id, 101)).kind == "bad-priority"


def test_a_waiting_job_can_be_paused_and_cancelled(jobs: Jobs, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_JOBS_AT_ONCE", "1")
    first = jobs.start("puppet-exit", LONG)
    reach(first, "running")
    second = jobs.start("puppet-exit", {})
    assert jobs.pause(second.id).state == "paused"
    jobs.cancel(first.id)
    reach(first, "cancelled")
    time.sleep(0.7)
    assert jobs.get(second.id).state == "paused"
    assert jobs.cancel(second.id).state == "cancelled" and jobs.get(second.id).started_at is None


# --- start, find, remove ------------------------------------------------------------------------------------------
def test_what_cannot_be_started_is_not_stored(jobs: Jobs) -> None:
    error = refused(lambda: jobs.start("model-imports", {}))
    assert error.kind == "no-such-job-kind" and "model-import" in error.hint
    error = refused(lambda: jobs.start("puppet-exit", {"stepps": 3}))
    assert error.kind == "bad-arguments" and "stepps" in error.message and "steps" in error.hint
    assert refused(lambda: jobs.start("model-import", {})).kind == "bad-arguments"
    assert refused(lambda: jobs.start("puppet-exit", {}, priority=1000)).kind == "bad-priority"
    assert jobs.list() == []


def test_a_start_without_a_host_stores_nothing(app: App) -> None:
    def no_host() -> Any:
        raise Error("No host today.", kind="host-failed")

    jobs = Jobs(app.store, app.paths, no_host)
    assert refused(lambda: jobs.start("puppet-exit", {})).kind == "host-failed"
    assert jobs.list() == []


def test_remove_takes_the_log_too(jobs: Jobs, reach: Reach, app: App) -> None:
    found = [jobs.start("puppet-exit", {}) for _ in range(3)]
    for job in found:
        reach(job, "done")
    folder = app.paths.jobs / found[0].id
    assert folder.is_dir()
    jobs.remove(found[0].id)
    assert not folder.exists() and refused(lambda: jobs.get(found[0].id)).kind == "job-not-found"
    assert jobs.clear() == 2 and jobs.list() == []


def test_the_fake_that_ships_counts(jobs: Jobs, reach: Reach) -> None:
    assert reach(jobs.start("fake", {"steps": 4}), "done").result == {"counted": 4}


# --- hosts --------------------------------------------------------------------------------------------------------
def test_the_jobs_of_a_closed_host_go_on_under_the_next(puppets: Path) -> None:
    from rushlight.assistant.app import open_app

    with open_app(host="in-process") as first:
        job = first.jobs.start("puppet-exit", {"steps": 60, "step_s": 0.05})
        wait_for(lambda: first.jobs.get(job.id).done > 3)
        pid = process_of(first.jobs, job)
    assert not lives(pid), "a host takes its jobs' processes with it"
    with open_app(host="in-process") as second:
        assert second.jobs.get(job.id).state in ("waiting", "running")
        done = list(second.jobs.follow(job.id))[-1]
    assert done.state == "done" and done.done == 60
    assert [int(notice.split()[-1].rstrip(".")) > 0 for notice in done.notices] == [False, True]


def test_two_hosts_do_not_run_the_same_jobs(puppets: Path, reach: Reach, jobs: Jobs) -> None:
    from rushlight.assistant.app import open_app

    job = jobs.start("puppet-exit", LONG)
    reach(job, "running")
    with open_app(host="in-process") as other:
        assert other.jobs.get(job.id).state == "running"
        assert refused(lambda: other.jobs.pause(job.id)).kind == "jobs-elsewhere"
        assert other.jobs.log(job.id).count("Started as process") == 1
    jobs.cancel(job.id)
    reach(job, "cancelled")


def test_orders_where_no_host_runs_are_written_down(puppets: Path, own_home: Path) -> None:
    from rushlight.assistant.app import open_app

    with open_app(host="in-process") as app:
        job = app.jobs.start("puppet-exit", LONG)
        wait_for(lambda: app.jobs.get(job.id).done > 1)
        app.jobs.pause(job.id)
        wait_for(lambda: app.jobs.get(job.id).state == "paused")
    with open_app(host="in-process") as app:
        assert app.jobs.get(job.id).state == "paused", "a pause outlives its host"
        assert app._host is None, "and needs none"
        assert app.jobs.cancel(job.id).state == "cancelled"
    assert os.path.exists(app.paths.store)  # noqa: PTH110
