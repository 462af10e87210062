"""What a model thinks of the targets of a packed row: one loss for each, computed nowhere else."""

from typing import Any

import torch
from torch.nn import functional

from rushlight.trainer.attention import Layout
from rushlight.trainer.data.pack import Pack
from rushlight.trainer.head import Head


def losses_of(model: Any, pack: Pack, layout: Layout, *, dense: bool = False, head: Head | None = None) -> Any:
    """(targets,): the loss of each target in nats, with its gradient. To be called, and led backward, in
    `attending(layout)`; `dense` is for models that take a mask instead of our attention. `head` is the model in two
    parts, where it has them."""
    device = next(model.parameters()).device
    more = {"attention_mask": layout.dense(device)} if dense else {}
    places, targets = (torch.as_tensor(one, device=device) for one in (pack.places, pack.targets))
    # Without a cache, since transformers lets packed examples see each other once it keeps one.
    more |= {
        "input_ids": torch.as_tensor(pack.ids, device=device)[None],
        "position_ids": torch.as_tensor(pack.positions, device=device)[None],
        "use_cache": False,
    }
    # Hidden states are kept where targets are: the head costs a fifth of a small model's step.
    if head is not None and not torch.is_autocast_enabled(device.type):
        return head.losses(head.body(**more).last_hidden_state[0].index_select(0, places), targets)
    logits = model(logits_to_keep=places, **more).logits[0]
    if len(logits) != len(places):  # unsloth's models know a count of last tokens only, and give them all for places
        logits = logits.index_select(0, places)
    return functional.cross_entropy(logits.float(), targets, reduction="none")
