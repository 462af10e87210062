"""Downloads as background jobs, from the hub of conftest.py: paused, cut, cancelled; the rest is asked for, not all."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App, open_app
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.models.partials import list_partials

FakeHub = Any  # of conftest.py, which tests cannot import by name


@pytest.fixture
def app(own_home: Path) -> Iterator[App]:
    with open_app(host="in-process") as opened:
        yield opened


@pytest.fixture
def hub(fake_hub: FakeHub, make_gguf: Callable[..., Path]) -> FakeHub:
    fake_hub.files["m.gguf"] = make_gguf("m.gguf", n_embd=256, n_heads=4, n_ff=1024).read_bytes()
    return fake_hub


def start(app: App, hub: FakeHub) -> Job:
    return app.jobs.start("model-download", {"name": "org/repo/m.gguf", "endpoint": hub.url})


def reach(app: App, job: Job, *states: JobState) -> Job:
    end_s = time.monotonic() + 30
    while (found := app.jobs.get(job.id)).state not in states:
        assert time.monotonic() < end_s, f"{found}\n{app.jobs.log(job.id)}"
        time.sleep(0.01)
    return found


def data_requests(hub: FakeHub) -> list[str]:
    return [asked for method, path, asked in hub.requests if method == "GET" and "/api/" not in path]


def test_a_model_is_downloaded_and_imported(app: App, hub: FakeHub) -> None:
    job = start(app, hub)
    assert job.title == "Download org/repo (m.gguf)"
    done = reach(app, job, "done")
    (model,) = app.models
    assert done.result["id"] == model.id and done.result["sha256"] == hub.sha256("m.gguf") == model.sha256
    assert model.path.read_bytes() == hub.files["m.gguf"]
    assert list_partials(app.paths) == () and not list(app.paths.downloads.iterdir())


def test_a_missing_file_fails_with_the_hubs_answer(app: App, hub: FakeHub) -> None:
    job = app.jobs.start("model-download", {"name": "org/repo/other.gguf", "endpoint": hub.url})
    failed = reach(app, job, "failed")
    assert "other.gguf" in failed.message and failed.hint


def test_paused_in_the_middle_it_asks_for_the_rest(app: App, hub: FakeHub) -> None:
    waiting = hold_back(hub)
    job = start(app, hub)
    wait_for(lambda: sum(one.done_bytes for one in list_partials(app.paths)) > 0)
    begun_s = time.monotonic()
    app.jobs.pause(job.id)
    reach(app, job, "paused")
    assert time.monotonic() - begun_s < 1.0
    waiting.clear()
    (partial,) = list_partials(app.paths)
    assert not partial.running and 0 < partial.done_bytes < len(hub.files["m.gguf"])
    app.jobs.resume(job.id)
    done = reach(app, job, "done")
    assert done.n_restarts == 0 and done.result["sha256"] == hub.sha256("m.gguf")
    assert data_requests(hub)[-1].startswith("bytes=") and data_requests(hub)[-1] != "bytes=0-"


def test_cancelled_it_deletes_its_data_and_no_other(app: App, hub: FakeHub) -> None:
    other = app.paths.downloads / "0123456789abcdef"
    other.mkdir(parents=True)
    (other / "x.gguf.part").write_bytes(b"x")
    waiting = hold_back(hub)
    job = start(app, hub)
    wait_for(lambda: sum(one.done_bytes for one in list_partials(app.paths)) > 1)
    app.jobs.cancel(job.id)
    reach(app, job, "cancelled")
    waiting.clear()
    wait_for(lambda: [one.id for one in list_partials(app.paths)] == [other.name])
    assert app.models == () and (other / "x.gguf.part").exists()
    app.jobs.retry(job.id)
    assert reach(app, job, "done").result["sha256"] == hub.sha256("m.gguf")


def hold_back(hub: FakeHub) -> list[bool]:
    """The next answer breaks off after half a file, and further ones wait until the list is emptied."""
    waiting = [True]
    hub.cut_after = [len(hub.files["m.gguf"]) // 2]

    def wait() -> None:
        end_s = time.monotonic() + 20
        while waiting and not hub.cut_after and time.monotonic() < end_s:
            time.sleep(0.01)

    hub.before_body = wait
    return waiting


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s, os.getpid()
        time.sleep(0.01)
