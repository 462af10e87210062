"""The proof of an export: a good file passes, each kind of fault is found, and the result is kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.numpy_model import NumpyModel
from rushlight.quant.proof import limits_of, prove
from rushlight.quant.proof_file import Proof, proof_path, read_proof, refusal_of
from rushlight.quant.proof_texts import HARD_TEXTS
from rushlight.quant.unpack import unpack


class Fake:
    """Letters are tokens; the next letter of the alphabet is the likeliest."""

    def __init__(self, noise: float = 0.0, shift: int = 1) -> None:
        self._random = np.random.default_rng(1)
        self._noise, self._shift = noise, shift

    def tokenize(self, text: str) -> list[int]:
        return [ord(letter) % 64 for letter in text]

    def logits(self, token_ids: Sequence[int]) -> Any:
        table = np.zeros((len(token_ids), 64), np.float32)
        table[np.arange(len(token_ids)), (np.array(token_ids) + self._shift) % 64] = 8.0
        return table + self._noise * self._random.standard_normal(table.shape).astype(np.float32)


class OtherTokens(Fake):
    def tokenize(self, text: str) -> list[int]:
        return super().tokenize(text.replace("é", "e"))


class NotNumbers(Fake):
    def logits(self, token_ids: Sequence[int]) -> Any:
        return super().logits(token_ids) * np.nan


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def check(proof: Proof, name: str) -> Any:
    return next(one for one in proof.checks if one.name == name)


def render(chat: Sequence[Any]) -> str:
    return "".join(f"{one['role']}: {one['content']}\n" for one in chat)


def test_the_same_model_passes(path: Path) -> None:
    proof = prove(path, Fake(), Fake(), type_name="F32", render_file=render, render_source=render)
    assert proof.passed
    assert [one.passed for one in proof.checks] == [True] * 4
    assert read_proof(path, with_digest=True) == proof
    assert refusal_of(path) is None
    assert json.loads(proof_path(path).read_text())["passed"] is True


@pytest.mark.parametrize(
    ("file", "name", "said"),
    [
        (OtherTokens(), "tokens", "is cut otherwise"),
        (Fake(noise=0.5), "logits", "a mean divergence of"),
        (Fake(shift=2), "prompts", "the source likes another by"),
        (NotNumbers(), "logits", "are not all numbers"),
    ],
)
def test_each_fault_is_found(path: Path, file: Any, name: str, said: str) -> None:
    proof = prove(path, file, Fake(), type_name="F32")
    assert not proof.passed
    assert said in check(proof, name).detail
    refusal = refusal_of(path)
    assert refusal is not None
    assert refusal.kind == "failed-proof"


def test_one_near_miss_of_a_small_type_is_none_and_many_are_one(path: Path) -> None:
    """Where a type loses much, the mean of the margins decides, not the largest."""
    few, tight = limits_of("Q4_0"), limits_of("Q8_0")
    assert few.golden_margin > 100 and few.golden_mean < 6.5 and tight.golden_margin < 1
    proof = prove(path, Fake(shift=2), Fake(), type_name="Q4_0")
    figures = check(proof, "prompts").figures
    assert figures["mean_margin"] <= figures["largest_margin"] and figures["tokens"] == 60
    assert check(proof, "prompts").passed is (figures["mean_margin"] <= few.golden_mean)


def test_another_template_is_found(path: Path) -> None:
    proof = prove(
        path, Fake(), Fake(), type_name="F32", render_file=render, render_source=lambda chat: render(chat) + "\n"
    )
    assert check(proof, "template").passed is False
    assert not proof.passed


def test_a_template_that_refuses_must_refuse_on_both_sides(path: Path) -> None:
    def refuse(chat: Sequence[Any]) -> str:
        if chat[0]["role"] == "system":
            raise Error("No system prompt.", kind="template")
        return render(chat)

    assert prove(path, Fake(), Fake(), type_name="F32", render_file=refuse, render_source=refuse).passed
    assert not prove(path, Fake(), Fake(), type_name="F32", render_file=refuse, render_source=render).passed


def test_what_could_not_be_compared_is_told_and_is_no_failure(path: Path) -> None:
    proof = prove(path, Fake(), Fake(), type_name="Q4_K")
    assert check(proof, "template").passed is None
    assert proof.passed


def test_a_proof_of_other_bytes_counts_for_nothing(path: Path) -> None:
    prove(path, Fake(shift=2), Fake(), type_name="F32")
    assert refusal_of(path) is not None
    path.write_bytes(b"WEIGHTS")
    assert read_proof(path) is not None
    assert read_proof(path, with_digest=True) is None
    path.write_bytes(b"weights and more")
    assert read_proof(path) is None
    assert refusal_of(path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "checks": 5}', '{"version": 9}'])
def test_a_broken_result_is_no_result(path: Path, text: str) -> None:
    proof_path(path).write_text(text)
    assert read_proof(path) is None


def test_the_hard_texts_cover_the_scripts() -> None:
    text = "".join(HARD_TEXTS)
    assert len(text) > 2500
    missing = [letter for letter in "ЖΩשعहส世か한" if letter not in text]
    assert not missing


class Running:
    """llama.cpp on a file of ours, as `prove` asks it."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama

    def tokenize(self, text: str) -> list[int]:
        found: list[int] = self._llama.tokenize(text, special=False, parse=False)
        return found

    def logits(self, token_ids: Sequence[int]) -> Any:
        return self._llama.logits(list(token_ids))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["llama", "llama-bias-wide-heads", "llama3-rope", "llama-linear", "qwen2", "qwen3"])
def test_numpy_computes_what_torch_does(name: str, tmp_path: Path, hf_builder: ModuleType) -> None:
    model = hf_builder.generator(name)
    folder = hf_builder.save(tmp_path / "hf", model)
    token_ids = [int(number) for number in np.random.default_rng(0).integers(4, 500, 90)]
    expected = hf_builder.logits(model, token_ids)
    with NumpyModel(folder) as ours:
        found = ours.logits(token_ids)
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-5


def test_numpy_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"], "n_head": 2, "n_embd": 8}')
    with pytest.raises(Error, match="Cannot compute GPT2LMHeadModel"):
        NumpyModel(tmp_path)


@pytest.mark.torch  # for the package tokenizers
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("type_name", ["F32", "Q8_0"])
def test_smollm2_is_proved_and_a_broken_one_is_not(
    type_name: str, demo_model: Path, tmp_path: Path, plain_llama: ModuleType
) -> None:
    folder = unpack(demo_model, tmp_path / "hf").folder
    path = tmp_path / "model.gguf"
    convert(folder, path, type_name)
    with NumpyModel(folder) as source, plain_llama.PlainLlama(path) as llama:
        proof = prove(path, Running(llama), source, type_name=type_name, source_name=folder.name)
        print(type_name, check(proof, "logits").figures, check(proof, "prompts").figures)
        assert proof.passed, proof.failures
    if type_name != "F32":
        return
    settings = json.loads((folder / "config.json").read_text())
    settings["rope_parameters"]["rope_theta"] = 20_000.0
    with NumpyModel(folder) as source:
        (folder / "config.json").write_text(json.dumps(settings))
        convert(folder, path, type_name)
        with plain_llama.PlainLlama(path) as llama:
            assert not prove(path, Running(llama), source, type_name=type_name).passed
