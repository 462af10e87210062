"""Jobs ask the host for memory before they take it: they wait for each other, and hear why they cannot have it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.kind import checked_arguments
from rushlight.assistant.jobs.kinds.model_memory import WORK_BYTES
from rushlight.assistant.jobs.registry import find_kind

Reach = Callable[..., Job]


@pytest.fixture(autouse=True)
def budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_MEMORY_BUDGET_MIB", "1000")


def test_one_waits_until_another_gives_its_memory_back(jobs: Jobs, reach: Reach) -> None:
    first = jobs.start("puppet-exit", {"need_mib": 700, "steps": 40, "step_s": 0.05})
    while not jobs.get(first.id).done:
        assert not jobs.get(first.id).is_over
    second = jobs.start("puppet-exit", {"need_mib": 700})
    assert not jobs.get(second.id).notices
    done = reach(second, "done")
    assert reach(first, "done").ended_at <= done.ended_at
    assert any("It waits for memory. Held by: the job “Puppet: count” 700 MiB (in use)" in it for it in done.notices)


def test_one_that_needs_no_more_gives_it_back_and_goes_on(jobs: Jobs, reach: Reach) -> None:
    first = jobs.start("puppet-exit", {"need_mib": 700, "steps": 120, "step_s": 0.05, "gives_back": True})
    while not jobs.get(first.id).done:
        assert not jobs.get(first.id).is_over
    second = jobs.start("puppet-exit", {"need_mib": 700})
    ended_at = reach(second, "done").ended_at
    assert not jobs.get(first.id).is_over
    last = reach(first, "done")
    assert last.ended_at > ended_at and last.n_restarts == 0


def test_what_can_never_be_had_fails_and_says_why(jobs: Jobs, reach: Reach) -> None:
    failed = reach(jobs.start("puppet-exit", {"need_mib": 4000}), "failed")
    assert failed.error_kind == "out-of-memory"
    assert "the job “Puppet: count” needs 3.9 GiB of memory; 1000 MiB are free" in failed.message
    assert "memory.budget_mib" in failed.hint


def test_one_that_waits_can_be_cancelled(jobs: Jobs, reach: Reach) -> None:
    first = jobs.start("puppet-exit", {"need_mib": 700, "steps": 400, "step_s": 0.05})
    while not jobs.get(first.id).done:
        pass
    second = jobs.start("puppet-exit", {"need_mib": 700})
    reach(second, "running")
    jobs.cancel(second.id)
    reach(second, "cancelled")
    jobs.cancel(first.id)
    reach(first, "cancelled")


def test_work_on_models_asks_for_their_size(tmp_path: Path) -> None:
    small, large = tmp_path / "small.gguf", tmp_path / "large.gguf"
    small.write_bytes(b"x" * 1000)
    large.write_bytes(b"x" * 5000)
    files = {"source": str(large), "target": "/t", "model": str(large), "path": str(small), "reference": str(large),
             "others": [str(small)]}  # fmt: skip
    wanted = {}
    for name in ("calibrate", "plan", "compare", "proof", "make", "smaller"):
        kind = find_kind(f"quant-{name}")
        known = {key: value for key, value in files.items() if key in kind.arguments.__struct_fields__}
        wanted[name] = kind.memory_bytes(checked_arguments(kind, known)) - WORK_BYTES  # type: ignore[attr-defined]
    assert wanted == {"calibrate": 5000, "plan": 5000, "compare": 5000, "proof": 6000, "make": 0, "smaller": 5000}
