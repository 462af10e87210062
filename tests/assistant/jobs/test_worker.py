"""`rushlight _job` as a command line: the same events on standard output as a host gets, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.paths import find_paths


def job_process(job_id: str, what: str = "run", **options: Any) -> tuple[int, list[dict[str, Any]], str]:
    paths = find_paths()
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "_job", "--do", what, "--id", job_id, "--data", str(paths.data), "--cache",
         str(paths.cache), "--runtime", str(paths.runtime), "--events", "jsonl"],
        capture_output=True, text=True, timeout=60, check=False, **options,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_events_on_standard_output(puppets: Path, records: JobRecords) -> None:
    job = records.insert("puppet-exit", "x", {"steps": 2}, 0)
    code, events, err = job_process(job.id)
    assert code == 0, err
    assert events[0] == {
        "event": "started", "pause": "exit", "may_freeze": True, "makes_way": False, "patience_s": 0.0,
    }  # fmt: skip
    assert events[-1] == {"event": "result", "value": {"does": "count"}}
    assert {"event": "notice", "kind": "began", "text": "Began at 0."} in events
    assert {"event": "progress", "what": "Counting", "done": 2.0, "total": 2.0, "unit": "steps"} in events
    assert records.checkpoint(job.id) == "2"
    assert records.get(job.id).state == "waiting", "all but the checkpoint is the host's to write"


def test_a_failure_is_an_event_and_exit_code_1(puppets: Path, records: JobRecords) -> None:
    job = records.insert("puppet-exit", "x", {"does": "fail"}, 0)
    code, events, _ = job_process(job.id)
    assert (code, events[-1]["event"], events[-1]["kind"]) == (1, "failed", "puppet")


def test_what_the_work_prints_is_not_taken_for_events(puppets: Path, records: JobRecords) -> None:
    job = records.insert("puppet-exit", "x", {"does": "exit"}, 0)
    code, events, err = job_process(job.id)
    assert code == 3 and [event["event"] for event in events] == ["started"] and "the last words" in err


@pytest.mark.parametrize("kind", ["no-such-kind", "puppet-exit"])
def test_what_cannot_be_run_says_why(puppets: Path, records: JobRecords, kind: str) -> None:
    job = records.insert(kind, "x", {"odd": 1}, 0)
    code, events, _ = job_process(job.id)
    assert code == 1 and events[-1]["kind"] in ("no-such-job-kind", "bad-arguments")
    code, events, _ = job_process("missing")
    assert code == 1 and events[-1]["kind"] == "job-not-found"


def test_wrong_usage_is_2() -> None:
    for words in ([], ["--do", "run"], ["--do"]):
        done = subprocess.run([sys.executable, "-m", "rushlight", "_job", *words], capture_output=True, text=True)
        assert done.returncode == 2 and "usage" in done.stderr


def test_cleaning(puppets: Path, records: JobRecords, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_text("x")
    job = records.insert("puppet-exit", "x", {"file": str(half)}, 0)
    assert job_process(job.id, "clean")[0] == 0
    assert not half.exists()


def test_two_processes_of_a_job_never_work_at_once(puppets: Path, records: JobRecords) -> None:
    from rushlight.assistant.host.lock import try_lock

    job = records.insert("puppet-exit", "x", {}, 0)
    folder = find_paths().jobs / job.id
    folder.mkdir(parents=True)
    lock = try_lock(folder / "lock")
    assert lock is not None
    try:
        code, events, _ = job_process(job.id, env=_impatient(puppets))
    finally:
        lock.release()
    assert code == 1 and events[-1]["kind"] == "job-busy"


def _impatient(puppets: Path) -> dict[str, str]:
    """A process that does not wait ten seconds for the lock."""
    import os

    (puppets / "sitecustomize.py").write_text("import rushlight.assistant.jobs.worker as w\nw._LOCK_S = 0.1\n")
    return dict(os.environ)
