"""How large the steps are over a training, and which examples each step learns from. Both follow from numbers alone."""

import math
from typing import Literal

import numpy as np


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


def examples_at(step: int, n_examples: int, batch: int, seed: int) -> list[int]:
    """The examples of a step: each epoch in an order of its own, one epoch after the other without a gap."""
    batch = min(batch, n_examples)
    first = step * batch
    found: list[int] = []
    for epoch in range(first // n_examples, (first + batch - 1) // n_examples + 1):
        order = np.random.default_rng([seed, epoch]).permutation(n_examples)
        start, stop = first - epoch * n_examples, first + batch - epoch * n_examples
        found += [int(one) for one in order[max(0, start) : min(n_examples, stop)]]
    return found


def seed_at(seed: int, step: int, row: int) -> int:
    """What chance in a row (dropout) starts from: so that a training that goes on is the same as one in one go."""
    return int(np.random.SeedSequence([seed, step, row]).generate_state(1, np.uint64)[0] >> np.uint64(1))
