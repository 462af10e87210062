"""The stop flag of a job's process: set and taken back from outside, and a place to wait while the job is held."""

import threading
from collections.abc import Callable

from rushlight import Error, Stop


class JobStop(Stop):
    """`check` waits while the job is held, and raises once it is to end. Set from the thread that hears the host."""

    __slots__ = ("_changed", "_is_held", "_on_hold")

    def __init__(self, on_hold: Callable[[], None]) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._is_held = False
        self._on_hold = on_hold  # called in the work's thread when it begins to wait

    def set(self) -> None:
        super().set()
        with self._changed:
            self._changed.notify_all()

    def hold(self) -> None:
        """Wait at the next `check`."""
        with self._changed:
            self._is_held = True

    def release(self) -> None:
        """Go on: neither hold nor end."""
        with self._changed:
            self._is_held = self._set = False
            self._changed.notify_all()

    def check(self) -> None:
        if self._is_held and not self._set:
            self._on_hold()
            with self._changed:
                while self._is_held and not self._set:
                    self._changed.wait()
        if self._set:
            raise Error("Stopped.", kind="stopped")
