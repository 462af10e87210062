"""Attention over packed rows on a processor, forward and backward, piece by piece and without a mask.

Each segment sees itself, causally, and all of each segment it continues: a beginning is read by all that continue it in
one piece. The parts are put together by their log-sums, as in ring attention (Liu et al. 2023, arXiv:2310.01889): the
backward of a part needs only the output and the log-sum of the whole. Letters as in `attention`; Hk heads of keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from rushlight.trainer import products
from rushlight.trainer.data.pack import Segment


@dataclass(frozen=True, slots=True)
class Piece:
    """Queries `first` to `last` see keys `start` to `stop`: all of them, or causally where both are one run."""

    first: int
    last: int
    start: int
    stop: int
    is_causal: bool


def pieces_of(segments: Sequence[Segment]) -> list[Piece]:
    """Every segment with itself, in order; then every beginning with what continues it."""
    found = [Piece(one.start, one.stop, one.start, one.stop, True) for one in segments]
    for number, beginning in enumerate(segments):
        runs: list[list[int]] = []
        for other, one in enumerate(segments):
            if _continues(segments, other, number):
                if runs and runs[-1][1] == one.start:
                    runs[-1][1] = one.stop
                else:
                    runs.append([one.start, one.stop])
        found += [Piece(first, last, beginning.start, beginning.stop, False) for first, last in runs]
    return found


def behind(pieces: Sequence[Piece], n_before: int) -> list[Piece]:
    """The pieces of the tokens after the first `n_before`, of which there are keys but no queries."""
    return [
        replace(one, first=one.first - n_before, last=one.last - n_before) for one in pieces if one.first >= n_before
    ]


def _continues(segments: Sequence[Segment], number: int, beginning: int) -> bool:
    parent = segments[number].parent
    while parent >= 0 and parent != beginning:
        parent = segments[parent].parent
    return parent == beginning


class SegmentAttention(torch.autograd.Function):
    """(query (B, H, T, D), key and value (B, Hk, N + T, D), pieces, scale, N) -> (B, T, H, D): the first N keys are of
    tokens before the queries."""

    @staticmethod
    def forward(
        ctx: Any, query: Any, key: Any, value: Any, pieces: Sequence[Piece], scale: float, n_before: int = 0
    ) -> Any:
        n_batch, n_heads, n_tokens, size = query.shape
        out = query.new_empty(n_batch, n_tokens, n_heads, size)
        by_head = out.transpose(1, 2)
        sums = query.new_empty((n_batch, n_heads, n_tokens), dtype=torch.float32)
        for one in pieces:
            part, part_sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                query[:, :, one.first : one.last], key[:, :, one.start : one.stop], value[:, :, one.start : one.stop],
                0.0, one.is_causal, scale=scale,
            )  # fmt: skip
            place, place_sums = by_head[:, :, one.first : one.last], sums[:, :, one.first : one.last]
            if one.is_causal:  # the first to write there
                place.copy_(part)
                place_sums.copy_(part_sums)
                continue
            total = torch.logaddexp(place_sums, part_sums)
            place.mul_((place_sums - total).exp()[..., None].to(part.dtype))
            place.add_(part.mul_((part_sums - total).exp()[..., None].to(part.dtype)))
            place_sums.copy_(total)
        ctx.save_for_backward(query, key, value, out, sums)
        ctx.pieces, ctx.scale, ctx.n_before = pieces, scale, n_before
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        query, key, value, out, sums = ctx.saved_tensors
        by_head, gradient = out.transpose(1, 2), gradient.transpose(1, 2)
        of_query, of_key, of_value = (_by_token(one) for one in (query, key, value))
        for place in (of_key, of_value):
            place[:, :, : ctx.n_before].zero_()
        for one in ctx.pieces:
            asked, seen = slice(one.first, one.last), slice(one.start, one.stop)
            found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                gradient[:, :, asked], query[:, :, asked], key[:, :, seen], value[:, :, seen], by_head[:, :, asked],
                sums[:, :, asked], 0.0, one.is_causal, scale=ctx.scale,
            )  # fmt: skip
            for place, part in zip(
                (of_query[:, :, asked], of_key[:, :, seen], of_value[:, :, seen]), found, strict=True
            ):
                if one.is_causal:
                    place.copy_(part)
                else:
                    place.add_(part)
        return of_query, of_key, of_value, None, None, None


def _by_token(like: Any) -> Any:
    """An empty (B, H, T, D) that lies in memory token by token, as what comes before the attention wants it."""
    n_batch, n_heads, n_tokens, size = like.shape
    return like.new_empty(n_batch, n_tokens, n_heads, size).transpose(1, 2)


@cache
def is_usable() -> bool:
    """Whether this build of torch has the two operators as they are used here: both are its own inner ones."""
    try:
        with torch.enable_grad(), products.using(""):
            return _is_right()
    except (RuntimeError, AttributeError, TypeError):
        return False


def _is_right() -> bool:
    pieces = pieces_of([Segment(0, 3), Segment(3, 5, 0), Segment(5, 8, 0), Segment(8, 10)])
    chance = torch.Generator().manual_seed(0)
    query, key, value, weight = (torch.randn(1, n_heads, 10, 8, generator=chance) for n_heads in (4, 2, 2, 4))
    asked = [one.requires_grad_() for one in (query, key, value)]
    ours = SegmentAttention.apply(query, key, value, pieces, 0.3).transpose(1, 2)
    seen = torch.zeros(10, 10, dtype=torch.bool)
    for one in pieces:
        block = torch.ones(one.last - one.first, one.stop - one.start, dtype=torch.bool)
        seen[one.first : one.last, one.start : one.stop] = block.tril() if one.is_causal else block
    wide, wide_value = (one.repeat_interleave(2, dim=1) for one in (key, value))
    plain = torch.softmax((query @ wide.transpose(2, 3) * 0.3).masked_fill(~seen, float("-inf")), -1) @ wide_value
    both = [torch.autograd.grad((one * weight).sum(), asked) for one in (ours, plain)]
    pairs = [(ours.detach(), plain.detach()), *zip(*both, strict=True)]
    return all(float((one - other).abs().max()) < 1e-5 for one, other in pairs)
