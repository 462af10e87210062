"""Error feedback: smaller changes of a weight's outputs than the search alone, in bytes that ggml reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from numpy.typing import NDArray

from rushlight.quant import gptq
from rushlight.quant.block_encoding import SEARCHED, encode_rows
from rushlight.quant.blocks import FORMATS
from rushlight.quant.blocks.format import Floats
from rushlight.quant.descent import descend
from rushlight.quant.moments import collect_moments, output_error
from rushlight.quant.rounding_order import order_of


def _layer(columns: int, n_rows: int = 48, seed: int = 1) -> tuple[Floats, Floats]:
    """(weights, moments of correlated inputs)."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(columns, columns // 2)).astype(np.float32)
    inputs = random.normal(size=(2048, columns // 2)).astype(np.float32) @ mixing.T
    inputs += random.normal(size=inputs.shape).astype(np.float32)
    return random.normal(size=(n_rows, columns)).astype(np.float32) * np.float32(0.05), inputs.T @ inputs


@pytest.mark.parametrize("type_name", sorted(SEARCHED))
def test_outputs_change_less_than_by_the_search(type_name: str) -> None:
    weights, moments = _layer(512)
    fed = gptq.feed_back(weights, type_name, gptq.prepare(moments, type_name))
    searched = encode_rows(weights, type_name, np.diagonal(moments).copy())
    kind = GGMLQuantizationType[type_name]
    error, plain = (
        output_error(weights, quants.dequantize(data, kind).reshape(weights.shape), moments) for data in (fed, searched)
    )
    assert error < 0.75 * plain


@pytest.mark.parametrize("type_name", sorted(SEARCHED))
def test_each_pass_of_descent_brings_outputs_nearer(type_name: str) -> None:
    weights, moments = _layer(256, 16)
    kind = GGMLQuantizationType[type_name]
    square = gptq.damped(moments)

    def error(data: NDArray[np.uint8]) -> float:
        return output_error(weights, quants.dequantize(data, kind).reshape(weights.shape), square)

    data = gptq.feed_back(weights, type_name, gptq.prepare(moments, type_name))
    errors = [error(data)]
    for _ in range(2):
        data = descend(weights, data, type_name, square)
        errors.append(error(data))
    assert errors[1] < 0.99 * errors[0]
    assert errors[2] <= errors[1] * 1.0001


def test_descent_of_rows_of_zeros_and_of_what_is_on_the_grid() -> None:
    weights, moments = _layer(256, 4)
    for type_name in sorted(SEARCHED):
        kind = GGMLQuantizationType[type_name]
        data = encode_rows(weights, type_name)
        exact = quants.dequantize(data, kind).reshape(weights.shape)
        again = quants.dequantize(descend(exact, data, type_name, gptq.damped(moments)), kind).reshape(exact.shape)
        assert np.abs(again - exact).max() < 1e-3 * np.abs(exact).max(), type_name
        zeros = np.zeros_like(weights)
        made = descend(zeros, encode_rows(zeros, type_name), type_name, gptq.damped(moments))
        assert not quants.dequantize(made, kind).any(), type_name


@pytest.mark.parametrize("type_name", ["Q4_K", "Q4_0", "Q3_K"])
def test_without_correlation_it_is_the_search_or_better(type_name: str) -> None:
    weights, _ = _layer(512)
    moments = np.eye(512, dtype=np.float32)
    kind = GGMLQuantizationType[type_name]
    error, plain = (
        ((quants.dequantize(data, kind).reshape(weights.shape) - weights) ** 2).sum(axis=1)
        for data in (
            gptq.feed_back(weights, type_name, gptq.prepare(moments, type_name)),
            encode_rows(weights, type_name, np.ones(512, np.float32)),
        )
    )
    assert (error <= plain * 1.0001).all()


@pytest.mark.parametrize("type_name", ["Q4_K", "Q4_0", "IQ4_NL", "Q6_K"])
def test_the_order_keeps_blocks_and_groups_together(type_name: str) -> None:
    form = FORMATS[type_name]
    weights = np.random.default_rng(1).exponential(size=1024).astype(np.float32)
    order = order_of(weights, form)
    assert sorted(order.columns) == list(range(1024))
    for number, block in enumerate(order.columns.reshape(-1, form.n_elements)):
        assert set(block // form.n_elements) == {order.blocks[number]}
        assert np.array_equal(block % form.n_elements, order.within[number])
        for at, group in enumerate(block.reshape(-1, form.group)):
            assert set(group % form.n_elements // form.group) == {order.groups[number][at]}
            assert (np.diff(weights[group]) <= 0).all()
    means = weights.reshape(-1, form.n_elements).mean(axis=1)[order.blocks]
    assert (np.diff(means) <= 1e-6).all()
    assert np.array_equal(order_of(np.ones(1024, np.float32), form).columns, np.arange(1024))


def test_the_weightiest_first_and_several_searches_are_better_on_other_inputs() -> None:
    """As they are measured on inputs that were not used: peaked columns are what real models have."""
    random = np.random.default_rng(3)
    mixing = random.normal(size=(512, 128)) * random.exponential(size=(512, 1)) ** 2
    one, other = (random.normal(size=(4096, 128)) @ mixing.T + 0.1 * random.normal(size=(4096, 512)) for _ in range(2))
    weights = (random.normal(size=(32, 512)) * 0.05).astype(np.float32)
    moments = (one.T @ one).astype(np.float32)
    prepared = gptq.prepare(moments, "Q4_K")
    plain = replace(
        prepared, order=order_of(np.ones(512, np.float32), FORMATS["Q4_K"]), factor=gptq.inverse_factor(moments)
    )
    errors = []
    for how in (prepared, plain):
        data = gptq.feed_back(weights, "Q4_K", how)
        again = quants.dequantize(data, GGMLQuantizationType.Q4_K).reshape(weights.shape)
        errors.append(output_error(weights, again, (other.T @ other).astype(np.float32)))
    assert errors[0] < 0.9 * errors[1]


def test_factor_of_silent_and_equal_columns() -> None:
    moments = np.ones((64, 64), np.float32)
    moments[:, 5] = moments[5, :] = 0
    factor = gptq.inverse_factor(moments)
    assert np.isfinite(factor).all() and (np.diagonal(factor) > 0).all()
    assert np.allclose(np.triu(factor), factor)
    assert np.array_equal(gptq.inverse_factor(np.zeros((8, 8), np.float32)), np.eye(8))


def test_moments_of_a_model_are_symmetric_and_shared(tiny_gguf: Path) -> None:
    names = ["blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.1.ffn_down.weight"]
    found = collect_moments(tiny_gguf, "the capital of France is Paris " * 40, names, n_ctx=64, most_windows=3)
    assert set(found) == set(names)
    assert found[names[0]] is found[names[1]]
    assert found[names[2]].shape == (128, 128)
    assert np.allclose(found[names[2]], found[names[2]].T, atol=1e-3)
    assert (np.linalg.eigvalsh(found[names[2]].astype(np.float64)) > -1e-2).all()
