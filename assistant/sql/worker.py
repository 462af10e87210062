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
    limit_process(_INDEX_BYTES + Path(order.source.database).stat().st_size if copy else 0)
    try:
        guard = _open(front, Open((order.source,), order.seconds) if copy else order)
    except Error as err:
        front.send(Refused(err.message, err.hint, err.kind))
        return
    while True:
        order = front.receive()
        if order is None:
            return
        try:
            if copy and isinstance(order[1], TryIndexes):
                from rushlight.assistant.sql.index_trial import try_indexes

                front.send(try_indexes(guard, order[1]))
            else:
                _answer(front, guard, order[1])
        except Error as err:
            front.send(Refused(err.message, err.hint, err.kind))


def _open(front: Connection, order: Any) -> Any:
    import apsw

    from rushlight.assistant.sql.guard import Guard
    from rushlight.assistant.sql.problems import explain
    from rushlight.assistant.sql.schema_read import count_rows, read_schema

    if not isinstance(order, Open) or not order.sources:
        raise Error("The worker for databases was told nothing to open.", kind="bad-request")
    guard = None
    try:
        guard = Guard(order.sources)
        schema = read_schema(guard, order.seconds)
        guard.lock(_readable(guard))
        schema = count_rows(guard, schema, order.seconds)
    except (apsw.Error, UnicodeDecodeError, MemoryError) as failure:
        late = guard is not None and guard.timed_out
        raise explain(failure, timed_out=late, seconds=order.seconds) from failure
    front.send(Opened(schema))
    return guard


def _readable(guard: Any) -> list[str]:
    """The names of all tables and views of the opened files; inner tables of search tables are read through them."""
    from rushlight.assistant.sql.schema_read import quoted

    names = []
    for source in guard.sources:
        place = quoted(guard.database_name(source))
        names += [
            str(name)
            for (name,) in guard.db.execute(f"SELECT name FROM {place}.sqlite_schema WHERE type IN ('table', 'view')")
        ]
    return names


def _answer(front: Connection, guard: Any, order: Any) -> None:
    if isinstance(order, Run):
        from rushlight.assistant.sql.statement import run_statement

        run_statement(guard, order, front.send)
    elif isinstance(order, Profile):
        from rushlight.assistant.sql.profile import profile

        front.send(profile(guard, order.seconds))
    else:
        raise Error("The worker for databases was told what it does not know.", kind="bad-request")


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


def limit_process(file_bytes: int = 0) -> None:
    """What this process may take from now on. Descriptors that are open stay; a database needs a few more.

    `file_bytes`: the largest file that it may write; more than none only where it holds a copy.
    """
    import apsw  # noqa: F401  # loaded before memory is limited: its code counts

    import rushlight.assistant.sql.index_trial
    import rushlight.assistant.sql.profile
    import rushlight.assistant.sql.schema_read
    import rushlight.assistant.sql.statement  # noqa: F401

    _limit(resource.RLIMIT_AS, virtual_bytes() + limits.PROCESS_BYTES)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    if hasattr(resource, "RLIMIT_NPROC") and os.geteuid() != 0:
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
