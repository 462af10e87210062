"""The native comparison of logits: as numpy in float64 finds it, for any shape, path and thread count."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight import Error
from rushlight.native import _fallback, _kernels
from rushlight.quant import divergence

Floats = NDArray[np.float32]


def _hard_logits(random: np.random.Generator, n_rows: int, columns: int) -> tuple[Floats, Floats]:
    """Two rows of logits as models have them and as they never do: equal, constant, far apart, one certain token."""
    base = random.normal(0, 10.0 ** random.uniform(-3, 1.5), (n_rows, columns)).astype(np.float32)
    other = (base + random.normal(0, 10.0 ** random.uniform(-6, 1), base.shape)).astype(np.float32)
    for a, b in zip(base, other, strict=True):
        match random.integers(0, 12):
            case 0:
                b[:] = a
            case 1:
                a[:] = b[:] = 0
            case 2:
                a[random.integers(0, columns)] += 80
            case 3:
                b[random.integers(0, columns)] += 80
            case 4:
                a += 1000
            case 5:
                a[:] = random.integers(0, 3, columns)  # many equal ones: the first counts
                b[:] = a[::-1]
            case 6:
                a[random.random(columns) < 0.5] = -1e9  # tokens that are forbidden
            case 7:
                a.sort()  # every piece has a new largest
                b[:] = a * np.float32(1.01)
    return base, other


def _native(base: Floats, other: Floats, targets: NDArray[np.int64], n_top: int, n_threads: int) -> NDArray[np.float64]:
    out = np.full((len(base), 6), 7.0)
    assert _kernels.score_logits(base, other, targets, base.shape[1], n_top, out, n_threads) is True
    return out


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        columns = int(random.choice([1, 2, 15, 16, 17, random.integers(1, 300), random.integers(1000, 2100)]))
        base, other = _hard_logits(random, int(random.integers(0, 7)), columns)
        targets = random.integers(0, columns, len(base))
        n_top = int(random.integers(1, min(columns, 64) + 1))
        found = _native(base, other, targets, n_top, int(random.integers(1, 4)))
        wanted = divergence.scores_in_numpy(base, other, targets, n_top)
        # Losses and divergences are as exact as float32 exponents let them be: relative to the size of the logits.
        near = 3e-7 * (
            1 + np.abs(wanted[:, :3]) + np.minimum(np.abs(base - other).max(axis=1, initial=0), 1e3)[:, None]
        )
        assert (np.abs(found[:, :3] - wanted[:, :3]) <= near).all(), (base.shape, n_top)
        assert np.allclose(found[:, 3], wanted[:, 3], atol=1e-6)
        assert np.array_equal(found[:, 4:], wanted[:, 4:]), (base.shape, n_top)


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 1)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 2)


def test_a_wide_row() -> None:
    random = np.random.default_rng(3)
    base, other = _hard_logits(random, 3, 152_064)
    targets = np.array([0, 152_063, 77], np.int64)
    assert np.allclose(
        _native(base, other, targets, 10, 1), divergence.scores_in_numpy(base, other, targets, 10), rtol=1e-5, atol=1e-6
    )


_PROGRAM = """
import hashlib, numpy as np
from rushlight.native import _kernels
random = np.random.default_rng(5)
digest = hashlib.sha256()
for columns in (1, 31, 1025, 5000):
    base = random.normal(0, 4, (9, columns)).astype(np.float32)
    other = base + random.normal(0, 0.2, base.shape).astype(np.float32)
    for n_threads in (1, 3):
        out = np.empty((9, 6))
        assert _kernels.score_logits(base, other, np.zeros(9, np.int64), columns, 5, out, n_threads)
        digest.update(out)
print(_kernels.cpu_path(), digest.hexdigest())
"""


def test_every_instruction_set_gives_the_same_bits() -> None:
    found = {}
    for path in ("scalar", "avx2", "avx512"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env=os.environ | {"RUSHLIGHT_CPU": path}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if "which this processor does not have" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        name, found[path] = done.stdout.split()
        assert name == path
    assert "scalar" in found and len(set(found.values())) == 1
    assert len(found["scalar"]) == hashlib.sha256().digest_size * 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e30, -2e30])
@pytest.mark.parametrize("place", [0, 1030, 1099])
def test_what_is_no_logit_is_refused(bad: float, place: int) -> None:
    good, targets, out = np.zeros((3, 1100), np.float32), np.zeros(3, np.int64), np.zeros((3, 6))
    wrong = good.copy()
    wrong[2, place] = bad
    for base, other in ((wrong, good), (good, wrong)):
        with pytest.raises(ValueError, match="row 2 of the logits"):
            _kernels.score_logits(base, other, targets, 1100, 1, out)
        with pytest.raises(Error) as caught:
            divergence.score_rows(base, other, targets)
        assert caught.value.kind == "bad-file"


def test_wrong_sizes_and_types_are_refused() -> None:
    base, targets, out = np.zeros((2, 8), np.float32), np.zeros(2, np.int64), np.zeros((2, 6))
    run = _kernels.score_logits
    with pytest.raises(ValueError, match="no rows of 7"):
        run(base, base, targets, 7, 1, out)
    with pytest.raises(ValueError, match="other must have 16 elements, not 8"):
        run(base, base[:1], targets, 8, 1, out)
    with pytest.raises(ValueError, match="targets must have 2 elements, not 1"):
        run(base, base, targets[:1], 8, 1, out)
    with pytest.raises(ValueError, match="out must have 12 elements, not 6"):
        run(base, base, targets, 8, 1, out[:1])
    for wrong in (-1, 8):
        with pytest.raises(ValueError, match=rf"targets\[1\] is {wrong}; there are 8 columns"):
            run(base, base, np.array([0, wrong], np.int64), 8, 1, out)
    for n_top in (0, 65):
        with pytest.raises(ValueError, match="n_top is"):
            run(base, base, targets, 8, n_top, out)
    with pytest.raises(TypeError, match='format "q"'):
        run(base, base, targets.astype(np.int32), 8, 1, out)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match='format "f"'):
        run(base.astype(np.float64), base, targets, 8, 1, out)  # type: ignore[arg-type]


def test_the_fallback_writes_nothing_and_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    base, other = _hard_logits(np.random.default_rng(4), 5, 40)
    targets, out = np.arange(5), np.full((5, 6), 7.0)
    assert _fallback.score_logits(base, other, targets, 40, 3, out) is False
    assert (out == 7).all()
    compiled = divergence.score_rows(base, other, targets)
    monkeypatch.setattr("rushlight.native.score_logits", _fallback.score_logits)
    plain = divergence.score_rows(base, other, targets)
    assert np.allclose(compiled.divergences, plain.divergences, atol=1e-5)
    assert np.array_equal(compiled.agreements, plain.agreements)
    with pytest.raises(Error, match="no number"):
        divergence.score_rows(np.full((1, 3), np.nan, np.float32), np.zeros((1, 3), np.float32), np.zeros(1, np.int64))
