"""An open database in the hands of a face: one piece of work at a time on it, and what runs can be broken off.

Knows locks and `Database`; knows no widget. Work is done on background threads; it is stopped and the database let go
on the face's own.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rushlight import Error, Stop
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.sql.database import Database

_LOOK_S = 0.1


class Held:
    """`with held.use(stop) as database: ...` on a thread that may wait."""

    def __init__(self, database: "Database") -> None:
        self.database = database
        self._lock = threading.Lock()
        self._is_let_go = False

    @contextmanager
    def use(self, stop: Stop) -> "Iterator[Database]":
        """The database, for this piece of work alone. Whatever SQLite does ends when it is stopped: an `Error`."""
        while not self._lock.acquire(timeout=_LOOK_S):
            if stop.is_set():
                break
        else:
            try:
                if not stop.is_set() and not self._is_let_go:
                    forget = stop.on_set(self.database.close)  # the next work opens the files anew
                    try:
                        yield self.database
                    finally:
                        forget()
                    return
            finally:
                self._lock.release()
                if self._is_let_go:  # whatever was begun in between
                    self.database.close()
        raise Error(text("It was stopped."), kind="stopped")

    def let_go(self) -> None:
        """Nothing is asked of it any more."""
        self._is_let_go = True
        self.database.close()
