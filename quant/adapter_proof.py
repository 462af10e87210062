"""The proof of a carried adapter: it adds to the weights what its source adds, and llama.cpp answers as if the base
model held the sum.

Knows PEFT folders, GGUF adapters and base models; the result is that of every proof (`proof_file`).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Progress, Stop
from rushlight.quant import quantize
from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft, base_of, gguf_products, peft_products
from rushlight.quant.blocks.format import Bytes
from rushlight.quant.ggml import RunningModel
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.proof import compare_logits, limits_of
from rushlight.quant.proof_file import ADAPTER, Check, Proof, digest_of, write_proof
from rushlight.quant.proof_texts import LOGIT_TEXTS
from rushlight.quant.rows import Floats, slabs
from rushlight.quant.whole_file import work_folder

Products = Mapping[str, tuple[Floats, Floats, float]]

_MOST_MERGED_BYTES: Final = 8 << 30  # of the base with the sum in it, which is written for the proof
_LOOKED_AT: Final = 64  # columns of each product
_N_CTX: Final = 256


def prove_adapter(
    path: Path,
    source: Path,
    base: Path,
    *,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Proof:
    """Hold the adapter in `path` against the one it was made of; the result lies beside it."""
    with work_folder(path.parent, "rushlight-proof") as folder:
        gguf = path
        if path.is_dir():
            gguf = folder / "again.gguf"
            adapter_to_gguf(path, base, gguf, stop=stop)
            checks = [_same(gguf_products(gguf), gguf_products(source))]
        else:
            adapter_to_peft(path, base, folder / "again", stop=stop)
            known = base_of(base)
            checks = [_same(peft_products(folder / "again", known), peft_products(source, known))]
        if on_progress is not None:
            on_progress(Progress("Proving", 1, 2))
        checks.append(_answers(gguf, base, folder / "merged.gguf", n_threads, stop))
    size, digest = digest_of(path, stop)
    proof = Proof(path.name, size, digest, ADAPTER, source.name, tuple(checks))
    write_proof(path, proof)
    if on_progress is not None:
        on_progress(Progress("Proving", 2, 2))
    return proof


def _same(found: Products, expected: Products) -> Check:
    if set(found) != set(expected):
        only = sorted(set(found) ^ set(expected))[0]
        return Check("weights", False, f"{only[:80]} is in one of the two adapters only.", {})
    worst = 0.0
    for name, product in found.items():
        one, other = (_product(*factors) for factors in (product, expected[name]))
        if one.shape != other.shape:
            return Check("weights", False, f"{name[:80]} has another shape than in its source.", {})
        squares = float((other**2).sum())
        part = float(((one - other) ** 2).sum()) / squares if squares > 0 else float((one**2).sum())
        worst = max(worst, part)
        if not part <= 1e-5:
            return Check("weights", False, f"What is added to {name[:80]} is not what its source adds.", {"part": part})
    return Check("weights", True, "It adds what its source adds.", {"matrices": len(found), "largest_part": worst})


def _product(a: Floats, b: Floats, factor: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    step = max(1, a.shape[1] // _LOOKED_AT)
    return factor * (b.astype(np.float64) @ a[:, ::step].astype(np.float64))


def _answers(adapter: Path, base: Path, merged: Path, n_threads: int, stop: Stop | None) -> Check:
    """llama.cpp with base and adapter against llama.cpp with the sum of both in one file."""
    if base.is_dir():
        return Check("logits", None, "The answers were not compared: the base is no GGUF file.", {})
    products = gguf_products(adapter)
    with GgufTensors(base) as opened:
        known = [tensor.info for tensor in opened.tensors.values()]
    n_bytes = sum(4 * one.n_elements if one.name in products else one.size_bytes for one in known)
    if n_bytes > _MOST_MERGED_BYTES:
        return Check("logits", None, "The answers were not compared: the base model is too large for that.", {})

    def sums(tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        product = products.get(tensor.info.name)
        return None if product is None else _sums(tensor, *product)

    quantize.make(base, merged, "F32", types=dict.fromkeys(products, "F32"), encoder=sums, stop=stop)
    types = {one.type_name for one in known if len(one.shape) > 1}
    # the sum is multiplied exactly, the base's own blocks with inputs rounded to 8 bits
    limits = limits_of("F16" if types == {"F32"} else "Q8_0")
    with (
        RunningModel(base, n_ctx=_N_CTX, n_threads=n_threads) as running,
        RunningModel(merged, n_ctx=_N_CTX, n_threads=n_threads) as expected,
    ):
        running.apply_adapter(adapter)
        return compare_logits(running, expected, LOGIT_TEXTS, limits)


def _sums(tensor: GgufRows, a: Floats, b: Floats, factor: float) -> Iterator[Bytes]:
    start = 0
    for slab in slabs(tensor):
        part = b[start : start + len(slab)]
        start += len(slab)
        values = (slab + np.float32(factor) * (part @ a)).astype("<f4")
        yield np.ascontiguousarray(values).view(np.uint8)
