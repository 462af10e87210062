"""safetensors files: their tensors as rows that are read when asked for, and writing them as a stream.

    length of the header u64 | header, JSON: {name: {"dtype", "shape", "data_offsets": [from, to]}} | data

Reads with `pread` and checks every bound first. Knows neither torch nor the safetensors package: bfloat16 is no type
of numpy, and tensors larger than memory must pass.
"""

import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.encoding import encode, from_bf16
from rushlight.quant.gguf_values import open_regular, read_at
from rushlight.quant.rows import Floats, Rows, n_rows, row_length, slabs
from rushlight.quant.whole_file import whole_file

MAX_HEADER_BYTES: Final = 100_000_000  # the format's own limit
MAX_SHARD_BYTES: Final = 4 << 30

# dtype -> (numpy's code of what is stored, bytes)
_DTYPES: Final = {
    "F64": ("<f8", 8),
    "F32": ("<f4", 4),
    "F16": ("<f2", 2),
    "BF16": ("<u2", 2),
    "I64": ("<i8", 8),
    "I32": ("<i4", 4),
    "I16": ("<i2", 2),
    "I8": ("<i1", 1),
    "U8": ("<u1", 1),
    "BOOL": ("<u1", 1),
}
WRITABLE: Final = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in an open safetensors file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    fd: int
    offset: int  # from the start of the file
    path: Path

    def rows(self, start: int, stop: int) -> Floats:
        code, size = _DTYPES[self.dtype]
        length = row_length(self.shape)
        n_bytes = max(0, stop - start) * length * size
        data = read_at(self.fd, self.offset + start * length * size, n_bytes, self.path)
        stored = np.frombuffer(data, code).reshape(max(0, stop - start), length)
        if self.dtype == "BF16":
            return from_bf16(stored)
        return stored.astype(np.float32, copy=False)


class SafetensorsFile:
    """An open file. `tensors` by name; closing ends their reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd, size = open_regular(path)
        try:
            self.metadata, self.tensors = _read_header(self._fd, size, path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "SafetensorsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bad(path: Path, what: str) -> NoReturn:
    raise Error(
        f"Cannot use {path.name}: {what}.", "The file is damaged or no safetensors file; get it again.", kind="bad-file"
    )


def _read_header(fd: int, size: int, path: Path) -> tuple[dict[str, str], dict[str, StoredTensor]]:
    if size < 8:
        _bad(path, "it has no header")
    (length,) = struct.unpack("<Q", read_at(fd, 0, 8, path))
    if length > min(size - 8, MAX_HEADER_BYTES):
        _bad(path, f"its header should be {length:,} bytes long")
    try:
        header = json.loads(read_at(fd, 8, length, path))
    except (ValueError, RecursionError):
        _bad(path, "its header is no JSON")
    if not isinstance(header, dict):
        _bad(path, "its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        tensors[name] = _stored(name, entry, fd, 8 + length, size, path)
    return metadata if isinstance(metadata, dict) else {}, tensors


def _stored(name: str, entry: Any, fd: int, data_start: int, size: int, path: Path) -> StoredTensor:
    try:
        dtype, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = all(isinstance(number, int) and number >= 0 for number in (*shape, first, last))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        _bad(path, f"what it says of the tensor {name[:80]!r} is not understood")
    if dtype not in _DTYPES:
        raise Error(
            f"Cannot use {path.name}: {name[:80]!r} has the type {str(dtype)[:20]!r}.",
            f"Types that can be read: {', '.join(_DTYPES)}.",
            kind="unsupported",
        )
    if last - first != prod(shape) * _DTYPES[dtype][1] or data_start + last > size:
        _bad(path, f"the tensor {name[:80]!r} does not lie where it says")
    return StoredTensor(name, dtype, shape, fd, data_start + first, path)


def write_safetensors(
    path: Path,
    tensors: Sequence[tuple[str, Rows]],
    dtype: str = "F32",
    *,
    metadata: Mapping[str, str] | None = None,
    stop: Stop | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> int:
    """Write one file; bytes of its data. Memory: a few slabs."""
    size = _DTYPES[dtype][1]
    header: dict[str, Any] = {"__metadata__": dict(metadata or {"format": "pt"})}
    offset = 0
    for name, tensor in tensors:
        n_bytes = prod(tensor.shape) * size
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, offset + n_bytes]}
        offset += n_bytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    with whole_file(path) as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for _, tensor in tensors:
            for slab in slabs(tensor):
                if stop is not None:
                    stop.check()
                data = encode(slab, dtype)
                file.write(data.data.cast("B"))
                if on_bytes is not None:
                    on_bytes(data.nbytes)
    return offset


def write_shards(
    folder: Path,
    tensors: Sequence[tuple[str, Rows]],
    dtype: str = "F32",
    *,
    shard_bytes: int = MAX_SHARD_BYTES,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Path]:
    """model.safetensors, or several with their index, as Hugging Face lays them out."""
    size = _DTYPES[dtype][1]
    groups: list[list[tuple[str, Rows]]] = [[]]
    filled = 0
    for name, tensor in tensors:
        n_bytes = prod(tensor.shape) * size
        if filled and filled + n_bytes > shard_bytes:
            groups.append([])
            filled = 0
        groups[-1].append((name, tensor))
        filled += n_bytes
    total = sum(n_rows(tensor.shape) * row_length(tensor.shape) * size for _, tensor in tensors)
    done = 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        if on_progress is not None:
            on_progress(Progress("Writing", done, total, "bytes"))

    names = ["model.safetensors"]
    if len(groups) > 1:
        names = [f"model-{index:05}-of-{len(groups):05}.safetensors" for index in range(1, len(groups) + 1)]
    for file_name, group in zip(names, groups, strict=True):
        write_safetensors(folder / file_name, group, dtype, stop=stop, on_bytes=count)
    if len(groups) > 1:
        where = {name: file for file, group in zip(names, groups, strict=True) for name, _ in group}
        index = {"metadata": {"total_size": total}, "weight_map": where}
        with whole_file(folder / "model.safetensors.index.json") as file:
            file.write(json.dumps(index, indent=2).encode())
    return [folder / name for name in names]
