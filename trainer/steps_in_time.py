"""How many steps fit into the time of a training, as its steps turn out to take.

A trial before a training says what a step takes at that moment; on a machine that others share it may take more, or
less, for the next quarter of an hour. What a step usually takes is the median of the last ones, so that one that had to
wait (for a chat, say) does not end a training early.
"""

from collections import deque
from statistics import median
from typing import Final

_FIRST: Final = 30  # steps before it is looked at: the first of them are slower
_EVERY: Final = 15
_LAST: Final = 0.8  # of the steps: from then on their number stays, and with it the end of the schedule
_WINDOW: Final = 60
_WAITED: Final = 3.0  # times the usual: what is beyond that was waiting, and is not counted


class StepsInTime:
    """pace.took(seconds) after each step, pace.n_steps(step, planned) says how many there are in all.

    `seconds` is what training may take, `most` how many steps there are examples for; `spent` the seconds of a training
    that goes on from a checkpoint."""

    def __init__(self, seconds: float, most: int, spent: float = 0.0) -> None:
        self._seconds, self._most, self._spent = seconds, most, spent
        self._last: deque[float] = deque(maxlen=_WINDOW)
        self._n_seen = 0

    def took(self, seconds: float) -> None:
        """What a step took."""
        self._last.append(seconds)
        self._n_seen += 1
        self._spent += min(seconds, _WAITED * median(self._last))

    def n_steps(self, step: int, planned: int) -> int:
        """How many steps there are in all, after `step` of them; as `planned` so far where it is not looked at now."""
        if self._n_seen < _FIRST or step % _EVERY or step >= _LAST * planned:
            return planned
        left = max(0.0, self._seconds - self._spent)
        return max(step + 1, min(self._most, step + int(left / max(median(self._last), 1e-6))))
