"""The note beside the lock that says where the running host is: socket, token, process id, version.

A record proves nothing: its host may be long dead. Only a connection proves a host, only the lock proves an owner.
So a missing, damaged or foreign record is no error, just no record.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

_MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What a front process needs to reach the host."""

    socket: str  # path of the UNIX socket
    token: str  # known to who may read the file (mode 0600): this user
    pid: int
    version: str


def read_record(path: Path) -> HostRecord | None:
    """The record, or None where there is none that could be meant for us."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        if hasattr(os, "getuid") and os.fstat(fd).st_uid != os.getuid():
            return None  # somebody else's invitation to talk to their socket
        data = os.read(fd, _MAX_BYTES)
        return msgspec.json.decode(data, type=HostRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        os.close(fd)


def write_record(path: Path, record: HostRecord) -> None:
    """Write it whole or not at all, readable by this user only."""
    staged = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        staged.unlink(missing_ok=True)
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, msgspec.json.encode(record))
            os.fsync(fd)
        finally:
            os.close(fd)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_record(path: Path) -> bool:
    """Take our record away; only the owner of the host lock may. False where it is another's: a data folder that was
    replaced under a running host has a new lock, and the host that owns it has written the record anew."""
    record = read_record(path)
    if record is not None and record.pid != os.getpid():
        return False
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # a record that stays is only stale
    return True


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
