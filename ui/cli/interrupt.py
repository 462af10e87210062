"""Ctrl+C while a model works: the first asks it to stop, the second leaves at once."""

import signal
from types import FrameType
from typing import Any

from rushlight import Stop


class InterruptStops:
    """`with InterruptStops(stop):` sets `stop` on Ctrl+C instead of raising; the old handling comes back after.

    The worker then ends its turn properly and the model stays loaded, which an exception in the middle of a read
    would not allow.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._before: Any = None

    def __enter__(self) -> Stop:
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self._stop

    def __exit__(self, *_raised: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        self._stop.set()
