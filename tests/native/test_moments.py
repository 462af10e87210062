"""Products of inputs, X^T X, by the native kernel: as numpy finds them, in the upper triangle, on every path."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight.native import _fallback, _kernels

Floats = NDArray[np.float32]


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        columns = int(random.choice([1, 2, 12, 13, 24, 47, 48, 49, random.integers(1, 130)]))
        n_rows = int(random.choice([0, 1, 2, 127, 128, 129, random.integers(1, 300)]))
        inputs = (random.normal(size=(n_rows, columns)) * 10.0 ** random.uniform(-3, 3)).astype(np.float32)
        inputs[random.random(n_rows) < 0.2] = 0
        weight = float(random.choice([1.0, 0.1, 0.0, -2.0]))
        start = random.normal(size=(columns, columns)).astype(np.float32)
        sums = start.copy()
        assert _kernels.add_moments(inputs, columns, weight, sums, int(random.integers(1, 4))) is True
        exact = inputs.astype(np.float64)
        wanted = start + weight * (exact.T @ exact)
        size = np.abs(start) + abs(weight) * (np.abs(exact).T @ np.abs(exact))
        upper = np.triu_indices(columns)
        assert (np.abs(sums - wanted) <= 2e-5 * size + 1e-12)[upper].all(), inputs.shape
        assert np.array_equal(np.tril(sums, -1), np.tril(start, -1)), "only the upper triangle is written"


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 1)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 2)


@pytest.mark.parametrize("path", ["scalar", "avx2"])
def test_narrower_instruction_sets(path: str) -> None:
    call = "import test_moments as t; t._check_random_shapes(60, 3)"
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {call}"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"RUSHLIGHT_CPU": path}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 or "which this processor does not have" in done.stderr, done.stderr


def test_thread_count_changes_nothing() -> None:
    inputs = np.random.default_rng(3).normal(size=(300, 333)).astype(np.float32)
    results = []
    for n_threads in (1, 2, 5):
        sums = np.zeros((333, 333), np.float32)
        assert _kernels.add_moments(inputs, 333, 0.5, sums, n_threads)
        results.append(sums)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_what_is_no_number_stays_visible() -> None:
    """Nothing is hidden: not-a-number in an input is in every sum that it belongs to. Collectors refuse it before."""
    inputs = np.ones((3, 20), np.float32)
    inputs[1, 7] = np.nan
    sums = np.zeros((20, 20), np.float32)
    assert _kernels.add_moments(inputs, 20, 1.0, sums)
    assert np.isnan(sums[7, 7:]).all() and np.isnan(sums[:8, 7]).all()
    assert np.isfinite(np.delete(np.delete(sums, 7, 0), 7, 1)).all()


def test_wrong_sizes_and_types_are_refused() -> None:
    inputs, sums = np.zeros((2, 8), np.float32), np.zeros((8, 8), np.float32)
    run = _kernels.add_moments
    with pytest.raises(ValueError, match="no rows of 5"):
        run(inputs, 5, 1.0, sums)
    with pytest.raises(ValueError, match="sums must have 64 elements, not 56"):
        run(inputs, 8, 1.0, sums[:7])
    with pytest.raises(ValueError, match="n_columns is 0"):
        run(inputs, 0, 1.0, sums)
    with pytest.raises(TypeError, match='format "f"'):
        run(inputs.astype(np.float64), 8, 1.0, sums)  # type: ignore[arg-type]
    assert _fallback.add_moments(inputs, 8, 1.0, sums) is False and not sums.any()
