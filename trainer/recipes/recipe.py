"""The seam: what a recipe tells the loop. It knows examples and losses; it knows no optimizer, file or device."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from rushlight.trainer.data.pack import Pack

Score: TypeAlias = Callable[[Pack], Any]  # the loss of each target of a row, with its gradient


class Recipe(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def n_examples(self) -> int: ...

    @property
    def n_held_out(self) -> int: ...

    def rows(self, numbers: Sequence[int], row_tokens: int, *, held_out: bool = False) -> list[Pack]:
        """The rows of these examples. A row of no more than `row_tokens` tokens, or of one example."""

    def weight(self, rows: Sequence[Pack]) -> float:
        """What the sum of the losses of a step's rows is divided by."""

    def loss(self, row: Pack, score: Score) -> Any:
        """The loss of a row: a sum, not a mean."""
