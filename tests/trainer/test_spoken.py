"""Answers while training: greedy as the whole model computes them, for people only, and never longer than allowed."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rushlight.quant.unpack import unpack  # noqa: E402
from rushlight.trainer import attention  # noqa: E402
from rushlight.trainer.data.masks import TextTokenizer, Tokens, masked_text, read_tokenizer  # noqa: E402
from rushlight.trainer.spoken import HeldOutAnswers, greedy  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def family() -> dict[str, Any]:
    """Small models of several kinds with our attention: all keys seen, a window, a cap on scores."""
    import transformers as t

    attention.register()
    sizes = {"vocab_size": 80, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    torch.manual_seed(0)
    configs = {
        "llama": t.LlamaConfig(**sizes),
        "mistral": t.MistralConfig(**sizes, sliding_window=6),
        "gemma2": t.Gemma2Config(**sizes, head_dim=8, sliding_window=8, attn_logit_softcapping=5.0),
    }
    found = {}
    for name, config in configs.items():
        model = t.AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME).eval()
        with torch.no_grad():
            for weights in model.parameters():
                if weights.dim() > 1:
                    weights.normal_(0.0, 0.3)
        found[name] = model
    return found


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2"])
def test_token_by_token_is_what_the_whole_text_gives(name: str, family: dict[str, Any]) -> None:
    model, prompt = family[name], np.arange(3, 15)
    with torch.no_grad():
        said, is_whole = greedy(model, prompt, frozenset(), time.monotonic() + 60)
        ids = list(prompt)
        for token in said[:24]:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            assert int(logits.argmax()) == token
            ids.append(token)
    assert len(said) == 96 and not is_whole


def test_it_ends_where_the_model_does_and_where_the_time_does(family: dict[str, Any]) -> None:
    model, prompt = family["llama"], np.arange(3, 9)
    with torch.no_grad():
        said, _ = greedy(model, prompt, frozenset(), time.monotonic() + 60)
        end = said[5]
        assert greedy(model, prompt, frozenset({end}), time.monotonic() + 60) == (said[: said.index(end)], True)
        assert greedy(model, prompt, frozenset(), time.monotonic() - 1) == ([], False)


def test_what_is_asked_wanted_and_said_is_told(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    unpack(make_gguf("tiny.gguf"), tmp_path / "hf")
    tokenizer = read_tokenizer(tmp_path / "hf")
    example = _example(tokenizer, "How many?", "Seven")
    said = [int(one) for one in tokenizer.encode("Eight")[0]] + [sorted(tokenizer.end_ids)[0]]

    class Parrot:
        """Says what it was told to say, whatever is asked."""

        def parameters(self) -> Any:
            return iter([torch.zeros(1)])

        def __call__(self, **_given: Any) -> Any:
            logits = torch.zeros(1, 1, tokenizer.model.get_vocab_size())
            logits[0, 0, said.pop(0)] = 1.0
            return SimpleNamespace(logits=logits, past_key_values=None)

    asked = HeldOutAnswers([example], tokenizer)
    assert asked.look(Parrot(), 60.0) == [{"asked": "How many?", "wanted": "Seven", "said": "Eight", "whole": True}]
    assert asked.look(Parrot(), -1.0) == []
    begins = replace(tokenizer, begin_id=0)
    plain = HeldOutAnswers([masked_text("Nobody asks.", begins)], begins)
    assert plain.look(None, 60.0) == [], "a text that is learned whole has nothing that could be asked"


def _example(tokenizer: TextTokenizer, asked: str, answer: str) -> Tokens:
    before, after = tokenizer.encode(f"{asked}\n")[0], tokenizer.encode(answer)[0]
    ids = np.array([*before, *after, sorted(tokenizer.end_ids)[0]])
    return Tokens(ids, np.arange(len(ids)) >= len(before))
