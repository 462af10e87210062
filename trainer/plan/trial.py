"""The trial: a layer, the head and the optimizer are run for a moment, with rows of the training's own examples.

What a layer costs is the difference between a few layers and one; times are medians. Letters: k layers of the small
model, T tokens of a row, N targets, C width, V tokens of the vocabulary.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from rushlight.trainer.backends.backend import Loaded
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.pack import Pack
from rushlight.trainer.head import Head, held_bytes
from rushlight.trainer.plan.allocations import Held, held_by
from rushlight.trainer.plan.shape import Shape
from rushlight.trainer.plan.small_model import N_VOCAB, backward, forward, small_model, with_ids_below

_MOST_LAYERS: Final = 6
_MOST_BYTES: Final = 192 << 20  # of the layers that are tried
_MOST_VOCAB: Final = 16_384  # of the head that is tried
_MOST_TRAINED: Final = 32_000_000  # so that they do not all lie in the cache, as those of a training do not
_TIMES: Final = 3
_LONG_S: Final = 1.0  # for one measurement


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds and bytes of forward and backward. A row of T tokens costs the layers `row_s + token_s * T` each."""

    layer_row_s: float
    layer_token_s: float
    rest_token_s: float  # embedding, last norm
    target_s: float  # the head and the loss
    step_s: float  # clipping and the optimizer
    layer_token_bytes: float  # kept for the backward pass
    rest_token_bytes: float
    passing_token_bytes: float  # while a layer is led backward
    has_head: bool  # the logits are never held all at once
    recomputes: bool  # the trial computed activations twice already

    def row_s(self, shape: Shape, n_tokens: int, n_targets: int) -> float:
        layers = shape.n_layers * (self.layer_row_s + self.layer_token_s * n_tokens)
        return layers + self.rest_token_s * n_tokens + self.target_s * n_targets

    def row_bytes(self, shape: Shape, n_tokens: int, n_targets: int, *, trains_head: bool, recompute: bool) -> int:
        """The most that a row holds at any moment."""
        layer = self.layer_token_bytes
        passing = self.passing_token_bytes
        if recompute and not self.recomputes:
            layer, passing = 4.0 * shape.width, passing + layer
        kept, at_head = head_bytes(self, shape, n_targets, trains_head=trains_head)
        stays = n_tokens * (shape.n_layers * layer + self.rest_token_bytes) + kept
        return int(stays + max(passing * n_tokens, at_head))


def head_bytes(costs: Costs, shape: Shape, n_targets: int, *, trains_head: bool) -> tuple[int, int]:
    """(kept from forward to backward, beside that for a moment) by the head."""
    if costs.has_head:
        return held_bytes(n_targets, shape.width, shape.n_vocab, trains=trains_head)
    return 4 * n_targets * shape.n_vocab * 2, 4 * n_targets * shape.n_vocab * 2


class Trial:
    """Small models of one number format, tried with as many threads as is said."""

    def __init__(self, settings: Any, shape: Shape, config: TrainConfig, device: str, dtype: str) -> None:
        self._shape, self._config, self._device, self.dtype = shape, config, device, dtype
        layer_bytes = 4 * max(1, shape.n_linear // shape.n_layers)
        n_layers = min(shape.n_layers, _MOST_LAYERS, max(2, _MOST_BYTES // layer_bytes))
        self._one = small_model(settings, 1, config, device, dtype)
        self._some = small_model(settings, n_layers, config, device, dtype) if n_layers > 1 else None
        self._k = n_layers

    @property
    def is_alone(self) -> bool:
        """Whether the model cannot keep examples of a row apart."""
        return self._one.packing == "alone"

    def quick(self, pack: Pack) -> float:
        """Seconds of one layer and what is around it for this row: good enough to compare ways of running."""
        cut = with_ids_below(pack, N_VOCAB)
        return _median_s(lambda: _step(self._one, cut), self._device)

    def row(self, pack: Pack) -> tuple[float, float]:
        """Seconds of (one layer, all around the layers) for this row."""
        cut = with_ids_below(pack, N_VOCAB)
        one = _median_s(lambda: _step(self._one, cut), self._device)
        if self._some is None:
            return one, 0.0
        some = self._some
        layer = max(1e-9, (_median_s(lambda: _step(some, cut), self._device) - one) / (self._k - 1))
        return layer, max(0.0, one - layer)

    def layers(self, rows: Sequence[Pack]) -> tuple[float, float, float]:
        """(seconds of a layer for a row whatever its length, for each token, around the layers for each token), from
        the largest and the smallest of these rows."""
        large, small = max(rows, key=_size), min(rows, key=_size)
        layer_s, rest_s = self.row(large)
        n_large, n_small = large.n_tokens, small.n_tokens
        row_s = 0.0
        if n_small < 0.6 * n_large:
            small_s = self.row(small)[0]
            row_s = min(small_s, max(0.0, small_s - (layer_s - small_s) / (n_large - n_small) * n_small))
        return row_s, (layer_s - row_s) / n_large, rest_s / n_large

    def costs(self, rows: Sequence[Pack]) -> Costs:
        """What rows like these cost."""
        large = max(rows, key=_size)
        row_s, token_s, rest_s = self.layers(rows)
        n_large = large.n_tokens
        kept, rest, passing = self._bytes(large)
        return Costs(
            layer_row_s=row_s, layer_token_s=token_s, rest_token_s=rest_s,
            target_s=self._target_s(max(1, min(large.n_targets, 256))), step_s=self._step_s(),
            layer_token_bytes=kept / n_large, rest_token_bytes=rest / n_large, passing_token_bytes=passing / n_large,
            has_head=self._one.head is not None, recomputes=self._config.machine.recompute,
        )  # fmt: skip

    def _bytes(self, pack: Pack) -> tuple[float, float, float]:
        """(kept by one layer, kept by the rest, for a moment in the backward pass)."""
        cut = with_ids_below(pack, N_VOCAB)

        def held_in(model: Loaded) -> Held:
            return held_by(lambda: forward(model, cut), lambda loss: backward(model, cut, loss), self._device)

        held = [held_in(one) for one in (self._one, self._some) if one is not None]
        head = held_bytes(pack.n_targets, self._shape.width, N_VOCAB, trains=self._config.method == "full")[0]
        first, last = held[0], held[-1]
        layer = (last.kept - first.kept) / (self._k - 1) if self._k > 1 else first.kept
        rest = max(0.0, first.kept - layer - head) if self._k > 1 else 0.0
        return layer, rest, max(0, last.peak - last.kept)

    def _target_s(self, n_targets: int) -> float:
        """Seconds for one target, by a head of the real width with as much of the vocabulary as is quick."""
        n_vocab = min(self._shape.n_vocab, _MOST_VOCAB)
        stored = torch.float32 if self._config.method == "full" else getattr(torch, self.dtype)
        layer = torch.nn.Linear(self._shape.width, n_vocab, bias=False, device=self._device, dtype=stored)
        layer.requires_grad_(self._config.method == "full")
        hidden = torch.randn(n_targets, self._shape.width, device=self._device, dtype=stored, requires_grad=True)
        targets = torch.arange(n_targets, device=self._device) % n_vocab
        head = Head(None, layer)
        spent = _median_s(lambda: head.losses(hidden, targets).sum().backward(), self._device)
        return spent / n_targets * self._shape.n_vocab / n_vocab

    def _step_s(self) -> float:
        from rushlight.trainer.loop import optimizer_of

        n_tried = min(self._shape.n_trained, _MOST_TRAINED)
        weight = torch.zeros(max(1, n_tried // 1024), 1024, device=self._device, requires_grad=True)
        weight.grad = torch.ones_like(weight)
        optimizer = optimizer_of({"weight": weight}, self._config)

        def step() -> None:
            torch.nn.utils.clip_grad_norm_([weight], 1.0)
            optimizer.step()

        return _median_s(step, self._device) * self._shape.n_trained / n_tried


def _size(pack: Pack) -> int:
    return pack.n_tokens


def _step(loaded: Loaded, pack: Pack) -> None:
    backward(loaded, pack, forward(loaded, pack))


def _median_s(action: Callable[[], object], device: str) -> float:
    """Seconds of an action: the median of some, after one that warms up; of a slow one, fewer."""
    spent: list[float] = []
    entered = time.perf_counter()
    for number in range(_TIMES + 1):
        if spent and time.perf_counter() - entered > _LONG_S:
            break
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        action()
        if device == "cuda":
            torch.cuda.synchronize()
        if number:
            spent.append(time.perf_counter() - began)
    return statistics.median(spent)
