"""The head of a GGUF file that is another file's but for some keys and the types of its tensors.

Knows the layout (drawn in `gguf_reader`). Long arrays, such as the vocabulary, are copied as bytes.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rushlight import Error
from rushlight.quant.block_encoding import row_size
from rushlight.quant.gguf_types import ARRAY, DEFAULT_ALIGNMENT, TENSOR_TYPES, VALUE_TYPES
from rushlight.quant.gguf_values import GgufFile, LongArray, TensorInfo, unreadable
from rushlight.quant.gguf_write import Typed, Value, pack_value

_NUMBERS: Final = {name: number for number, (name, _, _) in TENSOR_TYPES.items()}
_VALUE_NUMBERS: Final = {name: number for number, (name, _, _) in VALUE_TYPES.items()}
_SPLIT: Final = ("split.no", "split.count", "split.tensors.count", "general.alignment")
_PLACE_BYTES: Final = 12  # u32 type, u64 offset
_OF_ITS_MAKING: Final = "rushlight."  # keys that say how a file came of its source, not what it is


def padded(n_bytes: int) -> int:
    return -(-n_bytes // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT


def size_as(tensor: TensorInfo, type_name: str) -> int:
    """Bytes of a tensor in another type."""
    return tensor.n_elements // tensor.shape[0] * row_size(tensor.shape[0], type_name)


def head_size(source: GgufFile, tensors: Sequence[TensorInfo]) -> int:
    """Bytes of a copied head at most, but for keys that are added. Of a split file `tensors` are those of all parts,
    and what names the later ones stands in their own heads."""
    later = tensors[len(source.tensors) :]
    return padded(source.data_offset + sum(len(_named(one)) + _PLACE_BYTES for one in later))


def copied_head(
    source: GgufFile, tensors: Sequence[TensorInfo], types: Mapping[str, str], changed: Mapping[str, Value]
) -> bytes:
    """Everything before the data of the first tensor; the keys of `changed` beside the source's or in their place."""
    kept = [key for key in source.metadata if key not in _SPLIT and not key.startswith(_OF_ITS_MAKING)]
    values = {key: _packed(source, key) for key in kept}
    values |= {key: pack_value(value) for key, value in changed.items()}
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)))
    for key, packed in values.items():
        out += _text(key) + packed
    offset = 0
    for tensor in tensors:
        type_name = types.get(tensor.name, tensor.type_name)
        out += _named(tensor)
        out += struct.pack("<IQ", _NUMBERS[type_name], offset)
        offset += padded(size_as(tensor, type_name))
    return bytes(out + bytes(padded(len(out)) - len(out)))


def _named(tensor: TensorInfo) -> bytes:
    """A tensor's name and shape; its type and place follow."""
    return _text(tensor.name) + struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)


def _packed(source: GgufFile, key: str) -> bytes:
    value, type_name = source.metadata[key], source.value_types[key]
    if not isinstance(value, LongArray):
        return pack_value(Typed(type_name, value))
    return struct.pack("<IIQ", ARRAY, _VALUE_NUMBERS[value.type_name], value.length) + _bytes_of(value.path, value)


def _bytes_of(path: Path, array: LongArray) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(array.offset)
            data = file.read(array.size_bytes)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) != array.size_bytes:
        raise Error(f"Cannot read {path.name}: it became shorter while it was read.", kind="bad-file")
    return data


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
