"""A model's last layer and the loss of its targets in one go: no more than a few rows of logits are ever held.

The gradient of a target's loss in its hidden state is its own, (probabilities - target) times the layer, whatever it is
weighed by later; so it is computed while the logits are at hand, and kept instead of them. Letters: N targets, C width,
V tokens of the vocabulary.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch

from rushlight.trainer.products import linear, times, transposed

_ROWS_BYTES: Final = 24 << 20  # of logits that are held at once
_LEAST_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class Head:
    """A model in two parts: everything up to the last hidden states, and the linear layer that makes logits of them."""

    body: Any
    linear: Any

    def losses(self, hidden: Any, targets: Any) -> Any:
        """(N,): what each of `hidden` (N, C) loses on its target, in nats."""
        return _Losses.apply(hidden, self.linear.weight, self.linear.bias, targets)


def head_of(model: Any) -> Head | None:
    """The two parts of a causal language model; None where its logits are more than a product of both (scaled, capped,
    or by a layer with an adapter), which is found out by trying."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    linear, body = inner.get_output_embeddings(), getattr(inner, "base_model", None)
    if type(linear) is not torch.nn.Linear or body is None or body is inner:
        return None
    device, was_training = linear.weight.device, model.training
    ids = torch.arange(1, 7, device=device)[None]
    model.eval()
    try:
        with torch.no_grad():
            said = model(input_ids=ids, use_cache=False).logits[0].float()
            hidden = body(input_ids=ids, use_cache=False).last_hidden_state[0]
            ours = linear(hidden).float()
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    finally:
        model.train(was_training)
    is_same = ours.shape == said.shape and float((ours - said).abs().max()) <= 1e-4 * max(1.0, float(said.abs().max()))
    return Head(body, linear) if is_same else None


def rows_at_once(n_vocab: int) -> int:
    return max(_LEAST_ROWS, _ROWS_BYTES // (4 * n_vocab))


def held_bytes(n_rows: int, width: int, n_vocab: int, *, trains: bool) -> tuple[int, int]:
    """(kept until the backward pass, beside that for a moment), for a plan."""
    kept = 4 * n_rows * width * (3 if trains else 2)
    passing = 4 * min(n_rows, rows_at_once(n_vocab)) * (2 * n_vocab + width)
    if trains:
        kept += 4 * n_rows * n_vocab
        passing = max(passing, 4 * n_vocab * width)
    return kept, passing


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any) -> Any:
        n_rows, n_vocab = hidden.shape[0], weight.shape[0]
        at_once = rows_at_once(n_vocab)
        losses = torch.empty(n_rows, dtype=torch.float32, device=hidden.device)
        trains = weight.requires_grad or (bias is not None and bias.requires_grad)
        needs = hidden.requires_grad or trains
        slopes = torch.empty_like(hidden) if needs else None  # (N, C)
        errors = hidden.new_empty(n_rows, n_vocab) if trains else None  # only a layer that learns needs them all
        for start in range(0, n_rows, at_once):
            part = slice(start, min(start + at_once, n_rows))
            logits = linear(hidden[part], weight, bias).float()
            wanted = targets[part, None]
            at_target = logits.gather(1, wanted)[:, 0]
            highest = logits.amax(1)
            chances = torch.softmax(logits, 1)
            # The highest probability is at least 1/V, so its logarithm is exact where that of the target's may not be.
            losses[part] = highest - chances.amax(1).log() - at_target
            if slopes is None:
                continue
            chances.scatter_add_(1, wanted, torch.full_like(wanted, -1.0, dtype=torch.float32))
            error = chances.to(weight.dtype)
            slopes[part] = times(error, weight)
            if errors is not None:
                errors[part] = error
        if slopes is not None:
            ctx.save_for_backward(slopes, *([hidden, errors] if errors is not None else []))
        ctx.has_bias = bias is not None
        return losses

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        slopes, *more = ctx.saved_tensors
        of_hidden = slopes * gradient[:, None].to(slopes.dtype)
        of_weight = of_bias = None
        if more:
            hidden, errors = more
            weighed = gradient[:, None].to(errors.dtype)
            of_weight = transposed(errors, hidden * weighed)
            of_bias = (errors * weighed).sum(0) if ctx.has_bias else None
        return of_hidden, of_weight, of_bias, None
