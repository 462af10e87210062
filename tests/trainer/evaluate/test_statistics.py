"""Intervals hold the truth as often as they say, and the gate seldom lets through what is no better."""

import random

import numpy as np
import pytest

from rushlight.trainer.evaluate.gate import decide
from rushlight.trainer.evaluate.measuring import Row, Side
from rushlight.trainer.evaluate.statistics import paired, wilson
from rushlight.trainer.evaluate.suite import Item
from rushlight.trainer.evaluate.usual import usual_answer


def rows(base: list[float], candidate: list[float]) -> list[Row]:
    return [
        Row(str(at), str(at), Side(one, "", 5, 0.1), Side(other, "", 5, 0.1))
        for at, (one, other) in enumerate(zip(base, candidate, strict=True))
    ]


def test_a_plain_gain() -> None:
    found = paired([0.0] * 50 + [1.0] * 50, [1.0] * 80 + [0.0] * 20)
    assert (found.base, found.candidate, found.won, found.lost) == (0.5, 0.8, 50, 20)
    assert found.difference == pytest.approx(0.3) and 0.1 < found.low < 0.3 < found.high < 0.5
    assert found.chance < 0.001
    worse = paired([1.0] * 80 + [0.0] * 20, [0.0] * 50 + [1.0] * 50)
    assert worse.high < 0 and worse.chance > 0.99


def test_wilson_knows_its_ends() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(50, 50)
    assert high == pytest.approx(1.0) and 0.92 < low < 0.94
    assert wilson(0, 50)[0] == pytest.approx(0.0)


def test_chance_is_the_sign_test_where_few_items_differ() -> None:
    assert paired([0.0] * 5 + [1.0] * 95, [1.0] * 100).chance == pytest.approx(1 / 32)
    assert paired([1.0] * 9, [1.0] * 9).chance == 1.0
    assert paired([0.0] * 6 + [1.0] * 94, [1.0] * 100).chance == pytest.approx(1 / 64)


def test_clusters_are_drawn_whole() -> None:
    """The same gains in clusters of ten say less than alone."""
    gains = [float(number % 3 == 0) for number in range(20)]
    base, candidate = [0.0] * 200, [gain for gain in gains for _ in range(10)]
    alone = paired(base, candidate)
    together = paired(base, candidate, [str(at // 10) for at in range(200)])
    assert together.n_clusters == 20 and together.high - together.low > 2 * (alone.high - alone.low)


def simulated(numbers: random.Random, n: int, right: float, gain: float, moved: float) -> bool:
    """Whether a candidate is let through that is `gain` better, where `moved` of the items change sides by chance."""
    base = [float(numbers.random() < right) for _ in range(n)]
    candidate = list(base)
    for at in range(n):
        if numbers.random() < moved:
            candidate[at] = float(numbers.random() < right)
        if not candidate[at] and numbers.random() < gain:
            candidate[at] = 1.0
    return decide(rows(base, candidate), [], seed=at).passed


@pytest.mark.parametrize("tries", [60, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("n", "right", "moved"), [(60, 0.3, 0.1), (200, 0.5, 0.05), (200, 0.1, 0.5)])
def test_what_is_no_better_is_seldom_let_through(n: int, right: float, moved: float, tries: int) -> None:
    numbers = random.Random(f"{n} {right} {moved}")
    passed = sum(simulated(numbers, n, right, 0.0, moved) for _ in range(tries))
    assert wilson(passed, tries)[0] <= 0.05, f"{passed} of {tries} were let through"


def test_what_is_clearly_better_is_let_through() -> None:
    numbers = random.Random(4)
    assert sum(simulated(numbers, 200, 0.3, 0.2, 0.1) for _ in range(25)) >= 24


@pytest.mark.slow
def test_intervals_hold_the_truth() -> None:
    numbers = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        base, candidate = numbers.random(150) < 0.4, numbers.random(150) < 0.55
        found = paired(base.astype(float).tolist(), candidate.astype(float).tolist())
        held += found.low <= 0.15 <= found.high
    assert 0.92 <= held / 600 <= 0.975


def test_one_answer_to_everything_is_no_gain() -> None:
    items = [Item(id=str(at), prompt="?", scorer="exact", reference="A" if at % 4 else "B") for at in range(100)]
    usual = usual_answer(items)
    assert usual is not None and usual.answer == "A" and sum(usual.scores) == 75
    always = rows([0.0] * 100, list(usual.scores))
    assert decide(always, []).passed and not decide(always, [], usual=usual).passed
    (said,) = decide(always, [], usual=usual).reasons
    assert said == "It is hardly better than one answer to everything: 75.0% right, 75.0% by saying 'A' always."
    assert decide(rows([0.0] * 100, [1.0] * 95 + [0.0] * 5), [], usual=usual).passed
    assert usual_answer([]) is None
    assert usual_answer([Item(id="1", prompt="?", scorer="judge")]) is None
    of_sql = [Item(id=str(at), prompt="?", scorer="sql-execution", reference={"sql": f"SELECT {at // 2}"})
              for at in range(3)]  # fmt: skip
    found = usual_answer(of_sql)
    assert found is not None and found.answer == "SELECT 0" and found.scores == (1.0, 1.0, 0.0)
    assert usual_answer(of_sql[:2]) is None, "all of one answer"
