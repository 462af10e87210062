"""Who may ask a model now, who waits, who is refused: a bounded line per model, first come, first served.

Knows numbers and places; knows no engine. Everything runs on the event loop, so a refusal costs microseconds.
"""

import asyncio
import math
import time
from collections import OrderedDict

from rushlight.assistant.server.errors import Refusal

_MAX_RETRY_S = 60


class Gate:
    """The line in front of one model: `n_parallel` may be inside, `n_waiting` may wait."""

    def __init__(self, n_parallel: int, n_waiting: int) -> None:
        self.n_parallel = n_parallel
        self.n_waiting = n_waiting
        self.n_inside = 0
        self.n_loading = 0  # of those inside: they wait for the model to be loaded
        self._line: OrderedDict[int, asyncio.Future[None]] = OrderedDict()
        self._next = 0
        self._mean_s = 1.0  # what a request takes, for Retry-After

    @property
    def n_in_line(self) -> int:
        return len(self._line)

    @property
    def is_unused(self) -> bool:
        return not self.n_inside and not self._line

    @property
    def is_full(self) -> bool:
        """Whether `check` would raise."""
        return bool(self.n_loading) or (self.n_inside >= self.n_parallel and len(self._line) >= self.n_waiting)

    def check(self) -> None:
        """Raise where `enter` would refuse; costs nothing, so that a flood is refused before anything is read."""
        if self.n_loading:
            raise Refusal("The model is being loaded.", "Try again in a moment.", kind="loading", retry_after_s=2)
        if self.n_inside >= self.n_parallel and len(self._line) >= self.n_waiting:
            raise Refusal(
                f"The model is busy: {self.n_inside} requests are being answered and {len(self._line)} wait.",
                "Try again in a moment.",
                kind="busy",
                retry_after_s=self.retry_after_s(),
            )

    def retry_after_s(self) -> int:
        """When a place may be free."""
        return max(1, min(_MAX_RETRY_S, math.ceil(self._mean_s)))

    async def enter(self) -> float:
        """Take a place, waiting in line for it; returns the seconds waited. Raises `Refusal`; may be cancelled."""
        self.check()
        if self.n_inside < self.n_parallel and not self._line:
            self.n_inside += 1
            return 0.0
        number, self._next = self._next, self._next + 1
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line[number] = place
        began_s = time.monotonic()
        try:
            await place
        except BaseException:
            if self._line.pop(number, None) is None and not place.cancelled():
                self.leave(0.0)  # it was given to us in this very moment
            raise
        return time.monotonic() - began_s

    def leave(self, took_s: float) -> None:
        """Give the place to the next in line."""
        if took_s > 0:
            self._mean_s += 0.1 * (took_s - self._mean_s)
        self.n_inside -= 1
        while self._line and self.n_inside < self.n_parallel:
            _number, place = self._line.popitem(last=False)
            if not place.done():
                self.n_inside += 1
                place.set_result(None)
