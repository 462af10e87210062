"""States of conversations on disk, so that a long history need not be computed again after a restart.

A cache: one file per conversation, written beside the engine's work, capped in all, and worth nothing to anybody else.
Whatever is wrong with a file (cut off, changed, of another model, other settings or adapters, of a newer version) it is
as if it were not there. Knows bytes and files; what a state means is llama.cpp's.

    magic "RushKV\\0\\1" 8 B | n_tokens u32 | zero u32 | data size u64 | model and settings 32 B | adapters 32 B |
    BLAKE2b of all that follows 32 B | token ids, i32 each | data
"""

import hashlib
import os
import stat
import struct
import sys
import threading
from array import array
from collections.abc import Hashable
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

_MAGIC = b"RushKV\0\1"
_HEAD = struct.Struct("<8sIIQ32s32s32s")
_MOST_TOKENS = 2**24
_SUFFIX = ".kv"
LEAST_TOKENS = 256  # a shorter history is computed as fast as it is read
_DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Found:
    """A file with a state, its head read, its data not."""

    path: Path
    token_ids: "array[int]"
    n_data: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Task:
    key: str
    token_ids: "array[int]"
    computed_with: Hashable
    data: mmap


def model_identity(paths: list[Path], *settings: object) -> bytes:
    """32 bytes that change with the model's files and with what the layout of a state depends on."""
    digest = hashlib.blake2b(digest_size=32)
    for path in paths:
        status = path.stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(1024 * 1024))  # all of it would take longer than computing most prompts
    digest.update(repr(settings).encode())
    return digest.digest()


class KvDisk:
    """The folder of one engine; other engines may use it too. `save` returns at once, a thread writes."""

    def __init__(self, folder: Path, identity: bytes, *, max_bytes: int) -> None:
        self._folder = folder
        self._identity = identity
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._next: _Task | None = None
        self._is_writing = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    # --- writing ------------------------------------------------------------------------------------------------
    def save(self, key: str, token_ids: "array[int]", computed_with: Hashable, data: mmap) -> None:
        """Write this soon. One that still waits gives way: only the newest state is of use, and each is large."""
        if len(data) + 4 * len(token_ids) + _HEAD.size > self._max_bytes:
            return
        with self._changed:
            if self._is_closed:
                return
            self._next = _Task(key, token_ids, computed_with, data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="kv-disk", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, limit_s: float = 30.0) -> bool:
        """Wait until everything is written."""
        with self._changed:
            return self._changed.wait_for(lambda: self._next is None and not self._is_writing, limit_s)

    def close(self) -> None:
        """Write what waits, then stop."""
        self.flush()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                while self._next is None and not self._is_closed:
                    self._changed.wait()
                task, self._next = self._next, None
                if task is None:
                    return
                self._is_writing = True
            try:
                self._write(task)
                self._make_room()
            except OSError as err:  # a full disk, a folder that is gone: then it is computed again one day
                sys.stderr.write(f"The state of a conversation was not saved: {err}\n")
            finally:
                del task
                with self._changed:
                    self._is_writing = False
                    self._changed.notify_all()

    def _write(self, task: _Task) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        tokens = task.token_ids.tobytes()
        digest = hashlib.blake2b(tokens, digest_size=32)
        digest.update(task.data)
        head = _HEAD.pack(
            _MAGIC,
            len(task.token_ids),
            0,
            len(task.data),
            self._identity,
            _adapters(task.computed_with),
            digest.digest(),
        )
        path = self._path(task.key)
        staged = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
        try:
            with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(head)
                file.write(tokens)
                file.write(task.data)
                file.flush()
                os.fsync(file.fileno())
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _make_room(self) -> None:
        """Remove what was used longest ago, down to the cap; and what a killed writer left."""
        files = []
        newest = 0.0
        for path in self._folder.iterdir():
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # another engine was faster
            files.append((status.st_mtime, status.st_size, path))
            newest = max(newest, status.st_mtime)
        states = sorted(entry for entry in files if entry[2].suffix == _SUFFIX)
        n_bytes = sum(size for _time, size, _path in states)
        for _time, size, path in states:
            if n_bytes <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            n_bytes -= size
        for at, _size, path in files:
            if path.suffix == ".tmp" and at < newest - _DAY_S:
                path.unlink(missing_ok=True)

    # --- reading ------------------------------------------------------------------------------------------------
    def find(self, key: str, computed_with: Hashable) -> Found | None:
        """The state of this conversation, if there is one that this engine can go on with."""
        path = self._path(key)
        try:
            with _open(path) as file:
                head = file.read(_HEAD.size)
                if len(head) != _HEAD.size:
                    return None
                magic, n_tokens, zero, n_data, identity, adapters, digest = _HEAD.unpack(head)
                if (magic, zero, identity, adapters) != (_MAGIC, 0, self._identity, _adapters(computed_with)):
                    return None
                if n_tokens > _MOST_TOKENS or os.fstat(file.fileno()).st_size != _HEAD.size + 4 * n_tokens + n_data:
                    return None
                token_ids = array("i")
                token_ids.frombytes(file.read(4 * n_tokens))
                return Found(path, token_ids, n_data, digest) if len(token_ids) == n_tokens and n_data else None
        except (OSError, ValueError):
            return None

    def read(self, found: Found) -> mmap | None:
        """The data of a state, checked."""
        try:
            with _open(found.path) as file:
                file.seek(_HEAD.size + 4 * len(found.token_ids))
                data = mmap(-1, found.n_data)
                if file.readinto(data) != found.n_data:
                    return None
            os.utime(found.path)
        except (OSError, ValueError):
            return None
        digest = hashlib.blake2b(found.token_ids.tobytes(), digest_size=32)
        digest.update(data)
        return data if digest.digest() == found.digest else None

    def _path(self, key: str) -> Path:
        # By engine too: another model's state of the same conversation is not overwritten.
        name = hashlib.blake2b(self._identity + key.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return self._folder / f"{name}{_SUFFIX}"


def _adapters(computed_with: Hashable) -> bytes:
    return hashlib.blake2b(repr(computed_with).encode(), digest_size=32).digest()


def _open(path: Path) -> Any:
    """A regular file; no link, no pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("no regular file")
    return file
