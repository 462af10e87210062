"""SmoothQuant: scales that take the peaks out of activations, so that weights and activations both fit 8 bits.

Xiao et al. 2022, arXiv:2211.10438, eq. 4: s = (largest input) ^ alpha / (largest weight) ^ (1 - alpha) for each
channel; inputs are divided by s, weights multiplied. alpha is chosen for each place by what is wanted: the outputs of
rows of inputs that were kept, with both sides rounded to int8 (a scale for each token, one for each row of weights).

A job in PyTorch, on an accelerator where one is; knows matrices and inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rushlight import Progress, Stop
from rushlight.quant.blocks.format import Floats
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.sampled_inputs import Inputs, collect_inputs
from rushlight.quant.scaling import Place, Scaling, no_torch, places

if TYPE_CHECKING:
    import torch

ALPHAS: Final = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # 0: no scale
_LEAST, _MOST = 1e-4, 1e4


def best_scale(weights: Sequence[Floats], inputs: Sequence[Inputs], place: Place) -> Floats | None:
    """The scale of a place's channels; None where no scale is the best."""
    try:
        import torch
    except ImportError:
        raise no_torch("SmoothQuant") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    w = [torch.tensor(one, device=device) for one in weights]
    x = torch.tensor(inputs[0].sample, device=device)  # the readers of a place share their inputs
    meant = [x @ one.T for one in w]
    totals = [float(one.square().sum()) + 1e-30 for one in meant]
    peaks = place.by_channel(inputs[0].peaks)
    largest = place.by_channel(np.max([np.abs(one).max(axis=0) for one in weights], axis=0))
    best: tuple[float, Floats | None] = (np.inf, None)
    for alpha in ALPHAS:
        scale = _scale(peaks, largest, alpha)
        by_column = torch.from_numpy(scale[place.channel_of]).to(device)
        rounded = rounded_rows(x / by_column)
        error = sum(
            float((rounded @ rounded_rows(one * by_column).T - wish).square().sum()) / total
            for one, wish, total in zip(w, meant, totals, strict=True)
        )
        if error < best[0]:
            best = error, scale if alpha else None
    return best[1]


def rounded_rows(values: "torch.Tensor") -> "torch.Tensor":
    """Rows rounded to int8 with one scale each, and what they then stand for."""
    scale = (values.abs().amax(dim=1, keepdim=True) / 127).clamp_min(1e-12)
    return (values / scale).round().clamp(-127, 127) * scale


def _scale(peaks: Floats, largest: Floats, alpha: float) -> Floats:
    if not alpha:
        return np.ones_like(peaks)
    usable = (peaks > 0) & (largest > 0)
    safe_peaks, safe_largest = np.where(usable, peaks, 1), np.where(usable, largest, 1)
    found: Floats = np.clip(safe_peaks**alpha / safe_largest ** (1 - alpha), _LEAST, _MOST).astype(np.float32)
    return found


def find_scaling(
    model: Path,
    text: str,
    *,
    inputs: Mapping[str, Inputs] | None = None,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Scaling:
    """The scaling of a GGUF model for 8-bit weights and activations."""
    with GgufTensors(model) as opened:
        found = places(opened.file, (one.info for one in opened.tensors.values()))
        names = [name for place in found for name in place.readers]
        if inputs is None:
            inputs = collect_inputs(
                model, text, names, n_ctx=n_ctx, most_windows=most_windows, n_threads=n_threads, stop=stop,
                on_progress=on_progress,
            )  # fmt: skip
        scales: dict[str, Floats] = {}
        for done, place in enumerate(found):
            if stop is not None:
                stop.check()
            if all(name in inputs for name in place.readers):
                tensors = [opened.tensors[name] for name in place.readers]
                weights = [one.rows(0, one.shape[0]) for one in tensors]
                scale = best_scale(weights, [inputs[name] for name in place.readers], place)
                if scale is not None:
                    scales[place.name] = scale
            if on_progress is not None:
                on_progress(Progress("Scaling", done + 1, len(found), "places"))
        return Scaling(scales, found)
