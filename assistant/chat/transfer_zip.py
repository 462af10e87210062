"""The chats inside the zip file of a ChatGPT export, read as a stream and under limits.

Only members named conversations.json or conversations-001.json are ever unpacked, only into memory, block by block;
nothing is written and no name in the archive becomes a path. A zip file of our own reading, since the names, sizes and
counts in it are a stranger's.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rushlight import Error

MAX_MEMBERS = 200_000
MAX_DIRECTORY_BYTES = 64 * 1024 * 1024
MAX_RATIO = 100  # unpacked to packed, beyond the first MiBs
FREE_OF_RATIO_BYTES = 16 * 1024 * 1024
BLOCK_BYTES = 256 * 1024

_CHATS = re.compile(rb"(?:[^/\\]+/)?conversations(?:[-_]\d{1,6})?\.json")
_END = struct.Struct("<4s4H2LH")  # end of central directory
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")  # one entry of the central directory
_LOCAL = struct.Struct("<4s5H3L2H")  # the header before a member's data
_ALL_16, _ALL_32 = 0xFFFF, 0xFFFFFFFF  # "the figure is in the zip64 field"
_ENCRYPTED = 0x1 | 0x40
_STORED, _DEFLATED = 0, 8


@dataclass(frozen=True, slots=True)
class Member:
    """One file in the archive, as the directory at its end describes it."""

    name: str
    method: int
    flags: int
    crc32: int
    packed_bytes: int
    size_bytes: int
    header_offset: int


def is_zip(beginning: bytes) -> bool:
    """Whether a file that begins so is a zip archive."""
    return beginning[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def chat_members(file: BinaryIO, file_name: str, max_bytes: int) -> list[Member]:
    """The members that hold conversations, in the order of their names. Raises `Error` when there is none."""
    size_bytes = file.seek(0, 2)
    n_entries, directory_bytes, offset = _find_directory(file, file_name, size_bytes)
    if n_entries > MAX_MEMBERS or directory_bytes > MAX_DIRECTORY_BYTES:
        raise _bad(
            file_name,
            f"its directory lists {n_entries} files in {directory_bytes} bytes; at most {MAX_MEMBERS} files are read",
        )
    if offset + directory_bytes > size_bytes:
        raise _bad(file_name, "its directory lies behind the end of the file (an incomplete download?)")
    file.seek(offset)
    directory = file.read(directory_bytes)
    found: dict[str, Member] = {}
    at = 0
    for _ in range(n_entries):
        member, at = _entry(directory, at, file_name)
        if member is None:
            continue
        if member.name in found:
            raise _bad(file_name, f"it holds two files named {member.name}")
        found[member.name] = member
    if not found:
        raise Error(
            f"The archive {file_name} holds no conversations.json ({n_entries} files were looked at).",
            hint="Choose the zip file that ChatGPT sends (Settings, Data controls, Export data).",
            kind="bad-import",
        )
    members = [found[name] for name in sorted(found)]
    total_bytes = sum(member.size_bytes for member in members)
    if total_bytes > max_bytes:
        raise _bad(file_name, f"its conversations unpack to {total_bytes} bytes; at most {max_bytes} are read")
    for member in members:
        if member.size_bytes > max(FREE_OF_RATIO_BYTES, MAX_RATIO * member.packed_bytes):
            raise _bad(
                file_name,
                f"{member.name} says that {member.packed_bytes} bytes unpack to "
                f"{member.size_bytes}: more than {MAX_RATIO} times as many",
            )
    return members


def blocks(file: BinaryIO, member: Member, file_name: str) -> Iterator[bytes]:
    """The member's content in order. Raises `Error` when it is not what the directory says."""
    if member.flags & _ENCRYPTED:
        raise Error(
            f"{member.name} in {file_name} is encrypted.",
            hint="Unpack the archive and import the file inside.",
            kind="bad-import",
        )
    if member.method not in (_STORED, _DEFLATED):
        raise Error(
            f"{member.name} in {file_name} is packed by method {member.method}; 0 and 8 (deflate) are read.",
            hint="Unpack the archive and import the file inside.",
            kind="bad-import",
        )
    file.seek(member.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise _bad(file_name, f"the header of {member.name} is not where its directory says")
    *_, name_bytes, extra_bytes = _LOCAL.unpack(header)
    file.seek(name_bytes + extra_bytes, 1)
    crc32 = size_bytes = 0
    for block in _unpacked(file, member, file_name):
        if not block:  # nothing yet: an empty block would be taken for the end
            continue
        crc32 = zlib.crc32(block, crc32)
        size_bytes += len(block)
        if size_bytes > member.size_bytes:
            break
        yield block
    if size_bytes != member.size_bytes or crc32 != member.crc32:
        raise _bad(file_name, f"{member.name} is damaged: its length or checksum is not what the directory says")


def _unpacked(file: BinaryIO, member: Member, file_name: str) -> Iterator[bytes]:
    left_bytes = member.packed_bytes
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == _DEFLATED else None
    while left_bytes > 0:
        packed = file.read(min(BLOCK_BYTES, left_bytes))
        if not packed:
            raise _bad(file_name, f"it ends in the middle of {member.name} (an incomplete download?)")
        left_bytes -= len(packed)
        if inflater is None:
            yield packed
            continue
        try:
            while packed and not inflater.eof:
                yield inflater.decompress(packed, BLOCK_BYTES)  # the rest of a bomb stays packed
                packed = inflater.unconsumed_tail
        except zlib.error as failure:
            raise _bad(file_name, f"{member.name} is damaged: {failure}") from failure
    if inflater is not None:
        yield inflater.flush()


def _find_directory(file: BinaryIO, file_name: str, size_bytes: int) -> tuple[int, int, int]:
    """(number of entries, bytes, offset) of the central directory, from the record at the end of the file."""
    tail_bytes = min(size_bytes, _END.size + _ALL_16)
    tail_offset = size_bytes - tail_bytes
    file.seek(tail_offset)
    tail = file.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise _bad(file_name, "it has no directory at its end (an incomplete download?)")
    _, _, _, _, n_entries, directory_bytes, offset, _ = _END.unpack_from(tail, at)
    if n_entries != _ALL_16 and _ALL_32 not in (directory_bytes, offset):
        return n_entries, directory_bytes, offset
    locator_offset = tail_offset + at - _END64_LOCATOR.size
    if locator_offset < 0:
        return n_entries, directory_bytes, offset
    file.seek(locator_offset)
    locator = file.read(_END64_LOCATOR.size)
    if not locator.startswith(b"PK\x06\x07"):
        return n_entries, directory_bytes, offset
    _, _, end64_offset, _ = _END64_LOCATOR.unpack(locator)
    if end64_offset + _END64.size > size_bytes:
        raise _bad(file_name, "its zip64 record lies behind the end of the file")
    file.seek(end64_offset)
    record = file.read(_END64.size)
    if not record.startswith(b"PK\x06\x06"):
        raise _bad(file_name, "its zip64 record is not where the file says")
    *_, n_entries, directory_bytes, offset = _END64.unpack(record)
    return n_entries, directory_bytes, offset


def _entry(directory: bytes, at: int, file_name: str) -> tuple[Member | None, int]:
    """The entry at `at` if it holds conversations, and where the next one begins."""
    if at + _ENTRY.size > len(directory) or directory[at : at + 4] != b"PK\x01\x02":
        raise _bad(file_name, "its directory is damaged")
    (
        _,
        _,
        _,
        flags,
        method,
        _,
        _,
        crc32,
        packed_bytes,
        size_bytes,
        name_bytes,
        extra_bytes,
        comment_bytes,
        _,
        _,
        _,
        header_offset,
    ) = _ENTRY.unpack_from(directory, at)
    begin = at + _ENTRY.size
    name = directory[begin : begin + name_bytes]
    extra = directory[begin + name_bytes : begin + name_bytes + extra_bytes]
    end = begin + name_bytes + extra_bytes + comment_bytes
    if end > len(directory):
        raise _bad(file_name, "its directory is damaged")
    if _CHATS.fullmatch(name) is None:
        return None, end
    size_bytes, packed_bytes, header_offset = _zip64(extra, [size_bytes, packed_bytes, header_offset], file_name)
    return Member(name.decode("utf-8", "replace"), method, flags, crc32, packed_bytes, size_bytes, header_offset), end


def _zip64(extra: bytes, figures: list[int], file_name: str) -> list[int]:
    """The figures of an entry, those that did not fit taken from its zip64 field, where they stand in this order."""
    if _ALL_32 not in figures:
        return figures
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind != 1:
            continue
        for number, figure in enumerate(figures):
            if figure != _ALL_32:
                continue
            if len(field) < 8:
                break
            (figures[number],), field = struct.unpack_from("<Q", field), field[8:]
        break
    if _ALL_32 in figures:
        raise _bad(file_name, "a size in its directory is missing")
    return figures


def _bad(file_name: str, what: str) -> Error:
    return Error(
        f"The archive {file_name} cannot be read: {what}.",
        hint="Download the export again, or unpack it and import conversations.json.",
        kind="bad-import",
    )
