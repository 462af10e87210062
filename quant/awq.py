"""AWQ: scales that protect the columns with large inputs, searched for each place of a model.

Lin et al. 2023, arXiv:2306.00978: s = (size of the inputs) ^ alpha, divided by its geometric mean, alpha from a grid.
What a scale brings is measured on the second moments H of the inputs, as trace(D H D^T) with D what rounding changes,
relative to each matrix's own outputs: no sample of inputs needs to be kept. alpha = 0, no scale, is among the tried,
so a place is never worse on the calibration text. The rounding is that of the type the file will have.

A job in PyTorch, on an accelerator where one is; knows matrices and moments.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Progress, Stop
from rushlight.quant.block_encoding import SEARCHED, encode_rows
from rushlight.quant.blocks.format import Floats
from rushlight.quant.encoding import decode
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.moments import Moments, collect_moments
from rushlight.quant.scaling import Place, Scaling, no_torch, places

# Rounds (rows, columns) weights with the importance of each column, and gives what they then stand for.
Rounding = Callable[[Floats, Floats], Floats]

ALPHAS: Final = tuple(i / 10 for i in range(9))
_MOST_ROWS: Final = 512  # of a matrix: they stand for all
_LEAST, _MOST = 1e-3, 1e3  # of a scale


def block_rounding(type_name: str, n_threads: int = 1) -> Rounding:
    """The rounding of a GGUF type."""

    def rounding(values: Floats, importance: Floats) -> Floats:
        data = encode_rows(values, type_name, importance, n_threads=n_threads)
        return decode(data, type_name).reshape(values.shape)

    return rounding


def best_scale(
    weights: Sequence[Floats], moments: Sequence[Moments], roundings: Sequence[Rounding], place: Place
) -> Floats | None:
    """The scale of a place's channels; None where no scale is the best. One matrix of weights, one of moments and one
    rounding for each reader of the place."""
    try:
        import torch
    except ImportError:
        raise no_torch("AWQ") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    h = [torch.tensor(one, device=device) for one in moments]
    sampled = [one[:: max(1, len(one) // _MOST_ROWS)][:_MOST_ROWS] for one in weights]

    def error_of(difference: Floats, square: "torch.Tensor") -> float:
        d = torch.tensor(difference, dtype=torch.float32, device=device)
        return float(((d @ square) * d).sum(dtype=torch.float64))

    totals = [max(error_of(one, square), 1e-30) for one, square in zip(sampled, h, strict=True)]
    sizes = _sizes(moments, place)
    best: tuple[float, Floats | None] = (np.inf, None)
    for alpha in ALPHAS:
        scale = _scale(sizes, alpha)
        by_column = scale[place.channel_of]
        error = 0.0
        for one, square, moment, rounding, total in zip(sampled, h, moments, roundings, totals, strict=True):
            importance = np.diagonal(moment) / by_column**2
            again = rounding(np.ascontiguousarray(one * by_column), importance.astype(np.float32)) / by_column
            error += error_of(again - one, square) / total
        if error < best[0]:
            best = error, scale if alpha else None
    return best[1]


def _sizes(moments: Sequence[Moments], place: Place) -> Floats:
    """The root mean square of the inputs of each channel, over the readers and over columns that share a channel."""
    squares = np.zeros(place.n_channels)
    for moment in moments:
        diagonal = np.diagonal(moment).astype(np.float64)
        mean = diagonal.mean()
        np.add.at(squares, place.channel_of, diagonal / mean if mean > 0 else np.ones_like(diagonal))
    found: Floats = np.sqrt(squares).astype(np.float32)
    return found


def _scale(sizes: Floats, alpha: float) -> Floats:
    floor = float(sizes.max(initial=0)) * 1e-4
    logs = alpha * np.log(np.maximum(sizes, floor) if floor > 0 else np.ones_like(sizes))
    found: Floats = np.clip(np.exp(logs - logs.mean()), _LEAST, _MOST).astype(np.float32)
    return found


def find_scaling(
    model: Path,
    text: str,
    types: Mapping[str, str],
    *,
    moments: Mapping[str, Moments] | None = None,
    roundings: Callable[[str, str], Rounding] | None = None,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Scaling:
    """The scaling of a GGUF model whose tensors will have `types`. `moments` that were collected already are used,
    else they are collected place by place."""
    with GgufTensors(model) as opened:
        found = [
            place
            for place in places(opened.file, (one.info for one in opened.tensors.values()))
            if all(types.get(name) in SEARCHED for name in place.readers)
        ]
        scales: dict[str, Floats] = {}
        for done, place in enumerate(found):
            if stop is not None:
                stop.check()
            known = moments
            if known is None:
                known = collect_moments(
                    model, text, place.readers, n_ctx=n_ctx, most_windows=most_windows, n_threads=n_threads, stop=stop
                )
            if all(name in known for name in place.readers):
                tensors = [opened.tensors[name] for name in place.readers]
                chosen = [
                    roundings(name, types[name]) if roundings else block_rounding(types[name], n_threads)
                    for name in place.readers
                ]
                weights = [one.rows(0, one.shape[0]) for one in tensors]
                scale = best_scale(weights, [known[name] for name in place.readers], chosen, place)
                if scale is not None:
                    scales[place.name] = scale
            if on_progress is not None:
                on_progress(Progress("Scaling", done + 1, len(found), "places"))
        return Scaling(scales, found)
