"""Error feedback (GPTQ) into GGUF blocks: what rounding one weight spoils, the weights after it make good.

Frantar et al. 2022, arXiv:2210.17323, algorithm 1: with the second moments H of a weight's inputs, the columns are
rounded one after the other and each error is spread over the columns not yet rounded, by the rows of the upper
Cholesky factor U of the inverse of H, the weightiest columns first (`rounding_order`). Here the scales of a block come
from searches on the weights as they stand when the block's turn comes (`trial_scales`), each column weighted by
1 / U[i, i]^2, what an error there costs in the end; then its codes are chosen with feedback and put into the same
bytes. Any llama.cpp runs the file.

Knows matrices and block formats, and collects H with llama.cpp over a text. Plain numpy; rows are independent, so a
tensor passes through in slabs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Progress, Stop
from rushlight.quant.block_encoding import SEARCHED, relative_importance
from rushlight.quant.blocks import FORMATS
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.compressed_tensors import Coded, as_stored
from rushlight.quant.descent import descend
from rushlight.quant.feedback import round_columns
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.moments import VALUE, Moments, collect_moments
from rushlight.quant.rounding_order import Order, order_of
from rushlight.quant.scaling import Scaling, no_torch
from rushlight.quant.trial_scales import best_fields, ordered_grid

if TYPE_CHECKING:
    import torch

Factor = NDArray[np.float32]  # upper triangle

DAMPING: Final = 0.01  # of the mean diagonal, added to it: the paper's
# What is fed back: weights whose inputs are known to be what the model sees. Others (fused query, key and value;
# embeddings; experts) are left to the search.
_FED: Final = re.compile(r"blk\.\d+\.(attn_q|attn_k|attn_v|attn_output|ffn_gate|ffn_up|ffn_down)\.weight")
_WINDOW: Final = 256  # columns whose errors are spread one by one; beyond it by one product
_SLAB_BYTES: Final = 32 << 20
_MOST_COLUMNS: Final = 32_768  # a factor of 4 GB


def damped(moments: Moments, damping: float = DAMPING) -> Moments:
    """H by its mean diagonal, with a little of its own on each column. Columns without inputs are left to
    themselves."""
    h = moments.astype(np.float64)
    diagonal = np.diagonal(h).copy()
    mean = float(diagonal.mean())
    if not np.isfinite(h).all() or mean <= 0:
        return np.eye(len(h), dtype=np.float32)
    found: Moments = (h / mean + np.diag(damping + (diagonal <= 0))).astype(np.float32)
    return found


def inverse_factor(moments: Moments, damping: float = DAMPING) -> Factor:
    """U with U^T U = the inverse of H, damped until it has one."""
    while True:
        h = damped(moments, damping).astype(np.float64)
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(h))
            found: Factor = np.linalg.cholesky(inverse.T @ inverse).T.astype(np.float32)
        except np.linalg.LinAlgError:
            damping *= 10
            continue
        return found


@dataclass(frozen=True, slots=True)
class Prepared:
    """What error feedback needs of a tensor's inputs, in the order of rounding: the factor, and the diagonal of H."""

    order: Order
    factor: Factor
    importance: Floats


def prepare(moments: Moments, type_name: str, damping: float = DAMPING) -> Prepared:
    """The order for a type, and the factor in that order."""
    importance = np.diagonal(moments).astype(np.float32)
    order = order_of(importance, FORMATS[type_name])
    ordered = moments[np.ix_(order.columns, order.columns)]
    return Prepared(order, inverse_factor(ordered, damping), relative_importance(importance[order.columns]))


def feed_back(values: Floats, type_name: str, prepared: Prepared, *, n_threads: int = 1) -> Bytes:
    """(rows, bytes of a row) of (rows, columns) weights, rounded with error feedback."""
    form, order, factor = FORMATS[type_name], prepared.order, prepared.factor
    n_rows, columns = values.shape
    if columns % form.n_elements or factor.shape != (columns, columns):
        raise ValueError(f"rows of {columns} with a factor of {factor.shape} as {type_name}")
    weights = (1 / np.diagonal(factor).astype(np.float64) ** 2).astype(np.float32)
    work = np.ascontiguousarray(values.T[order.columns], np.float32)  # a column lies together
    out = np.empty((n_rows, columns // form.n_elements, form.n_bytes), np.uint8)
    window = max(_WINDOW, form.n_elements)
    for start in range(0, columns, window):
        stop = min(start + window, columns)
        errors = np.zeros((stop - start, n_rows), np.float32)
        near = np.ascontiguousarray(factor[start:stop, start:stop])
        for first in range(start, stop, form.n_elements):
            number, block = first // form.n_elements, slice(first, first + form.n_elements)
            groups, within = order.groups[number], order.within[number]
            fields = best_fields(
                form, work[block], np.ascontiguousarray(factor[block, block]), weights[block],
                prepared.importance[block], groups, within, n_threads=n_threads,
            )  # fmt: skip
            place = (first - start, first - start + form.n_elements)
            grid = ordered_grid(form, fields, groups)
            codes = round_columns(form, work[start:stop], near, grid, *place, errors, n_threads=n_threads)
            lying = np.ascontiguousarray(codes[np.argsort(within)].T)
            out[:, order.blocks[number]] = form.write(fields.with_codes(lying))
        if stop < columns:
            work[stop:] -= factor[start:stop, stop:].T @ errors
    return out.reshape(n_rows, -1)


# ------------------------------------------------------------------------------------------------- for safetensors
def require_torch(what: str) -> None:
    """An `Error` that says what to install where PyTorch is missing."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise no_torch(what) from None


def code_groups(values: Floats, moments: Moments, group: int, dtype: str, *, feeds_back: bool = True) -> Coded:
    """4-bit codes from -8 to 7 of (rows, columns) weights and a scale for each `group` of columns, as `dtype` holds
    it. With `feeds_back` each error is spread over the columns after it; the scale of a group is then found for the
    weights as they stand when its turn comes. In PyTorch, on an accelerator where one is."""
    try:
        import torch
    except ImportError:
        raise no_torch("GPTQ") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    work = torch.tensor(np.ascontiguousarray(values.T), dtype=torch.float32, device=device)
    columns, n_rows = work.shape
    if feeds_back:
        factor = torch.from_numpy(inverse_factor(moments)).to(device)
        weights = factor.diagonal() ** -2
    else:
        factor = torch.eye(1, device=device)
        weights = torch.from_numpy(np.diagonal(moments).copy()).to(device).clamp_min(1e-12)
    codes = torch.empty((columns, n_rows), dtype=torch.int8, device=device)
    scales = np.empty((n_rows, columns // group), np.float32)
    for start in range(0, columns, group):
        stop = start + group
        found = _group_scale(work[start:stop], weights[start:stop]).cpu().numpy()
        scales[:, start // group] = as_stored(found[:, None], dtype)[:, 0]
        scale = torch.from_numpy(scales[:, start // group].copy()).to(device)
        safe = torch.where(scale != 0, scale, 1.0)
        if not feeds_back:
            codes[start:stop] = (work[start:stop] / safe).round().clamp(-8, 7).to(torch.int8)
            continue
        errors = torch.empty((group, n_rows), device=device)
        for i in range(start, stop):
            code = (work[i] / safe).round().clamp(-8, 7)
            codes[i] = code.to(torch.int8)
            errors[i - start] = (work[i] - code * scale) / factor[i, i]
            if i + 1 < stop:
                work[i + 1 : stop] -= factor[i, i + 1 : stop, None] * errors[i - start]
        if stop < columns:
            work[stop:] -= factor[start:stop, stop:].T @ errors
    return Coded(np.ascontiguousarray(codes.T.cpu().numpy()), scales)


def _group_scale(x: "torch.Tensor", weights: "torch.Tensor") -> "torch.Tensor":
    """The scale of each row's group: several grids, for each the best scale of its codes. x: (columns, rows)."""
    import torch

    w = weights[:, None]
    where = x.abs().argmax(dim=0, keepdim=True)
    peak = x.gather(0, where)[0]
    best = torch.zeros_like(peak)
    scale = torch.zeros_like(peak)
    for step in range(30):  # the peak as code -8 (the grid's far end), or clipped by up to a third
        tried = peak / -(8 + 3 * (step - 4) / 25)
        safe = torch.where(tried != 0, tried, 1.0)
        code = (x / safe).round().clamp(-8, 7)
        xq, qq = (w * x * code).sum(dim=0), (w * code * code).sum(dim=0)
        gain = xq * xq / qq.clamp_min(1e-30)
        better = gain > best
        best, scale = torch.where(better, gain, best), torch.where(better, xq / qq.clamp_min(1e-30), scale)
    return scale


# ------------------------------------------------------------------------------------------------------- for GGUF
class ErrorFeedback:
    """The encoder of `quantize.make` that rounds with error feedback. Moments are collected for as many tensors at a
    time as fit in `memory_bytes`, in the order of the file. Models whose attention looks ahead have no running means:
    their values are left to the search.

    `moments`: collected before, for files of several types. `scaling`: the tensors come scaled (see
    `scaling.ScaledEncoder`). `inputs_from`: another file of this model, whose inputs are seen instead, such as one
    quantized before. `n_passes`: of coordinate descent after the feedback."""

    def __init__(
        self,
        model: Path,
        text: str,
        types: Mapping[str, str],
        *,
        moments: Mapping[str, Moments] | None = None,
        scaling: Scaling | None = None,
        inputs_from: Path | None = None,
        n_passes: int = 0,
        memory_bytes: int = 1 << 30,
        n_ctx: int = 512,
        most_windows: int | None = None,
        n_threads: int = 1,
        stop: Stop | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._model, self._text, self._memory_bytes = model, text, memory_bytes
        self._scaling, self._inputs_from, self._n_passes = scaling, inputs_from or model, n_passes
        self._n_ctx, self._most_windows = n_ctx, most_windows
        self._n_threads, self._stop, self._on_progress = n_threads, stop, on_progress
        self._known = moments
        self._moments: dict[str, Moments] = {}
        with GgufTensors(model) as opened:
            infos = [tensor.info for tensor in opened.tensors.values()]
            is_causal = opened.file.metadata.get(f"{opened.file.architecture}.attention.causal", True)
        self._columns = {
            info.name: info.shape[0]
            for info in infos
            if types.get(info.name) in SEARCHED
            and types[info.name] != info.type_name
            and len(info.shape) == 2
            and info.shape[0] <= _MOST_COLUMNS
            and (is_causal or not info.name.endswith(VALUE))
            and _FED.fullmatch(info.name) is not None
        }

    def __call__(self, tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        name = tensor.info.name
        if name not in self._columns or type_name not in SEARCHED:
            return None
        if self._known is not None:
            moments = self._known.get(name)
        else:
            if name not in self._moments:
                self._collect_from(name)
            moments = self._moments.pop(name, None)
        if moments is None:
            return None
        factors = self._scaling.columns(name) if self._scaling is not None else None
        if factors is not None:
            moments = moments / np.outer(factors, factors)
        return self._pieces(tensor, type_name, moments)

    def _collect_from(self, name: str) -> None:
        names: list[str] = []
        n_bytes = 0
        everything = list(self._columns)
        for one in everything[everything.index(name) :]:
            n_bytes += 4 * self._columns[one] ** 2
            if names and n_bytes > self._memory_bytes:
                break
            names.append(one)
        self._moments.clear()
        self._moments = collect_moments(
            self._inputs_from,
            self._text,
            names,
            n_ctx=self._n_ctx,
            most_windows=self._most_windows,
            n_threads=self._n_threads,
            stop=self._stop,
            on_progress=self._on_progress,
        )

    def _pieces(self, tensor: GgufRows, type_name: str, moments: Moments) -> Iterator[Bytes]:
        prepared, square = prepare(moments, type_name), damped(moments)
        columns = tensor.info.shape[0]
        n_rows = tensor.info.n_elements // columns
        step = max(1, _SLAB_BYTES // (4 * columns))
        for start in range(0, n_rows, step):
            values = tensor.rows(start, min(start + step, n_rows))
            data = feed_back(values, type_name, prepared, n_threads=self._n_threads)
            yield descend(values, data, type_name, square, self._n_passes) if self._n_passes else data
