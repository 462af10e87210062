"""How fast a job is, smoothed, so that the remaining time does not jump. Knows numbers and times only."""

import math

_SMOOTHING_S = 5.0  # a change of speed shows to two thirds after so long
_FIRST_S = 0.5  # before this nothing is said


class Rate:
    """Units per second of one kind of work; another kind (`what`), or going back, begins anew."""

    def __init__(self) -> None:
        self._what = ""
        self._begun: tuple[float, float] = (0.0, 0.0)  # time, done
        self._last: tuple[float, float] = (0.0, 0.0)
        self._rate: float | None = None

    def update(self, what: str, done: float, now_s: float) -> float | None:
        """The rate now, None while it is too early to tell."""
        last_s, last_done = self._last
        if what != self._what or done < last_done:
            self._what, self._begun, self._last, self._rate = what, (now_s, done), (now_s, done), None
            return None
        step_s = now_s - last_s
        if step_s <= 0:
            return self._rate
        begun_s, begun_done = self._begun
        if self._rate is None:
            if now_s - begun_s < _FIRST_S:
                return None
            self._rate = (done - begun_done) / (now_s - begun_s)
        else:
            # Exponential smoothing for uneven steps.
            weight = 1 - math.exp(-step_s / _SMOOTHING_S)
            self._rate += weight * ((done - last_done) / step_s - self._rate)
        self._last = (now_s, done)
        return self._rate

    def forget(self) -> None:
        """The work stood still on purpose: what comes next says nothing about that time."""
        self._what = ""
