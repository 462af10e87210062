"""Which examples a step learns from: each once an epoch, in an order of chance; those that begin alike together."""

from collections import Counter

import numpy as np
import pytest

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.recipes.supervised import Supervised
from rushlight.trainer.schedule import examples_at


def a_question(group: int, number: int, answer: int = 1) -> Tokens:
    own = range(5000 + number, 5000 + number + answer)
    ids = np.array([*range(1000 + 100 * group, 1000 + 100 * group + 70), *own, 7], dtype=np.int32)
    trained = np.zeros(len(ids), dtype=bool)
    trained[-1] = True
    return Tokens(ids, trained)


@pytest.mark.parametrize("groups", [(), tuple(n % 5 for n in range(83))])
def test_each_example_once_an_epoch_and_another_order_in_the_next(groups: tuple[int, ...]) -> None:
    steps = [examples_at(step, 83, 8, 3, groups) for step in range(21)]
    told = [number for step in steps for number in step]
    assert Counter(told[:83]) == Counter(range(83)) and len(told) == 168
    assert told[:83] != told[83:166]
    assert steps == [examples_at(step, 83, 8, 3, groups) for step in range(21)]
    assert steps != [examples_at(step, 83, 8, 4, groups) for step in range(21)]


def test_a_step_has_one_group_as_far_as_it_fills_it() -> None:
    groups = tuple(n % 3 for n in range(96))
    steps = [examples_at(step, 96, 8, 1, groups) for step in range(12)]
    assert all(len({groups[number] for number in step}) == 1 for step in steps)
    assert len({groups[step[0]] for step in steps[:6]}) > 1, "groups take turns by chance"


def test_questions_to_one_database_stand_together() -> None:
    recipe = Supervised([a_question(number % 4, number) for number in range(64)])
    for step in range(8):
        rows = recipe.batch(recipe.order(step, 8, 0), 1024).rows
        assert sum(pack.n_tokens for row in rows for pack in row.packs) == 70 + 8 * 2


def test_a_few_that_begin_alike_change_nothing() -> None:
    alone = Supervised([a_question(0, number) for number in range(40)])
    apart = Supervised([a_question(number, number) for number in range(40)])
    assert alone.groups == apart.groups == ()
    assert alone.order(2, 8, 5) == apart.order(2, 8, 5) == examples_at(2, 40, 8, 5)
    shared = Supervised([a_question(number % 4, number) for number in range(64)], share=False)
    assert shared.groups == ()
    long = Supervised([a_question(number % 4, number, answer=200) for number in range(64)])
    assert long.groups == () and long.order(2, 8, 5) == examples_at(2, 64, 8, 5), "it would save little"
