"""A training from preferences that is killed at any moment ends with the same bits: also while the untrained model is
asked."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.faults]
PROGRAM = Path(__file__).with_name("killed_run.py")


def run(model: Path, data: Path, out: Path, method: str, *moments: str) -> tuple[bytes, bytes]:
    command = [sys.executable, str(PROGRAM), str(model), str(data), str(out), method, *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()] == list(range(1, 25))
    name = "model/model.safetensors" if method.endswith("full") else "adapter/adapter_model.safetensors"
    reference = out / "reference.safetensors"
    return (out / name).read_bytes(), reference.read_bytes() if reference.exists() else b""


SLOW = [pytest.param(one, marks=pytest.mark.slow) for one in ("kto/full", "orpo/lora")]


@pytest.mark.parametrize("method", ["dpo/lora", *SLOW])
def test_killed_at_steps_in_checkpoints_and_before_the_first(
    method: str, make_gguf: Callable[..., Path], tmp_path: Path
) -> None:
    model, data = make_gguf("tiny.gguf", quantization="Q8_0"), tmp_path / "pairs.jsonl"
    lines = [{"prompt": f"{n}?", "chosen": f"{n * n} and {n + 1}!", "rejected": f"It is {n}."} for n in range(36)]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    whole = run(model, data, tmp_path / "whole", method)
    moments = ["step:1", "weights:2", "step:5", "rename:6", "step:13", "weights:24"]
    if not method.startswith("orpo"):
        moments = ["reference:16", "reference:32", *moments]
    assert run(model, data, tmp_path / "killed", method, *moments) == whole
