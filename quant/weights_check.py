"""Whether the weights of a file are those of its source, as far as their types can hold them.

A part of every proof that needs no computing of models: it finds blocks in the wrong place, rows that were lost and
bytes that a disk has changed. Knows tensors and types.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Stop
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.proof_file import Check
from rushlight.quant.rows import Rows, n_rows

_SAMPLED_ROWS: Final = 64  # of each tensor, in runs from its beginning to its end
_RUN: Final = 8
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
        missing = sorted(set(source) ^ set(made.tensors))
        if missing:
            return Check("weights", False, f"{missing[0]} is in one of the two only.", {"missing": len(missing)})
        for name, tensor in made.tensors.items():
            if stop is not None:
                stop.check()
            if tensor.shape != tuple(source[name].shape):
                return Check("weights", False, f"{name} has another shape than in its source.", {})
            errors = squares = 0.0
            for start in _starts(n_rows(tensor.shape)):
                end = min(start + _RUN, n_rows(tensor.shape))
                found = tensor.rows(start, end).astype(np.float64)
                expected = source[name].rows(start, end).astype(np.float64)
                errors += float(((found - expected) ** 2).sum())
                squares += float((expected**2).sum())
                n_weights += found.size
            part = errors / squares if squares > 0 else errors
            kind = type_name or tensor.info.type_name
            if not part <= allowed_error(kind):  # not-a-number fails too
                return Check(
                    "weights",
                    False,
                    f"The weights of {name} are not those of its source: {part:.2g} of their squares differ, where "
                    f"{kind} costs at most {allowed_error(kind):g}.",
                    {"part": part},
                )
            worst = max(worst, part)
    return Check("weights", True, "The weights are those of the source.", {"weights": n_weights, "largest_part": worst})


def _starts(total: int) -> list[int]:
    """Where the runs of looked-at rows begin: all of a small tensor, the first and the last rows of a large one."""
    if total <= _SAMPLED_ROWS:
        return list(range(0, total, _RUN))
    wanted = np.linspace(0, total - _RUN, _SAMPLED_ROWS // _RUN).astype(int)
    return [int(start) for start in np.unique(wanted)]
