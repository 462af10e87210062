"""Eight clients at once through the engine process against a bare loop that writes eight sequences in a batch.

Both hold the same model with the same context, batch, threads and slots, and take turns; every round has prompts of
its own, so that nothing is reused. Ours: eight threads with a connection each, greedy, from the first request to the
last event. The bare loop knows all prompts at once and has no text, no sockets and no clients: the ceiling.

    python tests/bench/bench_concurrent.py [--rounds N]
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measure import Row, alternate, machine, n_rounds, report
from rushlight_home import demo_model, own_home

from rushlight import Stop
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Sampling, TokenizeRequest
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.host.client import connect
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

N_CLIENTS, N_TOKENS, N_THREADS, N_CTX, N_BATCH = 8, 64, n_physical_cores(), 4096, 512
TARGET = 0.92
_PROMPT = (
    "Letter {n}: the keeper of lighthouse number {n} wrote to his sister about the storm of the {n}th of May. " * 2
)


@contextmanager
def bare_batch(model: Path) -> Iterator[Any]:
    """A function that runs one round in the bare loop's process: prompts in, its answer out."""
    script = Path(__file__).resolve().parent / "rivals" / "bare_batch.py"
    command = [sys.executable, script, model, *map(str, (N_CTX, N_BATCH, N_THREADS, N_CLIENTS))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def answer() -> Any:
            line = stdout.readline()
            if not line:
                raise SystemExit("The bare loop ended before it answered.")
            return json.loads(line)

        def run(prompts: list[tuple[int, ...]]) -> Any:
            stdin.write(json.dumps({"prompts": prompts, "n_tokens": N_TOKENS}) + "\n")
            stdin.flush()
            return answer()

        answer()  # the model is loaded
        try:
            yield run
        finally:
            stdin.close()


def percentile_95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def measure(engines: list[Engine], bare: Any, rounds: int) -> tuple[list[Row], list[str]]:
    first_s: dict[str, list[float]] = {"rushlight": [], "bare": []}
    round_number = {"rushlight": 0, "bare": 0}
    ends = tuple((token, -100.0) for token in (0, 2))  # so that all answers are of the same length

    def prompts(side: str) -> list[tuple[int, ...]]:
        round_number[side] += 1
        start = 1000 + 10 * N_CLIENTS * round_number[side]
        return [
            engines[0].tokenize(TokenizeRequest(text=_PROMPT.format(n=start + 7 * i), add_special=True))
            for i in range(N_CLIENTS)
        ]

    def ours() -> float:
        texts = prompts("rushlight")
        n_said = [0] * N_CLIENTS
        firsts = [0.0] * N_CLIENTS
        gate = threading.Barrier(N_CLIENTS + 1)

        def client(i: int) -> None:
            request = GenerateRequest(token_ids=texts[i], max_tokens=N_TOKENS, sampling=Sampling(logit_bias=ends))
            gate.wait()
            start = time.perf_counter()
            for event in engines[i].generate(request, Stop()):
                if isinstance(event, TextDelta):
                    firsts[i] = firsts[i] or time.perf_counter() - start
                elif isinstance(event, Usage):
                    n_said[i] = event.n_completion_tokens

        threads = [threading.Thread(target=client, args=(i,)) for i in range(N_CLIENTS)]
        for thread in threads:
            thread.start()
        gate.wait()
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        spent_s = time.perf_counter() - start
        first_s["rushlight"] += firsts
        assert n_said == [N_TOKENS] * N_CLIENTS, n_said
        return sum(n_said) / spent_s

    def theirs() -> float:
        done = bare(prompts("bare"))
        first_s["bare"] += done["first_s"]
        rate: float = done["n_tokens"] / done["spent_s"]
        return rate

    sides = {"rushlight": ours, "bare": theirs}
    alternate(1, sides)
    for values in first_s.values():
        values.clear()
    results = alternate(rounds, sides)
    ratios = [one / other for one, other in zip(results["rushlight"], results["bare"], strict=True)]
    bare_rate = statistics.median(results["bare"])
    rows = [
        Row(
            "tokens/s, median of paired ratios",
            statistics.median(ratios) * bare_rate,
            bare_rate,
            "tokens/s",
            TARGET,
            True,
        ),
        Row("best round / best round", max(results["rushlight"]), max(results["bare"]), "tokens/s"),
        Row("time to first token, p95", percentile_95(first_s["rushlight"]), percentile_95(first_s["bare"]), "s"),
    ]
    notes = [
        f"{N_CLIENTS} clients, {len(prompts('bare')[0])} prompt tokens and {N_TOKENS} written each, "
        f"{N_THREADS} threads, "
        f"{rounds} rounds; paired ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
    ]
    return rows, notes


def main() -> None:
    rounds = n_rounds(10, __doc__)
    model = demo_model()
    before = machine()
    with ExitStack() as stack:
        stack.enter_context(own_home(model))
        host = stack.enter_context(connect(find_paths(), load_settings(find_paths())))
        load = LoadSettings(str(model), n_ctx=N_CTX, n_batch=N_BATCH, n_threads=N_THREADS, n_slots=N_CLIENTS)
        engines = [stack.enter_context(host.open_engine(load)) for _ in range(N_CLIENTS)]
        bare = stack.enter_context(bare_batch(model))
        rows, notes = measure(engines, bare, rounds)
    report("eight answers at once", rows, before, notes)


if __name__ == "__main__":
    main()
