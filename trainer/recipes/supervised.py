"""Supervised fine-tuning: the model learns to say what the assistant of the examples says.

The loss of a step is the mean over all its trained tokens, however they are laid out in rows: a long answer counts
more than a short one, and packing changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import Pack, make_packs
from rushlight.trainer.recipes.recipe import Score


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

    def rows(self, numbers: Sequence[int], row_tokens: int, *, held_out: bool = False) -> list[Pack]:
        source = self.held_out if held_out else self.examples
        return make_packs([source[number] for number in numbers], row_tokens, share=self.share)

    def weight(self, rows: Sequence[Pack]) -> float:
        return float(max(1, sum(row.n_targets for row in rows)))

    def loss(self, row: Pack, score: Score) -> Any:
        return score(row).sum()
