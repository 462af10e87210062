"""What a checked GGUF file holds: its metadata, its tensors, and long arrays that stay in the file until asked for.

Plain values, made only by `gguf_check.check`. They know where things lie in the file, not what they mean to a model.
"""

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, overload

from rushlight import Error
from rushlight.quant.gguf_types import VALUE_TYPES

_KIND_OF_ARCHITECTURE: Final = {"clip": "mmproj", "controlvector": "controlvector"}


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array of more than 1,024 elements. Its bounds are checked; its elements are read when `load` is called."""

    path: Path
    type_name: str  # of the elements: "string", "int32", "float32" ...
    length: int
    offset: int  # of the first element, from the start of the file
    size_bytes: int  # of all elements, length prefixes of strings included

    def __len__(self) -> int:
        return self.length

    def load(self) -> list[Any]:
        """All elements. Broken UTF-8 becomes U+FFFD, since vocabularies may hold parts of characters."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size_bytes)
        except OSError as error:
            raise Error(
                f"Cannot read {self.path.name}: {error.strerror}.",
                "The file was checked before; was it moved?",
                kind="bad-file",
            ) from None
        if len(data) != self.size_bytes:
            raise self._changed()
        if self.type_name != "string":
            code = next(code for name, _, code in VALUE_TYPES.values() if name == self.type_name)
            return list(struct.unpack(f"<{self.length}{code}", data))
        unpack, position, texts = struct.Struct("<Q").unpack_from, 0, []
        try:
            for _ in range(self.length):
                (n_bytes,) = unpack(data, position)
                position += 8 + n_bytes
                texts.append(data[position - n_bytes : position].decode("utf-8", "replace"))
        except (struct.error, OverflowError):
            raise self._changed() from None
        if position != self.size_bytes:
            raise self._changed()
        return texts

    def _changed(self) -> Error:
        return Error(
            f"Cannot read {self.path.name}: it changed after it was checked.", "Load the model again.", kind="bad-file"
        )


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor. `shape` is in the file's order: the first number is the length of a row."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    offset: int  # of its data, from the start of the file
    size_bytes: int
    n_elements: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A file that passed every check. The file may still be changed by others; native code opens it in a worker."""

    path: Path
    version: int
    alignment: int
    size_bytes: int
    data_offset: int  # of the first tensor's data, from the start of the file
    metadata: Mapping[str, Any]  # numbers, bools, texts, short lists, LongArray
    tensors: tuple[TensorInfo, ...]  # in file order
    value_types: Mapping[str, str]  # key -> "uint32", "string", "array of int32" ...
    broken_texts: frozenset[str] = frozenset()  # keys whose text was not valid UTF-8 and was repaired with U+FFFD

    @property
    def kind(self) -> str:
        """What the file is: "model", "adapter", "mmproj", "imatrix", "controlvector", "vocabulary" (a tokenizer
        without a network), or "part" for the second and later files of a split model."""
        if self.split_index > 0:
            return "part"
        architecture, declared = self.metadata.get("general.architecture"), self.metadata.get("general.type")
        if architecture in _KIND_OF_ARCHITECTURE:
            return _KIND_OF_ARCHITECTURE[architecture]
        if declared in ("adapter", "imatrix"):
            return str(declared)
        if not self.tensors and "tokenizer.ggml.model" in self.metadata and self.split_count == 1:
            return "vocabulary"
        return "model"

    @property
    def architecture(self) -> str:
        return self.text("general.architecture", "")

    @property
    def split_count(self) -> int:
        """In how many files the model lies; 1 when it is not split."""
        return max(1, self.number("split.count", 1))

    @property
    def split_index(self) -> int:
        return self.number("split.no", 0)

    def text(self, key: str, default: str) -> str:
        """The text under `key`; `default` where it is missing; an `Error` where it is no text."""
        value = self.metadata.get(key, default)
        if not isinstance(value, str):
            raise self._wrong_type(key, "a text")
        return value

    @overload
    def number(self, key: str, default: int) -> int: ...
    @overload
    def number(self, key: str, default: float) -> float: ...
    def number(self, key: str, default: float) -> float:
        """The number under `key`, an int or a float as the default is; `default` where it is missing."""
        value = self.metadata.get(key, default)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, type(default)):
            raise self._wrong_type(key, "a whole number" if isinstance(default, int) else "a number")
        return value

    def tensor(self, name: str) -> TensorInfo | None:
        return next((tensor for tensor in self.tensors if tensor.name == name), None)

    def _wrong_type(self, key: str, expected: str) -> Error:
        found = self.value_types.get(key, type(self.metadata.get(key)).__name__)
        return Error(
            f"Cannot use {self.path.name}: {key} should be {expected}, the file holds {found}.",
            "The file is damaged; download it again.",
            kind="bad-file",
        )


def open_regular(path: Path) -> tuple[int, int]:
    """(descriptor, size in bytes) of an ordinary file; never waits on a pipe or a device. Closing is the caller's."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = (error.strerror or "cannot be opened") if isinstance(error, OSError) else "the name holds a zero byte"
        raise Error(f"Cannot open {path}: {reason}.", "Check the path.", kind="bad-file") from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Error(
            f"Cannot use {path}: expected a file, found a folder, pipe or device.",
            "Give the path of a .gguf file.",
            kind="bad-file",
        )
    return fd, status.st_size


def read_at(fd: int, offset: int, n_bytes: int, path: Path) -> bytes:
    """Exactly so many bytes of an open file. One read of the system gives at most 2 GiB, and may fail."""
    pieces, done = [], 0
    while done < n_bytes:
        try:
            piece = os.pread(fd, min(n_bytes - done, 1 << 30), offset + done)
        except OSError as error:
            raise unreadable(path, error) from None
        if not piece:
            raise Error(f"Cannot read {path.name}: it became shorter while it was read.", kind="bad-file")
        pieces.append(piece)
        done += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def unreadable(path: Path, error: OSError) -> Error:
    """A disk that does not give what it holds."""
    return Error(f"Cannot read {path.name}: {error.strerror}.", "Check the disk it lies on.", kind="bad-file")
