"""The stop flag of a job's process: set and taken back from outside, and places to wait: while the job is held, and
while it makes way for what the user asks."""

import threading
import time
from collections.abc import Callable
from typing import Final

from rushlight import Error, Stop

_QUIET_S: Final = 2.0  # after the last answer: the next question often follows


class JobStop(Stop):
    """`check` waits while the job is held, and raises once it is to end. Set from the thread that hears the host."""

    __slots__ = ("_changed", "_is_held", "_makes_way", "_on_hold")

    def __init__(self, on_hold: Callable[[], None]) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._is_held = self._makes_way = False
        self._on_hold = on_hold  # called in the work's thread when it begins to wait

    def set(self) -> None:
        super().set()
        with self._changed:
            self._changed.notify_all()

    def hold(self) -> None:
        """Wait at the next `check`."""
        with self._changed:
            self._is_held = True
            self._changed.notify_all()

    def release(self) -> None:
        """Go on: neither hold nor end."""
        with self._changed:
            self._is_held = self._set = False
            self._changed.notify_all()

    def let_others(self, first: bool) -> None:
        """Whether others are to go first at the next `make_way`."""
        with self._changed:
            self._makes_way = first
            self._changed.notify_all()

    @property
    def makes_way(self) -> bool:
        return self._makes_way

    def make_way(self) -> None:
        """Wait while others go first, and until they have been quiet for a moment. Returns also when it is set."""
        with self._changed:
            while self._makes_way and not self._set and not self._is_held:
                self._changed.wait()
                quiet_s = time.monotonic() + _QUIET_S
                while not self._makes_way and not self._set and (left_s := quiet_s - time.monotonic()) > 0:
                    self._changed.wait(left_s)

    def check(self) -> None:
        if self._is_held and not self._set:
            self._on_hold()
            with self._changed:
                while self._is_held and not self._set:
                    self._changed.wait()
        if self._set:
            raise Error("Stopped.", kind="stopped")
