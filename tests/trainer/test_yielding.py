"""A training makes way before every row, and a step that is left between two rows is computed again."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.engine.template import compile_template
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.run import Places, Watch, prepare, train

pytestmark = pytest.mark.torch


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def test_a_step_left_between_rows_ends_with_the_same_bits(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n + 1}!"}) + "\n" for n in range(24)))
    model = make_gguf("tiny.gguf", quantization="Q8_0")
    said = checked({
        "model": "m", "out": "o", "data": {"train": ["d"]}, "adapter": {"rank": 4, "dropout": 0.1},
        "steps": {"batch": 8, "rate": 1e-2, "most": 3, "row_tokens": 48}, "keep": {"every": 50},
        "machine": {"threads": 1, "device": "cpu"},
    })  # fmt: skip
    whole, n_rows = run(said, Places(model, (data,), (), tmp_path / "whole"))
    assert n_rows > 6
    left, _ = run(said, Places(model, (data,), (), tmp_path / "left"), pause_at=n_rows // 3 + 2)
    assert left == whole
    slow = Places(model, (data,), (), tmp_path / "slow")
    assert run(said, slow, wait_s=0.4) == (whole, n_rows)
    took_s = sum(json.loads(line)["seconds"] for line in (slow.out / "metrics.jsonl").read_text().splitlines())
    assert took_s < 0.4 * n_rows, "waiting is no time of training"


def run(said: TrainConfig, places: Places, pause_at: int = 0, wait_s: float = 0.0) -> tuple[bytes, int]:
    """The adapter, and how often way was made, each time for so long; paused once when that was so often."""
    prepare(said, places, render=render)
    made: list[int] = []

    def make_way() -> None:
        made.append(1)
        time.sleep(wait_s)

    if pause_at:
        paused = train(said, places, Watch(make_way=make_way, should_pause=lambda: len(made) >= pause_at))
        assert (paused["state"], paused["step"]) == ("paused", 1), "in the middle of the second step"
    outcome = train(said, places, Watch(make_way=make_way))
    assert (outcome["state"], outcome["step"]) == ("done", 3)
    steps = [json.loads(line)["step"] for line in (places.out / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]
    return (places.out / "adapter" / "adapter_model.safetensors").read_bytes(), len(made)
