"""The seam: what a recipe tells the loop. It knows examples and losses; it knows no optimizer, file or device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import Pack

Units: TypeAlias = Sequence[Sequence[Tokens]]  # examples that belong together, such as the answers of a pair
LogProbs: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]  # of each example: the sum over its trained tokens
Score: TypeAlias = Callable[[Pack], Any]  # the loss of each target of a row, in nats
Figures: TypeAlias = dict[str, float]

_PORTION = 64  # held-out examples that are looked at together


@dataclass(frozen=True, slots=True)
class Row:
    """What is led forward and backward at once: one pack, or several of a model that keeps nothing apart."""

    packs: tuple[Pack, ...]
    numbers: tuple[int, ...] = ()  # its examples, where the recipe needs to know


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step; `ahead` are those whose losses are looked at before, without a gradient."""

    rows: Sequence[Row]
    ahead: Sequence[Row] = ()

    def total(self, name: str) -> int:
        """The sum of a count of packs, such as `n_tokens`, over the rows that are trained."""
        return sum(getattr(pack, name) for row in self.rows for pack in row.packs)


@dataclass(frozen=True, slots=True)
class Shares:
    """What a row must know of its whole batch: the counts that losses are divided by, and what was seen ahead."""

    weight: float  # how much a batch counts beside others
    n_targets: int = 0
    ahead: float = 0.0


class Recipe(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def n_examples(self) -> int: ...

    @property
    def n_held_out(self) -> int: ...

    def to_refer(self) -> Mapping[str, Units]:
        """What is asked of the untrained model before the first step, by name; nothing for most recipes."""

    def refer(self, found: Mapping[str, LogProbs]) -> None:
        """Take what the untrained model said."""

    def order(self, step: int, batch: int, seed: int) -> list[int]:
        """The examples of a step."""

    def portions(self) -> list[list[int]]:
        """The held-out examples, in the portions in which they are looked at."""

    def batch(self, numbers: Sequence[int], row_tokens: int, *, alone: bool = False, held_out: bool = False) -> Batch:
        """The rows of these examples. A pack has no more than `row_tokens` tokens, or one example; `alone` gives each
        example a pack of its own."""

    def shares(self, batch: Batch, look: Score, *, held_out: bool = False) -> Shares:
        """What the rows of a batch must know of each other. `look` has no gradient."""

    def loss(self, row: Row, score: Score, shares: Shares, *, held_out: bool = False) -> tuple[Any, Figures]:
        """The part of a row in the loss of its batch, and what else is to be told of it: sums over examples."""

    def figures(self, sums: Mapping[str, float]) -> Figures:
        """What a line of the metrics says, from the sums of all rows."""


def portions_of(n_held_out: int) -> list[list[int]]:
    return [list(range(first, min(first + _PORTION, n_held_out))) for first in range(0, n_held_out, _PORTION)]
