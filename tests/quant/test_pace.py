"""The number of threads of a running model: what was fastest just now, on quiet machines and on busy ones."""

from pathlib import Path

import numpy as np
import pytest

from rushlight.quant import pace as pace_module
from rushlight.quant.ggml import RunningModel
from rushlight.quant.pace import Pace


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "_best_of", {})


def run(pace: Pace, costs: dict[int, float], n_runs: int) -> list[int]:
    chosen = []
    for _ in range(n_runs):
        n_threads = pace.next()
        chosen.append(n_threads)
        pace.took(n_threads, 512, 512 * costs[n_threads])
    return chosen


def test_all_threads_first_and_mostly_where_they_are_fastest() -> None:
    chosen = run(Pace(8), {8: 1.0, 4: 1.9, 1: 7.5}, 200)
    assert chosen[:3] == [8, 4, 1]
    assert chosen.count(8) >= 188  # slow ones are tried more and more seldom


def test_on_a_busy_machine_fewer_are_taken_and_all_again_afterwards() -> None:
    pace = Pace(2)
    assert run(pace, {2: 100.0, 1: 1.0}, 12)[1:] == [1] * 11
    busy = run(pace, {2: 100.0, 1: 1.0}, 100)
    assert busy.count(2) <= 3
    assert run(pace, {2: 0.5, 1: 1.0}, 150)[-1] == 2


def test_the_next_model_begins_with_what_was_best() -> None:
    run(Pace(2), {2: 100.0, 1: 1.0}, 5)
    chosen = run(Pace(2), {2: 100.0, 1: 1.0}, 60)
    assert chosen[:12] == [1] * 12 and chosen.count(2) <= 2
    assert run(Pace(2), {2: 0.5, 1: 1.0}, 60)[-1] == 2


def test_one_thread_needs_no_trials() -> None:
    assert run(Pace(1), {1: 1.0}, 30) == [1] * 30


def test_logits_do_not_depend_on_the_threads(tiny_gguf: Path) -> None:
    token_ids = list(range(5, 45))
    with RunningModel(tiny_gguf, n_ctx=64, n_threads=4) as running:
        several = [running.logits(token_ids).copy() for _ in range(4)]
    assert all(np.array_equal(several[0], other) for other in several[1:])
