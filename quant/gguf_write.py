"""Writes GGUF files as a stream: the table first, then each tensor a few megabytes at a time, whole or not at all.

Knows the layout (drawn in `gguf_reader`) and the tensor types. What the keys mean is the caller's.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from rushlight import Error, Progress, Stop
from rushlight.quant import gguf_types as types
from rushlight.quant.encoding import encode, row_bytes
from rushlight.quant.rows import Rows, row_length, slabs
from rushlight.quant.whole_file import whole_file

Plain = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]


@dataclass(frozen=True, slots=True)
class Typed:
    """A value whose type in the file is not the usual one: `Typed("uint16", 3)`, `Typed("array of uint8", data)`."""

    type_name: str
    value: Plain | bytes


Value = Plain | Typed
_CODES: Final = {name: (number, code) for number, (name, _, code) in types.VALUE_TYPES.items()}
_ARRAY_OF: Final = "array of "


@dataclass(frozen=True, slots=True)
class NamedRows:
    """A tensor on its way into a file, and the type it shall have there."""

    name: str
    rows: Rows
    type_name: str


def size_in_file(tensor: NamedRows) -> int:
    shape = tensor.rows.shape
    return prod(shape[:-1]) * row_bytes(row_length(shape), tensor.type_name)


def write_gguf(
    path: Path,
    metadata: Mapping[str, Value],
    tensors: Sequence[NamedRows],
    *,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    what: str = "Writing",
) -> int:
    """Write the file; its size in bytes. Memory: a few slabs, whatever the size of the tensors."""
    head = _head(metadata, tensors)
    total = sum(_padded(size_in_file(tensor)) for tensor in tensors)
    with whole_file(path) as file:
        file.write(head)
        done = 0
        for tensor in tensors:
            n_bytes = 0
            for slab in slabs(tensor.rows):
                if stop is not None:
                    stop.check()
                data = encode(slab, tensor.type_name)
                file.write(data.data.cast("B"))
                n_bytes += data.nbytes
                if on_progress is not None:
                    on_progress(Progress(what, done + n_bytes, total, "bytes"))
            if n_bytes != size_in_file(tensor):
                raise RuntimeError(f"{tensor.name}: {n_bytes} bytes instead of {size_in_file(tensor)}")
            file.write(bytes(_padded(n_bytes) - n_bytes))
            done += _padded(n_bytes)
        return file.tell()


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // types.DEFAULT_ALIGNMENT) * types.DEFAULT_ALIGNMENT


def _head(metadata: Mapping[str, Value], tensors: Sequence[NamedRows]) -> bytes:
    """Everything before the data of the first tensor."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        out += _text(key) + pack_value(value)
    offset, seen = 0, set()
    for tensor in tensors:
        shape, name = tensor.rows.shape, tensor.name.encode()
        if len(name) > types.MAX_TENSOR_NAME_BYTES or tensor.name in seen or not 1 <= len(shape) <= types.MAX_DIMS:
            raise Error(
                f"Cannot write the tensor {tensor.name[:80]!r}: GGUF holds names of up to 63 bytes, each once, and up "
                f"to {types.MAX_DIMS} dimensions.",
                "The model has a form that llama.cpp cannot hold.",
                kind="unsupported",
            )
        seen.add(tensor.name)
        out += _text(tensor.name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        number = next(number for number, (known, _, _) in types.TENSOR_TYPES.items() if known == tensor.type_name)
        out += struct.pack("<IQ", number, offset)
        offset += _padded(size_in_file(tensor))
    return bytes(out + bytes(_padded(len(out)) - len(out)))


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(raw)) + raw


def pack_value(value: Value) -> bytes:
    """Type and bytes of a value. Without `Typed`: text, bool, uint32, float32; lists of text, bool, int32, float32."""
    if not isinstance(value, Typed):
        value = Typed(_usual_type(value), value)
    if value.type_name.startswith(_ARRAY_OF):
        element = value.type_name.removeprefix(_ARRAY_OF)
        items = value.value
        assert isinstance(items, Sequence)
        number, code = _CODES[element]
        head = struct.pack("<IIQ", types.ARRAY, number, len(items))
        if element == "string":
            return head + b"".join(_text(str(item)) for item in items)
        return head + struct.pack(f"<{len(items)}{code}", *items)
    number, code = _CODES[value.type_name]
    if number == types.STRING:
        return struct.pack("<I", number) + _text(str(value.value))
    return struct.pack(f"<I{code}", number, value.value)


def _usual_type(value: Plain) -> str:
    match value:
        case str():
            return "string"
        case bool():
            return "bool"
        case int():
            return "uint32"
        case float():
            return "float32"
    first = value[0] if value else ""
    element = {str: "string", bool: "bool", int: "int32", float: "float32"}[type(first)]
    return _ARRAY_OF + element
