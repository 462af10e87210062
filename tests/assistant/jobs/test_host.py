"""A host process and the jobs it finds: what an earlier host left goes on unasked; who has no jobs pays nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rushlight.assistant.host.client import HostClient, connect
from rushlight.assistant.jobs.joblog import make_folder
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings


@pytest.fixture
def host(puppets: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostClient]:
    """A host of its own process, ended after the test."""
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "20")
    paths = find_paths()
    with connect(paths, load_settings(paths)) as client:
        yield client
        client.status()
        client.shutdown()


def loaded(pid: int) -> str:
    """The libraries that the process has loaded."""
    return Path(f"/proc/{pid}/maps").read_text()


def test_a_host_without_jobs_opens_no_store(host: HostClient) -> None:
    pid = host.status().pid
    time.sleep(1.5)  # it looks after one second
    assert host.status().n_jobs == 0 and host.status().pid == pid
    assert "apsw" not in loaded(pid)
    assert not find_paths().store.exists()


def test_what_an_earlier_host_left_goes_on_unasked(
    records: JobRecords, puppets: Path, request: pytest.FixtureRequest
) -> None:
    job = records.insert("puppet-exit", "left", {"steps": 3}, 0)
    records.change(job.id, {"state": "running", "started_at": time.time(), "checkpoint": "2"})
    make_folder(find_paths(), job.id)
    request.getfixturevalue("host")
    end_s = time.monotonic() + 20
    while (found := records.get(job.id)).state != "done":
        assert time.monotonic() < end_s, found
        time.sleep(0.02)
    assert found.n_restarts == 1 and found.notices == ("Began at 2.",)


def test_the_status_counts_jobs_with_a_process(host: HostClient, records: JobRecords) -> None:
    job = records.insert("puppet-exit", "long", {"steps": 600, "step_s": 0.05}, 0)
    host.look_at_jobs()
    end_s = time.monotonic() + 20
    while host.status().n_jobs != 1:
        assert time.monotonic() < end_s
        time.sleep(0.02)
    assert host.order_job(job.id, "cancel") in ("cancelling", "cancelled")
    while host.status().n_jobs:
        assert time.monotonic() < end_s
        time.sleep(0.02)
    assert records.get(job.id).state == "cancelled"
