"""Several processes train one model: as one alone would, whoever starts them; a killed one loses nothing."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.trainer.config import checked
from rushlight.trainer.run import Places, Watch, prepare, train

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def config(recipe: str, workers: int, launcher: str = "local", dropout: float = 0.1) -> Any:
    return checked({
        "model": "m", "out": "o", "recipe": recipe, "adapter": {"rank": 4, "dropout": dropout},
        "data": {"train": ["d"], "validate_share": 0.2},
        "steps": {"batch": 6, "rate": 1e-2, "epochs": 9, "most": 12},
        "machine": {"threads": 1, "device": "cpu", "workers": workers, "launcher": launcher},
        "keep": {"every": 4, "validate_every": 4},
    })  # fmt: skip


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Callable[[str], Places]:
    data, model = tmp_path / "data.jsonl", make_gguf("tiny.gguf", quantization="Q8_0")
    lines = [{"prompt": f"What comes after {n}?", "chosen": f"{n + 1}!", "rejected": f"It is {n}.",
              "completion": f"{n + 1}!"} for n in range(30)]  # fmt: skip
    data.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return lambda name: Places(model, (data,), (), tmp_path / name)


def trained(config_: Any, places: Places, watch: Watch | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    prepare(config_, places, render=render, resume=True)
    made = train(config_, places, watch)
    return made, [json.loads(line) for line in (places.out / "metrics.jsonl").read_text().splitlines()]


def weights(places: Places) -> bytes:
    return next((places.out / "adapter").glob("*.safetensors")).read_bytes()


@pytest.mark.parametrize("launcher", ["local", "accelerate", "ray"])
def test_two_learn_what_one_would(launcher: str, places: Callable[[str], Places]) -> None:
    if launcher == "ray":
        pytest.importorskip("ray")
    recipes = ("supervised", "dpo", "kto") if launcher == "local" else ("dpo",)
    for recipe in recipes:
        alone = trained(config(recipe, 1, dropout=0.0), places(f"{recipe}-alone"))[1]
        made, both = trained(config(recipe, 2, launcher, 0.0), places(f"{recipe}-{launcher}"))
        assert made["state"] == "done" and made["step"] == 12
        for one, other in zip(alone, both, strict=True):
            assert one.keys() == other.keys() and one["trained_tokens"] == other["trained_tokens"]
            for key in ("loss", "gradient", "held_out", "margin", "held_out_margin"):
                if key in one:
                    # Sums are made in another order, and small differences grow from step to step.
                    assert one[key] == pytest.approx(other[key], rel=2e-3, abs=2e-4), (recipe, one["step"], key)
        assert both[0]["loss"] == pytest.approx(alone[0]["loss"], abs=1e-6) and both[0]["rows"] >= 2


def test_a_crew_of_which_one_is_killed_goes_on_with_the_same_bits(places: Callable[[str], Places]) -> None:
    told: list[Any] = []
    whole, killed = places("whole"), places("killed")
    trained(config("dpo", 2), whole)
    config_ = config("dpo", 2)
    prepare(config_, killed, render=render)

    def kill_one(step: int) -> None:
        told.append(step)
        if len(told) == 1:
            os.kill(members(killed.out)[-1], signal.SIGKILL)

    with pytest.raises(Error, match="workers ended") as caught:
        train(config_, killed, Watch(on_checkpoint=kill_one))
    assert caught.value.kind == "worker-died" and "--resume" in caught.value.hint
    deadline = time.monotonic() + 10
    while members(killed.out):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    made, lines = trained(config_, killed)
    assert made["state"] == "done" and [line["step"] for line in lines] == list(range(1, 13))
    assert weights(killed) == weights(whole)


def test_a_crew_pauses_at_a_checkpoint_and_goes_on_with_the_same_bits(places: Callable[[str], Places]) -> None:
    whole, paused = places("whole"), places("paused")
    trained(config("dpo", 2), whole)
    wish = threading.Event()
    made, _ = trained(config("dpo", 2), paused, Watch(on_checkpoint=lambda step: wish.set(), should_pause=wish.is_set))
    assert made["state"] in ("paused", "done")
    trained(config("dpo", 2), paused)
    assert weights(paused) == weights(whole)


def test_an_error_of_a_worker_is_told_as_it_is(places: Callable[[str], Places]) -> None:
    one = places("broken")
    config_ = config("supervised", 2)
    prepare(config_, one, render=render)
    (one.out / "examples.safetensors").write_bytes(b"nothing")
    with pytest.raises(Error, match="Cannot read the examples of the run"):
        train(config_, one)


def members(out: Path) -> list[int]:
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                command = (one / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"rushlight.trainer.crew_member" in command and str(out).encode() in command:
                found.append(int(one.name))
    return sorted(found)
