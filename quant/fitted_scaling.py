"""Scales folded into a GGUF file's weights, fitted to the type these will have and to how llama.cpp rounds inputs.

A scale s multiplies the columns of a matrix and divides its inputs. Large s protects columns from the rounding of
weights (AWQ: Lin et al. 2023, arXiv:2306.00978), and takes peaks out of inputs (SmoothQuant: Xiao et al. 2022,
arXiv:2211.10438), which ggml's products on processors round to 8 bits in blocks as long as those of the weights. Both
families are tried for each place, s = (size of the inputs) ^ a / (largest weight) ^ b with the size a root mean square
or a peak, and what counts is what comes out: rows of inputs that were kept, rounded, times weights, rounded. No scale
is among the tried.

Plain numpy; knows matrices and inputs, and nothing of the error feedback that may follow, but for its usual gain.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Progress, Stop
from rushlight.quant.block_encoding import encode_rows
from rushlight.quant.blocks.format import Floats
from rushlight.quant.encoding import decode
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_types import type_size
from rushlight.quant.sampled_inputs import Inputs, collect_inputs
from rushlight.quant.scaling import Place, Scaling, places

_FEEDBACK_GAIN: Final = 0.4  # what error feedback leaves of the error of weights, about
# Inputs are a small part of what this type loses, and scales that suit the search suit feedback less: with them it lost
# 4 to 17 % more than by feedback alone (log.md, 2026-11-27, second).
_NOT_BEFORE_FEEDBACK: Final = frozenset({"Q2_K"})
# Weights that were rounded before lie on a grid that feedback finds again and scales tear apart: SmolLM2 from Q4_1 to
# Q4_0 lost 0.46 of what ggml loses by feedback alone, and 0.55 with scales before it.
_LEAST_BITS: Final = 7.0  # of the source, for scales before feedback
_BY_SIZE: Final = (0.2, 0.35, 0.5, 0.65, 0.8)
_BY_WEIGHT: Final = (0.0, 0.25, 0.5)
_MOST_ROWS: Final = 256  # of a matrix: they stand for all
_LEAST, _MOST = 1e-3, 1e3  # of a scale
_FLOOR: Final = 1e-4  # of the largest size: channels without inputs are not blown up


@dataclass(frozen=True, slots=True)
class Reader:
    """A matrix of a place: some of its rows, and the type it will have."""

    weights: Floats  # (rows, columns)
    type_name: str


def best_scale(readers: Sequence[Reader], inputs: Inputs, place: Place, *, weight_share: float = 1.0) -> Floats | None:
    """The scale of a place's channels; None where no scale is the best. The error of weights counts `weight_share`."""
    rows = inputs.sample
    wishes = [rows @ one.weights.T for one in readers]
    totals = [float(np.square(wish).sum(dtype=np.float64)) + 1e-30 for wish in wishes]
    least, best = np.inf, None
    for scale in (None, *_tried(readers, inputs, place)):
        by_column = np.ones(rows.shape[1], np.float32) if scale is None else scale[place.channel_of]
        error = sum(
            sum(_errors(one, rows, by_column, weight_share)) / total for one, total in zip(readers, totals, strict=True)
        )
        if error < least:
            least, best = error, scale
    return best


def _errors(reader: Reader, rows: Floats, by_column: Floats, weight_share: float) -> tuple[float, float]:
    """(what the rounding of inputs changes, what that of weights changes) in the squares of the outputs."""
    of_inputs = (rounded_inputs(rows / by_column, reader.type_name) * by_column - rows) @ reader.weights.T
    importance = np.square(rows / by_column).mean(axis=0)
    scaled = np.ascontiguousarray(reader.weights * by_column)
    data = encode_rows(scaled, reader.type_name, importance)
    changed: Floats = decode(data, reader.type_name).reshape(scaled.shape) / by_column - reader.weights
    return _squares(of_inputs), weight_share * _squares(rows @ changed.T)


def _squares(values: NDArray[np.floating[Any]]) -> float:
    return float(np.square(values).sum(dtype=np.float64))


def rounded_inputs(rows: Floats, type_name: str) -> Floats:
    """(rows, columns) as a product with weights of that type takes them: 8 bits, in blocks as long as the type's."""
    block = type_size(type_name)[0]
    if block == 1 or rows.shape[1] % block:
        return rows
    by_block = rows.reshape(len(rows), -1, block)
    scale = np.abs(by_block).max(axis=2, keepdims=True) / 127
    safe = np.where(scale > 0, scale, 1)
    rounded: Floats = (np.rint(by_block / safe) * safe).reshape(rows.shape)
    return rounded


def _tried(readers: Sequence[Reader], inputs: Inputs, place: Place) -> Iterator[Floats]:
    largest = place.by_channel(np.max([np.abs(one.weights).max(axis=0) for one in readers], axis=0))
    typical = place.by_channel(np.sqrt(np.square(inputs.sample).mean(axis=0)))
    for sizes in (typical, place.by_channel(inputs.peaks)):
        for by_size in _BY_SIZE:
            for by_weight in _BY_WEIGHT:
                logs = by_size * _logs(sizes) - by_weight * _logs(largest)
                scale: Floats = np.clip(np.exp(logs - logs.mean()), _LEAST, _MOST).astype(np.float32)
                yield scale


def _logs(values: Floats) -> Floats:
    floor = float(values.max(initial=0)) * _FLOOR
    found: Floats = np.log(np.maximum(values, floor)) if floor > 0 else np.zeros_like(values)
    return found


def find_scaling(
    model: Path,
    text: str,
    types: Mapping[str, str],
    *,
    feeds_back: bool = False,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Scaling:
    """The scaling of a GGUF model whose tensors will have `types`; those that are not named stay as they are.
    `feeds_back`: error feedback follows, which makes up for most of what the rounding of weights spoils."""
    with GgufTensors(model) as opened:
        kinds = {name: types.get(name, one.info.type_name) for name, one in opened.tensors.items()}
        found = places(opened.file, (one.info for one in opened.tensors.values()))
        inputs = collect_inputs(
            model, text, [place.readers[0] for place in found], n_ctx=n_ctx, most_windows=most_windows,
            n_threads=n_threads, stop=stop, on_progress=on_progress,
        )  # fmt: skip
        scales: dict[str, Floats] = {}
        for done, place in enumerate(found):
            if stop is not None:
                stop.check()
            seen = inputs.get(place.readers[0])  # the readers of a place share their inputs
            tensors = [opened.tensors[name] for name in place.readers]
            is_left = feeds_back and any(
                kinds[one.info.name] in _NOT_BEFORE_FEEDBACK or _bits(one.info.type_name) < _LEAST_BITS
                for one in tensors
            )
            if seen is not None and not is_left:
                readers = [Reader(_some_rows(one.rows(0, one.shape[0])), kinds[one.info.name]) for one in tensors]
                scale = best_scale(readers, seen, place, weight_share=_FEEDBACK_GAIN if feeds_back else 1.0)
                if scale is not None:
                    scales[place.name] = scale
            if on_progress is not None:
                on_progress(Progress("Scaling", done + 1, len(found), "places"))
        return Scaling(scales, found)


def _bits(type_name: str) -> float:
    block, n_bytes = type_size(type_name)
    return 8 * n_bytes / block


def _some_rows(weights: Floats) -> Floats:
    return weights[:: max(1, len(weights) // _MOST_ROWS)][:_MOST_ROWS]
