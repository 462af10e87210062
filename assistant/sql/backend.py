"""The seam: what reads a user's tables in the worker. SQLite is built in; DuckDB and PostgreSQL are for larger ones.

A backend refuses everything but reading by the engine's own means, bounds time, rows and memory, and gives plain cells.
"""

from collections.abc import Callable
from typing import Protocol

from rushlight.assistant.sql.protocol import Profiled, Run
from rushlight.assistant.sql.values import Schema


class Backend(Protocol):
    """Opened for reading. Used from one thread."""

    @property
    def schema(self) -> Schema:
        """Tables, columns, keys, comments and numbers of rows, as they were when it was opened."""

    def profile(self, seconds: float) -> Profiled:
        """The schema with a look at the values of every column, as far as the time reaches."""

    def run(self, run: Run, send: Callable[[object], None]) -> None:
        """One statement: sends `Begun`, `Rows`... and `Ended`, or raises `Error` in their place."""
