"""What weights read while llama.cpp runs a text: the largest input of each column, and some rows of inputs.

Knows llama.cpp's products; keeps a few hundred rows of each weight, so a large model costs megabytes, not the gigabytes
of second moments (`moments`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Progress, Stop
from rushlight.quant.blocks.format import Floats
from rushlight.quant.ggml import RunningModel
from rushlight.quant.ggml_tensor import Product
from rushlight.quant.imatrix import calibration_windows

_ROWS_A_WINDOW: Final = 16
_MOST_ROWS: Final = 512


@dataclass(slots=True)
class Inputs:
    """What a weight read over a text: the largest of each column, and some rows."""

    peaks: Floats
    rows: list[Floats]

    @property
    def sample(self) -> Floats:
        return np.concatenate(self.rows)[:_MOST_ROWS]


def collect_inputs(
    model: Path,
    text: str,
    names: Sequence[str],
    *,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Inputs]:
    """The inputs of each named weight over a text."""
    wanted, found = set(names), dict[str, Inputs]()

    def see(product: Product) -> None:
        if product.experts is not None:
            return
        peaks = np.abs(product.inputs).max(axis=0)
        step = max(1, len(product.inputs) // _ROWS_A_WINDOW)
        rows = product.inputs[step // 2 :: step].copy()  # without the first token, whose inputs are like no others
        known = found.get(product.weight)
        if known is None:
            found[product.weight] = Inputs(peaks, [rows])
            return
        np.maximum(known.peaks, peaks, out=known.peaks)
        if sum(map(len, known.rows)) < _MOST_ROWS:
            known.rows.append(rows)

    with RunningModel(
        model, n_ctx=n_ctx, n_threads=n_threads, wants=lambda name: name in wanted, on_product=see
    ) as running:
        for piece in calibration_windows(running, text, n_ctx, most_windows, stop, on_progress):
            running.logits(piece, 1)
    return found
