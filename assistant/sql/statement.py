"""One statement run under the guard, its rows in batches. Runs in the worker."""

import resource
import time
from collections.abc import Callable
from typing import Any

import apsw

from rushlight import Error
from rushlight.assistant.sql.guard import Guard
from rushlight.assistant.sql.problems import explain
from rushlight.assistant.sql.protocol import Ended, Run
from rushlight.assistant.sql.sending import Sender


def run_statement(guard: Guard, run: Run, send: Callable[[object], None]) -> None:
    """Sends `Begun`, `Rows`... and `Ended`. Raises `Error` in their place, also in the middle."""
    if not run.sql.strip():
        raise Error("There is no statement.", hint='Such as: "SELECT count(*) FROM orders"', kind="sql-error")
    started = time.monotonic()
    guard.begin(run.seconds, run.sql)
    sender = Sender(run, send)
    try:
        cursor = guard.db.cursor()
        cursor.exec_trace = _first_look(run.sql, sender)
        # A parameter that nothing was given for is an error of the statement, as without any.
        cursor.execute(run.sql, run.bindings or None, can_cache=False)
        for row in cursor:
            if not sender.add(row):
                break
        cursor.close(True)
    except Error:
        raise
    except KeyError as failure:
        raise Error(
            f"The parameter :{failure.args[0]} has no value.", hint="Give it one.", kind="sql-error"
        ) from failure
    except (apsw.Error, UnicodeDecodeError, MemoryError) as failure:
        raise explain(failure, refused=guard.refused, timed_out=guard.timed_out, seconds=run.seconds) from failure
    sender.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    send(Ended(sender.more, sender.n_cut, time.monotonic() - started, peak))


def _first_look(sql: str, sender: Sender) -> Callable[[Any, str, Any], bool]:
    """Sees the statement before it runs: its columns, which are gone after it gave no row, and whether it is alone."""

    def trace(cursor: Any, first: str, _bindings: Any) -> bool:
        if not _is_blank(sql[sql.find(first) + len(first) :]):
            raise Error(
                "There is more than one statement; one at a time is run.",
                hint="Leave out what follows the first semicolon.",
                kind="sql-refused",
            )
        sender.begin(tuple(name for name, *_ in cursor.get_description()))
        return True

    return trace


def _is_blank(rest: str) -> bool:
    """Whether only blanks, semicolons and comments are left."""
    at = 0
    while at < len(rest):
        if rest[at].isspace() or rest[at] == ";":
            at += 1
        elif rest.startswith("--", at):
            end = rest.find("\n", at)
            at = len(rest) if end < 0 else end
        elif rest.startswith("/*", at):
            end = rest.find("*/", at + 2)
            at = len(rest) if end < 0 else end + 2
        else:
            return False
    return True
