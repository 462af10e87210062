"""The number of threads follows from what this process may use."""

import os
from pathlib import Path

import pytest

from rushlight.assistant.engine import threads
from rushlight.assistant.engine.llama import SUCCESS
from rushlight.assistant.engine.load import load
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.engine.template_process import TemplateProcess


def test_within_what_is_allowed() -> None:
    assert 1 <= threads.n_physical_cores() <= len(os.sched_getaffinity(0))


def test_siblings_count_once_and_a_quota_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu, siblings in enumerate(("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(threads, "_CPUS", tmp_path)
    monkeypatch.setattr(threads, "_allowed_cpus", lambda: set(range(8)))
    for quota, expected in ((0.0, 4), (2.5, 2), (0.5, 1), (64.0, 4)):
        monkeypatch.setattr(threads, "_quota", lambda quota=quota: quota)
        assert threads.n_physical_cores() == expected
    monkeypatch.setattr(threads, "_quota", lambda: 0.0)
    monkeypatch.setattr(threads, "_allowed_cpus", lambda: {0, 4, 9})  # 9 has no files: a core of its own
    assert threads.n_physical_cores() == 2


def test_a_pool_lives_as_long_as_its_context(tiny_gguf: Path) -> None:
    """ggml locks the pool that it computed with last when it takes another one. A freed one stood still for ever, now
    and then."""
    settings = LoadSettings(str(tiny_gguf), n_ctx=256, n_threads=2)
    loaded = load(settings, TemplateProcess.start(), lambda _progress: None)[0]
    context = loaded.context
    pool = context._pool
    assert pool is not None and pool._handle is not None
    for n_threads in (1, 2, 1):
        context.set_threads(n_threads)
        assert context._pool is (pool if n_threads == 2 else None) and pool._handle is not None
        assert context.decode_one(20) == SUCCESS
    loaded.close()
    assert pool._handle is None
