"""Rows of float32 into the bytes of a tensor type, and back: the types that need no search.

Knows numbers only. The K-quants and IQ types are made elsewhere; every type can be read back.
"""

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from rushlight import Error
from rushlight.quant.gguf_types import type_size
from rushlight.quant.rows import Floats

Bytes = NDArray[np.uint8]

WRITABLE: Final = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
_F16_MAX: Final = 65_504.0


def encode(values: Floats, type_name: str) -> Bytes:
    """The bytes of `values` (rows, row length) in `type_name`: (rows, bytes of a row)."""
    match type_name:
        case "F32":
            return np.ascontiguousarray(values, "<f4").view(np.uint8)
        case "F16":
            if values.size and float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values))) > _F16_MAX:
                raise Error(
                    "Cannot write these weights as F16: some are larger than 65,504.",
                    "Choose BF16 or F32.",
                    kind="range",
                )
            return np.ascontiguousarray(values, "<f2").view(np.uint8)
        case "BF16":
            return to_bf16(values).view(np.uint8)
    if type_name not in WRITABLE:
        raise Error(f"Cannot write {type_name} here.", f"Choose one of {', '.join(WRITABLE)}.", kind="unknown-type")
    from gguf import GGMLQuantizationType, quants  # a tenth of a second, only where it is needed

    return cast(Bytes, quants.quantize(np.ascontiguousarray(values), GGMLQuantizationType[type_name]))


def decode(data: Bytes, type_name: str) -> Floats:
    """float32 from the bytes of whole rows: (rows, bytes of a row) into (rows, row length). Exact: each stored number
    is one float32."""
    match type_name:
        case "F32":
            return data.view("<f4")
        case "F16":
            return data.view("<f2").astype(np.float32)
        case "BF16":
            return from_bf16(data.view("<u2"))
        case "F64":
            return data.view("<f8").astype(np.float32)
        case "I8" | "I16" | "I32" | "I64":
            return data.view(f"<i{type_size(type_name)[1]}").astype(np.float32)
    from gguf import GGMLQuantizationType, quants

    try:
        return cast(Floats, quants.dequantize(data, GGMLQuantizationType[type_name]))
    except (KeyError, NotImplementedError):
        raise Error(
            f"Cannot read weights of type {type_name}.", "Take a file of another type.", kind="unknown-type"
        ) from None


def row_bytes(length: int, type_name: str) -> int:
    """Bytes of a row of `length` weights."""
    block, size = type_size(type_name)
    if length % block:
        raise ValueError(f"rows of {length} do not divide by {block}")
    return length // block * size


def to_bf16(values: Floats) -> NDArray[np.uint16]:
    """bfloat16, rounded to the nearest, ties to even, as ggml and torch do; not-a-number stays that."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    if is_nan.any():
        rounded[is_nan] = (bits[is_nan] >> 16).astype(np.uint16) | 64
    return rounded


def from_bf16(halves: NDArray[np.uint16]) -> Floats:
    return (halves.astype(np.uint32) << 16).view(np.float32)
