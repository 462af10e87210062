"""A training that goes on from an adapter: it begins where that one has ended, and only where both fit together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.quant.adapters import adapter_to_gguf
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.manifest import write_manifest
from rushlight.trainer.run import Places, Watch, prepare, train

pytestmark = pytest.mark.torch


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def config(rank: int = 4, alpha: float = 8.0, method: str = "lora", most: int = 30, **steps: Any) -> TrainConfig:
    return checked({
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"]},
        "adapter": {"rank": rank, "alpha": alpha},
        "steps": {"batch": 24, "rate": 5e-3, "epochs": 99, "most": most, "row_tokens": 256, "schedule": "constant",
                  "warmup": 0.0, **steps},
        "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 2},
    })  # fmt: skip


@pytest.fixture
def first(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    """A run that is done."""
    lines = [{"messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": f"{i + 1}!"}]}
             for i in range(24)]  # fmt: skip
    data = tmp_path / "numbers.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    places = Places(make_gguf("tiny.gguf", quantization="Q8_0"), (data,), (), tmp_path / "first")
    prepare(config(), places, render=render)
    train(config(), places)
    return places


def losses(places: Places, said: TrainConfig, watch: Watch | None = None) -> list[float]:
    prepare(said, places, render=render)
    train(said, places, watch)
    return [json.loads(line)["loss"] for line in (places.out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("form", ["peft", "gguf"])
def test_it_begins_where_the_other_has_ended(first: Places, form: str, tmp_path: Path) -> None:
    start = first.out / "adapter"
    if form == "gguf":
        start = tmp_path / "start.gguf"
        adapter_to_gguf(first.out / "adapter", first.out / "base", start)
    before = [json.loads(line)["loss"] for line in (first.out / "metrics.jsonl").read_text().splitlines()]
    places = Places(first.model, first.train, (), tmp_path / "second", start)
    after = losses(places, config(most=4))
    learned = before[0] - before[-1]
    assert len(after) == 4 and learned > 0.5 and after[0] - before[-1] < 0.1 * learned
    manifest = write_manifest(places, [])
    assert manifest["start"]["name"] == "start" and len(manifest["start"]["sha256"]) == 64
    assert write_manifest(first, [])["start"] is None


def test_one_that_pauses_ends_with_the_same_bits(first: Places, tmp_path: Path) -> None:
    start = first.out / "adapter"
    whole = Places(first.model, first.train, (), tmp_path / "whole", start)
    losses(whole, config(most=4))
    paused = Places(first.model, first.train, (), tmp_path / "paused", start)
    asked = iter([False, False, False, True])
    losses(paused, config(most=4), Watch(should_pause=lambda: next(asked, False)))
    for one in start.iterdir():
        one.unlink()
    start.rmdir()  # the run has a copy
    prepare(config(most=4), paused, render=render, resume=True)
    assert train(config(most=4), paused)["state"] == "done"
    one, other = (next((places.out / "adapter").glob("*.safetensors")).read_bytes() for places in (whole, paused))
    assert one == other


def test_what_does_not_fit_is_refused(first: Places, tmp_path: Path) -> None:
    start = first.out / "adapter"
    for number, (said, words) in enumerate([
        (config(rank=8, alpha=16.0), "its rank is 4 and its alpha 8, this training has 8 and 16"),
        (config(alpha=16.0), "alpha 8, this training has 4 and 16"),
        (config(method="rslora"), "alpha 8, this training has 4 and 16"),
    ]):  # fmt: skip
        places = Places(first.model, first.train, (), tmp_path / str(number), start)
        prepare(said, places, render=render)
        with pytest.raises(Error, match=words):
            train(said, places)
    assert losses(Places(first.model, first.train, (), tmp_path / "same", start), config(2 * 2, 4.0, "rslora", 1))

    nothing = Places(first.model, first.train, (), tmp_path / "nothing", tmp_path)
    with pytest.raises(Error, match=r"no adapter_config\.json"):
        prepare(config(), nothing, render=render)
    (start / "adapter_model.safetensors").write_bytes(b"\0" * 40)
    damaged = Places(first.model, first.train, (), tmp_path / "damaged", start)
    prepare(config(), damaged, render=render)
    with pytest.raises(Error, match="Cannot read the adapter"):
        train(config(), damaged)
    with pytest.raises(Error, match="goes on from the matrices of LoRA"):
        checked({"model": "m", "out": "o", "method": "dora", "data": {"train": ["d"]}, "adapter": {"start": "a"}})


@pytest.mark.parametrize("recipe", ["dpo", "kto"])
def test_preferences_are_held_against_where_it_begins(recipe: str, first: Places, tmp_path: Path) -> None:
    """Not against the model without the adapter; also where a run that goes on has to ask again."""
    from safetensors.numpy import load_file

    data = tmp_path / "pairs.jsonl"
    lines = [{"prompt": f"{i}?", "chosen": f"{i + 1}!", "rejected": f"It is {i}."} for i in range(12)]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = checked({
        "model": "m", "out": "o", "recipe": recipe, "data": {"train": ["d"]}, "adapter": {"rank": 4, "alpha": 8.0},
        "steps": {"batch": 12, "rate": 1e-9, "epochs": 99, "most": 2, "row_tokens": 256},
        "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 1},
    })  # fmt: skip
    places = Places(first.model, (data,), (), tmp_path / recipe, first.out / "adapter")
    prepare(said, places, render=render)
    assert train(said, places, Watch(should_pause=(places.out / "checkpoints").exists))["step"] == 1
    line = json.loads((places.out / "metrics.jsonl").read_text().splitlines()[0])
    assert abs(line["reward_chosen"]) < 1e-4 and abs(line["margin"]) < 1e-4

    kept = load_file(places.out / "reference.safetensors")
    (places.out / "reference.safetensors").unlink()
    prepare(said, places, render=render, resume=True)
    assert train(said, places)["state"] == "done"
    again = load_file(places.out / "reference.safetensors")
    assert all(abs(again[name] - one).max() < 1e-3 for name, one in kept.items())
