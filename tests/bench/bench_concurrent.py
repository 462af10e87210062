"""Eight clients at once: our server against llama.cpp's own and llama-cpp-python's, and our engine against a bare loop.

All hold the same model with the same context, batch, threads and slots, and take turns; every round has prompts of its
own, so that nothing is reused, and the first is dropped. Over HTTP: eight connections, streamed completions, greedy,
from the first request to the last event. Over the engine's sockets: eight threads with a connection each. The bare
loop knows all prompts at once and has no text, no sockets and no clients: the ceiling. A rival that cannot be
installed is named and left out; llama_cpp.server answers one after the other, so it gets three rounds.

    python tests/bench/bench_concurrent.py [--rounds N]
"""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from measure import Row, alternate, machine, n_rounds, report
from rivals.bare import bare
from rivals.environment import RivalMissing
from rivals.servers import ask_all, llama_cpp_server, rushlight, settings_file, xllamacpp
from rushlight_home import demo_model, own_home

from rushlight import Stop
from rushlight.assistant.app import open_app
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import GenerateRequest, Sampling, TokenizeRequest
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.host.client import connect
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

N_CLIENTS, N_TOKENS, N_THREADS, N_CTX, N_BATCH = 8, 64, n_physical_cores(), 4096, 512
_SETTINGS = f"""[engine]
context = {N_CTX}
batch = {N_BATCH}
threads = {N_THREADS}
slots = {N_CLIENTS}
"""
_PROMPT = (
    "Letter {n}: the keeper of lighthouse number {n} wrote to his sister about the storm of the {n}th of May. " * 2
)


def percentile_95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


class Prompts:
    """Texts that nobody has seen: of the same lengths for all sides."""

    def __init__(self) -> None:
        self._n_rounds: dict[str, int] = {}

    def next(self, side: str) -> list[str]:
        self._n_rounds[side] = self._n_rounds.get(side, 0) + 1
        start = 1000 + 10 * N_CLIENTS * self._n_rounds[side]
        return [_PROMPT.format(n=start + 7 * i) for i in range(N_CLIENTS)]


def through_engines(engines: list[Engine], texts: list[str]) -> tuple[float, list[float]]:
    """(seconds, first pieces) over the engine's sockets."""
    prompts = [engines[0].tokenize(TokenizeRequest(text=text, add_special=True)) for text in texts]
    n_said, firsts = [0] * N_CLIENTS, [0.0] * N_CLIENTS
    gate = threading.Barrier(N_CLIENTS + 1)
    ends = tuple((token, -100.0) for token in (0, 2))  # so that all answers are of the same length

    def client(i: int) -> None:
        request = GenerateRequest(token_ids=prompts[i], max_tokens=N_TOKENS, sampling=Sampling(logit_bias=ends))
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
    assert n_said == [N_TOKENS] * N_CLIENTS, n_said
    return time.perf_counter() - start, firsts


def paired(results: dict[str, list[float]], one: str, other: str) -> tuple[float, str]:
    ratios = [a / b for a, b in zip(results[one], results[other], strict=False)]
    return statistics.median(ratios), " ".join(f"{ratio:.2f}" for ratio in ratios)


def main() -> None:
    rounds = n_rounds(10, __doc__)
    model = demo_model()
    before = machine()
    notes: list[str] = []
    with ExitStack() as stack:
        env = stack.enter_context(own_home(model))
        settings_file(env, _SETTINGS)
        host = stack.enter_context(connect(find_paths(), load_settings(find_paths())))
        app = open_app()
        load = app.load_settings(app.model())  # as the server loads it: one engine for both
        app.close()
        engines = [stack.enter_context(host.open_engine(load)) for _ in range(N_CLIENTS)]
        loop = stack.enter_context(bare("bare_batch.py", model, N_CTX, N_BATCH, N_THREADS, N_CLIENTS))
        servers = {"rushlight server": stack.enter_context(rushlight(env))}
        for name, start in (("xllamacpp", xllamacpp), ("llama_cpp.server", llama_cpp_server)):
            try:
                servers[name] = stack.enter_context(start(model, N_CTX, N_BATCH, N_THREADS, N_CLIENTS))
            except RivalMissing as err:
                notes.append(f"No comparison with {name}: {err}")
        notes += [f"{name}: {server.system}" for name, server in servers.items() if server.system]
        names = {name: server.first_model() for name, server in servers.items()}
        prompts = Prompts()
        first_s: dict[str, list[float]] = {}

        def bare_round(texts: list[str]) -> tuple[float, list[float]]:
            ids = [engines[0].tokenize(TokenizeRequest(text=text, add_special=True)) for text in texts]
            done = loop({"prompts": ids, "n_tokens": N_TOKENS})
            return done["spent_s"], done["first_s"]

        def over_http(name: str) -> Callable[[list[str]], tuple[float, list[float]]]:
            return lambda texts: ask_all(servers[name], names[name], texts, N_TOKENS)

        def side(name: str, run: Callable[[list[str]], tuple[float, list[float]]]) -> Callable[[], float]:
            def once() -> float:
                spent_s, firsts = run(prompts.next(name))
                first_s.setdefault(name, []).extend(firsts)
                return N_CLIENTS * N_TOKENS / spent_s

            return once

        sides = {"bare": side("bare", bare_round)}
        sides["engine"] = side("engine", lambda texts: through_engines(engines, texts))
        sides |= {name: side(name, over_http(name)) for name in servers if name != "llama_cpp.server"}
        alternate(1, sides)
        first_s.clear()
        results = alternate(rounds, sides)
        if "llama_cpp.server" in servers:
            slow = side("llama_cpp.server", over_http("llama_cpp.server"))
            slow()
            first_s.pop("llama_cpp.server")
            results["llama_cpp.server"] = [slow() for _ in range(min(3, rounds))]
    rows = [_row(results, "engine", "bare", 0.92), _row(results, "rushlight server", "bare", 0.92)]
    for name, least in (("xllamacpp", 1.0), ("llama_cpp.server", None)):
        if name in results:
            rows.append(_row(results, "rushlight server", name, least))
            late = [percentile_95(first_s[one]) for one in ("rushlight server", name)]
            rows.append(Row(f"first token, p95: rushlight server / {name}", *late, "s", 1.1 if least else None))
    for row in rows:
        if " / " in row.name and "first" not in row.name:
            one, _, other = row.name.partition(" / ")
            notes.append(f"{row.name}: {paired(results, one, other)[1]}")
    notes.append(f"{N_CLIENTS} clients, {N_TOKENS} tokens written each, {N_THREADS} threads, {rounds} rounds")
    report("eight answers at once", rows, before, notes)


def _row(results: dict[str, list[float]], one: str, other: str, least: float | None) -> Row:
    """Tokens/s: the median of the paired ratios."""
    rival = statistics.median(results[other])
    return Row(f"{one} / {other}", paired(results, one, other)[0] * rival, rival, "tokens/s", least, True)


if __name__ == "__main__":
    main()
