"""A training that has so much time ends in it: steps that take longer are fewer, faster ones more, as far as there are
examples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.trainer.steps_in_time import StepsInTime


def ended(
    seconds: float, planned: int, most: int, takes: Callable[[int], float], spent: float = 0.0
) -> tuple[int, float]:
    """(steps made, seconds they took)"""
    pace, step, total, took = StepsInTime(seconds, most, spent), 0, planned, spent
    while step < total:
        step += 1
        took += takes(step)
        pace.took(takes(step))
        total = pace.n_steps(step, total)
    return step, took


@pytest.mark.parametrize(("step_s", "n_steps"), [(1.0, 600), (1.4, 428), (2.0, 300), (0.5, 900)])
def test_the_steps_fill_the_time(step_s: float, n_steps: int) -> None:
    made, took = ended(600.0, 400, 900, lambda _: step_s)
    assert made == pytest.approx(n_steps, abs=2) and took <= 601


def test_the_first_steps_and_a_long_wait_are_not_what_a_step_takes() -> None:
    made, _ = ended(300.0, 250, 900, lambda step: 4.0 if step < 5 else 1.0)
    assert made == pytest.approx(288, abs=4)
    made, _ = ended(300.0, 250, 900, lambda step: 600.0 if step == 100 else 1.0)
    assert made == pytest.approx(297, abs=4), "a chat of ten minutes costs no steps"


def test_a_machine_that_grows_slow_is_noticed() -> None:
    made, took = ended(300.0, 290, 900, lambda step: 1.0 if step < 100 else 2.0)
    assert 195 <= made <= 205 and took <= 310


def test_what_has_passed_counts_and_the_end_of_the_schedule_stays() -> None:
    assert ended(300.0, 250, 900, lambda _: 1.0, spent=100.0)[0] == pytest.approx(200, abs=2)
    pace = StepsInTime(1e6, 900)
    for _ in range(200):
        pace.took(1.0)
    assert pace.n_steps(195, 200) == 200 and pace.n_steps(150, 200) == 900 and pace.n_steps(151, 200) == 200
    for _ in range(200):
        pace.took(1e6)
    assert pace.n_steps(150, 200) == 151, "what is over is over"


@pytest.mark.torch
def test_a_run_takes_its_time_and_a_paused_one_keeps_its_steps(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    from rushlight.assistant.engine.template import compile_template
    from rushlight.trainer.config import checked
    from rushlight.trainer.run import Places, Watch, prepare, train

    def render(template: str, variables: dict[str, Any]) -> str:
        return compile_template(template)(variables, 1 << 20)

    model, data = make_gguf("tiny.gguf", quantization="Q8_0"), tmp_path / "numbers.jsonl"
    data.write_text("".join(
        json.dumps({"messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": f"{i + 1}!"}]})
        + "\n" for i in range(24)
    ))  # fmt: skip

    def run(name: str, seconds: float, watch: Watch | None = None, *, resume: bool = False) -> dict[str, Any]:
        said = checked({
            "model": "m", "out": "o", "data": {"train": ["d"]}, "adapter": {"rank": 4},
            "steps": {"batch": 4, "epochs": 8, "most": 40, "seconds": seconds, "row_tokens": 256},
            "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 100},
        })  # fmt: skip
        places = Places(model, (data,), (), tmp_path / name)
        prepare(said, places, render=render, resume=resume)
        return train(said, places, *([watch] if watch is not None else []))

    assert run("short", 1e-3)["step"] == 31
    assert run("long", 1e6)["step"] == 48, "all examples eight times"
    asked = iter(range(36))
    paused = run("paused", 1e6, Watch(should_pause=lambda: next(asked, None) is None))
    assert paused["state"] == "paused" and paused["n_steps"] == 48 and paused["step"] < 48
    assert run("paused", 1e6, resume=True)["step"] == 48
