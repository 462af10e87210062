"""Walks the bytes of a GGUF file and refuses everything that does not fit the format or lies outside the file.

Knows the layout of the format only; what the values mean to a model is checked in `gguf_model`. Reads with `pread`
into one growing buffer: a mapped file that another process truncates would end this process with SIGBUS.

    magic "GGUF" | version u32 | n_tensors u64 | n_keys u64
    n_keys    x  key string | value type u32 | value          string = length u64, bytes
    n_tensors x  name string | n_dims u32 | dims u64 ... | type u32 | offset u64
    padding to the alignment | tensor data, in the order of the table, each padded to the alignment
"""

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from rushlight import Error
from rushlight.quant import gguf_types as types
from rushlight.quant.gguf_values import LongArray, TensorInfo, unreadable

TOKENS_KEY: Final = "tokenizer.ggml.tokens"

_FIRST_READ_BYTES: Final = 4 << 20  # most files' metadata in one read
_MAX_TENSOR_TABLE_BYTES: Final = types.MAX_TENSORS * (8 + types.MAX_TENSOR_NAME_BYTES + 4 + 8 * types.MAX_DIMS + 12)
_HINT: Final = "The file is damaged, incomplete or made to do harm; get it again from a source you trust."
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_PAST_END: Final = (struct.error, OverflowError, IndexError)  # what unpack_from says of a position past its buffer


@dataclass(slots=True)
class Contents:
    """Everything the walk found, with the byte position of each value so that later checks can name it."""

    path: Path
    size_bytes: int
    version: int = 0
    alignment: int = types.DEFAULT_ALIGNMENT
    data_offset: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    value_types: dict[str, str] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)  # key -> byte position of its value
    broken_texts: set[str] = field(default_factory=set)
    tensors: list[TensorInfo] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)  # of TOKENS_KEY, as raw bytes

    def bad(self, position: int, expected: str, found: str, hint: str = _HINT) -> NoReturn:
        raise Error(
            f"Cannot use {self.path.name}: at byte {position:,} expected {expected}, found {found}.",
            hint,
            kind="bad-file",
        )


def shown(text: str | bytes, limit: int = 60) -> str:
    """A name from the file as it may stand in a message: escaped and cut."""
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    cut = repr(text[:limit])
    return cut if len(text) <= limit else f"{cut}..."


class Walk:
    """One pass over a file. `data` is the part of the file read so far, from byte 0; `position` the next byte."""

    def __init__(self, fd: int, path: Path, size_bytes: int) -> None:
        self._fd = fd
        self._limit = min(size_bytes, types.MAX_METADATA_BYTES + _MAX_TENSOR_TABLE_BYTES)
        self._path = path
        self.data = self._read(min(_FIRST_READ_BYTES, self._limit), 0)
        self.position = 0
        self.contents = Contents(path, size_bytes)
        self._n_strings = 0  # in arrays so far

    def run(self) -> Contents:
        n_tensors, n_keys = self._header()
        for index in range(n_keys):
            self._key_and_value(index, n_keys)
            if self.position > types.MAX_METADATA_BYTES:
                self._bad(self.position, "at most 64 MiB of metadata", "more")
        self._take_alignment()
        self._tensor_table(n_tensors)
        return self.contents

    # ------------------------------------------------------------ reading
    def _read(self, n_bytes: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, n_bytes, offset)
        except OSError as error:
            raise unreadable(self._path, error) from None

    def _bad(self, position: int, expected: str, found: str) -> NoReturn:
        self.contents.bad(position, expected, found)

    def _grow(self, end: int) -> bool:
        """Make `data` reach `end` at least; False where the file or the limit ends before."""
        if end <= len(self.data):
            return True
        if end > self._limit:
            return False
        wanted = min(self._limit, max(end, len(self.data) * 4))
        while len(self.data) < wanted:
            more = self._read(wanted - len(self.data), len(self.data))
            if not more:  # truncated while we read
                break
            self.data += more
        return end <= len(self.data)

    def _need(self, n_bytes: int, what: str) -> int:
        """Position of the next `n_bytes`, which are consumed."""
        start = self.position
        if start + n_bytes > len(self.data) and not self._grow(start + n_bytes):
            self._past_end(start, n_bytes, what)
        self.position = start + n_bytes
        return start

    def _past_end(self, start: int, n_bytes: int, what: str) -> NoReturn:
        left = self.contents.size_bytes - start
        if n_bytes > left:
            self._bad(start, f"{n_bytes:,} bytes of {what}", f"{max(0, left):,} bytes before the end of the file")
        self._bad(start, "at most 64 MiB of metadata", f"{what} of {n_bytes:,} bytes that reaches beyond")

    def _u32(self, what: str) -> int:
        start = self._need(4, what)
        return int(_U32.unpack_from(self.data, start)[0])

    def _u64(self, what: str) -> int:
        start = self._need(8, what)
        return int(_U64.unpack_from(self.data, start)[0])

    def _string(self, what: str, max_bytes: int) -> bytes:
        start = self.position
        n_bytes = self._u64(f"the length of {what}")
        if n_bytes > max_bytes:
            self._bad(start, f"{what} of at most {max_bytes:,} bytes", f"{n_bytes:,}")
        start = self._need(n_bytes, what)
        return self.data[start : start + n_bytes]

    def _name(self, what: str, max_bytes: int) -> str:
        """A key or tensor name: never empty, valid UTF-8 and free of control characters (C code ends it at a zero)."""
        start = self.position
        raw = self._string(what, max_bytes)
        if not raw:
            self._bad(start, f"{what} that is not empty", "length 0")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self._bad(start + 8 + error.start, f"{what} in UTF-8", shown(raw))
        if not name.isprintable():
            self._bad(start + 8, f"{what} without control characters", shown(name))
        return name

    # ------------------------------------------------------------ header
    def _header(self) -> tuple[int, int]:
        if self.contents.size_bytes == 0:
            self._bad(0, "a GGUF file", "an empty file")
        magic = self.data[:4]
        if magic != b"GGUF":
            self._bad(0, "the letters GGUF", f"{shown(magic)} (this is no GGUF file)")
        self.position = 4
        version = self._u32("the format version")
        if version & 0xFFFF == 0 and version:
            self._bad(4, "a little-endian file", "a big-endian one, which only big-endian machines can use")
        if version not in types.SUPPORTED_VERSIONS:
            older = " (files of before October 2023 must be converted anew)" if version == 1 else ""
            self._bad(4, "GGUF version 2 or 3", f"version {version}{older}")
        n_tensors = self._u64("the number of tensors")
        if n_tensors > types.MAX_TENSORS:
            self._bad(8, f"at most {types.MAX_TENSORS:,} tensors", f"{n_tensors:,}")
        n_keys = self._u64("the number of keys")
        if n_keys > types.MAX_KEYS:
            self._bad(16, f"at most {types.MAX_KEYS:,} keys", f"{n_keys:,}")
        self.contents.version = version
        return n_tensors, n_keys

    # ------------------------------------------------------------ metadata
    def _key_and_value(self, index: int, n_keys: int) -> None:
        start = self.position
        key = self._name(f"key {index + 1} of {n_keys}", types.MAX_KEY_BYTES)
        if key in self.contents.metadata:
            self._bad(start, "every key once", f"{shown(key)} again")
        type_start = self.position
        type_number = self._u32(f"the value type of {shown(key)}")
        if type_number not in types.VALUE_TYPES:
            self._bad(type_start, f"a value type from 0 to 12 for {shown(key)}", f"{type_number}")
        self.contents.positions[key] = self.position
        type_name, size, code = types.VALUE_TYPES[type_number]
        if type_number == types.ARRAY:
            value, element_name = self._array(key)
            type_name = f"array of {element_name}"
        elif type_number == types.STRING:
            value = self._text(self._string(f"the value of {shown(key)}", types.MAX_STRING_BYTES), key)
        else:
            value_start = self._need(size, f"the value of {shown(key)}")
            if type_number == types.BOOL and self.data[value_start] > 1:
                self._bad(value_start, f"0 or 1 for the bool {shown(key)}", f"{self.data[value_start]}")
            (value,) = struct.unpack_from(f"<{code}", self.data, value_start)
        self.contents.metadata[key] = value
        self.contents.value_types[key] = type_name

    def _text(self, raw: bytes, key: str) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:  # a broken chat template or author's name must not make a model unusable
            self.contents.broken_texts.add(key)
            return raw.decode("utf-8", "replace")

    def _array(self, key: str) -> tuple[Any, str]:
        start = self.position
        type_number = self._u32(f"the element type of {shown(key)}")
        if type_number == types.ARRAY:
            self._bad(start, f"no array inside the array {shown(key)}", "a nested one")
        if type_number not in types.VALUE_TYPES:
            self._bad(start, f"an element type from 0 to 12 for {shown(key)}", f"{type_number}")
        type_name, size, code = types.VALUE_TYPES[type_number]
        length = self._u64(f"the length of {shown(key)}")
        if length > types.MAX_ARRAY_ELEMENTS:
            self._bad(start + 4, f"at most {types.MAX_ARRAY_ELEMENTS:,} elements in {shown(key)}", f"{length:,}")
        first = self.position
        inline = length <= types.INLINE_ELEMENTS
        value: Any
        if type_number == types.STRING:
            self._count_strings(length, key, start + 4)
            texts = self._walk_strings(length, key, keep=inline or key == TOKENS_KEY)
            if key == TOKENS_KEY:
                self.contents.tokens = texts
            value = self._texts(texts, key) if inline else None
        else:
            self._need(length * size, f"elements of {shown(key)}")
            if type_number == types.BOOL and self.data[first : self.position].translate(None, b"\0\1"):
                self._bad(first, f"only 0 and 1 in the bools {shown(key)}", "another byte")
            value = list(struct.unpack_from(f"<{length}{code}", self.data, first)) if inline else None
        if not inline:
            value = LongArray(self.contents.path, type_name, length, first, self.position - first)
        return value, type_name

    def _count_strings(self, n_strings: int, key: str, position: int) -> None:
        # before any is read: they cost time and, for tokens, many times their bytes in memory
        if key == TOKENS_KEY and n_strings > types.MAX_TOKENS:
            self._bad(position, f"at most {types.MAX_TOKENS:,} tokens in {shown(key)}", f"{n_strings:,}")
        self._n_strings += n_strings
        if self._n_strings > types.MAX_STRINGS:
            self._bad(position, f"at most {types.MAX_STRINGS:,} texts in all lists", f"more, in {shown(key)}")

    def _texts(self, raws: list[bytes], key: str) -> list[str]:
        try:
            return [raw.decode() for raw in raws]
        except UnicodeDecodeError:
            return [self._text(raw, key) for raw in raws]

    def _walk_strings(self, n_strings: int, key: str, *, keep: bool) -> list[bytes]:
        """Check the bounds of every string of an array. Vocabularies make this the hot loop of the whole check:
        no string is built unless `keep`, and the end of the buffer is noticed by the unpacking itself."""
        unpack, data, position, longest = _U64.unpack_from, self.data, self.position, types.MAX_STRING_BYTES
        kept: list[bytes] = []
        append = kept.append
        done, start = 0, position
        while done < n_strings:
            first = done
            try:
                if keep:
                    for done in range(first, n_strings):  # noqa: B007  (read by the handler)
                        start = position
                        (n_bytes,) = unpack(data, position)
                        position += 8 + n_bytes
                        if n_bytes > longest or position > len(data):
                            raise struct.error
                        append(data[start + 8 : position])
                else:
                    for done in range(first, n_strings):  # noqa: B007  (read by the handler)
                        start = position
                        (n_bytes,) = unpack(data, position)
                        position += 8 + n_bytes
                        if n_bytes > longest:
                            raise struct.error
                    self.position = start  # the end of the last string was not looked at
                    self._string(f"the last element of {shown(key)}", longest)
                    position = self.position
                done = n_strings
            except _PAST_END:
                self.position = start
                self._string(f"element {done + 1:,} of {n_strings:,} of {shown(key)}", longest)  # reads on, or refuses
                data, position = self.data, start
        self.position = position
        return kept

    def _take_alignment(self) -> None:
        key = "general.alignment"
        if key not in self.contents.metadata:
            return
        alignment, position = self.contents.metadata[key], self.contents.positions[key]
        if self.contents.value_types[key] != "uint32":
            self._bad(position, f"a uint32 as {key}", self.contents.value_types[key])
        if alignment < 8 or alignment & (alignment - 1):
            self._bad(position, f"a power of two from 8 as {key}", f"{alignment}")
        self.contents.alignment = alignment

    # ------------------------------------------------------------ tensors
    def _tensor_table(self, n_tensors: int) -> None:
        raw = [self._tensor_row(index, n_tensors) for index in range(n_tensors)]
        alignment, size_bytes = self.contents.alignment, self.contents.size_bytes
        self.contents.data_offset = data_offset = -(-self.position // alignment) * alignment
        seen: set[str] = set()
        next_offset = 0
        for row_start, name, shape, type_name, n_elements, n_bytes, offset, offset_start in raw:
            if name in seen:
                self._bad(row_start, "every tensor name once", f"{shown(name)} again")
            seen.add(name)
            if offset % alignment:
                self._bad(offset_start, f"an offset of {shown(name)} that is a multiple of {alignment}", f"{offset:,}")
            if offset != next_offset:
                fault = "which overlaps the tensor before" if offset < next_offset else "which leaves a gap"
                self._bad(offset_start, f"the data of {shown(name)} at offset {next_offset:,}", f"{offset:,}, {fault}")
            start = data_offset + offset
            if start + n_bytes > size_bytes:
                self._bad(
                    offset_start,
                    f"the data of {shown(name)} within the file of {size_bytes:,} bytes",
                    f"{n_bytes:,} bytes at byte {start:,}",
                )
            next_offset += -(-n_bytes // alignment) * alignment
            self.contents.tensors.append(TensorInfo(name, shape, type_name, start, n_bytes, n_elements))

    def _tensor_row(self, index: int, n_tensors: int) -> tuple[int, str, tuple[int, ...], str, int, int, int, int]:
        row_start = self.position
        tensor = f"tensor {index + 1} of {n_tensors}"  # cheaper than its name, which only faults need
        name = self._name(f"the name of {tensor}", types.MAX_TENSOR_NAME_BYTES)
        dims_start = self.position
        n_dims = self._u32(f"the number of dimensions of {tensor}")
        if not 1 <= n_dims <= types.MAX_DIMS:
            self._bad(dims_start, f"1 to {types.MAX_DIMS} dimensions of {shown(name)}", f"{n_dims:,}")
        start = self._need(8 * n_dims, f"the dimensions of {tensor}")
        shape: tuple[int, ...] = struct.unpack_from(f"<{n_dims}Q", self.data, start)
        n_elements = 1
        for dim in shape:
            if dim < 1:
                self._bad(start, f"dimensions of {shown(name)} of at least 1", f"{shape}")
            n_elements *= dim
        if n_elements >= 1 << 63:
            self._bad(start, f"fewer than 2^63 elements in {shown(name)}", f"{shape}")
        type_start = self.position
        type_number = self._u32(f"the type of {tensor}")
        if type_number not in types.TENSOR_TYPES:
            removed = types.REMOVED_TENSOR_TYPES.get(type_number)
            found = f"{removed}, which was removed from the format" if removed else f"type {type_number}"
            self._bad(type_start, f"a known tensor type of {shown(name)}", found)
        type_name, block_elements, block_bytes = types.TENSOR_TYPES[type_number]
        if shape[0] % block_elements:
            self._bad(start, f"rows of {shown(name)} divisible by {block_elements} for {type_name}", f"{shape[0]:,}")
        offset_start = self.position
        offset = self._u64(f"the offset of {tensor}")
        n_bytes = n_elements // block_elements * block_bytes
        return row_start, name, shape, type_name, n_elements, n_bytes, offset, offset_start
