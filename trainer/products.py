"""Products of matrices on a processor, by whichever library is faster there: torch's own (MKL), or oneDNN.

MKL keeps to AVX2 on processors that are not Intel's; oneDNN takes AVX-512 wherever it is: 2.2 times as fast on an EPYC.
Where a processor multiplies 16-bit numbers faster, numbers can be "rounded": to bfloat16 as they go into a product,
which is summed up in float32; weights, gradients and all else stay in float32. With AMX oneDNN rounds by itself; with
AVX-512-BF16 alone it does not, so there a weight that is not trained has a copy in bfloat16, and what comes out is
rounded once more. Which library a training takes is part of its checkpoints, since their sums differ. Letters: M rows,
K summed up, N columns.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from torch.utils.weak import WeakIdKeyDictionary

Library: TypeAlias = Literal["torch", "onednn", "rounded"]

_LEAST_ROUNDED: Final = 96  # rows and columns
_MOST_ROUNDED: Final = 20_000  # logits keep their digits, and the way back from a head is no faster
ROWS: Final = 32  # rows of such lengths are made once; for each other length oneDNN prepares its products anew
_LEAST_WORK: Final = 1 << 16  # multiplications: below, starting oneDNN takes longer than the product
# oneDNN, and torch around it, keep 1,024 ways to compute each, one for every shape of a product. Rows of ever other
# lengths fill that up: a gigabyte that nobody asks for again. A row takes some dozens, for all of its layers.
_KEPT: Final = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128", "LRU_CACHE_CAPACITY": "128"}
_used: list[Library] = ["torch"]
_halves: Any = WeakIdKeyDictionary()  # weight: (where it lay, its version, the copy)


def use(library: Library) -> None:
    """Take this library from now on, in the whole process."""
    _used[0] = library if library == "torch" or (is_there() and (library == "onednn" or can_round())) else "torch"


def used() -> Library:
    return _used[0]


@contextmanager
def using(library: Library | Literal[""]) -> Iterator[None]:
    """This library while the block lasts; "" is what is usual here, which rounds nothing."""
    before = used()
    use(library or best())
    try:
        yield
    finally:
        use(before)


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
def can_round() -> bool:
    """Whether this torch lets oneDNN round what it multiplies, and this processor has instructions for such numbers."""
    try:
        known = hasattr(torch.backends.mkldnn.matmul, "fp32_precision")
        flags = Path("/proc/cpuinfo").read_text(errors="replace")
    except (OSError, AttributeError):
        return False
    return known and any(flag in flags for flag in ("amx_bf16", "avx512_bf16"))


@cache
def keeps_copies() -> bool:
    """Whether rounding takes copies of the weights: half as much memory again."""
    try:
        return can_round() and "amx_bf16" not in Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return True


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
    if _rounds(x, weight):
        return _rounded(x, weight, bias)
    if _takes_onednn(x, weight):
        return _onednn(x, weight, bias)
    return torch.nn.functional.linear(x, weight, bias)


def times(x: Any, other: Any) -> Any:
    """x (M, K) times other (K, N)."""
    if _rounds(x, other):
        return x.bfloat16().matmul(_half(other)).float() if keeps_copies() else _rounded(x, other.T, None)
    return _onednn(x, other.T, None) if _takes_onednn(x, other) else x @ other


def transposed(x: Any, other: Any) -> Any:
    """x (M, K) transposed times other (M, N)."""
    if not _takes_onednn(x, other):
        return x.T @ other
    if other.shape[1] < x.shape[1]:  # oneDNN copies its first operand; the narrow one is cheaper to copy
        return _onednn(other.T, x.T, None).T.contiguous()
    return _onednn(x.T, other.T, None)


def linear_onto(out: Any, x: Any, weight: Any) -> Any:
    """`out` (M, N), which is used up, with x (M, K) times weight (N, K) transposed added to it."""
    return _onednn_onto(x, weight, out) if _takes_onednn(x, weight) else out.addmm_(x, weight.T)


def _takes_onednn(x: Any, other: Any) -> bool:
    if _beside() != "onednn" or x.dtype != torch.float32 or other.dtype != torch.float32 or x.device.type != "cpu":
        return False
    return bool(x.numel() * max(other.shape) >= _LEAST_WORK and other.numel() > 0)


def _beside() -> Library:
    """By which library products are computed that are not rounded."""
    return best() if _used[0] == "rounded" else _used[0]


def _rounds(x: Any, other: Any) -> bool:
    """Products with weights of the model; those with the narrow ones of an adapter are quick as they are."""
    if _used[0] != "rounded" or x.dtype != torch.float32 or other.dtype != torch.float32 or x.device.type != "cpu":
        return False
    is_layer = min(other.shape) >= _LEAST_ROUNDED and max(other.shape) <= _MOST_ROUNDED
    return bool(is_layer and x.shape[0] >= _LEAST_ROUNDED)


def _rounded(x: Any, weight: Any, bias: Any) -> Any:
    """The setting is one of the whole process and makes torch's attention slower: it holds for this product alone."""
    if keeps_copies():
        out = torch.nn.functional.linear(x.bfloat16(), _half(weight)).float()
        return out if bias is None else out.add_(bias)
    settings = torch.backends.mkldnn.matmul
    settings.fp32_precision = "bf16"
    try:
        return _onednn(x, weight, bias)
    finally:
        settings.fp32_precision = "none"


def _half(weight: Any) -> Any:
    """`weight` in bfloat16: made once for one that is not trained, and again where it has been changed since."""
    if weight.requires_grad:
        return weight.detach().bfloat16()
    place, version, half = _halves.get(weight, (0, 0, None))
    if half is None or (place, version) != (weight.data_ptr(), weight._version):
        half = weight.detach().bfloat16()
        _halves[weight] = (weight.data_ptr(), weight._version, half)
    return half


def _onednn(x: Any, weight: Any, bias: Any) -> Any:
    return torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")


def _onednn_onto(x: Any, weight: Any, other: Any) -> Any:
    return torch.ops.mkldnn._linear_pointwise.binary(x, other, weight, None, "add")
