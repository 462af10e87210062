"""One tensor of every model that is merged, with the numbers that hold for it; and the seam of a method.

W is the number of models, R rows and C columns of the tensor seen as a matrix.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.rows import Floats, Rows


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a method is given for one tensor. All tensors have one shape."""

    name: str
    models: tuple[Rows, ...]  # W tensors
    weights: tuple[float, ...]  # W
    base: Rows | None = None
    densities: tuple[float, ...] = ()  # W
    epsilons: tuple[float, ...] = ()  # W
    normalize: bool = False
    rescale: bool = True
    scale: float = 1.0
    t: float = 0.5
    filter_wise: bool = False
    seed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.models[0].shape

    def deltas(self, start: int, stop: int) -> tuple[Floats, list[Floats]]:
        """Rows of the base, and of what each model changes in them: (R, C) and W times (R, C)."""
        assert self.base is not None
        base = self.base.rows(start, stop)
        return base, [model.rows(start, stop) - base for model in self.models]


MergeTensor: TypeAlias = Callable[[Inputs], Rows]
"""A method: the merged tensor, computed when its rows are asked for, in their order."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A tensor whose rows a function makes."""

    shape: tuple[int, ...]
    make: Callable[[int, int], Floats]

    def rows(self, start: int, stop: int) -> Floats:
        return self.make(start, stop)


# ---------------------------------------------------------------- chance
_STEP = np.uint64(0x9E3779B97F4A7C15)


def key_of(seed: int, name: str, model: int) -> int:
    """The key of one model's random numbers in one tensor: nothing else decides them, neither order nor threads."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}\0{model}".encode()).digest()[:8], "little")


def uniform(key: int, start: int, stop: int) -> Floats:
    """Random numbers in [0, 1) for the elements `start` to `stop`: each depends on key and place only (SplitMix64,
    Steele, Lea, Flood 2014), in steps of 2^-24."""
    with np.errstate(over="ignore"):
        z: NDArray[np.uint64] = np.uint64(key) + (np.arange(start, stop, dtype=np.uint64) + np.uint64(1)) * _STEP
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
