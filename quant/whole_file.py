"""Files and folders that appear under their name only when they are whole: staged beside it, fsynced, renamed.

Knows names and the disk, not what is written. A process that dies leaves a hidden `.NAME.PID-....partial`, which
`remove_leftovers` takes away once that process is gone. So it is with a `work_folder`, which never gets a name.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from rushlight import Error

_LEFTOVER: Final = re.compile(r"\.(.*)\.(\d+)-[0-9a-f]{8}\.partial")
_BUFFER_BYTES: Final = 1 << 20


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to. When the block ends well it is `path`, replacing what was there; else nothing has changed."""
    staged = _staged(path)
    try:
        with _spoken_of(path):
            file = staged.open("xb", buffering=_BUFFER_BYTES)
        with _spoken_of(path), file:  # closing writes too
            yield file
            file.flush()
            os.fsync(file.fileno())
        with _spoken_of(path):
            staged.replace(path)
            sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill. When the block ends well it is `path`, which must not exist yet; else it is gone."""
    if path.exists():
        raise Error(f"Cannot write {path}: it exists already.", "Choose another name, or remove it.", kind="exists")
    staged = _staged(path)
    try:
        with _spoken_of(path):
            staged.mkdir(parents=True)
            yield staged
            for file in sorted(staged.rglob("*")):
                _sync(file)
            sync_folder(staged)
            staged.rename(path)
            sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


@contextlib.contextmanager
def work_folder(place: Path, name: str) -> Iterator[Path]:
    """A new folder in `place` for files that are needed while the block lasts. What dead processes left there under the
    same name goes first: it may be as large as a model."""
    folder = _staged(place / name)
    with _spoken_of(folder):
        remove_leftovers(place, name)
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path, name: str = "") -> int:
    """Remove what processes that are gone left half-written in `folder`, of `name` only where one is given; how many
    there were."""
    n_removed = 0
    for entry in folder.iterdir():
        match = _LEFTOVER.fullmatch(entry.name)
        if match is None or (name and match[1] != name) or _lives(int(match[2])):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                entry.unlink()
        n_removed += 1
    return n_removed


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last. Windows has no such call and needs none."""
    if os.name == "posix":
        _sync(folder)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _staged(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _spoken_of(path: Path) -> Iterator[None]:
    """What the disk refuses, as an error for people."""
    try:
        yield
    except OSError as error:
        raise Error(
            f"Cannot write {path}: {error.strerror or 'the disk refused'}.",
            "Nothing was left under that name. Check the space and the rights of the folder.",
            kind="disk",
        ) from None
