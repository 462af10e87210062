"""Supervised fine-tuning: the model learns to say what the assistant of the examples says.

The loss of a step is the mean over all its trained tokens, however they are laid out in rows: a long answer counts
more than a short one, and packing changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight.trainer.data.masks import Ids, Tokens
from rushlight.trainer.data.pack import make_packs
from rushlight.trainer.recipes.recipe import Batch, Figures, LogProbs, Row, Score, Shares, Units, portions_of
from rushlight.trainer.schedule import examples_at

_BEGINNING = 64  # tokens
_LEAST_ALIKE = 8  # examples of a group, on average
_LEAST_SHARED = 0.4  # of all tokens: else examples meet by chance


@dataclass(frozen=True, slots=True)
class Supervised:
    """Examples to learn from, and others to look at."""

    examples: Sequence[Tokens]
    held_out: Sequence[Tokens] = ()
    share: bool = True
    name: str = "supervised"
    groups: tuple[int, ...] = field(init=False, default=())  # of each example, those that begin alike; () = one alone

    def __post_init__(self) -> None:
        """As questions to one database begin: what they share is computed once in a step, if they stand in it
        together. Where that saves little, chance alone decides which examples meet."""
        object.__setattr__(self, "groups", _groups_of(self.examples) if self.share else ())

    @property
    def n_examples(self) -> int:
        return len(self.examples)

    @property
    def n_held_out(self) -> int:
        return len(self.held_out)

    def to_refer(self) -> Mapping[str, Units]:
        return {}

    def refer(self, found: Mapping[str, LogProbs]) -> None:
        pass

    def order(self, step: int, batch: int, seed: int) -> list[int]:
        return examples_at(step, self.n_examples, batch, seed, self.groups)

    def portions(self) -> list[list[int]]:
        return portions_of(self.n_held_out)

    def batch(self, numbers: Sequence[int], row_tokens: int, *, alone: bool = False, held_out: bool = False) -> Batch:
        source = self.held_out if held_out else self.examples
        groups = [[number] for number in numbers] if alone else [list(numbers)]
        packs = [
            pack
            for group in groups
            for pack in make_packs([source[number] for number in group], 1 if alone else row_tokens, share=self.share)
        ]
        return Batch([Row((pack,)) for pack in packs])

    def shares(self, batch: Batch, look: Score, *, held_out: bool = False) -> Shares:
        n_targets = max(1, batch.total("n_targets"))
        return Shares(float(n_targets), n_targets)

    def loss(self, row: Row, score: Score, shares: Shares, *, held_out: bool = False) -> tuple[Any, Figures]:
        return score(row.packs[0]).sum() / shares.weight, {}

    def figures(self, sums: Mapping[str, float]) -> Figures:
        return {}


def _groups_of(examples: Sequence[Tokens]) -> tuple[int, ...]:
    found: dict[bytes, list[int]] = {}
    for at, one in enumerate(examples):
        found.setdefault(one.ids[:_BEGINNING].tobytes(), []).append(at)
    if not 1 < len(found) <= len(examples) // _LEAST_ALIKE:
        return ()
    groups, n_shared = [0] * len(examples), 0
    for number, members in enumerate(found.values()):
        n_shared += _n_common([examples[at].ids for at in members]) * (len(members) - 1)
        for at in members:
            groups[at] = number
    return tuple(groups) if n_shared >= _LEAST_SHARED * sum(len(one.ids) for one in examples) else ()


def _n_common(rows: Sequence[Ids]) -> int:
    """How many tokens all of them begin with."""
    first, n_common = rows[0], min(map(len, rows))
    for row in rows[1:]:
        differs = np.flatnonzero(row[:n_common] != first[:n_common])
        n_common = int(differs[0]) if len(differs) else n_common
    return n_common
