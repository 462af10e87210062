"""Measuring a model's speed for a page: rows as they come, the fastest marked, stopping, and what cannot be."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rushlight import Error, Progress
from rushlight.assistant.host import bench
from rushlight.assistant.host.bench import Measured, Variant
from rushlight.assistant.models.model import Model
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.bench_desk import BenchDesk, BenchState

Pump = Callable[..., None]


def test_rows_come_one_by_one_and_it_can_be_stopped(
    background: Background, desk_model: Model, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_load: Any, wanted: Any, _task: Any, _open: Any, stop: Any, report: Any) -> Iterator[Measured]:
        report(Progress("Measuring", 0, len(wanted), "variants"), wanted[0])
        yield Measured(Variant(1, "f16", "on"), 100.0, 20.0, 0.1, "", 0)
        yield Measured(Variant(2, "f16", "on"), 180.0, 35.0, 0.1, "", 0)
        yield Measured(Variant(2, "q8_0", "on"), 0.0, 0.0, 0.0, "", 0, problem="No\x1b[31m.")
        while not stop.is_set():
            time.sleep(0.01)
        raise Error("Measuring was stopped.", kind="stopped")

    monkeypatch.setattr(bench, "measure", measure)
    states: list[BenchState] = []
    desk = BenchDesk(background, states.append)
    desk.start(desk_model.id, "Tiny")
    assert desk.state.is_running
    pump(lambda: len(desk.state.rows) == 3)
    assert [one.is_best for one in desk.state.rows] == [False, True, False]
    assert "\x1b" not in desk.state.rows[2].problem and desk.state.rows[0].where == "processor"
    desk.stop()
    pump(lambda: not desk.state.is_running)
    assert len(desk.state.rows) == 3 and not desk.state.problem
    assert any(one.fraction == 0.0 for one in states)


def test_what_cannot_be_measured_is_told(
    background: Background, desk_model: Model, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = BenchDesk(background, lambda _state: None)
    desk.start("no/such", "No")
    pump(lambda: not desk.state.is_running)
    assert desk.state.problem and not desk.state.rows
