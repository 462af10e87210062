"""How many threads a running model gets: those with which it was fastest just now.

ggml's threads wait for each other after every step of a graph. Where other programs keep the processors busy, one
thread that waits for its turn holds up all others, and two threads can be a hundred times slower than one. So fewer
threads are tried too, now and then, and less often where they were slower. What was best last is remembered for the
process's next model. Knows times; no model.
"""

from typing import Final

_FIRST_PAUSE: Final = 12  # runs between two trials of other numbers
_MOST_PAUSE: Final = 400
_MUCH_SLOWER: Final = 1.5
_best_of: dict[int, int] = {}  # most threads -> what was fastest last, in this process


class Pace:
    """pace.next() says how many threads the next run gets; pace.took() what it came to."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._numbers = sorted({self._most, max(1, most // 2), 1}, reverse=True)
        self._known = _best_of.get(self._most)
        self._costs: dict[int, float] = {}  # seconds per token, the newest
        self._pauses = dict.fromkeys(self._numbers, _FIRST_PAUSE)
        self._waited = dict.fromkeys(self._numbers, 0)

    def next(self) -> int:
        """All of them first, then each smaller number once; from then on the fastest, but for trials. Where it is known
        what was fastest last, that comes first, and the others when their turn comes."""
        unknown = next((one for one in self._numbers if one not in self._costs), None)
        if self._known is not None and not self._costs:
            return self._known
        if unknown is not None and self._known is None:
            return unknown
        best = self._best()
        due = [one for one in self._numbers if one != best and self._waited[one] >= self._pauses[one]]
        return due[0] if due else best

    def took(self, n_threads: int, n_tokens: int, seconds: float) -> None:
        """A run with so many threads is over."""
        best = self._best() if self._costs else n_threads
        self._costs[n_threads] = seconds / max(1, n_tokens)
        for one in self._numbers:
            self._waited[one] += 1
        self._waited[n_threads] = 0
        if n_threads != best:
            is_slow = self._costs[n_threads] > _MUCH_SLOWER * self._costs[best]
            pause = self._pauses[n_threads] * 2 if is_slow else _FIRST_PAUSE
            self._pauses[n_threads] = min(_MOST_PAUSE, pause)
        _best_of[self._most] = self._best()

    def _best(self) -> int:
        return min(self._costs, key=lambda one: self._costs[one])
