"""Looks whether a model keeps packed examples apart: two made-up examples, in one row and alone, must score alike.

Hybrid and recurrent models carry state from token to token that no attention mask can part; they are trained one
example to a row.
"""

from typing import Any, Final

import numpy as np
import torch

from rushlight.trainer.attention import Layout, attending
from rushlight.trainer.backends.backend import Packing
from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import make_packs
from rushlight.trainer.scoring import losses_of

_MOST_APART: Final = {torch.float32: 1e-3, torch.bfloat16: 0.15, torch.float16: 0.05}  # nats


def packing_of(model: Any) -> Packing:
    """How rows are to be laid out for `model`."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            alone = _losses(model, packed=False, dense=False)
            ways: tuple[Packing, ...] = ("segments", "dense")
            for way in ways:
                try:
                    found = _losses(model, packed=True, dense=way == "dense")
                except (ValueError, RuntimeError, TypeError, IndexError):
                    continue
                if float((found - alone).abs().max()) < _MOST_APART.get(model.dtype, 0.15):
                    return way
                if way == "segments":
                    model.set_attn_implementation("sdpa")
                    alone = _losses(model, packed=False, dense=False)
    finally:
        model.train(was_training)
    return "alone"


def _losses(model: Any, *, packed: bool, dense: bool) -> Any:
    chance = np.random.default_rng(0)
    n_vocab = int(model.config.get_text_config().vocab_size)
    beginning = chance.integers(0, n_vocab, 10)
    examples = []
    for n in (7, 5, 9):
        ids = np.concatenate([beginning, chance.integers(0, n_vocab, n)])
        examples.append(Tokens(ids, np.arange(len(ids)) >= 12))
    found: dict[int, Any] = {}
    batches = [examples] if packed else [[one] for one in examples]
    for number, batch in enumerate(batches):
        for pack in make_packs(batch, 256):
            layout = Layout(pack.segments)
            with attending(layout):
                losses = losses_of(model, pack, layout, dense=dense)
            for owner in sorted(set(pack.owners.tolist())):
                found[owner + number] = losses[torch.as_tensor(pack.owners == owner)]
    return torch.cat([found[owner] for owner in sorted(found)])
