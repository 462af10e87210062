"""Rows of float32 into the blocks of any tensor type: our search where it knows the type, ggml for the others.

Knows numbers only. Our search is native code where that is compiled, and numpy elsewhere; both give the same bytes.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

import numpy as np

from rushlight import Error, native
from rushlight.quant import ggml
from rushlight.quant.blocks import FORMATS
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.encoding import encode
from rushlight.quant.gguf_types import type_size

By = Literal["best", "rushlight", "ggml"]

PLAIN: Final = frozenset({"F32", "F16", "BF16"})
SEARCHED: Final = frozenset(FORMATS) - {"Q8_0"}  # where an importance has a say
# Where some model, measured, lost more by our search than by ggml's, whatever the weighting: "best" leaves these to
# ggml. Error feedback still finds their scales by our search.
LEFT_TO_GGML: Final = frozenset({"Q2_K", "Q3_K"})
LARGEST: Final = 65_504.0
_LEAST_IMPORTANCE, _MOST_IMPORTANCE = 1e-6, 1e6  # of the mean: no column is worth nothing


def relative_importance(importance: Floats) -> Floats:
    """Importances by column, divided by their mean and kept in limits: what the search expects."""
    mean = float(importance.mean(dtype=np.float64))
    if not np.isfinite(mean) or mean <= 0:
        return np.ones_like(importance, dtype=np.float32)
    relative: Floats = np.clip(importance / mean, _LEAST_IMPORTANCE, _MOST_IMPORTANCE).astype(np.float32)
    return relative


def encode_rows(
    values: Floats, type_name: str, importance: Floats | None = None, *, n_threads: int = 1, by: By = "rushlight"
) -> Bytes:
    """(rows, bytes of a row) of (rows, columns) weights. `importance`: the mean squared input of each column."""
    if type_name in PLAIN:
        return encode(values, type_name)
    values = np.ascontiguousarray(values, np.float32)
    if by == "ggml" or type_name not in FORMATS or (by == "best" and type_name in LEFT_TO_GGML):
        return _by_ggml(values, type_name, importance, n_threads)
    largest = float(np.abs(values).max(initial=0))  # not-a-number passes on
    if not largest <= LARGEST:
        raise Error(
            f"Cannot quantize these weights to {type_name}: some are no numbers, or larger than 65,504.",
            "Choose BF16 or F32.",
            kind="range",
        )
    form = FORMATS[type_name]
    n_rows, columns = values.shape
    if columns % form.n_elements:
        raise ValueError(f"rows of {columns} do not divide by {form.n_elements}, the block of {type_name}")
    weights = None if importance is None else relative_importance(importance)
    if type_name in SEARCHED:
        result = np.empty((n_rows, columns // form.n_elements * form.n_bytes), np.uint8)
        if native.quantize_rows(values, columns, type_name, weights, result, n_threads):
            return result
    flat = values.reshape(-1, form.n_elements)
    by_element = None if weights is None else np.broadcast_to(weights, values.shape).reshape(flat.shape)
    return form.quantize(flat, by_element).reshape(n_rows, -1)


def _by_ggml(values: Floats, type_name: str, importance: Floats | None, n_threads: int) -> Bytes:
    if n_threads < 2 or len(values) < 2 * n_threads:
        return ggml.quantize_rows(values, type_name, importance)
    # ctypes gives up the GIL, and ggml's quantizer keeps nothing between rows.
    with ThreadPoolExecutor(n_threads) as pool:
        parts = np.array_split(values, n_threads)
        return np.concatenate(list(pool.map(lambda part: ggml.quantize_rows(part, type_name, importance), parts)))


def row_size(columns: int, type_name: str) -> int:
    """Bytes of a row."""
    block, n_bytes = type_size(type_name)
    return -(-columns // block) * n_bytes


def fits(columns: int, type_name: str) -> bool:
    """Whether rows of `columns` can have the type."""
    return columns % type_size(type_name)[0] == 0
