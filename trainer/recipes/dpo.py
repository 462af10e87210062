"""Direct preference optimization: the chosen answer of each pair becomes likelier against the rejected one.

Rafailov et al. 2023 (arXiv:2305.18290). What counts is how far each answer has moved from the model as it was, the
reference, which is this model before it was trained: no second one is loaded. Forms: `sigmoid` is eq. 7; `hinge` from
Zhao et al. 2023 (2305.10425); `ipo` Azar et al. 2023 (2310.12036), by the mean over tokens; `robust` Chowdhury et al.
2024 (2403.00409), for pairs of which some are the wrong way round. `chosen_weight` adds the loss of supervised training
on the chosen answers (Pang et al. 2024, 2404.19733), so that they do not become less likely too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch.nn import functional

from rushlight.trainer.recipes.answers import log_probs, rows_of
from rushlight.trainer.recipes.recipe import Batch, Figures, LogProbs, Row, Score, Shares, Units, portions_of
from rushlight.trainer.schedule import examples_at


@dataclass(frozen=True, slots=True)
class Dpo:
    """Pairs to learn from, and others to look at: (chosen, rejected)."""

    pairs: Units
    held_out: Units = ()
    beta: float = 0.1
    form: Literal["sigmoid", "hinge", "ipo", "robust"] = "sigmoid"
    smoothing: float = 0.0  # of `robust`: the share of pairs that are the wrong way round
    chosen_weight: float = 0.0
    share: bool = True
    name: str = "dpo"
    reference: dict[str, LogProbs] = field(default_factory=dict)  # as `to_refer` names them, answer by answer

    @property
    def n_examples(self) -> int:
        return len(self.pairs)

    @property
    def n_held_out(self) -> int:
        return len(self.held_out)

    def to_refer(self) -> Mapping[str, Units]:
        return {"train": self.pairs, "held_out": self.held_out}

    def refer(self, found: Mapping[str, LogProbs]) -> None:
        self.reference.update(found)

    def order(self, step: int, batch: int, seed: int) -> list[int]:
        return examples_at(step, self.n_examples, batch, seed)

    def portions(self) -> list[list[int]]:
        return portions_of(self.n_held_out)

    def batch(self, numbers: Sequence[int], row_tokens: int, *, alone: bool = False, held_out: bool = False) -> Batch:
        source = self.held_out if held_out else self.pairs
        return Batch(rows_of(source, numbers, row_tokens, alone=alone, share=self.share))

    def shares(self, batch: Batch, look: Score, *, held_out: bool = False) -> Shares:
        source = self.held_out if held_out else self.pairs
        numbers = [number for row in batch.rows for number in row.numbers]
        return Shares(float(len(numbers)), sum(source[number][0].n_trained for number in numbers))

    def loss(self, row: Row, score: Score, shares: Shares, *, held_out: bool = False) -> tuple[Any, Figures]:
        now, n_tokens, _ = log_probs(row, score)
        before = self.reference["held_out" if held_out else "train"].reshape(-1, 2)[list(row.numbers)]
        moved = now.reshape(-1, 2) - torch.as_tensor(before, dtype=now.dtype, device=now.device)  # (pairs, 2)
        chosen, rejected = moved.unbind(1)
        margin = self.beta * (chosen - rejected)
        if self.form == "hinge":
            losses = torch.relu(1 - margin)
        elif self.form == "ipo":
            per_token = moved / n_tokens.reshape(-1, 2)
            losses = (per_token[:, 0] - per_token[:, 1] - 1 / (2 * self.beta)) ** 2
        elif self.form == "robust":
            right, wrong = functional.logsigmoid(margin), functional.logsigmoid(-margin)
            losses = (self.smoothing * wrong - (1 - self.smoothing) * right) / (1 - 2 * self.smoothing)
        else:
            losses = -functional.logsigmoid(margin)
        loss = losses.sum() / shares.weight
        if self.chosen_weight:
            loss = loss - self.chosen_weight * now[0::2].sum() / shares.n_targets
        return loss, {
            "pairs": float(len(row.numbers)), "right": float((margin > 0).sum()),
            "chosen": self.beta * float(chosen.detach().sum()), "rejected": self.beta * float(rejected.detach().sum()),
        }  # fmt: skip

    def figures(self, sums: Mapping[str, float]) -> Figures:
        n = max(sums.get("pairs", 0.0), 1.0)
        chosen, rejected = sums.get("chosen", 0.0) / n, sums.get("rejected", 0.0) / n
        return {
            "reward_chosen": chosen, "reward_rejected": rejected, "margin": chosen - rejected,
            "accuracy": sums.get("right", 0.0) / n,
        }  # fmt: skip
