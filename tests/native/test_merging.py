"""The loops of a TIES merge: equal to numpy to the last bit for any shape, and clear errors for wrong buffers."""

import numpy as np
import pytest

from rushlight.native import _fallback, _kernels
from rushlight.trainer.merge.combine import elected
from rushlight.trainer.merge.ties import KEEP_ALL, KEEP_NONE, Cut, trimmed


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        n = int(random.choice([0, 1, 3, 2047, 2048, 2049, random.integers(1, 6000)]))
        n_models = int(random.integers(0, 5))
        step = random.choice([0.0, 0.5])  # coarse values: many changes are of one size

        def drawn(n: int = n, step: float = step) -> np.ndarray:
            values = random.normal(size=n).astype(np.float32)
            return (np.round(values / step) * step).astype(np.float32) if step else values

        base, models = drawn(), [drawn() for _ in range(n_models)]
        cuts, equal = [], []
        for model in models:
            sizes = np.sort(np.abs(model - base).view(np.uint32).astype(np.int64))
            bits = int(random.choice(sizes)) if n else 7
            cuts.append([KEEP_ALL, KEEP_NONE, Cut(bits, int(random.integers(0, 9)))][int(random.integers(0, 3))])
            equal.append(cuts[-1].n_equal)
            for upper in (-1, bits >> 16):
                counts, expected = np.ones(1 << 16, np.int64), np.ones(1 << 16, np.int64)
                assert _kernels.count_sizes(base, model, upper, counts)
                assert _fallback.count_sizes(base, model, upper, expected)
                assert np.array_equal(counts, expected)
        weights = random.normal(size=n_models).astype(np.float32)
        normalize, scale = bool(random.integers(0, 2)), float(np.float32(random.normal()))
        left, out = np.array(equal, np.int64), np.empty_like(base)
        limits = np.array([cut.bits for cut in cuts], np.int64)
        assert _kernels.merge_trimmed(base, models, limits, left, weights, scale, normalize, out)
        deltas = []
        for index, (model, cut) in enumerate(zip(models, cuts, strict=True)):
            delta, n_used = trimmed(model - base, cut, equal[index])
            assert left[index] == equal[index] - n_used
            deltas.append(delta)
        assert np.array_equal(out, elected(base, deltas, weights.tolist(), normalize, scale))


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 1)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernels", [_kernels, _fallback])
def test_what_is_no_number_is_told(bad: float, kernels: object) -> None:
    base, model = np.zeros(3000, np.float32), np.zeros(3000, np.float32)
    model[2999] = bad
    assert not kernels.count_sizes(base, model, -1, np.zeros(1 << 16, np.int64))  # type: ignore[attr-defined]


def test_wrong_buffers_are_refused() -> None:
    values, counts = np.zeros(4, np.float32), np.zeros(1 << 16, np.int64)
    with pytest.raises(ValueError, match="model must have 4 elements"):
        _kernels.count_sizes(values, values[:3], -1, counts)
    with pytest.raises(ValueError, match="counts must have"):
        _kernels.count_sizes(values, values, -1, counts[:5])
    with pytest.raises(TypeError, match="base"):
        _kernels.count_sizes(values.astype(np.float64), values, -1, counts)
    with pytest.raises(ValueError, match="upper"):
        _kernels.count_sizes(values, values, 1 << 15, counts)
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="weights must have 1"):
        _kernels.merge_trimmed(values, [values], one, one.copy(), np.zeros(2, np.float32), 1.0, True, values.copy())
    with pytest.raises(ValueError, match="cuts"):
        _kernels.merge_trimmed(values, [values], one - 5, one.copy(), values[:1], 1.0, True, values.copy())
    with pytest.raises((TypeError, BufferError, ValueError)):
        frozen = values.copy()
        frozen.flags.writeable = False
        _kernels.merge_trimmed(values, [values], one, one.copy(), values[:1], 1.0, True, frozen)
