"""How many threads compute: fewer while other programs want the processors, all of them again when they do not.

ggml's threads wait for each other after every operation of a graph, spinning. With a processor each this is the
fastest way; where one of them must share, all wait for it and the speed collapses (2 threads on 2 cores beside 2 busy
programs: a tenth and less; one thread: a half). So steps are timed, other counts are tried for a moment, and the
faster stays. A step that takes far too long is given up in the middle: it alone could last a second.

A pure decision over what it is told: knows seconds and threads, no clock, no context.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from rushlight.assistant.engine.machine_load import MachineLoad

WINDOW_S = 0.06  # a judgement needs so much time,
WINDOW_STEPS = 4  # and so many steps,
_LONG_S = 0.2  # or this long, whatever the number
_WAITING = 0.12  # threads in a queue: somebody else wants our processors
_SLOWER = 1.4  # than the best seen: something has changed
_FASTER = 0.93  # of the other's time: worth changing for
_HOPELESS = 1.6  # a trial that is so much slower ends at once
_IDLE = 0.6  # a processor with nothing to do: one more thread may be tried
_PAUSE_S, _LONGEST_PAUSE_S = 0.3, 4.0  # after a trial that failed; doubled each time
_MOST_OTHERS = 8  # steps of other kinds during a trial
_BLIND_S = 8.0  # between two trials of more threads where no processor seems idle
# A step is given up that takes so many times what it should, and at least so long; in a trial, and otherwise.
_TRIAL_LIMIT, _LEAST_TRIAL_LIMIT_S = 3.0, 0.03
_LIMIT, _LEAST_LIMIT_S, _LONG_LIMIT = 6.0, 0.1, 3.0


@dataclass(slots=True)
class _Window:
    """Steps of one kind with one number of threads."""

    kind: Hashable
    spent_s: float = 0.0
    units: float = 0.0
    n_steps: int = 0

    @property
    def cost(self) -> float:
        return self.spent_s / self.units

    @property
    def is_full(self) -> bool:
        return self.spent_s >= _LONG_S or (self.spent_s >= WINDOW_S and self.n_steps >= WINDOW_STEPS)


@dataclass(slots=True)
class _Pause:
    """When a direction may be tried again."""

    until_s: float = 0.0
    length_s: float = _PAUSE_S

    def fail(self, now_s: float) -> None:
        self.until_s = now_s + self.length_s
        self.length_s = min(2 * self.length_s, _LONGEST_PAUSE_S)

    def reset(self) -> None:
        self.until_s, self.length_s = 0.0, _PAUSE_S


@dataclass(slots=True)
class ThreadTuner:
    """Tell it each step with `note`; it answers with the number of threads for the next.

    `look` says how busy the machine was since it was asked last.
    """

    n_most: int
    look: Callable[[], MachineLoad]
    n_threads: int = 0
    n_changes: int = 0
    _has_begun: bool = False
    _windows: dict[Hashable, _Window] = field(default_factory=dict)
    _trial_kind: Hashable = None
    _n_others: int = 0  # steps of other kinds since the trial began
    _trial_from: int = 0  # 0: no trial; else the number of threads before it
    _old_cost: float = 0.0
    _best: dict[tuple[Hashable, int], float] = field(default_factory=dict)
    _down: _Pause = field(default_factory=_Pause)
    _up: _Pause = field(default_factory=_Pause)
    _is_sure: bool = False  # the last window was slow too
    _n_steps_down: int = 0  # trials of fewer threads that failed in a row
    _looked_blindly_s: float = 0.0

    def __post_init__(self) -> None:
        self.n_threads = self.n_threads or self.n_most

    def note(self, kind: Hashable, units: float, spent_s: float, now_s: float) -> int:
        """A step of `units` (tokens) took so long; steps are compared within their kind only."""
        if self.n_most == 1:
            return 1
        if self._trial_from and kind != self._trial_kind:
            self._n_others += 1
            if self._n_others > _MOST_OTHERS:  # steps of that kind come no more: as if it had not been tried
                self._set(self._trial_from)
                self._trial_from = 0
                self._windows.clear()
            return self.n_threads
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = _Window(kind)
            if not self._has_begun:
                self._has_begun = True
                self.look()  # what was before the first step is of no interest
        window.spent_s += spent_s
        window.units += units
        window.n_steps += 1
        if self._trial_from and window.spent_s > WINDOW_S / 2 and window.cost > _HOPELESS * self._old_cost:
            self._end_trial(window, now_s)
        elif window.is_full:
            del self._windows[kind]
            if self._trial_from:
                self._end_trial(window, now_s)
            else:
                self._judge(window, now_s)
        return self.n_threads

    def limit_s(self, kind: Hashable, units: float, now_s: float) -> float:
        """How long a step may take before it is better given up and computed with other threads; inf: any time."""
        if self.n_threads == 1:
            return math.inf
        if self._trial_from:
            if kind != self._trial_kind:
                return math.inf
            return max(_LEAST_TRIAL_LIMIT_S, _TRIAL_LIMIT * self._old_cost * units)
        best = self._best.get((kind, self.n_threads))
        if best is None or now_s < self._down.until_s:  # fewer were slower just now
            return math.inf
        expected_s = best * units
        return max(_LEAST_LIMIT_S, min(_LIMIT * expected_s, _LONG_LIMIT * expected_s + 3 * _LEAST_LIMIT_S))

    def give_up(self, kind: Hashable, units: float, spent_s: float, now_s: float) -> int:
        """The step was stopped after that time; with so many threads is it computed again."""
        window = _Window(kind, spent_s, units, 1)
        if self._trial_from:
            self._end_trial(window, now_s)
        elif self.n_threads > 1:
            self._is_sure = False
            self._try(self._fewer(self.look()), window)
        return self.n_threads

    def _judge(self, window: _Window, now_s: float) -> None:
        """Go on like this, or try another number?"""
        load = self.look()
        key = (window.kind, self.n_threads)
        best = min(self._best.get(key, window.cost), window.cost)
        self._best[key] = best
        is_slow = window.cost > _SLOWER * best
        is_waiting = load.waiting is not None and load.waiting > _WAITING
        if not (is_slow or is_waiting):
            self._is_sure, self._n_steps_down = False, 0
        is_first = load.waiting is None and self.n_changes == 0 and self._down.until_s == 0.0
        if self.n_threads > 1 and now_s >= self._down.until_s and (is_slow or is_waiting or is_first):
            if self._is_sure or self._n_steps_down or is_first:
                self._is_sure = False
                self._try(self._fewer(load), window)
            else:  # this window may lie half before the change: the next one is what others are compared with
                self._is_sure = True
        elif self.n_threads < self.n_most and now_s >= self._up.until_s and not is_waiting:
            is_free = load.idle_cores is None or load.idle_cores >= _IDLE
            if is_free or now_s - self._looked_blindly_s >= _BLIND_S:
                self._looked_blindly_s = now_s
                n_free = 1 if load.idle_cores is None else max(1, round(load.idle_cores))
                self._try(min(self.n_most, self.n_threads + n_free), window)

    def _fewer(self, load: MachineLoad) -> int:
        # As many as were waiting are too many. Where that was not enough, half of all, a quarter, and so on.
        n_over = 1 if load.waiting is None else max(1, round(load.waiting))
        n = self.n_threads >> self._n_steps_down if self._n_steps_down else self.n_threads - n_over
        return max(1, min(n, self.n_threads - 1))

    def _try(self, n_threads: int, window: _Window) -> None:
        self._trial_from, self._old_cost = self.n_threads, window.cost
        self._trial_kind, self._n_others = window.kind, 0
        self._windows.clear()
        self._set(n_threads)

    def _end_trial(self, window: _Window, now_s: float) -> None:
        before, tried = self._trial_from, self.n_threads
        pause = self._up if tried > before else self._down
        self._trial_from = 0
        self._windows.clear()
        self.look()  # the next look is about what comes now
        if window.cost < _FASTER * self._old_cost:
            self._down.reset()
            self._up.reset()
            self._n_steps_down = 0
            self._best[(window.kind, tried)] = window.cost
            if tried > before:
                self._down.fail(now_s)  # hysteresis: stay for a moment
            else:
                self._up.fail(now_s)
            return
        self._set(before)
        if 1 < tried < before:
            self._n_steps_down += 1  # fewer still, soon
            self._down.until_s = now_s + WINDOW_S
            return
        pause.fail(now_s)
        if tried < before:
            self._n_steps_down = 0
            self._best[(window.kind, before)] = self._old_cost  # slower than it was, and that is how it is now

    def _set(self, n_threads: int) -> None:
        if n_threads != self.n_threads:
            self.n_threads = n_threads
            self.n_changes += 1
