"""Log-probabilities against the definition in high precision, and against what llama.cpp's sampler says."""

import ctypes
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.logprobs import MAX_TOP, token_logprobs


def piece_of(token_id: int) -> bytes:
    return f"t{token_id}".encode()


def exact_logprobs(logits: Any) -> list[float]:
    """By the definition, in decimals of 28 digits."""
    powers = [Decimal(float(value)).exp() if value > -np.inf else Decimal(0) for value in logits]
    total = sum(powers)
    return [float((power / total).ln()) if power else -math.inf for power in powers]


numbers = st.one_of(st.floats(-80, 80, width=32), st.sampled_from([0.0, 1.0, 1.0, -math.inf]))


@given(st.lists(numbers, min_size=1, max_size=60), st.integers(0, MAX_TOP), st.data())
def test_against_the_definition(values: list[float], n_top: int, data: st.DataObject) -> None:
    logits = np.array(values, dtype=np.float32)
    if not np.isfinite(logits.max()):
        logits[0] = 0.0
    token_id = data.draw(st.integers(0, len(values) - 1))
    before = logits.copy()
    found = token_logprobs(logits, token_id, n_top, piece_of)
    exact = exact_logprobs(logits)
    assert (logits == before).all()
    assert found.token_id == token_id and found.text == f"t{token_id}"
    assert found.logprob == pytest.approx(exact[token_id], abs=2e-6, rel=1e-6)
    expected = [i for i in sorted(range(len(values)), key=lambda i: (-logits[i], i)) if logits[i] > -np.inf][:n_top]
    assert [entry[0] for entry in found.top] == expected
    assert [entry[1] for entry in found.top] == [f"t{i}" for i in expected]
    assert [entry[2] for entry in found.top] == pytest.approx([exact[i] for i in expected], abs=2e-6, rel=1e-6)
    assert all(entry[2] <= 0.0 for entry in found.top)


def test_large_logits_do_not_overflow() -> None:
    found = token_logprobs(np.array([3e38, 3e38, 0.0], dtype=np.float32), 0, 3, piece_of)
    assert found.logprob == pytest.approx(-math.log(2))
    assert [entry[0] for entry in found.top] == [0, 1, 2]
    assert found.top[2][2] < -1e38


def test_forbidden_tokens_are_no_alternatives() -> None:
    logits = np.array([-np.inf, 0.0, -np.inf, 1.0], dtype=np.float32)
    found = token_logprobs(logits, 1, 4, piece_of)
    assert [entry[0] for entry in found.top] == [3, 1]
    assert token_logprobs(logits, 0, 0, piece_of).logprob == -math.inf


def test_equal_logits_come_by_id() -> None:
    found = token_logprobs(np.zeros(100, dtype=np.float32), 99, 5, piece_of)
    assert [entry[0] for entry in found.top] == [0, 1, 2, 3, 4]


def test_a_part_of_a_character_is_marked() -> None:
    found = token_logprobs(np.zeros(2, dtype=np.float32), 0, 1, lambda _id: "é".encode()[:1])
    assert found.text == "\ufffd" and found.top[0][1] == "\ufffd"


@pytest.mark.parametrize("n_top", [-1, MAX_TOP + 1])
def test_how_many_alternatives_is_checked(n_top: int) -> None:
    with pytest.raises(ValueError, match="n_top"):
        token_logprobs(np.zeros(2, dtype=np.float32), 0, n_top, piece_of)


@pytest.mark.parametrize("value", [-np.inf, np.nan, np.inf])
def test_rows_without_a_distribution_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="largest logit"):
        token_logprobs(np.full(3, value, dtype=np.float32), 0, 1, piece_of)


@pytest.mark.model
def test_against_the_probabilities_of_llama_cpp(loaded: Loaded) -> None:
    """llama.cpp's own softmax over the same row, as its samplers see it."""
    token_ids = loaded.model.tokenize("The capital of France is", parse_special=False)
    loaded.context.clear()
    loaded.prefix.clear()
    assert loaded.context.decode(token_ids) == 0
    logits = loaded.context.logits()
    c, n_vocab = loaded.model.c, loaded.model.n_vocab
    entries = (c.llama_token_data * n_vocab)()
    for i in range(n_vocab):
        entries[i] = c.llama_token_data(i, float(logits[i]), 0.0)
    array = c.llama_token_data_array(entries, n_vocab, -1, False)
    # "dist" computes the softmax over all candidates before it draws.
    sampler = c.llama_sampler_init_dist(1)
    c.llama_sampler_apply(sampler, ctypes.byref(array))
    c.llama_sampler_free(sampler)
    theirs = {entries[i].id: entries[i].p for i in range(n_vocab)}
    found = token_logprobs(logits, int(logits.argmax()), MAX_TOP, loaded.vocabulary.piece)
    assert len(found.top) == MAX_TOP and found.top[0][0] == found.token_id
    assert found.logprob == found.top[0][2]
    for token_id, text, logprob in found.top:
        assert math.exp(logprob) == pytest.approx(theirs[token_id], rel=1e-4)
        assert text == loaded.vocabulary.piece(token_id).decode(errors="replace")
    loaded.context.clear()
