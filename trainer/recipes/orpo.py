"""Odds ratio preference optimization: the chosen answers are learned as in supervised training, and their odds are
pushed above those of the rejected ones. No reference is needed.

Hong et al. 2024 (arXiv:2403.07691), eq. 6 and 7; how likely an answer is, is the mean over its tokens. The first term
is about the answer, as in the paper; `whole_text` has it also about the prompt, as TRL and the authors' program do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rushlight.trainer.data.masks import Flags, Tokens
from rushlight.trainer.recipes.answers import log_probs, rows_of
from rushlight.trainer.recipes.recipe import Batch, Figures, LogProbs, Row, Score, Shares, Units, portions_of
from rushlight.trainer.schedule import examples_at


@dataclass(frozen=True, slots=True)
class Orpo:
    """Pairs to learn from, and others to look at: (chosen, rejected)."""

    pairs: Units
    held_out: Units = ()
    beta: float = 0.1
    whole_text: bool = False
    share: bool = True
    name: str = "orpo"

    @property
    def n_examples(self) -> int:
        return len(self.pairs)

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
        source = self.held_out if held_out else self.pairs
        pairs = {number: source[number] for number in numbers}
        if self.whole_text:
            pairs = {number: (_all_of(one), other) for number, (one, other) in pairs.items()}
        return Batch(rows_of(pairs, numbers, row_tokens, alone=alone, share=self.share))

    def shares(self, batch: Batch, look: Score, *, held_out: bool = False) -> Shares:
        source = self.held_out if held_out else self.pairs
        chosen = [source[number][0] for row in batch.rows for number in row.numbers]
        n_tokens = sum(len(one.ids) - 1 if self.whole_text else one.n_trained for one in chosen)
        return Shares(float(len(chosen)), n_tokens)

    def loss(self, row: Row, score: Score, shares: Shares, *, held_out: bool = False) -> tuple[Any, Figures]:
        source = self.held_out if held_out else self.pairs
        inside = [flags for number in row.numbers for flags in self._inside(*source[number])]
        if len(row.packs) == 1:
            inside = [np.concatenate(inside)]
        sums, n_tokens, prompts = log_probs(row, score, inside)
        likely, counts = sums.reshape(-1, 2), n_tokens.reshape(-1, 2)  # (pairs, 2)
        learned = -(likely[:, 0].sum() + prompts)
        means = likely / counts
        chosen, rejected = means.unbind(1)
        odds = (chosen - rejected) - (_log_rest(chosen) - _log_rest(rejected))  # their ratio, as a logarithm
        loss = learned / shares.n_targets - self.beta * functional.logsigmoid(odds).sum() / shares.weight
        return loss, {
            "pairs": float(len(row.numbers)), "right": float((chosen > rejected).sum()),
            "odds": float(odds.detach().sum()),
            "chosen": self.beta * float(chosen.detach().sum()), "rejected": self.beta * float(rejected.detach().sum()),
        }  # fmt: skip

    def _inside(self, chosen: Tokens, rejected: Tokens) -> list[Flags]:
        """Which targets of each answer's row belong to it, rather than to its prompt."""
        targets = chosen.trained[1:] if self.whole_text else np.ones(chosen.n_trained, np.bool_)
        return [targets, np.ones(rejected.n_trained, np.bool_)]

    def figures(self, sums: Mapping[str, float]) -> Figures:
        n = max(sums.get("pairs", 0.0), 1.0)
        chosen, rejected = sums.get("chosen", 0.0) / n, sums.get("rejected", 0.0) / n
        return {
            "reward_chosen": chosen, "reward_rejected": rejected, "margin": chosen - rejected,
            "accuracy": sums.get("right", 0.0) / n, "log_odds": sums.get("odds", 0.0) / n,
        }  # fmt: skip


def _all_of(one: Tokens) -> Tokens:
    return Tokens(one.ids, np.ones(len(one.ids), np.bool_))


def _log_rest(log_prob: Any) -> Any:
    """log(1 - p) of log(p), by the form that loses least on each side of 1/2 (Mächler 2012)."""
    small = torch.log1p(-torch.exp(torch.clamp(log_prob, max=-0.5)))
    large = torch.log(-torch.expm1(torch.clamp(log_prob, min=-1.0, max=-1e-7)))
    return torch.where(log_prob < -0.6931471805599453, small, large)
