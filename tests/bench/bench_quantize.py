"""Quantizing one tensor, one thread: our search against ggml's own quantizer, with the same importance, turn by turn.

Beside the speed stands the weighted error of each on the same weights: sum(importance * (weight - value)^2), ours
divided by ggml's; in Q2_K, Q3_K and Q6_K the importance is multiplied by share + weight^2 / the mean weight^2 of the
block, with the share of our search (ggml's own takes sqrt(1 + ...) or sqrt(2 + ...)), and the error by importance alone
stands beside it. A gain in speed that costs quality would be none. Times are processor time of the one thread: a busy
machine makes both slower, not one. Without importance ggml does not search Q4_0, Q4_1, Q5_0 and Q5_1 at all.

    python tests/bench/bench_quantize.py [--rounds N]
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from measure import Row, alternate, machine, n_rounds, report
from numpy.typing import NDArray

from rushlight.native import COMPILED, cpu_path
from rushlight.quant.block_encoding import SEARCHED, encode_rows, relative_importance
from rushlight.quant.blocks import FORMATS
from rushlight.quant.blocks.format import BlockFormat, Floats
from rushlight.quant.ggml import quantize_rows

COLUMNS = 2048


def processor_seconds(action: Callable[[], object]) -> float:
    start = time.thread_time()
    action()
    return time.thread_time() - start


def _sizes(values: Floats, form: BlockFormat) -> NDArray[np.float64]:
    """How much more each weight counts than its importance says."""
    if form.share is None:
        return np.ones(values.shape)
    blocks = values.reshape(-1, form.n_elements).astype(np.float64)
    counted: NDArray[np.float64] = form.share + blocks**2 / (blocks**2).mean(axis=1, keepdims=True)
    return counted.reshape(values.shape)


def main() -> None:
    rounds = n_rounds(7, __doc__)
    before = machine()
    random = np.random.default_rng(1)
    values = (random.standard_t(6, (128, COLUMNS)) * 0.03).astype(np.float32)
    importance = np.exp(random.normal(size=COLUMNS)).astype(np.float32)
    weights = np.broadcast_to(relative_importance(importance), values.shape).astype(np.float64)
    rows = []
    for name in sorted(SEARCHED):
        form = FORMATS[name]
        for label, given in (("with importance", importance), ("without", None)):
            results = alternate(
                rounds,
                {
                    "ours": lambda name=name, given=given: processor_seconds(lambda: encode_rows(values, name, given)),
                    "ggml": lambda name=name, given=given: processor_seconds(
                        lambda: quantize_rows(values, name, given)
                    ),
                },
            )
            speed = {side: values.size / statistics.median(taken) / 1e6 for side, taken in results.items()}
            target = 4.0 if (name, given is None) == ("Q4_K", False) else None
            rows.append(Row(f"{name} {label}", speed["ours"], speed["ggml"], "Mweights/s", target, at_least=True))
        errors, plain = [], []
        counted = weights * _sizes(values, form)
        for data in (encode_rows(values, name, importance), quantize_rows(values, name, importance)):
            got = form.dequantize(data.reshape(-1, form.n_bytes)).reshape(values.shape)
            errors.append(float((counted * (got - values) ** 2).sum()))
            plain.append(float((weights * (got - values) ** 2).sum()))
        rows.append(Row(f"{name} weighted error", errors[0], errors[1], "", 1.0))
        if form.share is not None:
            rows.append(Row(f"{name} error by importance alone", plain[0], plain[1], ""))
    notes = [f"compiled: {COMPILED}, instruction set {cpu_path()}; {values.size:,} weights, one thread each"]
    report("Quantizing against ggml", rows, before, notes)


if __name__ == "__main__":
    main()
