"""Second moments of the inputs of weights over a text, collected while llama.cpp runs it: what error feedback needs.

For a weight W with inputs x over the text, H = sum of x x^T says how much each change of W changes its outputs:
trace(D H D^T). Knows llama.cpp's products; the same moments serve GGUF and safetensors, since both have the same
columns.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Progress, Stop
from rushlight.quant.activations import Activations, MomentKind
from rushlight.quant.blocks.format import Floats
from rushlight.quant.ggml import RunningModel
from rushlight.quant.imatrix import HEADS, calibration_windows

Moments = NDArray[np.float32]  # (columns, columns): sums of products of inputs

VALUE: Final = ".attn_v.weight"
# For the values of an attention. Nobody sees a value alone: attention hands on averages of the values before it, and
# much of it rests on the first token (Xiao et al. 2023, arXiv:2309.17453, attention sinks). Errors that differ from
# token to token cancel out in these averages, a common one does not. So the moments are those of running means, with
# the first token's beside them and a little of each token's own. Measured on SmolLM2 as Q4_0, divergence against
# ggml's: 0.81 with plain moments of the values, 0.60 with the search alone for them, 0.40 with these.
VALUES: Final = MomentKind(own=0.1, mean=1.0, first=0.3)


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
    kinds = {name: VALUES if name.endswith(VALUE) else MomentKind() for name in names}
    sums = Activations(moments=kinds, n_threads=n_threads)
    with RunningModel(model, n_ctx=n_ctx, n_threads=n_threads, activations=sums) as running:
        with_head = any(name in HEADS for name in names)
        for piece in calibration_windows(running, text, n_ctx, most_windows, stop, on_progress):
            running.logits(piece, len(piece) if with_head else 1)
    return sums.take_moments()


def output_error(before: Floats, after: Floats, moments: Moments) -> float:
    """The squared change of a weight's outputs over the inputs that `moments` sums up: what feedback makes small."""
    difference = (after - before).astype(np.float64)
    return float(np.einsum("ij,ij->", difference @ moments.astype(np.float64), difference))
