"""The process that holds a user's databases: `rushlight _sql`, its orders on standard input, which is a socket.

Files of strangers are opened here and nowhere else. The process is limited before it opens one: memory, files it may
write (none; while importing, the one in the cache), processes it may start (none).
"""

import os
import resource
import signal
import socket
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.frames import Connection
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.backend import Backend
from rushlight.assistant.sql.protocol import (
    CODEC,
    Import,
    Imported,
    Open,
    OpenCopy,
    Opened,
    Profile,
    Refused,
    Run,
    TryIndexes,
)

_IMPORT_PROCESS_BYTES = 1_500_000_000
_IMPORT_FILE_BYTES = 4_000_000_000
_IMPORT_CPU_S = 300
_INDEX_BYTES = 1_000_000_000  # that a copy may grow by


def main(argv: list[str]) -> int:
    """The hidden verb `_sql`."""
    if argv:
        raise Error(f"_sql takes no arguments, got {argv}.", kind="usage")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's
    try:
        serve(Connection(socket.socket(fileno=0), CODEC))
    except OSError:
        pass  # the front is gone
    return 0


def serve(front: Connection) -> None:
    """One file to import, or databases to open and then statements, until the front closes its end."""
    first = front.receive()
    if first is None:
        return
    if isinstance(first[1], Import):
        _import(front, first[1])
        return
    order = first[1]
    copy = isinstance(order, OpenCopy)
    if copy:
        limit_process(_INDEX_BYTES + Path(order.source.database).stat().st_size)
        order = Open((order.source,), order.seconds)
    try:
        backend = _opened(order, copy=copy)
        front.send(Opened(backend.schema))
    except Error as err:
        front.send(Refused(err.message, err.hint, err.kind))
        return
    while True:
        asked = front.receive()
        if asked is None:
            return
        try:
            if copy and isinstance(asked[1], TryIndexes):
                from rushlight.assistant.sql.index_trial import try_indexes

                front.send(try_indexes(getattr(backend, "guard"), asked[1]))  # noqa: B009
            elif isinstance(asked[1], Run):
                backend.run(asked[1], front.send)
            elif isinstance(asked[1], Profile):
                front.send(backend.profile(asked[1].seconds))
            else:
                raise Error("The worker for databases was told what it does not know.", kind="bad-request")
        except Error as err:
            front.send(Refused(err.message, err.hint, err.kind))


def _opened(order: Any, *, copy: bool) -> Backend:
    """The backend for what is to be opened, with the process limited as it needs."""
    if not isinstance(order, Open) or not order.sources:
        raise Error("The worker for databases was told nothing to open.", kind="bad-request")
    kind = order.sources[0].kind
    if kind == "duckdb":
        from rushlight.assistant.sql.duckdb_backend import DuckdbBackend

        limit_process(more_bytes=limits.DUCKDB_PROCESS_BYTES, threads=True)
        return DuckdbBackend(order.sources[0], order.seconds)
    if kind == "postgresql":
        from rushlight.assistant.sql.postgresql_backend import PostgresqlBackend

        limit_process()
        return PostgresqlBackend(order.sources[0], order.seconds)
    from rushlight.assistant.sql.sqlite_backend import SqliteBackend

    if not copy:
        limit_process()
    return SqliteBackend(order.sources, order.seconds)


def _import(front: Connection, order: Import) -> None:
    from rushlight.assistant.sql.importing import import_file

    _limit(resource.RLIMIT_FSIZE, _IMPORT_FILE_BYTES)
    _limit(resource.RLIMIT_CPU, _IMPORT_CPU_S)
    _limit(resource.RLIMIT_AS, virtual_bytes() + _IMPORT_PROCESS_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        front.send(Imported(import_file(order)))
    except Error as err:
        front.send(Refused(err.message, err.hint, err.kind))
    except MemoryError:
        front.send(
            Refused(f"The file {order.path} needs more memory than is allowed for an import.", "", "import-memory")
        )


def limit_process(file_bytes: int = 0, more_bytes: int = limits.PROCESS_BYTES, *, threads: bool = False) -> None:
    """What this process may take from now on. Descriptors that are open stay; a database needs a few more.

    `file_bytes`: the largest file that it may write; more than none only where it holds a copy. `more_bytes`: of
    address space. `threads`: it may start some, for an engine that has its own.
    """
    import apsw  # noqa: F401  # loaded before memory is limited: its code counts

    import rushlight.assistant.sql.index_trial
    import rushlight.assistant.sql.sqlite_backend
    import rushlight.assistant.sql.statement  # noqa: F401

    _limit(resource.RLIMIT_AS, virtual_bytes() + more_bytes)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    if hasattr(resource, "RLIMIT_NPROC") and os.geteuid() != 0 and not threads:
        _limit(resource.RLIMIT_NPROC, 0)


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def virtual_bytes() -> int:
    """The address space of this process as it is."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 500_000_000
