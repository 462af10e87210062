"""Spherical interpolation of two models (Shoemake 1985): along the arc between them, so that norms do not shrink."""

import math

from rushlight.quant.rows import Floats, Rows, slabs
from rushlight.trainer.merge.inputs import Computed, Inputs

_NEARLY_PARALLEL = 0.9995
_NO_LENGTH = 1e-8


def merge(inputs: Inputs) -> Rows:
    """sin((1-t) a)/sin(a) x + sin(t a)/sin(a) y, with a the angle between the two whole tensors.

    Nearly parallel or opposed ones are interpolated in a straight line, since the arc is not defined there.
    """
    first, second = inputs.models
    factors: list[float] = []

    def rows(start: int, stop: int) -> Floats:
        if not factors:
            factors.extend(_factors(first, second, inputs.t))
        found: Floats = factors[0] * first.rows(start, stop) + factors[1] * second.rows(start, stop)
        return found.astype(first.rows(0, 0).dtype, copy=False)

    return Computed(inputs.shape, rows)


def _factors(first: Rows, second: Rows, t: float) -> tuple[float, float]:
    dot = norm_x = norm_y = 0.0
    for x, y in zip(slabs(first), slabs(second), strict=True):
        x64, y64 = x.astype("f8"), y.astype("f8")
        dot += float((x64 * y64).sum())
        norm_x += float((x64 * x64).sum())
        norm_y += float((y64 * y64).sum())
    lengths = math.sqrt(norm_x), math.sqrt(norm_y)
    if min(lengths) <= _NO_LENGTH:
        return 1.0 - t, t
    cosine = max(-1.0, min(1.0, dot / (lengths[0] * lengths[1])))
    if abs(cosine) > _NEARLY_PARALLEL:
        return 1.0 - t, t
    angle = math.acos(cosine)
    return math.sin((1.0 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
