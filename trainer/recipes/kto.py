"""Kahneman-Tversky optimization: answers that people like become likelier, others less, without pairs.

Ethayarajh et al. 2024 (arXiv:2402.01306), eq. 7 and 8. An answer gains or loses against a reference point: how far the
model has moved from what it was (the KL divergence), estimated by answers to other prompts. Examples are joined in
circles once and for all, each a step: an example's prompt goes with the answer of the one before it, so that the
untrained model is asked about each such text once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.recipes.answers import log_probs, rows_of
from rushlight.trainer.recipes.recipe import Batch, Figures, LogProbs, Row, Score, Shares, Units


@dataclass(frozen=True)
class Kto:
    """Answers to learn from, and others to look at, with what is thought of each."""

    examples: Sequence[Tokens]
    good: Sequence[bool]
    held_out: Sequence[Tokens] = ()
    good_held_out: Sequence[bool] = ()
    beta: float = 0.1
    good_weight: float = 1.0
    bad_weight: float = 1.0
    circle: int = 16  # examples of a step
    seed: int = 0
    max_tokens: int = 1 << 20
    share: bool = True
    name: str = "kto"
    reference: dict[str, LogProbs] = field(default_factory=dict)

    @property
    def n_examples(self) -> int:
        return len(self.examples)

    @property
    def n_held_out(self) -> int:
        return len(self.held_out)

    def to_refer(self) -> Mapping[str, Units]:
        return {"train": self._units[0], "held_out": self._units[1]}

    def refer(self, found: Mapping[str, LogProbs]) -> None:
        self.reference.update(found)

    def order(self, step: int, batch: int, seed: int) -> list[int]:
        circles = self._circles[0]
        epoch, place = divmod(step, len(circles))
        return circles[int(np.random.default_rng([seed, epoch, 1]).permutation(len(circles))[place])]

    def portions(self) -> list[list[int]]:
        return self._circles[1]

    def batch(self, numbers: Sequence[int], row_tokens: int, *, alone: bool = False, held_out: bool = False) -> Batch:
        units = self._units[held_out]
        answers, others = ({number: [units[number][part]] for number in numbers} for part in (0, 1))
        return Batch(
            rows_of(answers, numbers, row_tokens, alone=alone, share=self.share),
            rows_of(others, numbers, row_tokens, alone=alone, share=self.share),
        )

    def shares(self, batch: Batch, look: Score, *, held_out: bool = False) -> Shares:
        moved, n = 0.0, 0
        for row in batch.ahead:
            moved += float(self._moved(row, look, 1, held_out)[0].sum())
            n += len(row.numbers)
        return Shares(float(n), 0, max(0.0, moved / n))

    def loss(self, row: Row, score: Score, shares: Shares, *, held_out: bool = False) -> tuple[Any, Figures]:
        moved, good = self._moved(row, score, 0, held_out)
        gain = torch.where(good, moved - shares.ahead, shares.ahead - moved)
        weights = torch.where(good, self.good_weight, self.bad_weight)
        losses = weights * (1 - torch.sigmoid(self.beta * gain))
        rewards = self.beta * moved.detach()
        n_good = float(good.sum())
        return losses.sum() / shares.weight, {
            "good": n_good, "bad": float(len(row.numbers)) - n_good, "right": float((gain > 0).sum()),
            "of_good": float(rewards[good].sum()), "of_bad": float(rewards[~good].sum()),
            "moved": shares.ahead * len(row.numbers),
        }  # fmt: skip

    def _moved(self, row: Row, score: Score, part: int, held_out: bool) -> tuple[Any, Any]:
        """(examples,), (examples,): how much likelier each answer is than before training; whether it is liked."""
        now, _, _ = log_probs(row, score)
        numbers = list(row.numbers)
        before = self.reference["held_out" if held_out else "train"].reshape(-1, 2)[numbers, part]
        labels = self.good_held_out if held_out else self.good
        good = torch.as_tensor([labels[number] for number in numbers], device=now.device)
        return now - torch.as_tensor(before, dtype=now.dtype, device=now.device), good

    def figures(self, sums: Mapping[str, float]) -> Figures:
        n_good, n_bad = sums.get("good", 0.0), sums.get("bad", 0.0)
        n = max(n_good + n_bad, 1.0)
        found = {"accuracy": sums.get("right", 0.0) / n, "kl": sums.get("moved", 0.0) / n}
        if n_good:
            found["reward_chosen"] = sums["of_good"] / n_good
        if n_bad:
            found["reward_rejected"] = sums["of_bad"] / n_bad
        if n_good and n_bad:
            found["margin"] = found["reward_chosen"] - found["reward_rejected"]
        return found

    @cached_property
    def _circles(self) -> tuple[list[list[int]], list[list[int]]]:
        order = [int(one) for one in np.random.default_rng([self.seed, 0, 2]).permutation(self.n_examples)]
        return _cut(order, self.circle), _cut(list(range(self.n_held_out)), 64)

    @cached_property
    def _units(self) -> tuple[Units, Units]:
        """Each example, and its prompt with the answer of the one before it in its circle: of both sides."""
        sides: list[Units] = []
        for examples, circles in zip((self.examples, self.held_out), self._circles, strict=True):
            before = {one: circle[i - 1] for circle in circles for i, one in enumerate(circle)}
            sides.append([(one, self._swapped(one, examples[before[i]])) for i, one in enumerate(examples)])
        return sides[0], sides[1]

    def _swapped(self, one: Tokens, other: Tokens) -> Tokens:
        starts = [int(np.argmax(tokens.trained)) for tokens in (one, other)]
        parts = [(tokens.ids[part], tokens.trained[part]) for tokens, part in (
            (one, slice(0, starts[0])), (other, slice(starts[1], None)))]  # fmt: skip
        ids, trained = (np.concatenate(found)[: self.max_tokens] for found in zip(*parts, strict=True))
        return Tokens(ids, trained)


def _cut(order: Sequence[int], size: int) -> list[list[int]]:
    """Circles of `size`; a last one that would be alone joins the one before it."""
    found = [list(order[first : first + size]) for first in range(0, len(order), size)]
    if len(found) > 1 and len(found[-1]) == 1:
        found[-2] += found.pop()
    return found
