"""Three real models in a budget for two: all answer in turn, the right one goes, no process outlives the program."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.events import Finished
from rushlight.assistant.models.importing import import_model

NAMES = ("one", "two", "three")


def test_three_models_in_a_budget_for_two(
    gguf_builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_gone: Callable[[float], dict[int, str]]
) -> None:
    with open_app(host="in-process", overrides={"engine.context": 256, "engine.kv_ram_mib": 0}) as app:
        for seed, name in enumerate(NAMES):
            path = gguf_builder.tiny_llama_gguf(tmp_path / f"{name}.gguf", seed=seed)
            import_model(app.catalogue, path, how="in-place", model_id=name)
        need = max(app.host.plan(app.load_settings(app.model(name))).main_bytes for name in NAMES)
    budget_mib = int(2.5 * need / 1024 / 1024)
    overrides = {"engine.context": 256, "engine.kv_ram_mib": 0, "memory.budget_mib": budget_mib}
    workers: set[int] = set()
    with open_app(host="in-process", overrides=overrides) as app:
        left = []
        for name in (*NAMES, *NAMES):
            (end,) = [event for event in app.ask("Hello", model=name, max_tokens=4) if isinstance(event, Finished)]
            assert end.reason in ("stop", "length")
            _wait_idle(app.host)
            loaded = app.host.status().engines
            workers |= {engine.pid for engine in loaded}
            left.append([Path(engine.path).stem for engine in loaded])
            assert sum(engine.need_bytes for engine in loaded) <= budget_mib * 1024 * 1024
        expected = [["one"], ["one", "two"], ["two", "three"], ["three", "one"], ["one", "two"], ["two", "three"]]
        assert left == expected, "the one unused for longest goes"
        assert len(workers) == 6
    assert not wait_gone(6)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists() and _is_child(pid)]


def _wait_idle(host: Any) -> None:
    """A model just asked counts as used for some seconds; here the next question comes when nobody would miss it."""
    for link in host._idle:
        link.close()
    end_s = time.monotonic() + 10
    while any(engine.in_use for engine in host.status().engines):
        assert time.monotonic() < end_s
        time.sleep(0.05)


def _is_child(pid: int) -> bool:
    return f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{pid}/status").read_text()
