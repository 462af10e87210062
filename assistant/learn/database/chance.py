"""Chance from a seed: choices, weighed choices, coins. The same seed makes the same lesson on every machine."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Python's Mersenne twister behind the few questions that a generator has; its choices do not change by version
    as long as they are made of `random()` alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def coin(self, share: float = 0.5) -> bool:
        return self._random() < share

    def below(self, n: int) -> int:
        return int(self._random() * n)

    def between(self, low: float, high: float) -> float:
        return low + self._random() * (high - low)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def weighed(self, choices: Sequence[tuple[T, float]]) -> T:
        at = self._random() * sum(weight for _, weight in choices)
        for value, weight in choices:
            at -= weight
            if at < 0:
                return value
        return choices[-1][0]

    def first(self, choices: Sequence[T], share: float = 0.76) -> T:
        """The first one mostly; one of the others in the rest of the cases."""
        return choices[0] if len(choices) == 1 or self.coin(share) else choices[1 + self.below(len(choices) - 1)]

    def some(self, choices: Sequence[T], n: int) -> list[T]:
        """Up to `n` different ones."""
        left = list(choices)
        return [left.pop(self.below(len(left))) for _ in range(min(n, len(left)))]
