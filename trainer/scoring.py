"""What a model thinks of the targets of a packed row: one loss for each, computed nowhere else."""

from typing import Any

import torch
from torch.nn import functional

from rushlight.trainer.attention import Layout
from rushlight.trainer.data.pack import Pack


def losses_of(model: Any, pack: Pack, layout: Layout, *, dense: bool = False) -> Any:
    """(targets,): the loss of each target in nats, with its gradient. To be called, and led backward, in
    `attending(layout)`; `dense` is for models that take a mask instead of our attention."""
    device = next(model.parameters()).device
    more = {"attention_mask": layout.dense(device)} if dense else {}
    # Hidden states are kept where targets are: the head costs a fifth of a small model's step. Without a cache, since
    # transformers lets packed examples see each other once it keeps one.
    logits = model(
        input_ids=torch.as_tensor(pack.ids, device=device)[None],
        position_ids=torch.as_tensor(pack.positions, device=device)[None],
        use_cache=False,
        logits_to_keep=torch.as_tensor(pack.places, device=device),
        **more,
    ).logits[0]
    return functional.cross_entropy(logits.float(), torch.as_tensor(pack.targets, device=device), reduction="none")
