"""How large the steps are over a training, and which examples each step learns from. Both follow from numbers alone."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rate_at(
    step: int, n_steps: int, peak: float, warmup: float, shape: Literal["cosine", "linear", "constant"]
) -> float:
    """The learning rate of step number `step`, counted from 0. It rises over the first `warmup` of all steps."""
    rising = math.ceil(warmup * n_steps)
    if step < rising:
        return peak * (step + 1) / rising
    if shape == "constant":
        return peak
    share = (step - rising) / max(1, n_steps - rising)
    return peak * (1 - share if shape == "linear" else 0.5 * (1 + math.cos(math.pi * share)))


def n_steps_of(n_examples: int, batch: int, epochs: float, most: int) -> int:
    """How many steps a training has."""
    steps = max(1, math.ceil(n_examples * epochs / batch - 1e-9))
    return min(steps, most) if most else steps


def examples_at(
    step: int, n_examples: int, batch: int, seed: int, groups: tuple[int, ...] = ()
) -> list[int]:  # fmt: skip
    """The examples of a step: each epoch in an order of its own, one epoch after the other without a gap. With the
    group of each example, a step takes those of one group, as far as they fill it."""
    batch = min(batch, n_examples)
    first = step * batch
    found: list[int] = []
    for epoch in range(first // n_examples, (first + batch - 1) // n_examples + 1):
        order = _order_of(epoch, n_examples, batch, seed, groups)
        start, stop = first - epoch * n_examples, first + batch - epoch * n_examples
        found += [int(one) for one in order[max(0, start) : min(n_examples, stop)]]
    return found


@lru_cache(maxsize=2)
def _order_of(epoch: int, n_examples: int, batch: int, seed: int, groups: tuple[int, ...]) -> "NDArray[np.int64]":
    chance = np.random.default_rng([seed, epoch])
    order = chance.permutation(n_examples)
    if not groups:
        return order
    own = np.asarray(groups)[order]
    whole: list[NDArray[np.int64]] = []
    rest: list[NDArray[np.int64]] = []
    for group in np.unique(own):
        members = order[own == group]
        n_whole = len(members) // batch * batch
        whole += list(members[:n_whole].reshape(-1, batch))
        rest.append(members[n_whole:])
    shuffled = [whole[at] for at in chance.permutation(len(whole))]
    return np.concatenate([*shuffled, *rest])


def seed_at(seed: int, step: int, row: int) -> int:
    """What chance in a row (dropout) starts from: so that a training that goes on is the same as one in one go."""
    return int(np.random.SeedSequence([seed, step, row]).generate_state(1, np.uint64)[0] >> np.uint64(1))
