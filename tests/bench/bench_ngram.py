"""Prompt lookup: our n-gram index against llama-cpp-python's numpy version, at 8k and 32k tokens of context.

llama-cpp-python keeps no index: each proposal looks at the whole context. So its figure per proposal stands against
an append and a proposal of ours together, which is what one decoded token costs.

    python tests/bench/bench_ngram.py [--rounds N]
"""

import statistics
from collections.abc import Callable

import numpy as np
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from measure import Row, alternate, machine, n_rounds, report, seconds_of

from rushlight.native import COMPILED, NgramIndex, cpu_path

N_DRAFT = 10
MAX_NGRAM = 4


def text(n_tokens: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Token ids with the repetitions of real text: words by Zipf's law, now and then a passage said before."""
    rng = np.random.default_rng(n_tokens)
    ids = (rng.zipf(1.3, n_tokens) % 32_000).astype(np.int32)
    for start in range(2_000, n_tokens - 100, 500):
        source = int(rng.integers(0, start - 60))
        ids[start : start + 60] = ids[source : source + 60]
    return ids


def measure_context(n_tokens: int, rounds: int) -> list[Row]:
    """Rows of one context length: tokens are appended behind it one by one, with a proposal after each."""
    n_steps = 200
    ids = text(n_tokens + n_steps)
    tail = ids[n_tokens:].tolist()
    index = NgramIndex(max_ngram=MAX_NGRAM, max_tokens=n_tokens + n_steps)
    index.extend(ids[:n_tokens])
    rival = LlamaPromptLookupDecoding(max_ngram_size=MAX_NGRAM, num_pred_tokens=N_DRAFT)

    def ours() -> None:
        index.truncate(n_tokens)
        for token_id in tail:
            index.append(token_id)
            index.propose(N_DRAFT)

    def append_only() -> None:
        index.truncate(n_tokens)
        for token_id in tail:
            index.append(token_id)

    def propose_only() -> None:
        for _ in tail:
            index.propose(N_DRAFT)

    def theirs() -> None:
        for i in range(0, n_steps, 20):  # every 20th: one takes as long as a thousand of ours
            rival(ids[: n_tokens + i + 1])

    def per_step(action: Callable[[], None], n: int) -> Callable[[], float]:
        return lambda: seconds_of(action) / n

    results = alternate(
        rounds,
        {
            "ours": per_step(ours, n_steps),
            "append": per_step(append_only, n_steps),
            "propose": per_step(propose_only, n_steps),
            "rival": per_step(theirs, n_steps // 20),
        },
    )
    ns = {name: statistics.median(values) * 1e9 for name, values in results.items()}
    size = f"{n_tokens // 1024}k context"
    return [
        Row(f"{size}: append and propose", ns["ours"], ns["rival"], "ns/token"),
        Row(f"{size}: of which append", ns["append"], ns["rival"], "ns"),
        Row(f"{size}: of which propose", ns["propose"], ns["rival"], "ns"),
    ]


def main() -> None:
    rounds = n_rounds(15, __doc__)
    before = machine()
    rows = [row for n_tokens in (8_192, 32_768) for row in measure_context(n_tokens, rounds)]
    notes = [
        f"compiled: {COMPILED}, instruction set {cpu_path()}; a draft of up to {N_DRAFT} tokens, n-grams to {MAX_NGRAM}"
    ]
    slowest = max(row.ours for row in rows)
    notes.append(f"promise: under 1,000 ns for an append or a proposal; slowest row {slowest:.0f} ns")
    report("n-gram index against llama-cpp-python's prompt lookup", rows, before, notes)


if __name__ == "__main__":
    main()
