"""Jobs that make way wait while the user is answered, and give their memory to a model that needs it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.jobs import runner
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.stopping import JobStop
from rushlight.assistant.power import on_mains

Reach = Callable[..., Job]


def server_of(app: App) -> Any:
    """The host's server in this process, and its loop."""
    assert app._host is not None
    return app._host._server  # type: ignore[attr-defined]


def answer(app: App, busy: bool) -> None:
    server = server_of(app)
    server.loop.call_soon(lambda: server.jobs.make_way(busy))


def begin(jobs: Jobs) -> Job:
    """A job that is at work on its first step, and hears nothing until that is done."""
    job = jobs.start("puppet-way", {"steps": 2, "step_s": 1.6})
    while not jobs.get(job.id).notices:
        assert not jobs.get(job.id).is_over, jobs.log(job.id)
    return job


def need_its_memory(app: App, job: Job) -> None:
    service = server_of(app).jobs
    service._loop.call_soon(lambda: service._runner._runs[job.id].make_room())


def steps_in(jobs: Jobs, job: Job, seconds: float) -> float:
    before = jobs.get(job.id).done
    time.sleep(seconds)
    return jobs.get(job.id).done - before


def test_it_waits_while_the_user_is_answered_and_goes_on_after(app: App, jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-way", {"steps": 400, "step_s": 0.02})
    while not jobs.get(job.id).done:
        assert not jobs.get(job.id).is_over, jobs.log(job.id)
    answer(app, True)
    time.sleep(1.2)  # a step, and a tick until it is told
    assert steps_in(jobs, job, 1.2) == 0 and jobs.get(job.id).state == "running"
    answer(app, False)
    time.sleep(3.0)
    assert steps_in(jobs, job, 1.5) > 5
    answer(app, True)
    time.sleep(1.2)
    jobs.cancel(job.id)
    assert reach(job, "cancelled").n_restarts == 0


def test_a_kind_that_needs_longer_to_a_pause_point_is_not_killed(jobs: Jobs, reach: Reach) -> None:
    job = jobs.start("puppet-way", {"steps": 3, "step_s": 1.6})
    while not jobs.get(job.id).notices:
        assert not jobs.get(job.id).is_over, jobs.log(job.id)
    jobs.pause(job.id)
    reach(job, "paused")
    assert "did not pause" not in jobs.log(job.id)
    jobs.resume(job.id)
    done = reach(job, "done")
    assert done.n_restarts == 0 and "Began at 0." in done.notices


def test_one_that_makes_room_can_be_paused_meanwhile(app: App, jobs: Jobs, reach: Reach) -> None:
    job = begin(jobs)
    need_its_memory(app, job)
    assert jobs.pause(job.id).state in ("pausing", "paused")
    reach(job, "paused")
    assert "Its memory is needed" in jobs.log(job.id)
    jobs.resume(job.id)
    assert reach(job, "done").n_restarts == 0


def test_one_that_makes_room_leaves_also_where_a_pause_is_taken_back(
    app: App, jobs: Jobs, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_ROOM_S", 0.1)
    job = begin(jobs)
    need_its_memory(app, job)
    jobs.pause(job.id)
    assert jobs.resume(job.id).state in ("running", "waiting")
    assert reach(job, "done").n_restarts == 0
    assert jobs.log(job.id).count("Started as process") == 2, "it has given its memory back in between"


def test_waiting_ends_with_the_stop() -> None:
    stop = JobStop(lambda: None)
    for end in (stop.set, stop.hold):
        stop.release()
        stop.let_others(True)
        waiting = threading.Thread(target=stop.make_way)
        waiting.start()
        time.sleep(0.05)
        assert waiting.is_alive()
        end()
        waiting.join(2)
        assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("supplies", "is_on_mains"),
    [
        ({}, True),
        ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging"}}, True),
        ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Full"}}, True),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, True),
        ({"AC": {"type": "Mains", "online": "0"}, "usb": {"type": "USB", "online": "1"}}, True),
        ({"odd": {"type": "\xff"}}, True),
    ],
)
def test_mains_power(supplies: dict[str, dict[str, str]], is_on_mains: bool, tmp_path: Path) -> None:
    for name, files in supplies.items():
        (tmp_path / name).mkdir()
        for key, value in files.items():
            (tmp_path / name / key).write_bytes(value.encode("latin-1") + b"\n")
    assert on_mains(tmp_path) is is_on_mains
    assert on_mains(tmp_path / "nowhere")
