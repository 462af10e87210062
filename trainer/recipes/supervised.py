"""Supervised fine-tuning: the model learns to say what the assistant of the examples says.

The loss of a step is the mean over all its trained tokens, however they are laid out in rows: a long answer counts
more than a short one, and packing changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import make_packs
from rushlight.trainer.recipes.recipe import Batch, Figures, LogProbs, Row, Score, Shares, Units, portions_of
from rushlight.trainer.schedule import examples_at


@dataclass(frozen=True, slots=True)
class Supervised:
    """Examples to learn from, and others to look at."""

    examples: Sequence[Tokens]
    held_out: Sequence[Tokens] = ()
    share: bool = True
    name: str = "supervised"

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
        return examples_at(step, self.n_examples, batch, seed)

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
