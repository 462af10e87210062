"""Whole runs with a tiny model: prepared, trained, paused, gone on with, exported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.examples import most_tokens
from rushlight.trainer.run import Places, Watch, prepare, train

pytestmark = pytest.mark.torch


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def write_lessons(path: Path, n: int = 24) -> Path:
    lines = [{"messages": [{"role": "system", "content": "You name the number that follows."},
                           {"role": "user", "content": f"{i}?"},
                           {"role": "assistant", "content": f"{i + 1}!"}]} for i in range(n)]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def config(**more: Any) -> TrainConfig:
    said: dict[str, Any] = {
        "model": "m", "out": "o", "data": {"train": ["d"]}, "adapter": {"rank": 4},
        "steps": {"batch": 4, "rate": 1e-2, "epochs": 3, "most": 6, "row_tokens": 256},
        "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 2},
    }  # fmt: skip
    for key, value in more.items():
        said[key] = {**said[key], **value} if isinstance(value, dict) and key in said else value
    if said.get("method") == "full":
        del said["adapter"]
    return checked(said)


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    model = make_gguf("tiny.gguf", quantization="Q8_0")
    return Places(model, (write_lessons(tmp_path / "numbers.jsonl"),), (), tmp_path / "run")


def weights(folder: Path) -> bytes:
    return next(folder.glob("*.safetensors")).read_bytes()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_that_pauses_ends_with_the_bits_of_one_in_one_go(method: str, places: Places, tmp_path: Path) -> None:
    said = config(method=method, data={"validate_share": 0.2}, keep={"validate_every": 2, "answers": 2},
                  **({} if method == "full" else {"adapter": {"rank": 4, "dropout": 0.1}}))  # fmt: skip
    report = prepare(said, places, render=render)
    assert report["train"]["ending_in_end_of_turn"] == report["train"]["examples"] > 10
    assert "»" in report["samples"][0] and len(report["samples"]) == 10
    whole = train(said, places)
    assert whole["state"] == "done" and whole["step"] == 6
    lines = [json.loads(line) for line in (places.out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6] and "held_out" in lines[1]
    assert 1 <= len(lines[1]["answers"]) <= 2 and "answers" not in lines[0]
    first = lines[1]["answers"][0]
    assert first["asked"].endswith("?") and first["wanted"] == f"{int(first['asked'][:-1]) + 1}!"
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert (places.out / "curves.svg").read_text().startswith("<svg")

    other = Places(places.model, places.train, (), tmp_path / "other")
    prepare(said, other, render=render)
    asked = 0

    def pause() -> bool:
        nonlocal asked
        asked += 1
        return asked == 4

    paused = train(said, other, Watch(should_pause=pause))
    assert paused["state"] == "paused" and paused["step"] == 3
    prepare(said, other, render=render, resume=True)
    train(said, other)
    name = "model" if method == "full" else "adapter"
    assert weights(other.out / name) == weights(places.out / name)
    again = [json.loads(line) for line in (other.out / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in again] == [(line["step"], line["loss"]) for line in lines]


def test_a_run_is_not_begun_twice_and_not_gone_on_with_as_another(places: Places) -> None:
    prepare(config(), places, render=render)
    with pytest.raises(Error, match="There is a run") as caught:
        prepare(config(), places, render=render)
    assert "--resume" in caught.value.hint
    with pytest.raises(Error, match="steps of the config was changed"):
        prepare(config(steps={"batch": 8}), places, render=render, resume=True)
    prepare(config(keep={"every": 1}), places, render=render, resume=True)


def test_everything_that_is_wrong_with_the_data_is_told_at_once(places: Places, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(
        b'{"messages": []}\n\nnot json\n{"text": 5}\n{"messages": [{"role": "user", "content": "x"}]}\n\xff\n'
    )
    wrong = Places(places.model, (bad,), (), tmp_path / "wrong")
    with pytest.raises(Error) as caught:
        prepare(config(), wrong, render=render)
    for words in ("line 1: messages must be", "line 3: it is no JSON", "line 4: text must be", "line 5: no message",
                  "line 6: it is no UTF-8"):  # fmt: skip
        assert words in caught.value.message


def tiny_gpt2(folder: Path, n_positions: int) -> Path:
    """A GPT-2 with a token for each byte, in a folder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    settings = GPT2Config(
        vocab_size=257, n_positions=n_positions, n_embd=32, n_layer=1, n_head=2, bos_token_id=256, eos_token_id=256
    )
    GPT2LMHeadModel(settings).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|endoftext|>"}))
    return folder


@pytest.mark.filterwarnings("ignore")  # of PEFT and transformers about GPT-2
def test_no_example_has_more_tokens_than_the_model_has_positions(tmp_path: Path) -> None:
    data = tmp_path / "texts.jsonl"
    texts = ["x" * 60, "A short one.", "Another one.", "A third one."]
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    places = Places(tiny_gpt2(tmp_path / "gpt2", 32), (data,), (), tmp_path / "run")
    report = prepare(config(), places, render=render)
    assert (report["train"]["examples"], report["train"]["cut"], report["longest"]) == (4, 1, 32)
    assert train(config(), places)["state"] == "done"
    refused = Places(places.model, (data,), (), tmp_path / "refused")
    with pytest.raises(Error, match="Example 1 has 61 tokens, and 32 is the most"):
        prepare(config(data={"too_long": "refuse"}), refused, render=render)


def test_positions_limit_examples_where_each_is_learned(tmp_path: Path) -> None:
    for settings, most in (
        ({"model_type": "opt", "max_position_embeddings": 64}, 64),
        ({"model_type": "llama", "max_position_embeddings": 64}, 2048),
        ({"model_type": "gpt2", "n_positions": 4096}, 2048),
    ):
        (tmp_path / "config.json").write_text(json.dumps(settings))
        assert most_tokens(config(), tmp_path) == most, settings


def test_a_loss_that_is_no_number_is_an_error(places: Places) -> None:
    said = config(steps={"rate": 9.0, "clip": 0, "most": 200, "schedule": "constant", "warmup": 0.0}, method="full")
    prepare(said, places, render=render)
    try:
        train(said, places)
    except Error as error:
        assert error.kind == "diverged" and "steps.rate" in error.hint
