"""Decode and prefill speed through the engine process against a bare loop over llama-cpp-python's low-level API.

Both hold the model all the time and take turns: the same model file, threads, prompt and context, greedy, 128 tokens.
Ours is timed in the front process, from the request to the last event, less what the worker says the prompt took: so
sampling, text, frames, sockets and the client are all in it. The worker's own figure is shown beside it. Prefill: a
prompt of about 1,000 tokens that nobody has seen, from the request to the first text.

    python tests/bench/bench_decode.py [--rounds N]
"""

import statistics
import time
from typing import Any

from measure import Row, alternate, machine, median_row, n_rounds, report
from rivals.bare import Ask, bare
from rushlight_home import demo_model, own_home

from rushlight import Stop
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, TokenizeRequest
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.host.client import connect
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

N_TOKENS, N_THREADS, N_CTX, N_BATCH = 128, n_physical_cores(), 2048, 512
TARGET = 0.98
PROMPT = "The history of the lighthouse begins with fires that people lit on hills near the coast. In the"


def main() -> None:
    rounds = n_rounds(8, __doc__)
    model = demo_model()
    before = machine()
    with own_home(model), connect(find_paths(), load_settings(find_paths())) as host:
        load = LoadSettings(str(model), n_ctx=N_CTX, n_batch=N_BATCH, n_threads=N_THREADS)
        with host.open_engine(load) as engine, bare("bare_loop.py", model, N_CTX, N_BATCH, N_THREADS) as loop:
            rows, notes = measure(engine, loop, rounds)
    report("decode speed through the engine process", rows, before, notes)


def measure(engine: Engine, loop: Ask, rounds: int) -> tuple[list[Row], list[str]]:
    token_ids = engine.tokenize(TokenizeRequest(text=PROMPT, add_special=True))
    request = GenerateRequest(token_ids=token_ids, max_tokens=N_TOKENS, cache_prompt=False, draft_tokens=0)
    in_worker: list[float] = []
    said: dict[str, Any] = {}

    def ours() -> float:
        text, usage = "", None
        start = time.perf_counter()
        for event in engine.generate(request, Stop()):
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, Usage):
                usage = event
        spent_s = time.perf_counter() - start
        assert usage is not None
        in_worker.append(usage.tokens_per_second)
        said["ours"], said["n"] = text, usage.n_completion_tokens
        return (usage.n_completion_tokens - 1) / (spent_s - usage.prompt_s - usage.queue_s)

    def theirs() -> float:
        done = loop({"token_ids": token_ids, "n_tokens": N_TOKENS})
        said["bare"] = len(done["token_ids"])
        return (said["bare"] - 1) / float(done["decode_s"])

    sides = {"rushlight": ours, "bare": theirs}
    alternate(1, sides)
    in_worker.clear()
    results = alternate(rounds, sides)
    rows = [
        median_row("front process / bare loop", results, "rushlight", "bare", "tokens/s", TARGET, at_least=True),
        Row(
            "worker's own figure / bare loop",
            statistics.median(in_worker),
            statistics.median(results["bare"]),
            "tokens/s",
        ),
    ]
    prefill, n_prompt = measure_prefill(engine, loop, rounds)
    rows.append(prefill)
    best = Row("best round / best round", max(results["rushlight"]), max(results["bare"]), "tokens/s")
    notes = [
        f"prefill of {n_prompt} tokens",
        f"decode: {len(token_ids)} prompt tokens, {said['n']} and {said['bare']} tokens written, {N_THREADS} threads, "
        f"{rounds} rounds, medians",
        f"answer begins: {said['ours'][:70]!r}",
    ]
    return [*rows, best], notes


def measure_prefill(engine: Engine, loop: Ask, rounds: int) -> tuple[Row, int]:
    """Prompt tokens a second, the first answer token included on both sides."""
    sentence = "The keeper of lighthouse number {n} wrote in his log that the wind had turned to the north. "
    n_round = {"rushlight": 0, "bare": 0}

    def prompt(side: str) -> tuple[int, ...]:
        n_round[side] += 1
        start = 1000 + 100 * n_round[side]
        text = "".join(sentence.format(n=start + i) for i in range(45))
        return engine.tokenize(TokenizeRequest(text=text, add_special=True))

    def ours() -> float:
        token_ids = prompt("rushlight")
        request = GenerateRequest(token_ids=token_ids, max_tokens=1, cache_prompt=False)
        start = time.perf_counter()
        for _event in engine.generate(request, Stop()):
            pass
        return len(token_ids) / (time.perf_counter() - start)

    def theirs() -> float:
        token_ids = prompt("bare")
        return len(token_ids) / float(loop({"token_ids": token_ids, "n_tokens": 1, "no_end": True})["prompt_s"])

    sides = {"rushlight": ours, "bare": theirs}
    alternate(1, sides)
    results = alternate(rounds, sides)
    ratios = [one / other for one, other in zip(results["rushlight"], results["bare"], strict=True)]
    rival = statistics.median(results["bare"])
    row = Row("prefill, median of paired ratios", statistics.median(ratios) * rival, rival, "tokens/s", TARGET, True)
    return row, len(prompt("bare"))


if __name__ == "__main__":
    main()
