"""The compressed-tensors layout: quantized weights in safetensors as transformers and vLLM read them.

pack-quantized, 4 bits: `weight_packed` I32 (rows, columns / 8), code + 8 in four bits, the first column lowest;
`weight_scale` (rows, columns / group); `weight_shape` I64 (2,). int-quantized, 8 bits: `weight` I8, `weight_scale`
(rows, 1), and activations rounded as they come, one scale for each token. What these numbers mean stands in
config.json under `quantization_config`. Knows bytes, not how codes are found.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from rushlight import Progress, Stop
from rushlight.quant.encoding import encode
from rushlight.quant.rows import Floats, Rows, slabs
from rushlight.quant.whole_file import whole_file

Kind = Literal["int4", "int8"]
Codes = NDArray[np.int8]

GROUP: Final = 128
_SIZES: Final = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1, "I32": 4, "I64": 8}


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of the file; `pieces` gives its bytes when its turn comes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[bytes | memoryview]]

    @property
    def n_bytes(self) -> int:
        return prod(self.shape) * _SIZES[self.dtype]


@dataclass(frozen=True, slots=True)
class Coded:
    """A matrix as codes and scales: (rows, columns) int8 and (rows, groups)."""

    codes: Codes
    scales: Floats


def plain_part(name: str, tensor: Rows, dtype: str) -> Part:
    """A tensor that stays as it is."""
    return Part(name, dtype, tensor.shape, lambda: (encode(slab, dtype).data.cast("B") for slab in slabs(tensor)))


def coded_parts(
    name: str, shape: tuple[int, int], kind: Kind, group: int, dtype: str, found: Callable[[], Coded]
) -> list[Part]:
    """The tensors of one quantized matrix, `name` without its ".weight". `found` makes it, once, when it is written."""
    kept: list[Coded] = []

    def coded() -> Coded:
        if not kept:
            kept.append(found())
        return kept[0]

    def last(values: NDArray[Any]) -> Iterator[memoryview]:
        yield np.ascontiguousarray(values).data.cast("B")

    rows, columns = shape
    n_groups = columns // group if kind == "int4" else 1
    scale = Part(f"{name}.weight_scale", dtype, (rows, n_groups), lambda: last(encode(coded().scales, dtype)))
    if kind == "int8":
        return [Part(f"{name}.weight", "I8", shape, lambda: last(coded().codes)), scale]
    packed = Part(f"{name}.weight_packed", "I32", (rows, -(-columns // 8)), lambda: last(packed_fours(coded().codes)))
    return [packed, scale, Part(f"{name}.weight_shape", "I64", (2,), lambda: last(np.array(shape, "<i8")))]


def packed_fours(codes: Codes) -> NDArray[np.int32]:
    """(rows, columns) codes from -8 to 7 as (rows, columns / 8) int32."""
    rows, columns = codes.shape
    padded = np.zeros((rows, -(-columns // 8) * 8), np.uint32)
    padded[:, :columns] = codes.astype(np.int16) + 8
    shifts = np.arange(0, 32, 4, dtype=np.uint32)
    joined = np.bitwise_or.reduce(padded.reshape(rows, -1, 8) << shifts, axis=2)
    return np.ascontiguousarray(joined.astype("<u4")).view("<i4")


def unpacked_fours(packed: NDArray[np.int32], columns: int) -> Codes:
    """`packed_fours` backwards."""
    shifts = np.arange(0, 32, 4, dtype=np.uint32)
    fours = (np.ascontiguousarray(packed).view(np.uint32)[:, :, None] >> shifts) & 15
    return (fours.reshape(len(packed), -1)[:, :columns].astype(np.int16) - 8).astype(np.int8)


def as_stored(scales: Floats, dtype: str) -> Floats:
    """Scales as the file will hold them, so that codes are chosen for these."""
    from rushlight.quant.encoding import decode

    found: Floats = decode(encode(scales, dtype), dtype).reshape(scales.shape)
    return found


def quantization_config(kind: Kind, group: int, ignored: Sequence[str]) -> dict[str, Any]:
    """What config.json says of the weights."""
    weights: dict[str, Any] = {
        "num_bits": 4 if kind == "int4" else 8,
        "type": "int",
        "symmetric": True,
        "strategy": "group" if kind == "int4" else "channel",
        "group_size": group if kind == "int4" else None,
        "dynamic": False,
    }
    activations = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
    form = "pack-quantized" if kind == "int4" else "int-quantized"
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": weights,
                "input_activations": activations if kind == "int8" else None,
                "output_activations": None,
            }
        },
        "ignore": list(ignored),
        "kv_cache_scheme": None,
    }


def write_parts(
    path: Path,
    parts: Sequence[Part],
    *,
    metadata: Mapping[str, str] | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> int:
    """One safetensors file; bytes of its data."""
    header: dict[str, Any] = {"__metadata__": dict(metadata or {"format": "pt"})}
    offset = 0
    for part in parts:
        header[part.name] = {
            "dtype": part.dtype,
            "shape": list(part.shape),
            "data_offsets": [offset, offset + part.n_bytes],
        }
        offset += part.n_bytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    done = 0
    with whole_file(path) as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for part in parts:
            before = done
            for piece in part.pieces():
                if stop is not None:
                    stop.check()
                file.write(piece)
                done += len(piece)
            if done - before != part.n_bytes:
                raise RuntimeError(f"{part.name}: {done - before} bytes instead of {part.n_bytes}")
            if on_progress is not None:
                on_progress(Progress("Writing", done, offset, "bytes"))
    return offset
