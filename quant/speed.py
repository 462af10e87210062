"""How quickly a file loads and runs on this processor, and how much memory it takes: what a comparison shows beside
quality. Times are of this machine, at this moment; only their ratios say something about the files.
"""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from rushlight import Stop
from rushlight.quant.ggml import RunningModel

_N_PROMPT: Final = 256  # tokens of the prefill
_N_DECODED: Final = 16
_N_ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second; memory is what the process held more with the model than without."""

    load_s: float
    prefill: float
    decode: float
    memory_bytes: int


def measure(path: Path, *, n_threads: int = 1, stop: Stop | None = None) -> Speed:
    """Load the model, run a prompt and some tokens after it. The second load counts: the first one reads the disk."""
    process = psutil.Process()
    before = int(process.memory_info().rss)
    loads, prefills, decodes, memory = [], [], [], 0
    for _ in range(_N_ROUNDS):
        begun = time.perf_counter()
        width = _N_PROMPT + _N_DECODED
        with RunningModel(path, n_ctx=width, n_threads=n_threads, is_paced=False) as running:
            loads.append(time.perf_counter() - begun)
            token_ids = [1 + i % max(1, running.n_vocab - 1) for i in range(_N_PROMPT)]
            begun = time.perf_counter()
            running.logits(token_ids, 1)
            prefills.append(_N_PROMPT / (time.perf_counter() - begun))
            steps = []
            for step in range(_N_DECODED):
                if stop is not None:
                    stop.check()
                begun = time.perf_counter()
                running.decode_next(token_ids[step], _N_PROMPT + step)
                steps.append(time.perf_counter() - begun)
            decodes.append(1 / statistics.median(steps))
            memory = max(memory, int(process.memory_info().rss) - before)
    return Speed(min(loads), max(prefills), max(decodes), max(0, memory))
