"""Error feedback (GPTQ) into GGUF blocks: what rounding one weight spoils, the weights after it make good.

Frantar et al. 2022, arXiv:2210.17323, algorithm 1: with the second moments H of a weight's inputs, the columns are
rounded one after the other and each error is spread over the columns not yet rounded, by the rows of the upper
Cholesky factor U of the inverse of H. Here the scales of a block come from our search on the weights as they stand
when the block's turn comes, each column weighted by 1 / U[i, i]^2, what an error there costs in the end; then its codes
are chosen with feedback and put into the same bytes. Any llama.cpp runs the file.

Knows matrices and block formats, and collects H with llama.cpp over a text. Plain numpy; rows are independent, so a
tensor passes through in slabs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, Progress, Stop
from rushlight.quant.block_encoding import SEARCHED, encode_rows
from rushlight.quant.blocks import FORMATS
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.feedback import round_columns
from rushlight.quant.ggml import RunningModel
from rushlight.quant.ggml_tensor import Product
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.imatrix import HEADS, windows

Moments = NDArray[np.float32]  # (columns, columns): sums of products of inputs
Factor = NDArray[np.float32]  # upper triangle

DAMPING: Final = 0.01  # of the mean diagonal, added to it: the paper's
_VALUE: Final = ".attn_v.weight"
_FIRST_TOKEN: Final = 0.3  # of an attention's weight, roughly
_ALONE: Final = 0.1
# What is fed back: weights whose inputs are known to be what the model sees. Others (fused query, key and value;
# embeddings; experts) are left to the search.
_FED: Final = re.compile(r"blk\.\d+\.(attn_q|attn_k|attn_v|attn_output|ffn_gate|ffn_up|ffn_down)\.weight")
_WINDOW: Final = 256  # columns whose errors are spread one by one; beyond it by one product
_SLAB_BYTES: Final = 32 << 20
_MOST_COLUMNS: Final = 32_768  # a factor of 4 GB


def inverse_factor(moments: Moments, damping: float = DAMPING) -> Factor:
    """U with U^T U = the inverse of H, damped until it has one. Columns without inputs are left to themselves."""
    h = moments.astype(np.float64)
    diagonal = np.diagonal(h).copy()
    mean = float(diagonal.mean())
    if not np.isfinite(h).all() or mean <= 0:
        return np.eye(len(h), dtype=np.float32)
    h /= mean
    silent = diagonal <= 0
    while True:
        damped = h + np.diag(damping + silent)
        try:
            lower = np.linalg.cholesky(damped)
            inverse = np.linalg.inv(lower)
            found: Factor = np.linalg.cholesky(inverse.T @ inverse).T.astype(np.float32)
        except np.linalg.LinAlgError:
            damping *= 10
            continue
        return found


def feed_back(values: Floats, type_name: str, factor: Factor, *, n_threads: int = 1) -> Bytes:
    """(rows, bytes of a row) of (rows, columns) weights, rounded with error feedback."""
    form = FORMATS[type_name]
    n_rows, columns = values.shape
    if columns % form.n_elements or factor.shape != (columns, columns):
        raise ValueError(f"rows of {columns} with a factor of {factor.shape} as {type_name}")
    weights = (1 / np.diagonal(factor).astype(np.float64) ** 2).astype(np.float32)
    work = np.ascontiguousarray(values.T, np.float32)  # a column lies together
    out = np.empty((n_rows, columns // form.n_elements, form.n_bytes), np.uint8)
    window = max(_WINDOW, form.n_elements)
    for start in range(0, columns, window):
        stop = min(start + window, columns)
        errors = np.zeros((stop - start, n_rows), np.float32)
        near = np.ascontiguousarray(factor[start:stop, start:stop])
        for first in range(start, stop, form.n_elements):
            last = first + form.n_elements
            block = np.ascontiguousarray(np.clip(work[first:last].T, -65504, 65504))
            packed = encode_rows(block, type_name, weights[first:last], n_threads=n_threads)
            fields = form.read(packed)
            codes = round_columns(
                form,
                work[start:stop],
                near,
                form.grid(fields),
                first - start,
                last - start,
                errors,
                n_threads=n_threads,
            )
            out[:, first // form.n_elements] = form.write(fields.with_codes(np.ascontiguousarray(codes.T)))
        if stop < columns:
            work[stop:] -= factor[start:stop, stop:].T @ errors
    return out.reshape(n_rows, -1)


def output_error(before: Floats, after: Floats, moments: Moments) -> float:
    """The squared change of a weight's outputs over the inputs that `moments` sums up: what feedback makes small."""
    difference = (after - before).astype(np.float64)
    return float(np.einsum("ij,ij->", difference @ moments.astype(np.float64), difference))


# ---------------------------------------------------------------------------------------------------- moments
def value_moments(inputs: Floats) -> Moments:
    """H for the values of an attention, from the inputs of one text in order.

    Nobody sees a value alone: attention hands on averages of the values before it, and much of it rests on the first
    token (Xiao et al. 2023, arXiv:2309.17453, attention sinks). Errors that differ from token to token cancel out in
    these averages, a common one does not. So the moments are those of running means, with the first token's beside
    them and a little of each token's own. Measured on SmolLM2 as Q4_0, divergence against ggml's: 0.81 with plain
    moments of the values, 0.60 with the search alone for them, 0.40 with these.
    """
    n = len(inputs)
    means = np.cumsum(inputs, axis=0, dtype=np.float64) / np.arange(1, n + 1)[:, None]
    first = inputs[0]
    means = means.astype(np.float32)
    found: Moments = (
        means.T @ means
        + np.float32(_FIRST_TOKEN * n) * np.outer(first, first)
        + np.float32(_ALONE) * (inputs.T @ inputs)
    )
    return found


def collect_moments(
    model: Path,
    text: str,
    names: Sequence[str],
    *,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Moments]:
    """H of each named weight over a text. Weights with the same inputs (query and key) share one array."""
    wanted, sums = set(names), dict[str, Moments]()
    owner_of, owner_at = dict[str, str](), dict[int, str]()

    def see(product: Product) -> None:
        if product.experts is not None:
            return
        is_value = product.weight.endswith(_VALUE)
        place = -product.address if is_value else product.address  # the others must not take the values' moments
        owner = owner_of.setdefault(product.weight, owner_at.setdefault(place, product.weight))
        if owner != product.weight:
            return
        inputs = np.ascontiguousarray(product.inputs)
        found = value_moments(inputs) if is_value else inputs.T @ inputs
        sums[owner] = sums[owner] + found if owner in sums else found

    with RunningModel(
        model, n_ctx=n_ctx, n_threads=n_threads, wants=lambda name: name in wanted, on_product=see
    ) as running:
        pieces = windows(running.tokenize(text), n_ctx, running.first_token)[:most_windows]
        if not pieces:
            raise Error("There is no text to calibrate on.", "Give a text of some pages at least.", kind="no-text")
        with_head = any(name in HEADS for name in names)
        for done, piece in enumerate(pieces):
            if stop is not None:
                stop.check()
            owner_at.clear()
            running.logits(piece, len(piece) if with_head else 1)
            if on_progress is not None:
                on_progress(Progress("Calibrating", done + 1, len(pieces), "windows"))
    return {name: sums[owner] for name, owner in owner_of.items() if owner in sums}


class ErrorFeedback:
    """The encoder of `quantize.make` that rounds with error feedback. Moments are collected for as many tensors at a
    time as fit in `memory_bytes`, in the order of the file. Models whose attention looks ahead have no running means:
    their values are left to the search."""

    def __init__(
        self,
        model: Path,
        text: str,
        types: Mapping[str, str],
        *,
        memory_bytes: int = 1 << 30,
        n_ctx: int = 512,
        most_windows: int | None = None,
        n_threads: int = 1,
        stop: Stop | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._model, self._text, self._memory_bytes = model, text, memory_bytes
        self._n_ctx, self._most_windows = n_ctx, most_windows
        self._n_threads, self._stop, self._on_progress = n_threads, stop, on_progress
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
            and (is_causal or not info.name.endswith(_VALUE))
            and _FED.fullmatch(info.name) is not None
        }

    def __call__(self, tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        name = tensor.info.name
        if name not in self._columns or type_name not in SEARCHED:
            return None
        if name not in self._moments:
            self._collect_from(name)
        moments = self._moments.pop(name, None)
        return None if moments is None else self._pieces(tensor, type_name, inverse_factor(moments))

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
            self._model,
            self._text,
            names,
            n_ctx=self._n_ctx,
            most_windows=self._most_windows,
            n_threads=self._n_threads,
            stop=self._stop,
            on_progress=self._on_progress,
        )

    def _pieces(self, tensor: GgufRows, type_name: str, factor: Factor) -> Iterator[Bytes]:
        columns = tensor.info.shape[0]
        n_rows = tensor.info.n_elements // columns
        step = max(1, _SLAB_BYTES // (4 * columns))
        for start in range(0, n_rows, step):
            values = tensor.rows(start, min(start + step, n_rows))
            yield feed_back(values, type_name, factor, n_threads=self._n_threads)
