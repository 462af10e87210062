"""What recipes of preferences have in common: units of answers in rows, and how likely a model holds each answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack_trees import make_tree_packs
from rushlight.trainer.recipes.recipe import Row, Score, Units


def rows_of(
    units: Units | Mapping[int, Sequence[Tokens]], numbers: Sequence[int], row_tokens: int, *, alone: bool, share: bool
) -> list[Row]:
    """Units number `numbers` in rows. `alone` gives each answer a pack of its own; those of a unit stay in one row."""
    if alone:
        return [
            Row(tuple(pack for one in units[number] for pack, _ in make_tree_packs([[one]], 1, share=False)), (number,))
            for number in numbers
        ]
    made = make_tree_packs([units[number] for number in numbers], row_tokens, share=share)
    return [Row((pack,), tuple(numbers[i] for i in kept)) for pack, kept in made]


def log_probs(row: Row, score: Score, inside: Sequence[Any] | None = None) -> tuple[Any, Any, Any]:
    """(answers,), (answers,), (): how likely each answer of a row is, as the sum over its tokens; how many they are;
    and the sum over the other trained tokens. `inside` tells for each pack which targets belong to answers: all."""
    sums, counts, rest = [], [], []
    for number, pack in enumerate(row.packs):
        losses = score(pack)
        n_answers = int(pack.owners.max()) + 1
        kept = np.ones(len(pack.owners), np.bool_) if inside is None else inside[number]
        flags, owners = (torch.as_tensor(one, device=losses.device) for one in (kept, pack.owners))
        sums.append(losses.new_zeros(n_answers).index_add(0, owners, torch.where(flags, -losses, 0.0)))
        found = np.bincount(pack.owners[kept], minlength=n_answers)
        counts.append(torch.as_tensor(found, device=losses.device))
        rest.append(torch.where(flags, 0.0, -losses).sum())
    return torch.cat(sums), torch.cat(counts), torch.stack(rest).sum()
