"""Proofs of exports: what was made of a source passes, what was damaged on the way does not."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.quant import quantize
from rushlight.quant.adapter_proof import prove_adapter
from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.export_proof import mixture_of, prove_file
from rushlight.quant.gguf_check import check
from rushlight.quant.proof_file import Check, Proof, read_proof, refusal_of
from rushlight.quant.unpack import unpack
from rushlight.quant.weights_check import allowed_error

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def folder(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a Hugging Face folder. Never change it."""
    return unpack(tiny_gguf, tmp_path_factory.mktemp("hf") / "tiny").folder


def part(proof: Proof, name: str) -> Check:
    return next(one for one in proof.checks if one.name == name)


def test_an_unpacked_folder_and_a_converted_file_are_proved(folder: Path, tiny_gguf: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    renderer = TemplateProcess.start()
    try:
        copy = tmp_path / "hf"
        shutil.copytree(folder, copy)
        assert prove_file(copy, tiny_gguf, render=renderer.render).state == "passed"
        made = tmp_path / "made.gguf"
        convert(folder, made, "F16")
        proof = prove_file(made, folder, render=renderer.render)
    finally:
        renderer.close()
    assert proof.state == "passed", proof.failures
    assert [one.name for one in proof.checks] == ["weights", "tokens", "template", "logits", "prompts"]
    assert all(one.passed for one in proof.checks)
    assert read_proof(made, with_digest=True) == proof


def changed_weights(path: Path) -> None:
    """One row of one tensor holds another one's."""
    tensor = next(one for one in check(path).tensors if one.name == "blk.1.ffn_up.weight")
    data = bytearray(path.read_bytes())
    size = tensor.size_bytes // tensor.shape[1]
    data[tensor.offset : tensor.offset + size] = data[tensor.offset + 5 * size : tensor.offset + 6 * size]
    path.write_bytes(data)


@pytest.mark.parametrize("type_name", ["F32", "Q8_0", "Q4_0"])
def test_damage_is_found_by_the_weights(tiny_gguf: Path, tmp_path: Path, type_name: str) -> None:
    path = tmp_path / "made.gguf"
    quantize.make(tiny_gguf, path, type_name)
    assert prove_file(path, tiny_gguf).state == "passed"
    changed_weights(path)
    proof = prove_file(path, tiny_gguf)
    assert part(proof, "weights").passed is False
    assert "blk.1.ffn_up.weight" in part(proof, "weights").detail
    assert refusal_of(path) is not None


@pytest.mark.parametrize("type_name", ["Q8_0", "Q2_K"])
def test_a_page_of_zeros_is_found_wherever_it_lies(gguf_builder: Any, tmp_path: Path, type_name: str) -> None:
    wide = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=256, n_ff=512, n_layers=1, n_heads=4)
    path = tmp_path / "made.gguf"
    quantize.make(wide, path, type_name)
    assert part(prove_file(path, wide), "weights").passed
    tensor = next(one for one in check(path).tensors if one.name == "blk.0.ffn_up.weight")
    data = bytearray(path.read_bytes())
    middle = tensor.offset + tensor.size_bytes // 2
    data[middle : middle + 512] = bytes(512)
    path.write_bytes(data)
    assert part(prove_file(path, wide), "weights").passed is False


def test_rows_of_nearly_nothing_may_lose_it(gguf_builder: Any, tmp_path: Path) -> None:
    """A token that was never seen: below what float16 tells apart."""
    source = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf")
    tensor = next(one for one in check(source).tensors if one.name == "token_embd.weight")
    data = bytearray(source.read_bytes())
    size = tensor.size_bytes // tensor.shape[1]
    row = np.frombuffer(bytes(data[tensor.offset : tensor.offset + size]), np.float32) * np.float32(1e-7)
    data[tensor.offset : tensor.offset + 2 * size] = row.tobytes() * 2
    source.write_bytes(data)
    path = tmp_path / "half.gguf"
    quantize.make(source, path, "F16")
    assert part(prove_file(path, source), "weights").passed


@pytest.mark.parametrize("key", ["rope.freq_base", "layer_norm_rms_epsilon"])
def test_a_wrong_setting_is_found_whatever_the_type(tiny_gguf: Path, tmp_path: Path, key: str) -> None:
    path = tmp_path / "made.gguf"
    quantize.make(tiny_gguf, path, "Q4_0")
    name = next(one for one in check(path).metadata if one.endswith(key)).encode()
    data = bytearray(path.read_bytes())
    at = data.index(name) + len(name) + 4
    data[at : at + 4] = (np.frombuffer(bytes(data[at : at + 4]), np.float32) * np.float32(1.5)).tobytes()
    path.write_bytes(data)
    proof = prove_file(path, tiny_gguf)
    assert part(proof, "settings").passed is False and key in part(proof, "settings").detail
    assert proof.state == "failed"


def test_another_model_and_another_head_are_found(tiny_gguf: Path, make_gguf: Any, tmp_path: Path) -> None:
    other = make_gguf("other.gguf", seed=2)
    assert prove_file(other, tiny_gguf).state == "failed"
    fewer = make_gguf("fewer.gguf", n_layers=1)
    proof = prove_file(fewer, tiny_gguf)
    assert "is in one of the two only" in part(proof, "weights").detail


def test_a_family_that_we_cannot_compute_is_proved_in_part(gguf_builder: Any, tmp_path: Path) -> None:
    source = gguf_builder.tiny_bert_gguf(tmp_path / "bert.gguf")
    made = tmp_path / "half.gguf"
    quantize.make(source, made, "F16")
    proof = prove_file(made, source)
    assert proof.state == "partial"
    assert part(proof, "weights").passed and part(proof, "tokens").passed
    assert "writes no text" in part(proof, "logits").detail


def test_two_folders_are_no_export(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="must be a GGUF file"):
        prove_file(folder, folder)


def test_another_setting_of_the_folder_is_found(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    copy = tmp_path / "hf"
    shutil.copytree(folder, copy)
    made = tmp_path / "made.gguf"
    convert(copy, made, "F32")
    settings = json.loads((copy / "config.json").read_text())
    settings["rms_norm_eps"] = 0.5
    (copy / "config.json").write_text(json.dumps(settings))
    proof = prove_file(made, copy)
    assert part(proof, "weights").passed
    assert part(proof, "logits").passed is False


def test_adapters_are_proved_both_ways(tiny_gguf: Path, gguf_builder: Any, tmp_path: Path) -> None:
    lora = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    adapter_to_peft(lora, tiny_gguf, tmp_path / "peft")
    proof = prove_adapter(tmp_path / "peft", lora, tiny_gguf)
    assert proof.state == "passed"
    assert part(proof, "logits").figures["mean_divergence"] < 1e-6
    again = tmp_path / "again.gguf"
    adapter_to_gguf(tmp_path / "peft", tiny_gguf, again)
    assert prove_adapter(again, tmp_path / "peft", tiny_gguf).state == "passed"
    settings = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    settings["lora_alpha"] = 3 * settings["lora_alpha"]
    (tmp_path / "peft" / "adapter_config.json").write_text(json.dumps(settings))
    wrong = prove_adapter(again, tmp_path / "peft", tiny_gguf)
    assert wrong.failures and "is not what its source adds" in wrong.failures[0]
    assert [path.name for path in tmp_path.iterdir() if "rushlight-proof" in path.name] == []


_KILLED_PROOF = """
import os, sys
from pathlib import Path
from rushlight.quant import adapter_proof
adapter_proof._answers = lambda *_: os._exit(9)
adapter_proof.prove_adapter(*map(Path, sys.argv[1:]))
"""


def test_what_a_killed_proof_has_left_goes_with_the_next(tiny_gguf: Path, gguf_builder: Any, tmp_path: Path) -> None:
    lora = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    adapter_to_peft(lora, tiny_gguf, tmp_path / "peft")

    def left() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if "rushlight-proof" in path.name]

    given = [str(one) for one in (tmp_path / "peft", lora, tiny_gguf)]
    assert subprocess.run([sys.executable, "-c", _KILLED_PROOF, *given], timeout=120).returncode == 9
    assert len(left()) == 1
    assert prove_adapter(tmp_path / "peft", lora, tiny_gguf).state == "passed"
    assert left() == []


def test_the_limits_grow_as_types_shrink() -> None:
    allowed = [allowed_error(name) for name in ("F32", "F16", "Q8_0", "Q6_K", "Q5_K", "Q4_0", "Q3_K", "Q2_K", "IQ1_S")]
    assert allowed == sorted(allowed)


def test_what_a_file_is_said_to_be(tiny_gguf: Path, tmp_path: Path) -> None:
    for name in ("F32", "Q8_0", "Q4_0"):
        path = tmp_path / f"{name}.gguf"
        quantize.make(tiny_gguf, path, name)
        assert mixture_of(check(path)) == name
    assert np.isfinite(allowed_error("Q9_9"))
