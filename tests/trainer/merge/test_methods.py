"""Every method against the formula of its paper, written down as directly as can be; and the promises of chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight import Error
from rushlight.quant.rows import Array, whole
from rushlight.trainer.merge import dare, della, linear, model_stock, slerp, task_arithmetic, ties
from rushlight.trainer.merge.inputs import Computed, Inputs, key_of, uniform


def tensors(n: int, shape: tuple[int, ...] = (7, 33), seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(n)]


def inputs(models: list[np.ndarray], base: np.ndarray | None = None, **more: object) -> Inputs:
    count = len(models)
    values: dict[str, object] = {
        "weights": (1.0,) * count, "densities": (1.0,) * count, "epsilons": (0.1,) * count, **more
    }  # fmt: skip
    return Inputs("w", tuple(Array(one) for one in models), base=None if base is None else Array(base), **values)  # type: ignore[arg-type]


def test_linear_is_the_weighted_mean() -> None:
    a, b = tensors(2)
    found = whole(linear.merge(inputs([a, b], weights=(1.0, 3.0), normalize=True)))
    assert np.allclose(found, (a + 3 * b) / 4, atol=1e-6)


def test_linear_of_a_model_with_itself_is_the_model() -> None:
    (a,) = tensors(1)
    assert np.allclose(whole(linear.merge(inputs([a, a], weights=(0.3, 0.7), normalize=True))), a, atol=1e-6)


def test_slerp_goes_along_the_arc() -> None:
    a, b = tensors(2)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    for t in (0.0, 0.25, 0.5, 1.0):
        found = whole(slerp.merge(inputs([a, b], t=t)))
        assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)  # a straight line would be shorter
        angle = np.arccos(np.clip((a * b).sum(), -1, 1))
        assert np.arccos(np.clip((found * a).sum(), -1, 1)) == pytest.approx(t * angle, abs=1e-3)


def test_slerp_of_parallel_and_empty_tensors_is_a_straight_line() -> None:
    (a,) = tensors(1)
    assert np.allclose(whole(slerp.merge(inputs([a, 2 * a], t=0.5))), 1.5 * a, atol=1e-5)
    assert np.allclose(whole(slerp.merge(inputs([0 * a, a], t=0.5))), 0.5 * a, atol=1e-6)


def test_task_arithmetic_adds_the_changes() -> None:
    base, a, b = tensors(3)
    found = whole(task_arithmetic.merge(inputs([a, b], base, weights=(0.5, -1.0), scale=2.0)))
    assert np.allclose(found, base + 2 * (0.5 * (a - base) - (b - base)), atol=1e-5)


def plain_ties(base: np.ndarray, models: list[np.ndarray], weights: list[float], densities: list[float]) -> np.ndarray:
    """TIES by sorting: trim, elect, merge."""
    weighted = []
    for model, weight, density in zip(models, weights, densities, strict=True):
        delta = (model - base).reshape(-1)
        kept = max(1, int(density * delta.size)) if 0 < density < 1 else delta.size if density >= 1 else 0
        order = np.argsort(-np.abs(delta), kind="stable")[:kept]
        trimmed = np.zeros_like(delta)
        trimmed[order] = delta[order]
        weighted.append(np.float32(weight) * trimmed)
    total = np.zeros_like(weighted[0])
    for one in weighted:
        total = total + one
    sign = np.where(total >= 0, 1, -1)
    mixed, divisor = np.zeros_like(total), np.zeros_like(total)
    for one, weight in zip(weighted, weights, strict=True):
        agrees = np.sign(one) == sign
        mixed += one * agrees
        divisor += np.float32(weight) * agrees
    divisor[divisor == 0] = 1
    return base + (mixed / divisor).reshape(base.shape)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 4),
    st.tuples(st.integers(1, 9), st.integers(1, 70)),
    st.lists(st.sampled_from([0.0, 0.01, 0.2, 0.5, 0.999, 1.0]), min_size=4, max_size=4),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_ties_equals_sorting_to_the_last_bit(
    count: int, shape: tuple[int, int], densities: list[float], coarse: bool, seed: int
) -> None:
    base, *models = tensors(count + 1, shape, seed)
    if coarse:  # many changes of one size: the ties at the cut go to the first of them
        base = np.zeros_like(base)
        models = [np.round(one * 2) / 2 for one in models]
    weights = [1.0, 0.5, 2.0, 0.25][:count]
    merged = ties.merge(
        inputs(models, base, weights=tuple(weights), densities=tuple(densities[:count]), normalize=True)
    )
    expected = plain_ties(base, models, weights, densities[:count])
    assert np.array_equal(whole(merged), expected)
    pieces = [merged.rows(i, min(i + 2, shape[0])) for i in range(0, shape[0], 2)]  # again, in slabs
    assert np.array_equal(np.concatenate(pieces), expected)


def test_ties_refuses_what_is_no_number() -> None:
    base, a = tensors(2)
    a[3, 3] = np.nan
    with pytest.raises(Error, match="no numbers"):
        whole(ties.merge(inputs([a], base, densities=(0.5,))))


@pytest.mark.parametrize("method", [dare.merge_linear, dare.merge_ties, della.merge_linear, della.merge_elected])
def test_chance_depends_on_place_and_seed_only(method: object) -> None:
    base, a, b = tensors(3, (12, 50))

    def made(seed: int) -> Computed:
        return method(inputs([a, b], base, densities=(0.5, 0.7), seed=seed))  # type: ignore[operator,no-any-return]

    whole_at_once = whole(made(1))
    pieces = np.concatenate([made(1).rows(i, i + 3) for i in (0, 3, 6, 9)])
    assert np.array_equal(whole_at_once, pieces)
    assert not np.array_equal(whole_at_once, whole(made(2)))


@pytest.mark.parametrize("method", [dare.merge_linear, della.merge_linear])
def test_what_is_kept_is_enlarged_so_that_the_mean_stays(method: object) -> None:
    base = np.zeros((40, 500), np.float32)
    a = np.abs(np.random.default_rng(0).standard_normal(base.shape)).astype(np.float32) + 1
    found = whole(method(inputs([a], base, densities=(0.4,), epsilons=(0.2,))))  # type: ignore[operator]
    assert 0.37 < (found != 0).mean() < 0.43
    assert found.mean() == pytest.approx(a.mean(), rel=0.03)


def test_della_keeps_large_changes_more_often() -> None:
    delta = np.arange(1, 1001, dtype=np.float32)[None, :]
    share = della.shares(delta, 0.5, 0.3)
    assert share[0, 0] == pytest.approx(0.2) and share[0, -1] == pytest.approx(0.8)
    assert np.all(np.diff(share[0]) > 0)


def test_random_numbers_are_even() -> None:
    numbers = uniform(key_of(3, "layer", 1), 0, 200_000)
    assert numbers.min() >= 0 and numbers.max() < 1
    counts = np.histogram(numbers, 20, (0, 1))[0]
    assert abs(counts - 10_000).max() < 500
    assert np.array_equal(numbers[777:999], uniform(key_of(3, "layer", 1), 777, 999))


@pytest.mark.parametrize("filter_wise", [False, True])
def test_model_stock_follows_its_equation(filter_wise: bool) -> None:
    base, a, b, c = tensors(4)
    found = whole(model_stock.merge(inputs([a, b, c], base, filter_wise=filter_wise)))
    deltas = [(one - base).astype(np.float64) for one in (a, b, c)]
    expected = np.empty_like(base, dtype=np.float64)
    for rows in [slice(i, i + 1) for i in range(len(base))] if filter_wise else [slice(None)]:
        cosines = [
            (x[rows] * y[rows]).sum() / np.linalg.norm(x[rows]) / np.linalg.norm(y[rows])
            for i, x in enumerate(deltas)
            for y in deltas[i + 1 :]
        ]
        cosine = np.mean(cosines)
        t = 3 * cosine / (1 + 2 * cosine)
        expected[rows] = base[rows] + t * np.mean([one[rows] for one in deltas], axis=0)
    assert np.allclose(found, expected, atol=1e-5)
