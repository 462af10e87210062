"""The quantizer's native search: equal to the numpy version to the last bit, for any shape, path and thread count."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight.native import _fallback, _kernels, cpu_path
from rushlight.quant.blocks import FORMATS

_NAMES = sorted(set(FORMATS) - {"Q8_0"})
Floats = NDArray[np.float32]


def _native(values: Floats, name: str, importance: Floats | None, n_threads: int = 1) -> NDArray[np.uint8]:
    form = FORMATS[name]
    out = np.full((values.shape[0], values.shape[1] // form.n_elements * form.n_bytes), 0xA5, np.uint8)
    assert _kernels.quantize_rows(values, values.shape[1], name, importance, out, n_threads) is True
    return out


def _numpy(values: Floats, name: str, importance: Floats | None) -> NDArray[np.uint8]:
    form = FORMATS[name]
    flat = values.reshape(-1, form.n_elements)
    weights = None if importance is None else np.broadcast_to(importance, values.shape).reshape(flat.shape)
    return form.quantize(flat, weights).reshape(values.shape[0], values.shape[1] // form.n_elements * form.n_bytes)


def _hard_rows(random: np.random.Generator, n_rows: int, columns: int) -> Floats:
    """Rows as models have them and as they never do: zeros, constants, one sign, outliers, the smallest and largest."""
    values = (random.standard_t(3, (n_rows, columns)) * 10.0 ** random.uniform(-6, 2)).astype(np.float32)
    for row in values:
        match random.integers(0, 12):
            case 0:
                row[:] = 0
            case 1:
                row[:] = random.normal()
            case 2:
                row[:] = np.abs(row)
            case 3:
                row[:] = -np.abs(row)
            case 4:
                row[random.integers(0, columns)] = 65504 * random.choice([-1, 1])
            case 5:
                row *= np.float32(1e-30)
            case 6:
                row[random.random(columns) < 0.9] = 0
            case 7:
                row[:] = -0.0
            case 8:
                row[:] = random.integers(-3, 4, columns)
    return np.clip(values, -65504, 65504)


def _check_random_shapes(n_shapes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(n_shapes):
        name = str(random.choice(_NAMES))
        n_rows, n_blocks = int(random.integers(0, 8)), int(random.integers(1, 5))
        values = _hard_rows(random, n_rows, n_blocks * FORMATS[name].n_elements)
        importance = np.exp(random.normal(0, 3, values.shape[1])).clip(1e-6, 1e6).astype(np.float32)
        importance[random.random(values.shape[1]) < 0.2] = 1e-6
        chosen = importance if random.random() < 0.7 else None
        ours = _native(values, name, chosen, int(random.integers(1, 4)))
        assert np.array_equal(ours, _numpy(values, name, chosen)), (name, values.shape, chosen is None)


def test_random_shapes_equal_numpy() -> None:
    _check_random_shapes(300, 7)


@pytest.mark.slow
def test_ten_thousand_random_shapes_equal_numpy() -> None:
    _check_random_shapes(10_000, 8)


_PROGRAM = """
import hashlib, numpy as np
from rushlight.native import _kernels
random = np.random.default_rng(5)
values = random.standard_t(4, (37, 1024)).astype(np.float32)
importance = np.exp(random.normal(size=1024)).astype(np.float32)
digest = hashlib.sha256()
for name, size in {shapes}:
    out = np.zeros((37, size), np.uint8)
    assert _kernels.quantize_rows(values, 1024, name, importance, out, 2)
    digest.update(out)
print(_kernels.cpu_path(), digest.hexdigest())
"""


def test_every_instruction_set_gives_the_same_bytes() -> None:
    random = np.random.default_rng(5)
    values = random.standard_t(4, (37, 1024)).astype(np.float32)
    importance = np.exp(random.normal(size=1024)).astype(np.float32)
    digest = hashlib.sha256()
    for name in _NAMES:
        digest.update(_numpy(values, name, importance).tobytes())
    shapes = [(name, 1024 // FORMATS[name].n_elements * FORMATS[name].n_bytes) for name in _NAMES]
    for path in ("scalar", "avx2", "avx512"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(shapes=shapes)],
            env=os.environ | {"RUSHLIGHT_CPU": path}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if "which this processor does not have" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [path, digest.hexdigest()]


def test_thread_count_changes_nothing() -> None:
    values = _hard_rows(np.random.default_rng(2), 40, 4096)
    for name in ("Q4_0", "Q4_K", "Q6_K"):
        assert np.array_equal(_native(values, name, None, 1), _native(values, name, None, 5))


def test_unknown_types_and_the_fallback_write_nothing() -> None:
    values, out = np.zeros((1, 256), np.float32), np.full(34 * 8, 7, np.uint8)
    for refused in ("Q8_0", "IQ2_XXS", "", "q4_k"):
        assert _kernels.quantize_rows(values, 256, refused, None, out) is False
    assert _fallback.quantize_rows(values, 256, "Q4_0", None, out) is False
    assert (out == 7).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 65505.0, -1e30])
def test_what_is_no_number_is_refused(bad: float) -> None:
    values, out = np.zeros((2, 256), np.float32), np.zeros(2 * 144, np.uint8)
    values[1, 255] = bad
    with pytest.raises(ValueError, match="number within 65,504"):
        _kernels.quantize_rows(values, 256, "Q4_K", None, out)
    importance = np.ones(256, np.float32)
    importance[3] = bad
    with pytest.raises(ValueError, match="every importance") if not abs(bad) < 1e8 else _nothing():
        _kernels.quantize_rows(np.zeros((2, 256), np.float32), 256, "Q4_K", importance, out)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_wrong_sizes_and_types_are_refused() -> None:
    values, out = np.zeros((2, 256), np.float32), np.zeros(288, np.uint8)
    run = _kernels.quantize_rows
    for n_columns, words in ((0, "at least 1"), (100, "a block of Q4_K has 256"), (1024, "no rows of 1024")):
        with pytest.raises(ValueError, match=words):
            run(values, n_columns, "Q4_K", None, out)
    with pytest.raises(ValueError, match="out must have 288 bytes, not 287"):
        run(values, 256, "Q4_K", None, out[:287])
    with pytest.raises(ValueError, match="importance must have 256 numbers, not 3"):
        run(values, 256, "Q4_K", np.ones(3, np.float32), out)
    with pytest.raises(TypeError, match='format "f"'):
        run(values.astype(np.float64), 256, "Q4_K", None, out)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 1 and 1024"):
        run(values, 256, "Q4_K", None, out, 0)
    shifted = np.frombuffer(bytearray(2 * 1024 + 1), np.uint8)[1:].view(np.float32)
    with pytest.raises(ValueError, match="multiple of its element size"):
        run(shifted, 256, "Q4_K", None, out)
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        run(values, 256, "Q4_K", None, out)


def test_no_rows_are_fine() -> None:
    assert _kernels.quantize_rows(np.zeros(0, np.float32), 256, "Q4_K", None, np.zeros(0, np.uint8), 4)


def test_the_path_in_use_is_known() -> None:
    assert cpu_path() in ("scalar", "avx2", "avx512")
