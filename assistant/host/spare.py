"""A worker that is started ahead, for the model that will be asked for next: half of a short load is Python's start.

Knows workers without a model; knows no engines.
"""

from collections.abc import Callable

from rushlight import Error
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.host.worker import Worker, WorkerCommand

_SPARE_S = 30.0  # then it is not needed


class Spare:
    """At most one. It opens no model file before it gets its settings."""

    def __init__(self, loop: Loop, command: WorkerCommand, *, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self._command = command
        self._log = log
        self._worker: Worker | None = None

    def warm(self, n_waiting: int) -> None:
        """Start one that lets `n_waiting` requests wait, if there is none."""
        if self._worker is not None:
            return
        try:
            self._worker = spare = Worker(self._loop, self._command, n_waiting, log=self._log)
        except Error as err:
            self._log("host", str(err))  # whoever opens an engine will hear it
            return

        def give_up() -> None:
            if self._worker is spare:
                self.drop()

        self._loop.call_later(_SPARE_S, give_up)

    def take(self, n_waiting: int) -> Worker:
        """The one that is there, or a new one. Raises `Error`."""
        spare, self._worker = self._worker, None
        if spare is not None:
            if spare.running and spare.n_waiting == n_waiting:
                return spare
            spare.kill()
        return Worker(self._loop, self._command, n_waiting, log=self._log)

    def drop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
