"""Putting a file under its final name so that a kill at any moment leaves nothing half-written there.

Data goes to a hidden, locked file beside its destination, is hashed on the way and fsynced; only then it gets its
name. What killed imports left behind is recognised by its free lock and removed by the next one.
"""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rushlight import Error, Progress, Stop

SUFFIX = ".importing"
BLOCK_BYTES = 4 * 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024  # for the store and other programs, beside the model

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Staged:
    """A complete copy under a temporary name. `publish` gives it its own, `discard` removes it."""

    path: Path
    descriptor: int
    sha256: str
    size_bytes: int

    def publish(self, final: Path) -> bool:
        """Name it `final`, on the disk. False, and nothing changed, when a file of this name is there already."""
        try:
            os.link(self.path, final)  # unlike rename, never replaces
        except FileExistsError:
            return False
        except OSError as failure:
            if failure.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            if final.exists():  # file systems without hard links (FAT, some mounts)
                return False
            self.path.rename(final)
        sync_folder(final.parent)
        self.discard()
        return True

    def discard(self) -> None:
        """Remove the temporary name; safe to call twice."""
        if self.descriptor >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self.descriptor)
            self.descriptor = -1


def stage(
    source: Path, folder: Path, name: str, *, stop: Stop, on_progress: OnProgress, done_bytes: int, total_bytes: int
) -> Staged:
    """Copy `source` beside its destination. Raises OSError, or `Error(kind="stopped")`; nothing is left then."""
    path = folder / f".{name}.{os.getpid()}{SUFFIX}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
    staged = Staged(path, descriptor, "", 0)
    try:
        lock(descriptor)
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(BLOCK_BYTES))
        with source.open("rb", buffering=0) as file:
            while n_read := file.readinto(buffer):
                stop.check()
                block = buffer[:n_read]
                digest.update(block)
                _write_all(descriptor, block)
                staged.size_bytes += n_read
                on_progress(Progress("Copying", done_bytes + staged.size_bytes, total_bytes, "bytes"))
        os.fsync(descriptor)
        staged.sha256 = digest.hexdigest()
    except BaseException:
        staged.discard()
        raise
    return staged


def make_folder(folder: Path, root: Path) -> None:
    """Create a folder below `root` so that it outlives a power cut: every new name is synced into its parent."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [path for path in (folder, *folder.parents) if path.is_relative_to(root) and not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    if os.name == "nt":
        return  # Windows cannot open folders; NTFS journals names itself
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(root: Path) -> int:
    """Delete what killed imports left below `root`. Returns how many files. Running imports hold their locks."""
    n_removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if name.startswith(".") and name.endswith(SUFFIX) and _remove_if_free(Path(folder) / name):
                n_removed += 1
    return n_removed


def require_space(folder: Path, wanted_bytes: int, what: str) -> None:
    """Raise `Error(kind="disk-full")` when the disk of `folder` lacks room for `wanted_bytes` and a little more."""
    free = free_bytes(folder)
    if free < wanted_bytes + SPARE_BYTES:
        raise Error(
            f"{what} needs {in_words(wanted_bytes)}; {in_words(free)} are free at {folder}.",
            hint="Free some space there, or use the file where it is: --in-place.",
            kind="disk-full",
        )


def free_bytes(folder: Path) -> int:
    """What this user may still write on the disk that holds `folder` (or will, once it is made)."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if hasattr(os, "statvfs"):
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize
    import shutil  # imports compression libraries; only where there is no statvfs

    return shutil.disk_usage(folder).free


def in_words(n_bytes: int) -> str:
    """1.5 GiB, 92.1 MiB."""
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def explain_os_error(failure: OSError, doing: str, folder: Path) -> Error:
    """An OSError of reading or writing a model file as an error for people."""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return Error(
            f"The disk became full while {doing}; nothing incomplete was kept.",
            hint=f"Free some space at {folder} and try again.",
            kind="disk-full",
        )
    if failure.errno == errno.EFBIG:
        return Error(
            f"The file is larger than this file system or user may have, while {doing}.",
            hint=f"Look at the file system of {folder} and at `ulimit -f`.",
            kind="file-too-large",
        )
    where = f" ({failure.filename})" if failure.filename else ""
    return Error(
        f"It was not possible to go on while {doing}: {failure.strerror or failure}{where}.",
        hint="Check that the files can be read and the models folder can be written.",
        kind="file-error",
    )


def lock(descriptor: int) -> bool:
    """Take the file's lock if it is free; held until the descriptor closes, also by a kill."""
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # file systems without locks: leftovers are then told by their age alone
    return True


def _remove_if_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        if not lock(descriptor):
            return False
        path.unlink(missing_ok=True)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
