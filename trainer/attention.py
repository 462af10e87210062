"""Attention over packed rows: each segment sees itself and the segments it continues, nothing else.

Registered with transformers under `NAME`. Segment by segment, so that a row costs what its examples cost and not the
square of its length. Letters: B batch (1), H heads, T tokens, D head size.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch.nn import functional

from rushlight.trainer.data.pack import Segment
from rushlight.trainer.segment_attention import SegmentAttention, behind, is_usable, pieces_of

NAME: Final = "rushlight_segments"
KeysValues: TypeAlias = dict[int, tuple[Any, Any]]  # of each layer, (B, Hk, T, D) both
_current: list["Layout"] = []


class Layout:
    """The segments of the row that is being computed, and the masks they need, made once for all layers.

    `before` has the keys and values of the first segment, by layer, where that was computed already: the row then
    goes on behind it. `kept` takes them in while the first segment is computed."""

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        before: KeysValues | None = None,
        kept: KeysValues | None = None,
    ) -> None:
        self.segments, self.before, self.kept = tuple(segments), before, kept
        self.n_before = self.segments[0].stop if before else 0  # tokens
        self.pieces = behind(pieces_of(self.segments), self.n_before)
        self.longest = max(
            sum(self.segments[i].stop - self.segments[i].start for i in self.chain(number))
            for number in range(len(self.segments))
        )  # tokens that one of them sees at most
        self._masks: dict[tuple[int, int, int, Any], Any] = {}

    def chain(self, number: int) -> list[int]:
        """The numbers of the segments that segment `number` sees, in order; itself last."""
        found = [number]
        while (parent := self.segments[found[0]].parent) >= 0:
            found.insert(0, parent)
        return found

    def mask(self, n_queries: int, n_keys: int, window: int, device: Any) -> Any:
        """(n_queries, n_keys): which key each of the last `n_queries` tokens sees."""
        key = (n_queries, n_keys, window, device)
        if key not in self._masks:
            rows = torch.arange(n_keys - n_queries, n_keys, device=device)[:, None]
            columns = torch.arange(n_keys, device=device)[None]
            seen = columns <= rows
            self._masks[key] = seen & (columns > rows - window) if window else seen
        return self._masks[key]

    def dense(self, device: Any) -> Any:
        """(1, 1, T, T): the same as one mask, for models that take no attention of ours."""
        n = self.segments[-1].stop
        seen = torch.zeros(n, n, dtype=torch.bool, device=device)
        for number, segment in enumerate(self.segments):
            length = segment.stop - segment.start
            for other in (self.segments[i] for i in self.chain(number)[:-1]):
                seen[segment.start : segment.stop, other.start : other.stop] = True
            seen[segment.start : segment.stop, segment.start : segment.stop] = torch.ones(
                length, length, dtype=torch.bool, device=device
            ).tril()
        return seen[None, None]


@contextlib.contextmanager
def attending(layout: Layout) -> Iterator[None]:
    """Rows are computed by this layout while the block lasts: forward and backward."""
    _current.append(layout)
    try:
        yield
    finally:
        _current.pop()


def register() -> None:
    """Make the attention known to transformers. Twice does no harm."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, lambda *_, **__: None)


def _attend(
    module: Any,
    query: Any,  # (B, H, T, D)
    key: Any,  # (B, Hk, T, D)
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Any = None,
    **_: Any,
) -> tuple[Any, None]:
    if not _current and query.shape[2] < key.shape[2]:
        return _going_on(query, key, value, scaling, sliding_window, softcap, s_aux), None
    layout = _current[-1] if _current else Layout([Segment(0, query.shape[2])])
    if query.shape[2] != key.shape[2] or layout.n_before + query.shape[2] != layout.segments[-1].stop:
        raise ValueError(f"a row of {query.shape[2]} tokens under a layout of {layout.segments[-1].stop}")
    if layout.kept is not None and (layer := getattr(module, "layer_idx", None)) is not None:
        layout.kept[layer] = key, value
    if layout.before:
        earlier = layout.before[module.layer_idx]
        key, value = (torch.cat(both, dim=2) for both in zip(earlier, (key, value), strict=True))
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    window = sliding_window if sliding_window and sliding_window < layout.longest else 0
    is_special = softcap or s_aux is not None or window or dropout
    if query.device.type == "cpu" and not is_special and query.shape[-1] == value.shape[-1] and is_usable():
        return SegmentAttention.apply(query, key, value, layout.pieces, scale, layout.n_before), None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (one.repeat_interleave(groups, dim=1) for one in (key, value))
    # Cut all at once: the backward of a slice of a row is as long as the row.
    lengths = [segment.stop - segment.start for segment in layout.segments]
    keys, values = (one.split(lengths, dim=2) for one in (key, value))
    n_done = 1 if layout.n_before else 0
    parts = []
    for number, q in enumerate(query.split(lengths[n_done:], dim=2), n_done):
        chain = layout.chain(number)
        k, v = (one[number] if len(chain) == 1 else torch.cat([one[i] for i in chain], dim=2) for one in (keys, values))
        n_keys = k.shape[2]
        near = window if window and window < n_keys else 0
        if softcap or s_aux is not None:
            parts.append(_plain(q, k, v, layout.mask(q.shape[2], n_keys, near, q.device), scale, softcap, s_aux))
        elif len(chain) == 1 and not near:
            parts.append(functional.scaled_dot_product_attention(
                q, k, v, dropout_p=dropout, is_causal=q.shape[2] > 1, scale=scale))  # fmt: skip
        else:
            mask = layout.mask(q.shape[2], n_keys, near, q.device)
            parts.append(functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, dropout_p=dropout, scale=scale))  # fmt: skip
    found = torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]
    return found.transpose(1, 2).contiguous(), None  # (B, T, H, D)


def _going_on(
    q: Any, k: Any, v: Any, scaling: float | None, window: int | None, softcap: float | None, s_aux: Any
) -> Any:  # fmt: skip
    """Tokens behind others whose keys and values a cache holds: a text that is written token by token."""
    n_queries, n_keys, groups = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    scale = scaling if scaling is not None else q.shape[-1] ** -0.5
    k, v = (one.repeat_interleave(groups, dim=1) for one in (k, v)) if groups > 1 else (k, v)
    near = window if window and window < n_keys else 0
    mask = Layout([Segment(0, n_keys)]).mask(n_queries, n_keys, near, q.device)
    if softcap or s_aux is not None:
        found = _plain(q, k, v, mask, scale, softcap, s_aux)
    else:
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return found.transpose(1, 2).contiguous()


def _plain(q: Any, k: Any, v: Any, mask: Any, scale: float, softcap: float | None, s_aux: Any) -> Any:
    """With a cap on the scores (Gemma 2) or a sink for them (gpt-oss): what the built-in attention cannot do."""
    scores = (q @ k.transpose(2, 3)).float() * scale  # (B, H, Tq, Tk)
    if softcap:
        scores = torch.tanh(scores / softcap) * softcap
    scores = scores.masked_fill(~mask, float("-inf"))
    if s_aux is not None:
        sink = s_aux.reshape(1, -1, 1, 1).expand(q.shape[0], -1, q.shape[2], 1).float()
        return torch.softmax(torch.cat([scores, sink], dim=-1), dim=-1)[..., :-1].to(v.dtype) @ v
    return torch.softmax(scores, dim=-1).to(v.dtype) @ v
