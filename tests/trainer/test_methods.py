"""Each method trains, and what is exported of it is held against its source."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.trainer.config import checked
from rushlight.trainer.export import export
from rushlight.trainer.run import Places, prepare, train

pytestmark = pytest.mark.torch


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def trained(make_gguf: Callable[..., Path], folder: Path, method: str, **more: Any) -> tuple[Any, Places, list[float]]:
    """A tiny GGUF model after a few steps; the losses of the steps."""
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n + 1}!"}) + "\n" for n in range(24)))
    said: dict[str, Any] = {
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"], "validate_share": 0.2},
        "steps": {"batch": 4, "rate": 1e-2, "epochs": 3, "most": 4}, "machine": {"threads": 1, "device": "cpu"},
        "export": {"quantize": "Q8_0"}, **more,
    }  # fmt: skip
    config = checked(said)
    places = Places(
        make_gguf("tiny.gguf", quantization="Q8_0"), (data,), (), folder / f"run-{len(list(folder.iterdir()))}"
    )
    prepare(config, places, render=render)
    train(config, places)
    lines = (places.out / "metrics.jsonl").read_text().splitlines()
    return config, places, [json.loads(line)["loss"] for line in lines]


@pytest.mark.parametrize(
    "method", ["lora", *(pytest.param(one, marks=pytest.mark.slow) for one in ("rslora", "dora", "qlora", "full"))]
)
def test_what_is_exported_is_proven(method: str, make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    config, places, losses = trained(make_gguf, tmp_path, method)
    assert losses[-1] < losses[0]
    made = export(config, places, render=render, n_threads=1)
    names = [path.name.removeprefix(places.out.name) for path, _ in made]
    assert names == (["-adapter.gguf"] if method not in ("dora", "full") else []) + ["-F16.gguf", "-Q8_0.gguf"]
    for path, proof in made:
        assert proof is not None and proof.passed, (path.name, proof and proof.failures)


@pytest.mark.slow
def test_evaluations_do_not_stop_qlora_from_learning(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    often = trained(make_gguf, tmp_path, "qlora", keep={"validate_every": 1})[2]
    never = trained(make_gguf, tmp_path, "qlora", keep={"validate_every": 100})[2]
    assert often == never and often[-1] < often[0]


def test_activations_computed_twice_are_the_same(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    machine = {"threads": 1, "device": "cpu"}
    once = trained(make_gguf, tmp_path, "lora", machine=machine)[2]
    twice = trained(make_gguf, tmp_path, "lora", machine={**machine, "recompute": True})[2]
    assert once == twice


def test_of_a_model_that_sees_only_the_language_is_trained() -> None:
    import transformers

    from rushlight.trainer.backends.peft import _with_adapter
    from rushlight.trainer.plan.shape import shape_of

    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 64, "max_position_embeddings": 64}
    settings = transformers.Gemma3Config(
        text_config=text, vision_config={**sizes, "image_size": 28, "patch_size": 14}, mm_tokens_per_image=4
    )
    said: dict[str, Any] = {"model": "m", "out": "o", "data": {"train": ["d"]}}
    model = _with_adapter(transformers.Gemma3ForConditionalGeneration(settings), checked(said))
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert len(trained) == 2 * 7 and all(".language_model." in name for name in trained)
    assert shape_of(settings, checked(said)).n_trained == sum(weight.numel() for weight in trained.values())
    with pytest.raises(Error, match="Cannot train fc1"):
        _with_adapter(
            transformers.Gemma3ForConditionalGeneration(settings), checked({**said, "adapter": {"modules": ["fc1"]}})
        )
