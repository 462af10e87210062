"""The cast of the jobs' tests: kinds that do as they are told, and an app with a host of its own."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rushlight.assistant.app import App, open_app
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.paths import find_paths
from rushlight.assistant.store.database import Store, open_store

_ENTRIES = """[rushlight.jobs]
puppet-exit = job_puppets:EXIT
puppet-hold = job_puppets:HOLD
puppet-way = job_puppets:WAY
puppet-stiff = job_puppets:STIFF
fake = job_puppets:FAKE
"""


@pytest.fixture
def puppets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kinds of puppets.py, installed for this test and for the processes that it starts."""
    place = tmp_path / "installed"
    info = place / "job_puppets-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: job-puppets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRIES)
    shutil.copy(Path(__file__).with_name("puppets.py"), place / "job_puppets.py")
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    return place


@pytest.fixture
def app(puppets: Path) -> Iterator[App]:
    """An app whose host lives in this process; its jobs have processes all the same."""
    with open_app(host="in-process") as opened:
        yield opened


@pytest.fixture
def jobs(app: App) -> Jobs:
    return app.jobs


@pytest.fixture
def store(own_home: Path) -> Iterator[Store]:
    opened = open_store(find_paths())
    yield opened
    opened.close()


@pytest.fixture
def records(store: Store) -> JobRecords:
    return JobRecords(store)


Reach = Callable[..., Job]


@pytest.fixture
def reach(jobs: Jobs) -> Reach:
    """reach(job, "paused") waits until the job is in one of these states, and returns it."""

    def wait(job: Job, *states: JobState, timeout_s: float = 20.0) -> Job:
        end_s = time.monotonic() + timeout_s
        while (found := jobs.get(job.id)).state not in states:
            assert time.monotonic() < end_s, f"{found}\n{jobs.log(job.id)}"
            time.sleep(0.01)
        return found

    return wait


@pytest.fixture
def large_gguf(gguf_builder: ModuleType, tmp_path: Path, own_home: Path) -> Iterator[Path]:
    """A model file of a quarter of a gigabyte, nearly all of it a hole: its copy takes long enough to be broken off."""
    path: Path = gguf_builder.hollow_gguf(tmp_path / "large.gguf", 256 * 1024 * 1024)
    yield path
    shutil.rmtree(find_paths().models, ignore_errors=True)  # the copies have no holes
