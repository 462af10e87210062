"""The native inner loop of error feedback: equal to numpy to the last bit, for any shape, path and thread count."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight.native import _fallback, _kernels
from rushlight.quant import feedback
from rushlight.quant.blocks import FORMATS

Floats = NDArray[np.float32]
_LEVELS = np.array(FORMATS["IQ4_NL"].levels, np.float32)


def _task(random: np.random.Generator) -> dict[str, Any]:
    """A window with everything that can be: no rows, no columns, zeros, scales of either sign and none, levels."""
    n_window, n_rows = int(random.integers(1, 90)), int(random.choice([0, 1, 3, 16, 17, random.integers(1, 150)]))
    first = int(random.integers(0, n_window + 1))
    last = int(random.integers(first, n_window + 1))
    group = int(random.integers(1, 40))
    n_groups = -(-(last - first) // group)
    work = (random.standard_t(3, (n_window, n_rows)) * 10.0 ** random.uniform(-4, 2)).astype(np.float32)
    work[random.random(work.shape) < 0.1] = 0
    if random.random() < 0.2:
        work[:, : n_rows // 2] = 0
    factor = np.triu(random.normal(0, 0.2, (n_window, n_window))).astype(np.float32)
    factor[np.diag_indices(n_window)] = random.uniform(0.2, 3, n_window)
    scales = random.normal(0, 0.3, (n_groups, n_rows)).astype(np.float32)
    scales[random.random(scales.shape) < 0.1] = 0
    offsets = random.normal(0, 1, scales.shape).astype(np.float32) if random.random() < 0.5 else None
    low, high = ((-8, 7), (0, 15), (-4, 3), (-32, 31), (0, 3))[int(random.integers(0, 5))]
    return {
        "work": work, "factor": factor, "scales": scales, "offsets": offsets,
        "levels": _LEVELS if random.random() < 0.3 else None, "low": low, "high": high,
        "first": first, "last": last, "group": group,
    }  # fmt: skip


def _run(task: dict[str, Any], n_threads: int | None) -> tuple[Floats, Floats, NDArray[np.int16]]:
    """(work, errors, codes) by the native kernel, or by numpy with no threads."""
    work = task["work"].copy()
    errors = np.full(work.shape, 7, np.float32)
    codes = np.full((task["last"] - task["first"], work.shape[1]), 99, np.int16)
    rest = {name: value for name, value in task.items() if name != "work"}
    if n_threads is None:
        feedback.round_in_numpy(work, **rest, codes=codes, errors=errors)
    else:
        done = _kernels.round_with_feedback(
            work, **rest, n_window=len(work), codes=codes, errors=errors, n_threads=n_threads
        )
        assert done is True
    return work, errors, codes


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        task = _task(random)
        for ours, wanted in zip(_run(task, int(random.integers(1, 4))), _run(task, None), strict=True):
            assert np.array_equal(ours, wanted), {name: np.shape(value) for name, value in task.items()}


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 1)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 2)


@pytest.mark.parametrize("path", ["scalar", "avx2"])
def test_narrower_instruction_sets_give_the_same_bits(path: str) -> None:
    call = "import test_feedback as t; t._check_random_shapes(40, 3)"
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {call}"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"RUSHLIGHT_CPU": path}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 or "which this processor does not have" in done.stderr, done.stderr


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["work", "factor", "scales", "offsets"])
def test_what_is_no_number_is_refused_and_changes_nothing(name: str, bad: float) -> None:
    random = np.random.default_rng(4)
    task = _task(random) | {
        "work": np.ones((4, 3), np.float32), "factor": np.eye(4, dtype=np.float32), "levels": None,
        "scales": np.ones((2, 3), np.float32), "offsets": np.ones((2, 3), np.float32),
        "first": 0, "last": 4, "group": 2,
    }  # fmt: skip
    task[name].flat[-1] = bad
    before = task["work"].copy()
    codes, errors = np.zeros((4, 3), np.int16), np.zeros((4, 3), np.float32)
    with pytest.raises(ValueError, match="finite numbers"):
        _kernels.round_with_feedback(**task, n_window=4, codes=codes, errors=errors)
    assert np.array_equal(task["work"], before, equal_nan=True) and not codes.any() and not errors.any()


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"n_window": 0}, ValueError, "n_window is 0"),
    ({"n_window": 513}, ValueError, "n_window is 513; it must be between 1 and 512"),
    ({"n_window": 5}, ValueError, "12 weights are no window of 5 columns"),
    ({"last": 5}, ValueError, "last is 5; it must be between 0 and n_window, 4"),
    ({"first": 4, "last": 3}, ValueError, "first is 4; it must be between 0 and last, 3"),
    ({"group": 0}, ValueError, "group is 0"),
    ({"low": 9, "high": 7}, ValueError, "low must not be above high"),
    ({"high": 40_000}, ValueError, "high must be a code of 16 bits"),
    ({"factor": np.eye(3, dtype=np.float32)}, ValueError, "factor must have 16 elements, not 9"),
    ({"factor": np.zeros((4, 4), np.float32)}, ValueError, "diagonal positive"),
    ({"scales": np.ones((1, 3), np.float32)}, ValueError, "scales must have 6 elements, not 3"),
    ({"offsets": np.ones((1, 3), np.float32)}, ValueError, "offsets must have 6 elements, not 3"),
    ({"levels": np.array([1, 1], np.float32)}, ValueError, "levels must be 1 to 256 rising numbers"),
    ({"levels": np.array([], np.float32)}, ValueError, "levels must be"),
    ({"codes": np.zeros((4, 2), np.int16)}, ValueError, "codes must have 12 elements, not 8"),
    ({"codes": np.zeros((4, 3), np.int32)}, TypeError, 'format "h"'),
    ({"errors": np.zeros((3, 3), np.float32)}, ValueError, "errors must have 12 elements, not 9"),
    ({"work": np.ones((4, 3))}, TypeError, 'format "f"'),
    ({"n_threads": 0}, ValueError, "n_threads is 0"),
])  # fmt: skip
def test_wrong_sizes_and_types_are_refused(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    good = {
        "work": np.ones((4, 3), np.float32), "factor": np.eye(4, dtype=np.float32), "levels": None,
        "scales": np.ones((2, 3), np.float32), "offsets": None, "low": -8, "high": 7, "n_window": 4, "first": 0,
        "last": 4, "group": 2, "codes": np.zeros((4, 3), np.int16), "errors": np.zeros((4, 3), np.float32),
    }  # fmt: skip
    assert _kernels.round_with_feedback(**good) is True
    with pytest.raises(error, match=words):
        _kernels.round_with_feedback(**(good | changes))


def test_the_fallback_changes_nothing_and_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    form, random = FORMATS["Q4_0"], np.random.default_rng(6)
    work = random.normal(size=(32, 5)).astype(np.float32)
    factor = np.triu(random.normal(0, 0.1, (32, 32))).astype(np.float32) + np.eye(32, dtype=np.float32)
    fields = form.fit(np.ascontiguousarray(work.T), np.ones((5, 32), np.float32))
    results = []
    for _ in range(2):
        mine, errors = work.copy(), np.zeros_like(work)
        codes = feedback.round_columns(form, mine, factor, form.grid(fields), 0, 32, errors)
        results.append((codes, mine, errors))
        monkeypatch.setattr("rushlight.native.round_with_feedback", _fallback.round_with_feedback)
    for compiled, plain in zip(*results, strict=True):
        assert np.array_equal(compiled, plain)
