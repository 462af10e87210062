"""Products of matrices on a processor, by whichever library is faster there: torch's own (MKL), or oneDNN.

MKL keeps to AVX2 on processors that are not Intel's; oneDNN takes AVX-512 wherever it is: 2.2 times as fast on an EPYC.
Which one a training takes is part of its checkpoints, since their sums differ in the last bit. Letters: M rows, K
summed up, N columns.
"""

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch

Library: TypeAlias = Literal["torch", "onednn"]

_LEAST_WORK: Final = 1 << 16  # multiplications: below, starting oneDNN takes longer than the product
# oneDNN, and torch around it, keep 1,024 ways to compute each, one for every shape of a product. Rows of ever other
# lengths fill that up: a gigabyte that nobody asks for again. A row takes some dozens, for all of its layers.
_KEPT: Final = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128", "LRU_CACHE_CAPACITY": "128"}
_used: list[Library] = ["torch"]


def use(library: Library) -> None:
    """Take this library from now on, in the whole process."""
    _used[0] = library if library == "torch" or is_there() else "torch"


def used() -> Library:
    return _used[0]


@cache
def is_there() -> bool:
    """Whether torch lets oneDNN be called as it is here: the operators are inner ones of torch's."""
    for name, value in _KEPT.items():
        os.environ.setdefault(name, value)  # read at the first product
    try:
        x, weight, other = (
            torch.arange(n * k, dtype=torch.float32).reshape(n, k) / 9 for n, k in ((3, 4), (5, 4), (3, 5))
        )
        plain, onto = _onednn(x, weight, None), _onednn_onto(x, weight, other)
        turned = _onednn(x.T, other.T, None)
        pairs = [(plain, x @ weight.T), (onto, x @ weight.T + other), (turned, x.T @ other)]
        return all(float((one - two).abs().max()) < 1e-3 for one, two in pairs)
    except (AttributeError, RuntimeError, TypeError):
        return False


@cache
def best() -> Library:
    """The library that is faster here. A rule and no trial: two runs of a training are to take the same."""
    is_wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return "onednn" if is_wide and not _is_intel() and is_there() else "torch"


def _is_intel() -> bool:
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return "Intel" in platform.processor()


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x (M, K) times weight (N, K) transposed, plus bias."""
    if _takes_onednn(x, weight):
        return _onednn(x, weight, bias)
    return torch.nn.functional.linear(x, weight, bias)


def times(x: Any, other: Any) -> Any:
    """x (M, K) times other (K, N)."""
    return _onednn(x, other.T, None) if _takes_onednn(x, other) else x @ other


def transposed(x: Any, other: Any) -> Any:
    """x (M, K) transposed times other (M, N)."""
    return _onednn(x.T, other.T, None) if _takes_onednn(x, other) else x.T @ other


def linear_onto(out: Any, x: Any, weight: Any) -> Any:
    """`out` (M, N), which is used up, with x (M, K) times weight (N, K) transposed added to it."""
    return _onednn_onto(x, weight, out) if _takes_onednn(x, weight) else out.addmm_(x, weight.T)


def _takes_onednn(x: Any, other: Any) -> bool:
    if _used[0] != "onednn" or x.dtype != torch.float32 or other.dtype != torch.float32 or x.device.type != "cpu":
        return False
    return bool(x.numel() * max(other.shape) >= _LEAST_WORK and other.numel() > 0)


def _onednn(x: Any, weight: Any, bias: Any) -> Any:
    return torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")


def _onednn_onto(x: Any, weight: Any, other: Any) -> Any:
    return torch.ops.mkldnn._linear_pointwise.binary(x, other, weight, None, "add")
