"""SQLite's failures with a user's database as errors for people. Runs in the worker; knows apsw's exceptions."""

import apsw

from rushlight import Error
from rushlight.assistant.sql import limits

_BROKEN_HINT = "Restore the file from a backup, or try: sqlite3 FILE .recover"


def explain(failure: Exception, *, refused: str = "", timed_out: bool = False, seconds: float = 0.0) -> Error:
    """What to tell of `failure`; `refused` is what the authorizer denied last."""
    message = _first_line(str(failure))
    if timed_out or isinstance(failure, apsw.InterruptError):
        return Error(
            f"The statement took longer than {seconds:g} s and was stopped.",
            hint="Ask for less, or give it more time: --seconds 30",
            kind="sql-timeout",
        )
    if isinstance(failure, apsw.AuthError) or refused:
        return Error(
            f"The statement was refused: {refused or message} is not allowed. Only reading is.",
            hint="Rushlight opens databases for reading; change them with another program.",
            kind="sql-refused",
        )
    if isinstance(failure, apsw.ReadOnlyError):
        return Error("The statement was refused: it would write. Only reading is allowed.", kind="sql-refused")
    if isinstance(failure, (MemoryError, apsw.NoMemError)):
        return Error(
            f"The statement needed more than {limits.HEAP_BYTES // 1_000_000} MB of memory and was stopped.",
            hint="Ask for fewer rows or columns at once.",
            kind="sql-memory",
        )
    if isinstance(failure, apsw.TooBigError):
        return Error(
            f"The statement was stopped: {message}. One value may have {limits.LENGTH_BYTES // 1_000_000} MB, "
            f"a statement {limits.SQL_BYTES // 1000} kB.",
            kind="sql-too-big",
        )
    if isinstance(failure, apsw.NotADBError):
        return Error(
            "This is not an SQLite database, or its first page is damaged or encrypted.",
            hint="Databases, CSV, Parquet and Excel files can be opened.",
            kind="not-a-database",
        )
    if isinstance(failure, (apsw.CorruptError, apsw.FormatError)):
        return Error(f"The database is damaged: {message}.", hint=_BROKEN_HINT, kind="database-damaged")
    if isinstance(failure, UnicodeDecodeError):
        return Error(
            "The database holds text that is not UTF-8, which cannot be shown.",
            hint="Ask for hex(column) instead of the column.",
            kind="not-utf8",
        )
    if isinstance(failure, (apsw.BusyError, apsw.LockedError)):
        return Error(
            "The database is locked by another program.", hint="Wait until it has finished.", kind="database-locked"
        )
    if isinstance(failure, (apsw.CantOpenError, apsw.IOError, apsw.PermissionsError)):
        return Error(f"The database cannot be read: {message}.", hint=_BROKEN_HINT, kind="database-unreadable")
    if isinstance(failure, apsw.Error):
        return Error(
            f"SQLite: {message}{'' if message.endswith('?') else '.'}", hint=_near_hint(message), kind="sql-error"
        )
    raise failure


def _near_hint(message: str) -> str:
    if message.startswith(("no such column", "no such table", "ambiguous column")):
        return "rushlight sql schema FILE shows the tables and columns."
    return ""


def _first_line(message: str) -> str:
    lines = message.strip().splitlines() or ["unknown fault"]
    line = lines[0].removeprefix("SQLError: ").rstrip(".")
    return line if len(line) <= 300 else line[:297] + "..."
