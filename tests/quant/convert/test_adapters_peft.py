"""Adapters made by PEFT: its logits against llama.cpp's with our file, and the way back."""

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant.adapter_proof import prove_adapter
from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft, gguf_products
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_check import check
from rushlight.quant.rows import whole
from rushlight.quant.safetensors_file import SafetensorsFile
from rushlight.trainer.merged_adapter import merge_adapter

pytestmark = pytest.mark.torch

TOKEN_IDS = [int(number) for number in np.random.default_rng(0).integers(4, 500, 60)]
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"target_modules": LLAMA}),
    "llama-head": ("llama", {"target_modules": [*LLAMA, "lm_head"]}),
    "llama-rslora": ("llama", {"target_modules": LLAMA, "use_rslora": True}),
    "llama-patterns": (
        "llama",
        {"target_modules": LLAMA, "rank_pattern": {"q_proj": 8, "1.mlp.up_proj": 2}, "alpha_pattern": {"k_proj": 32}},
    ),
    "qwen3": ("qwen3", {"target_modules": ["q_proj", "v_proj"]}),
    "gemma3": ("gemma3", {"target_modules": ["q_proj", "down_proj"]}),
    "phi3": ("phi3", {"target_modules": ["qkv_proj", "gate_up_proj"]}),
    "gpt2": ("gpt2", {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
}


def adapted(hf_builder: ModuleType, model: Any, **settings: Any) -> Any:
    import peft

    hf_builder.torch.manual_seed(1)
    made = peft.get_peft_model(
        model,
        peft.LoraConfig(r=4, lora_alpha=12, init_lora_weights=False, task_type="CAUSAL_LM", **settings),
    )
    for label, weights in made.named_parameters():
        if "lora_" in label:
            hf_builder.torch.nn.init.normal_(weights, 0.0, 0.1)
    return made.eval()


@pytest.mark.parametrize("case", CASES)
def test_logits_agree_and_the_way_back_is_exact(
    case: str, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    name, settings = CASES[case]
    model = hf_builder.generator(name)
    folder = hf_builder.save(tmp_path / "hf", model)
    base = tmp_path / "base.gguf"
    convert(folder, base, "F32", name="Tiny")
    plain = hf_builder.logits(model, TOKEN_IDS)
    made = adapted(hf_builder, model, **settings)
    made.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    expected = hf_builder.logits(made, TOKEN_IDS)
    assert np.abs(expected - plain).max() > 0.1

    adapter = adapter_to_gguf(tmp_path / "adapter", folder, tmp_path / "adapter.gguf")
    assert check(tmp_path / "adapter.gguf").kind == "adapter"
    with plain_llama.PlainLlama(base, adapter=adapter.path) as llama:
        found = llama.logits(TOKEN_IDS)
    limit = 1e-3 if name in ("gemma3", "gpt2") else 1e-5
    assert np.abs(found - expected).max() / np.abs(expected).max() < limit

    adapter_to_peft(tmp_path / "adapter.gguf", base, tmp_path / "back")
    import peft

    again = peft.PeftModel.from_pretrained(hf_builder.generator(name), str(tmp_path / "back")).eval()
    assert np.abs(hf_builder.logits(again, TOKEN_IDS) - expected).max() < 1e-4
    if case == "llama":
        with (
            SafetensorsFile(tmp_path / "adapter" / "adapter_model.safetensors") as a,
            SafetensorsFile(tmp_path / "back" / "adapter_model.safetensors") as b,
        ):
            assert set(a.tensors) == set(b.tensors)
            for label in a.tensors:
                np.testing.assert_array_equal(whole(a.tensors[label]), whole(b.tensors[label]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, "biases"),
        ({"peft_type": "IA3"}, "IA3"),
    ],
)
def test_what_has_no_form_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path, hf_builder: ModuleType
) -> None:
    model = hf_builder.generator("llama")
    folder = hf_builder.save(tmp_path / "hf", model)
    adapted(hf_builder, model, target_modules=["q_proj"]).save_pretrained(tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(Error, match=said):
        adapter_to_gguf(tmp_path / "adapter", folder, tmp_path / "adapter.gguf")


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, hf_builder: ModuleType) -> None:
    adapted(hf_builder, hf_builder.generator("phi3"), target_modules=["qkv_proj"]).save_pretrained(tmp_path / "adapter")
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator("llama"))
    with pytest.raises(Error, match="has no place in GGUF's llama"):
        adapter_to_gguf(tmp_path / "adapter", folder, tmp_path / "adapter.gguf")


def test_the_layers_of_a_model_that_sees_are_found(tmp_path: Path, hf_builder: ModuleType) -> None:
    """Gemma 3 with eyes has them under `language_model`."""
    from safetensors.torch import load_file, save_file

    model = hf_builder.generator("gemma3")
    folder = hf_builder.save(tmp_path / "hf", model)
    convert(folder, tmp_path / "base.gguf", "F32", name="Tiny")
    settings = {"target_modules": ["q_proj", "down_proj"], "alpha_pattern": {"q_proj": 32}}
    adapted(hf_builder, model, **settings).save_pretrained(tmp_path / "plain", save_embedding_layers=False)
    seeing = tmp_path / "seeing"
    seeing.mkdir()
    shutil.copyfile(tmp_path / "plain" / "adapter_config.json", seeing / "adapter_config.json")
    weights = load_file(tmp_path / "plain" / "adapter_model.safetensors")
    before, after = "base_model.model.model.layers.", "base_model.model.model.language_model.layers."
    assert all(name.startswith(before) for name in weights)
    save_file({name.replace(before, after): one for name, one in weights.items()}, seeing / "adapter_model.safetensors")

    made = [adapter_to_gguf(tmp_path / name, folder, tmp_path / f"{name}.gguf") for name in ("plain", "seeing")]
    expected, found = (gguf_products(one.path) for one in made)
    assert made[1].n_matrices == 16 and set(found) == set(expected)
    for name, (a, b, factor) in expected.items():
        assert factor == found[name][2]
        np.testing.assert_array_equal(a, found[name][0])
        np.testing.assert_array_equal(b, found[name][1])
    proof = prove_adapter(made[1].path, seeing, tmp_path / "base.gguf")
    assert next(one for one in proof.checks if one.name == "weights").passed


@pytest.mark.parametrize("prefix", ["transformer.", ""])
@pytest.mark.parametrize("use_dora", [False, True])
def test_what_lies_on_its_side_is_merged_as_peft_merges_it(
    use_dora: bool, prefix: str, tmp_path: Path, hf_builder: ModuleType
) -> None:
    """GPT-2: matrices are (inputs, outputs), and the checkpoint may lack what the model puts before each name."""
    from safetensors.torch import load_file, save_file

    model = hf_builder.generator("gpt2")
    saved = hf_builder.save(tmp_path / "saved", model)
    folder = shutil.copytree(saved, tmp_path / "hf", ignore=shutil.ignore_patterns("*.safetensors"))
    before = load_file(saved / "model.safetensors")
    assert all(name.startswith("transformer.") for name in before)
    stored = {prefix + name.removeprefix("transformer."): one.clone() for name, one in before.items()}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    settings = {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True, "use_dora": use_dora}
    made = adapted(hf_builder, model, **settings)  # the lengths of DoRA are random too
    made.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    merge_adapter(folder, tmp_path / "adapter", tmp_path / "merged", "F32")

    expected = made.merge_and_unload().state_dict()
    found = load_file(tmp_path / "merged" / "model.safetensors")
    assert set(found) == set(stored)
    for name, one in found.items():
        wanted = expected["transformer." + name.removeprefix(prefix)]
        assert float((one - wanted).abs().max()) < 1e-5, name
    changed = [name for name, one in found.items() if float((one - stored[name]).abs().max()) > 1e-2]
    assert len(changed) == 6 and all(name.endswith(("c_attn.weight", "c_fc.weight")) for name in changed)
