"""Threads that adapt: the decision over measured machines, and that it neither flutters nor costs anything at rest."""

import math
import random
import threading
import time
from collections.abc import Callable

import pytest

from rushlight.assistant.engine.machine_load import LoadMeter, MachineLoad
from rushlight.assistant.engine.step_guard import LOOK_S, StepGuard
from rushlight.assistant.engine.thread_tuner import ThreadTuner

# tokens/s by busy programs and threads: measured on 2 cores with SmolLM2-135M (docs/log.md), and a worse collapse
TWO_CORES = {0: {1: 125.0, 2: 216.0}, 2: {1: 39.0, 2: 17.0}, 4: {1: 19.0, 2: 6.0}}
COLLAPSE = {0: {1: 125.0, 2: 216.0}, 2: {1: 100.0, 2: 2.0}, 4: {1: 60.0, 2: 0.5}}
# A machine of 8 cores as it would behave: linear up to what is free, a collapse beyond.
EIGHT_CORES = {busy: {n: 20.0 * n if n <= 8 - busy else 20.0 * n * 0.25 for n in range(1, 9)} for busy in (0, 2, 4)}


class Machine:
    """Time passes only here."""

    def __init__(self, rates: dict[int, dict[int, float]], *, tells: bool, noise: float = 0.1) -> None:
        self.rates = rates
        self.n_cores = max(rates[0])
        self.busy = 0
        self.now_s = 100.0
        self.tells = tells
        self.numbers = random.Random(1)
        self.noise = noise
        self.tuner = ThreadTuner(self.n_cores, self.look)

    def look(self) -> MachineLoad:
        if not self.tells:
            return MachineLoad(None, None)
        n = self.tuner.n_threads
        wanted = self.busy + n
        idle = max(0.0, self.n_cores - wanted)
        return MachineLoad(idle, n * max(0.0, wanted - self.n_cores) / wanted)

    def run(self, spent_s: float) -> float:
        """Tokens a second over that time."""
        end = self.now_s + spent_s
        start, n_tokens = self.now_s, 0
        while self.now_s < end:
            step_s = 1.0 / self.rates[self.busy][self.tuner.n_threads]
            step_s *= 1.0 + self.noise * self.numbers.uniform(-1.0, 1.0)
            limit_s = self.tuner.limit_s("one", 1, self.now_s) + LOOK_S
            self.now_s += min(step_s, limit_s)
            if step_s > limit_s:
                self.tuner.give_up("one", 1, limit_s, self.now_s)
                continue
            n_tokens += 1
            self.tuner.note("one", 1, step_s, self.now_s)
        return n_tokens / (self.now_s - start)


@pytest.fixture(params=[True, False], ids=["Linux", "elsewhere"])
def machine(request: pytest.FixtureRequest) -> Callable[[dict[int, dict[int, float]]], Machine]:
    return lambda rates: Machine(rates, tells=request.param)


@pytest.mark.parametrize("rates", [TWO_CORES, COLLAPSE, EIGHT_CORES], ids=["2 cores", "collapse", "8 cores"])
def test_within_three_seconds_of_every_change(
    machine: Callable[[dict[int, dict[int, float]]], Machine], rates: dict[int, dict[int, float]]
) -> None:
    here = machine(rates)
    here.run(1.0)
    for busy in (0, *[busy for busy in rates if busy], 0, max(rates), 0):
        here.busy = busy
        here.run(3.0)
        best = max(rates[busy].values())
        assert here.run(10.0) >= 0.8 * best, (busy, here.tuner.n_threads)


@pytest.mark.parametrize("rates", [TWO_CORES, EIGHT_CORES], ids=["2 cores", "8 cores"])
def test_nothing_is_lost_at_rest(rates: dict[int, dict[int, float]]) -> None:
    here = Machine(rates, tells=True)
    here.run(30.0)
    assert here.tuner.n_changes == 0


def test_busy_from_the_start() -> None:
    here = Machine(TWO_CORES, tells=True)
    here.busy = 4
    here.run(3.0)
    assert here.tuner.n_threads == 1
    assert here.run(20.0) >= 0.9 * TWO_CORES[4][1]


def test_it_does_not_flutter() -> None:
    here = Machine(TWO_CORES, tells=True, noise=0.3)
    here.busy = 2
    here.run(3.0)
    before = here.tuner.n_changes
    here.run(30.0)
    assert here.tuner.n_changes - before <= 10  # a look every eight seconds, there and back


def test_a_growing_context_is_no_collapse() -> None:
    """Tokens become slower with every token before them: fewer threads are tried, and given up each time."""
    here = Machine(TWO_CORES, tells=True)
    for factor in range(1, 9):
        here.rates = {0: {1: 125.0 / factor, 2: 216.0 / factor}}
        assert here.run(4.0) >= 0.9 * 216.0 / factor


def test_kinds_are_not_compared() -> None:
    tuner = ThreadTuner(2, lambda: MachineLoad(0.0, 0.0))
    now_s = 0.0
    for _ in range(50):
        for kind, spent_s in (("one", 0.005), ("prompt", 0.5)):
            for _ in range(20 if kind == "one" else 1):
                now_s += spent_s
                tuner.note(kind, 1, spent_s, now_s)
    assert tuner.n_threads == 2 and tuner.n_changes == 0


def test_one_core_is_left_alone() -> None:
    tuner = ThreadTuner(1, lambda: MachineLoad(0.0, 5.0))
    assert [tuner.note("one", 1, 0.1, i / 10) for i in range(20)] == [1] * 20


def test_the_meter_of_this_machine() -> None:
    meter = LoadMeter()
    meter._at -= 1.0
    load = meter.look()
    assert load.idle_cores is None or load.idle_cores >= 0.0
    assert load.waiting is None or load.waiting >= 0.0
    assert meter.look() is load  # too soon for another answer


def test_a_step_that_takes_far_too_long_is_given_up() -> None:
    tuner = ThreadTuner(2, lambda: MachineLoad(0.0, 1.0))
    now_s = 0.0
    assert tuner.limit_s("one", 1, now_s) == math.inf  # nothing to compare with
    for _ in range(40):
        now_s += 0.01
        tuner.note("one", 1, 0.01, now_s)
    tuner = ThreadTuner(2, lambda: MachineLoad(0.0, 0.0))
    for _ in range(40):
        now_s += 0.01
        tuner.note("one", 1, 0.01, now_s)
    assert 0.05 < tuner.limit_s("one", 1, now_s) < 0.2
    assert tuner.limit_s("prompt", 100, now_s) == math.inf
    assert tuner.give_up("one", 1, 0.1, now_s) == 1
    assert tuner.limit_s("one", 1, now_s) == math.inf  # one thread: there is nothing better
    for _ in range(40):
        now_s += 0.2
        tuner.note("one", 1, 0.2, now_s)
    assert tuner.n_threads == 2  # slower still: it was something else
    assert tuner.limit_s("one", 1, now_s) == math.inf or now_s >= tuner._down.until_s


def test_the_guard_looks_at_the_clock() -> None:
    given_up = threading.Event()
    guard = StepGuard(given_up.set)
    guard.begin(math.inf)
    assert not guard.end() and not guard._is_watching
    guard.begin(time.monotonic() + 60.0)
    assert not guard.end() and not given_up.is_set()
    guard.begin(time.monotonic() + 0.05)
    assert given_up.wait(10.0)
    assert guard.end() and not guard.end()
    deadline = time.monotonic() + 10.0
    while guard._is_watching and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not guard._is_watching  # no thread stays behind
