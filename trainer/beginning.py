"""A beginning that the examples of a row share, read without learning from how it is read.

Questions to one database all begin with its tables: half of what a step computes. What a model makes of them is
computed all the same, with its weights as they are, but no gradient goes back through it, which saves two thirds of
that part. The losses are those of the whole row; the gradient lacks the share that goes through the beginning.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import torch

from rushlight.trainer.attention import KeysValues, Layout, attending
from rushlight.trainer.data.pack import Pack, Segment
from rushlight.trainer.head import Head

LEAST: Final = 48  # tokens: computing a row in two parts costs something too


def behind_beginning(
    model: Any, pack: Pack, head: Head | None, laid: Callable[[Pack], Pack] = lambda pack: pack
) -> tuple[Pack, Layout] | None:
    """The part of a row behind its beginning, and the layout to compute it in; None where the row has no such
    beginning, or the model's layers have no numbers. `laid` may make rows longer."""
    parts = parted(pack)
    before = _read(model, laid(parts[0]), head) if parts is not None else None
    if parts is None or not before:
        return None
    rest = laid(parts[1])
    n_all = parts[0].n_tokens + rest.n_tokens
    segments = pack.segments if n_all == pack.n_tokens else (*pack.segments, Segment(pack.n_tokens, n_all))
    return rest, Layout(segments, before=before)


def parted(pack: Pack) -> tuple[Pack, Pack] | None:
    """(the beginning, what is behind it); None where there is none worth it, or one that something is learned of.
    Places of the second count from its own first token."""
    n = pack.segments[0].stop
    if n < LEAST or not any(one.parent == 0 for one in pack.segments) or (pack.places < n).any():
        return None
    beginning = replace(
        pack, ids=pack.ids[:n], positions=pack.positions[:n], segments=pack.segments[:1], places=pack.places[:0],
        targets=pack.targets[:0], owners=pack.owners[:0],
    )  # fmt: skip
    rest = replace(
        pack, ids=pack.ids[n:], positions=pack.positions[n:], places=pack.places - n,
        segments=(Segment(0, pack.n_tokens - n),),
    )  # fmt: skip
    return beginning, rest


def _read(model: Any, beginning: Pack, head: Head | None) -> KeysValues:
    """The keys and values of a beginning's tokens, by layer."""
    device = next(model.parameters()).device
    kept: KeysValues = {}
    body, more = (model, {"logits_to_keep": 1}) if head is None else (head.body, {})
    with torch.no_grad(), attending(Layout(beginning.segments, kept=kept)):
        body(
            input_ids=torch.as_tensor(beginning.ids, device=device)[None],
            position_ids=torch.as_tensor(beginning.positions, device=device)[None],
            use_cache=False, **more,
        )  # fmt: skip
    n = beginning.segments[0].stop
    return {layer: (key[:, :, :n], value[:, :, :n]) for layer, (key, value) in kept.items()}
