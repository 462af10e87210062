"""A training that is killed at any moment ends with the same bits, also inside a checkpoint."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.faults]
PROGRAM = Path(__file__).with_name("killed_run.py")


def lessons(path: Path) -> Path:
    lines = [{"prompt": f"{n}?", "completion": f"{n * n} and {n + 1}!"} for n in range(24)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(model: Path, data: Path, out: Path, method: str, *moments: str) -> bytes:
    command = [sys.executable, str(PROGRAM), str(model), str(data), str(out), method, *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert done.returncode == 0, done.stdout + done.stderr
    name = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    steps = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 25))
    assert not [one for one in (out / "checkpoints").iterdir() if one.name.startswith(".")]
    return (out / name).read_bytes()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_killed_at_steps_and_in_checkpoints(method: str, make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    model, data = make_gguf("tiny.gguf", quantization="Q8_0"), lessons(tmp_path / "data.jsonl")
    whole = run(model, data, tmp_path / "whole", method)
    moments = ["step:1", "weights:2", "step:5", "rename:6", "step:12", "step:23", "weights:24"]
    assert run(model, data, tmp_path / "killed", method, *moments) == whole


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", ["lora", "full"])
def test_killed_at_twenty_random_moments(method: str, make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    model, data = make_gguf("tiny.gguf", quantization="Q8_0"), lessons(tmp_path / "data.jsonl")
    whole = run(model, data, tmp_path / "whole", method)
    chance = random.Random(8)
    moments, at = [], 0
    for _ in range(20):
        # It goes on from the last even step; a moment that lies before it would never come.
        at = min(at + chance.randrange(2), 22)
        what = chance.choice(["step", "weights", "rename"])
        step = at // 2 * 2 + (chance.randrange(1, 3) if what == "step" else 2)
        at = step if what == "step" else step - 2
        moments.append(f"{what}:{step}")
    assert run(model, data, tmp_path / "killed", method, *moments) == whole
