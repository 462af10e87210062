"""`rushlight quant`: there and back, as JSON, in the background, and what it says when it cannot."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.proof_file import Check, Proof
from rushlight.quant.rows import whole
from rushlight.ui.cli.main import run

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """cli("quant", "show", path) -> (exit code, stdout, stderr), in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        code = run([*map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_model_goes_there_and_back(cli: Cli, tiny_gguf: Path, tmp_path: Path) -> None:
    code, out, _ = cli("quant", "unpack", tiny_gguf, "--out", "hf")
    assert code == 0
    assert "LlamaForCausalLM" in out
    code, out, _ = cli("quant", "convert", "hf", "--type", "f32", "--out", "again.gguf", "--json")
    assert code == 0
    assert json.loads(out)["architecture"] == "llama"
    with GgufTensors(tiny_gguf) as a, GgufTensors(tmp_path / "again.gguf") as b:
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))


def test_an_adapter_goes_there_and_back(cli: Cli, tiny_gguf: Path, gguf_builder: ModuleType, tmp_path: Path) -> None:
    lora = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    assert cli("quant", "adapter", lora, "--base", tiny_gguf, "--out", "peft")[0] == 0
    assert json.loads((tmp_path / "peft" / "adapter_config.json").read_text())["r"] == 4
    assert cli("quant", "adapter", "peft", "--base", tiny_gguf, "--out", "again.gguf")[0] == 0
    with GgufTensors(lora) as a, GgufTensors(tmp_path / "again.gguf") as b:
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))


def test_what_is_in_a_file_is_shown(cli: Cli, tiny_gguf: Path, tmp_path: Path) -> None:
    code, out, _ = cli("quant", "show", tiny_gguf)
    assert code == 0
    assert "general.architecture  llama" in out
    assert "F32" in out
    said = json.loads(cli("quant", "show", tiny_gguf, "--json")[1])
    assert said["kind"] == "model"
    assert said["proof"] is None
    assert sum(row["size_bytes"] for row in said["types"].values()) < tiny_gguf.stat().st_size


def test_a_failed_proof_is_shown(cli: Cli, tiny_gguf: Path, tmp_path: Path) -> None:
    from dataclasses import asdict

    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny_gguf.read_bytes())
    check = Check("logits", False, "The answers differ.", {})
    proof = Proof(copy.name, copy.stat().st_size, "", "F32", "", (check,))
    (tmp_path / "copy.gguf.proof.json").write_text(json.dumps({"version": 1, **asdict(proof)}))
    assert "Its proof failed: The answers differ." in cli("quant", "show", copy)[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["convert", "empty"], "config.json"),
        (["unpack", "noise.gguf"], "this is no GGUF file"),
        (["show", "noise.gguf"], "this is no GGUF file"),
    ],
)
def test_what_cannot_be_done_is_told(cli: Cli, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "noise.gguf").write_bytes(b"noise" * 100)
    code, out, err = cli("quant", *words)
    assert (code, out) == (1, "")
    assert said in err


def test_it_goes_on_in_the_background(cli: Cli, tiny_gguf: Path, tmp_path: Path, stopped_host: Any) -> None:
    code, out, _ = cli("quant", "unpack", tiny_gguf, "--out", "hf", "--background")
    assert code == 0
    assert cli("jobs", "follow", out.strip())[0] == 0
    code, out, _ = cli("quant", "convert", "hf", "--background")
    assert code == 0
    assert cli("jobs", "follow", out.strip())[0] == 0
    assert (tmp_path / "hf.F16.gguf").exists()
