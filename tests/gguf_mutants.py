"""Damaged GGUF files made out of good ones: bytes changed where structure lies, or one value that then still fits.

Used by the tests of the checker and of the engine, and by gguf_fuzzer.py. Reached through the fixture `gguf_mutants`.
"""

import random
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rushlight.quant.gguf_check import check


@dataclass(frozen=True)
class Seed:
    """A good file, where its bytes of structure lie, and its parts."""

    data: bytes
    structure: tuple[int, ...]  # positions of the header outside long lists
    header_size: int
    raw: Any  # gguf_builder.RawFile
    embeddings: bool


def make_seed(builder: ModuleType, path: Path, *, embeddings: bool = False) -> Seed:
    file = check(path)
    skipped = [
        range(array.offset, array.offset + array.size_bytes)
        for array in file.metadata.values()
        if hasattr(array, "load")
    ]
    raw = builder.raw_file(path)
    data = path.read_bytes()
    for key, kind, value in raw.values:  # and short lists too: vocabularies are most of a tiny file
        if kind == 9 and len(value) > 200:
            start = data.index(value, data.index(builder.raw_string(key)))
            skipped.append(range(start + 12, start + len(value)))
    structure = tuple(at for at in range(file.data_offset) if not any(at in part for part in skipped))
    return Seed(data, structure, file.data_offset, raw, embeddings)


_WHOLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 7: "B", 10: "Q", 11: "q"}
_REAL = {6: "f", 12: "d"}
_NUMBERS = (
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    16,
    31,
    33,
    64,
    100,
    127,
    128,
    255,
    256,
    320,
    1000,
    4096,
    65_535,
    65_536,
    2**20,
    2**28,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_REALS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e-30, 1e30, -1e30, float("inf"), float("-inf"), float("nan"), 0.5)


def mutate(seed: Seed, chance: random.Random) -> bytes:
    """One to three changes of bytes, mostly in the header, or of one value that then still fits the format."""
    if chance.random() < 0.4:
        return _mutate_value(seed, chance)
    data = bytearray(seed.data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        mutate_bytes(data, seed, chance)
    return bytes(data)


def _position(seed: Seed, size: int, chance: random.Random) -> int:
    where = chance.random()
    if where < 0.6:
        return min(chance.choice(seed.structure), size - 1)
    return chance.randrange(min(size, seed.header_size if where < 0.9 else size))


def mutate_bytes(data: bytearray, seed: Seed, chance: random.Random) -> None:
    if len(data) < 2:
        return
    at = _position(seed, len(data), chance)
    match chance.choice(("flip", "flip", "set", "set", "number", "insert", "delete", "truncate", "splice")):
        case "flip":
            data[at] ^= 1 << chance.randrange(8)
        case "set":
            data[at] = chance.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        case "number":
            width = chance.choice((2, 4, 8))
            data[at : at + width] = (chance.choice(_NUMBERS) % 256**width).to_bytes(width, "little")
        case "insert":
            data[at:at] = chance.randbytes(chance.randrange(1, 17))
        case "delete":
            del data[at : at + chance.randrange(1, 17)]
        case "truncate":
            del data[at:]
        case "splice":
            source = _position(seed, len(data), chance)
            part = data[source : source + chance.randrange(1, 65)]
            data[at : at + len(part)] = part


def _mutate_value(seed: Seed, chance: random.Random) -> bytes:
    raw = type(seed.raw)(
        values=list(seed.raw.values),
        tensors=[copied(tensor) for tensor in seed.raw.tensors],
        version=seed.raw.version,
        alignment=seed.raw.alignment,
    )
    changes = ["value", "value", "value", "remove", "row", "drop"]
    changes += ["kind"] if any(row[1] in _WHOLE for row in raw.values) else []
    changes += ["list"] if any(row[1] == 9 for row in raw.values) else []
    match chance.choice(changes):
        case "value":
            at = chance.choice([at for at, row in enumerate(raw.values) if row[1] != 9])
            key, kind, value = raw.values[at]
            raw.values[at] = (key, kind, _other_value(kind, value, chance))
        case "kind":  # the same number in another type
            at = chance.choice([at for at, row in enumerate(raw.values) if row[1] in _WHOLE])
            key, kind, value = raw.values[at]
            (number,) = struct.unpack(f"<{_WHOLE[kind]}", value)
            other = chance.choice([4, 5, 10, 11])
            raw.values[at] = (key, other, struct.pack(f"<{_WHOLE[other]}", number))
        case "remove":
            del raw.values[chance.randrange(len(raw.values))]
        case "list":  # one element of a list changed, or a list of other length
            at = chance.choice([at for at, row in enumerate(raw.values) if row[1] == 9])
            key, kind, value = raw.values[at]
            raw.values[at] = (key, kind, _other_list(value, chance))
        case "row":
            tensor = chance.choice(raw.tensors)
            if chance.random() < 0.5:
                tensor.type_number = chance.choice((0, 1, 2, 8, 9, 10, 15, 16, 24, 26, 27, 28, 30, 34, 41, 4, 50))
            elif chance.random() < 0.5:
                tensor.dims = [tensor.dims[-1], *tensor.dims[:-1]] if len(tensor.dims) > 1 else [tensor.dims[0], 1]
            else:
                at = chance.randrange(len(tensor.dims))
                tensor.dims[at] = chance.choice((0, 1, tensor.dims[at] // 2, tensor.dims[at] - 1, 2**40, 2**63))
        case "drop":
            del raw.tensors[chance.randrange(len(raw.tensors))]
    data: bytes = raw.pack()
    return data


def copied(tensor: Any) -> Any:
    return type(tensor)(tensor.name, list(tensor.dims), tensor.type_number, tensor.data)


def _other_value(kind: int, value: bytes, chance: random.Random) -> bytes:
    if kind in _REAL:
        return struct.pack(f"<{_REAL[kind]}", chance.choice(_REALS))
    if kind in _WHOLE:
        size = len(value)
        return (chance.choice(_NUMBERS) % 256**size).to_bytes(size, "little")
    text = bytearray(value[8:])
    match chance.choice(("empty", "byte", "longer", "zero", "broken")):
        case "empty":
            text.clear()
        case "byte" if text:
            text[chance.randrange(len(text))] = chance.randrange(32, 127)
        case "longer":
            text *= 2
        case "zero":
            text += b"\0hidden"
        case _:
            text += b"\xff\xfe"
    return struct.pack("<Q", len(text)) + bytes(text)


def _other_list(value: bytes, chance: random.Random) -> bytes:
    element, length = struct.unpack_from("<IQ", value)
    items = []
    position = 12
    for _ in range(length):
        size = 8 + struct.unpack_from("<Q", value, position)[0] if element == 8 else 4
        items.append(value[position : position + size])
        position += size
    at = chance.randrange(len(items))
    match chance.choice(("change", "change", "shorter", "longer", "none", "swap", "double")):
        case "change":
            items[at] = _other_value(element, items[at], chance)
        case "shorter":
            del items[at]
        case "longer":
            items.append(items[at])
        case "none":
            items.clear()
        case "swap":
            items[at], items[0] = items[0], items[at]
        case "double":
            items[at] = items[0]
    return struct.pack("<IQ", element, len(items)) + b"".join(items)
