"""SQLite's failures as errors for people, each naming the file and what to do.

Knows apsw's exceptions; knows no tables.
"""

from pathlib import Path

import apsw

from rushlight import Error


def explain(failure: apsw.Error, path: Path) -> Error:
    """The `Error` for what SQLite reported about the store at `path`. Other causes are bugs: raised as they are."""
    if isinstance(failure, apsw.FullError) or _is_write_failure(failure):
        return Error(
            f"The disk that holds {path} is full; nothing was changed.",
            hint="Free some space there and try again.",
            kind="disk-full",
        )
    if isinstance(failure, (apsw.BusyError, apsw.LockedError)):
        return Error(
            f"The store {path} stayed locked by another program.",
            hint="Close the other program that uses it, or wait a moment and try again.",
            kind="store-locked",
        )
    if isinstance(failure, apsw.NotADBError):
        return Error(
            f"The file {path} is not a Rushlight store (or its first page is damaged).",
            hint="Move it away, or restore it from a backup; Rushlight then starts with a new one.",
            kind="not-a-store",
        )
    if isinstance(failure, apsw.CorruptError):
        return Error(
            f"The store {path} is damaged: {failure}.",
            hint="Copy the file and those beside it (-wal, -shm) to a safe place, then restore a backup.",
            kind="store-corrupt",
        )
    if isinstance(failure, (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError)):
        return Error(
            f"The store {path} cannot be opened for writing: {failure}.",
            hint=f"Check the permissions of {path.parent}.",
            kind="store-unwritable",
        )
    if isinstance(failure, apsw.IOError):
        return Error(
            f"The disk reported a fault while {path} was read or written: {failure}.",
            hint="Check the disk; nothing half-written is kept.",
            kind="store-io",
        )
    raise failure


def _is_write_failure(failure: apsw.Error) -> bool:
    """ENOSPC while the WAL index grows is reported as an I/O error of a kind of its own, not as SQLITE_FULL."""
    code = getattr(failure, "extendedresult", 0)
    return code in (apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_FULL)
