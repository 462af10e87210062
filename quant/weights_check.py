"""Whether the weights of a file are those of its source, as far as their types can hold them.

A part of every proof that needs no computing of models: it finds blocks in the wrong place, rows that were lost and
bytes that a disk has changed. Knows tensors and types.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Stop
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.proof_file import Check
from rushlight.quant.rows import Rows, n_rows, row_length

_LOOKED_AT: Final = 1 << 30  # weights at most; of a larger model evenly spread slabs
_SLAB: Final = 1 << 20  # weights read at once
_RUN: Final = 2  # rows that are judged together: a lost page or one wrong row shows there, not in a whole tensor
_LEAST: Final = 1e-3  # of the mean squares of a run: rows of nearly nothing (tokens never seen) may lose it all
_TINY: Final = 1e-30
_BITS: Final = re.compile(r"(?:IQ|TQ|Q|MXFP|NVFP)(\d)")
# The squared error as a part of the squares: what a type costs stays below, what is misplaced costs 1 to 2.
_EXACT: Final[Mapping[str, float]] = {"F32": 0.0, "F16": 1e-5, "BF16": 1e-4}
_BY_BITS: Final[Mapping[int, float]] = {8: 1e-3, 6: 0.01, 5: 0.05, 4: 0.3, 3: 0.6, 2: 0.9, 1: 0.98}


def allowed_error(type_name: str) -> float:
    """The largest part of a tensor's squares that its type may lose."""
    match = _BITS.match(type_name)
    return _EXACT.get(type_name, _BY_BITS.get(int(match[1]), 0.98) if match else 0.98)


def check_weights(path: Path, source: Mapping[str, Rows], *, type_name: str = "", stop: Stop | None = None) -> Check:
    """Rows of every tensor in `path` against the same rows of the tensor of that name in `source`. `type_name`: the
    type that one of them was rounded to, where it is not what `path` says."""
    worst, n_weights = 0.0, 0
    with GgufTensors(path) as made:
        every = max(1, -(-sum(tensor.info.n_elements for tensor in made.tensors.values()) // _LOOKED_AT))
        missing = sorted(set(source) ^ set(made.tensors))
        if missing:
            return Check("weights", False, f"{missing[0]} is in one of the two only.", {"missing": len(missing)})
        for name, tensor in made.tensors.items():
            if stop is not None:
                stop.check()
            if tensor.shape != tuple(source[name].shape):
                return Check("weights", False, f"{name} has another shape than in its source.", {})
            kind = type_name or tensor.info.type_name
            errors, squares, n_looked_at = _by_run(tensor, source[name], every, stop)
            n_weights += n_looked_at
            part = float((errors / np.maximum(squares, _LEAST * squares.mean() + _TINY)).max(initial=0))
            if not part <= allowed_error(kind):  # not-a-number fails too
                return Check(
                    "weights",
                    False,
                    f"The weights of {name} are not those of its source: {part:.2g} of the squares of {_RUN} rows "
                    f"differ, where {kind} costs at most {allowed_error(kind):g}.",
                    {"part": part},
                )
            worst = max(worst, part)
    return Check("weights", True, "The weights are those of the source.", {"weights": n_weights, "largest_part": worst})


def _by_run(
    tensor: Rows, source: Rows, every: int, stop: Stop | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """(squared errors, squares) of each looked-at run of rows, and how many weights that were."""
    total = n_rows(tensor.shape)
    step = max(1, _SLAB // max(1, row_length(tensor.shape)) // _RUN) * _RUN
    starts = list(range(0, total, step))
    errors, squares, n_weights = [], [], 0
    for start in sorted({*starts[::every], *starts[-1:]}):
        if stop is not None:
            stop.check()
        end = min(start + step, total)
        found = tensor.rows(start, end).reshape(end - start, -1).astype(np.float64)
        expected = source.rows(start, end).reshape(end - start, -1).astype(np.float64)
        runs = np.arange(0, end - start, _RUN)
        errors.append(np.add.reduceat(((found - expected) ** 2).sum(axis=1), runs))
        squares.append(np.add.reduceat((expected**2).sum(axis=1), runs))
        n_weights += found.size
    none = np.zeros(1)
    return np.concatenate([*errors, none]), np.concatenate([*squares, none]), n_weights
