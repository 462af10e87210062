"""Decode speed through the engine process against a bare loop over llama-cpp-python's low-level API.

Both hold the model all the time and take turns: the same model file, threads, prompt and context, greedy, 128 tokens.
Ours is timed in the front process, from the request to the last event, less what the worker says the prompt took: so
sampling, text, frames, sockets and the client are all in it. The worker's own figure is shown beside it.

    python tests/bench/bench_decode.py [--rounds N]
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Row, alternate, machine, median_row, n_rounds, report
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


@contextmanager
def bare_loop(model: Path) -> Iterator[Any]:
    """A function that runs one round in the bare loop's process: token ids in, (token ids, seconds) out."""
    script = Path(__file__).resolve().parent / "rivals" / "bare_loop.py"
    command = [sys.executable, script, model, str(N_CTX), str(N_BATCH), str(N_THREADS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def answer() -> Any:
            line = stdout.readline()
            if not line:
                raise SystemExit("The bare loop ended before it answered.")
            return json.loads(line)

        def run(token_ids: tuple[int, ...]) -> tuple[list[int], float]:
            stdin.write(json.dumps({"token_ids": token_ids, "n_tokens": N_TOKENS}) + "\n")
            stdin.flush()
            done = answer()
            return done["token_ids"], done["decode_s"]

        answer()  # the model is loaded
        try:
            yield run
        finally:
            stdin.close()


def main() -> None:
    rounds = n_rounds(8, __doc__)
    model = demo_model()
    before = machine()
    with own_home(model), connect(find_paths(), load_settings(find_paths())) as host:
        load = LoadSettings(str(model), n_ctx=N_CTX, n_batch=N_BATCH, n_threads=N_THREADS)
        with host.open_engine(load) as engine, bare_loop(model) as bare:
            rows, notes = measure(engine, bare, rounds)
    report("decode speed through the engine process", rows, before, notes)


def measure(engine: Engine, bare: Any, rounds: int) -> tuple[list[Row], list[str]]:
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
        ids, decode_s = bare(token_ids)
        said["bare"] = len(ids)
        return (len(ids) - 1) / decode_s

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
    best = Row("best round / best round", max(results["rushlight"]), max(results["bare"]), "tokens/s")
    notes = [
        f"{len(token_ids)} prompt tokens, {said['n']} and {said['bare']} tokens written, {N_THREADS} threads, "
        f"{rounds} rounds, medians",
        f"answer begins: {said['ours'][:70]!r}",
    ]
    return [*rows, best], notes


if __name__ == "__main__":
    main()
