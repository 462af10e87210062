"""The second turn of a long conversation: time to the first token, and what the reused prefix does to the logits.

First turn: a message that makes the prompt 4,000 tokens long. Second turn: the same, the answer, and a short question.
The same second turn after a restart of the engine, its state read from disk (the load of the model is not counted).
Times are those of the front process, from the request to the first text. Then, in this process and with the engine's
own code: the logits after the second turn's prompt, with the first turn in memory and from nothing. How tokens are
split into batches decides which matrix kernels llama.cpp takes and so how it rounds; therefore also: the same from
nothing in just the batches that the reused run had, and, as a yardstick, in batches of another size.

    python tests/bench/bench_prefix.py [--rounds N]
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Row, machine, n_rounds, report
from rushlight_home import demo_model, own_home

from rushlight import Stop
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Message, TokenizeRequest
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.host.client import connect
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

N_PROMPT, N_THREADS, N_CTX, N_BATCH = 4000, n_physical_cores(), 6144, 512
N_COMPARED = 1500  # of the prompts whose logits are compared
TARGET, TARGET_DISK = 0.03, 0.1
_SENTENCE = "The keeper of lighthouse number {n} wrote in his log that the wind had turned to the north. "


def first_turn(engine: Engine, number: int, n_prompt: int = N_PROMPT) -> tuple[Message, ...]:
    """A conversation of `n_prompt` tokens, up to a sentence, that shares no beginning with that of another number."""

    def messages(n_sentences: int) -> tuple[Message, ...]:
        notes = "".join(_SENTENCE.format(n=1000 + number * 200 + i) for i in range(n_sentences))
        # The system message comes first: with the number in it not even that is shared.
        return (Message("system", f"You are assistant {number}."), Message("user", notes + "What happened?"))

    few, more = (len(engine.tokenize(TokenizeRequest(messages=messages(n)))) for n in (10, 30))
    return messages(10 + round((n_prompt - few) * 20 / (more - few)))


def ask(engine: Engine, messages: tuple[Message, ...], key: str = "") -> tuple[float, str, Usage]:
    """(seconds to the first text, answer, usage)"""
    first_s, text, usage = 0.0, "", None
    start = time.perf_counter()
    for event in engine.generate(GenerateRequest(messages=messages, max_tokens=24, cache_key=key), Stop()):
        if isinstance(event, TextDelta):
            first_s = first_s or time.perf_counter() - start
            text += event.text
        elif isinstance(event, Usage):
            usage = event
    assert usage is not None and first_s > 0
    return first_s, text, usage


def second_turn(messages: tuple[Message, ...], answer: str) -> tuple[Message, ...]:
    return (*messages, Message("assistant", answer), Message("user", "And what did he do then?"))


@contextmanager
def engine_here(model: Path) -> Iterator[Loaded]:
    """The engine's own code in this process."""
    renderer = TemplateProcess.start()
    try:
        settings = LoadSettings(str(model), n_ctx=N_CTX, n_batch=N_BATCH, n_threads=N_THREADS)
        loaded, _ready = load(settings, renderer, lambda _progress: None)
        try:
            yield loaded
        finally:
            loaded.close()
    finally:
        renderer.close()


def logits_after(loaded: Loaded, turns: list[list[int]]) -> tuple[Any, int]:
    """(logits after the prompt of the last turn, tokens reused for it), the turns having come in this order."""
    loaded.prefix.clear()
    n_cached = 0
    for token_ids in turns:
        # One token is sampled and not decoded: the logits are still those after the prompt.
        for event in generate(loaded, GenerateRequest(token_ids=tuple(token_ids), max_tokens=1)):
            if isinstance(event, Usage):
                n_cached = event.n_cached_tokens
    return loaded.context.logits().copy(), n_cached


def logits_in_batches(loaded: Loaded, token_ids: list[int], ends: list[int]) -> Any:
    """Logits after `token_ids` computed from nothing, in batches that end at `ends`. Nothing is reused or cut."""
    loaded.prefix.clear()
    start = 0
    for end in ends:
        if loaded.context.decode(token_ids[start:end]) != 0:
            raise SystemExit("llama_decode failed")
        start = end
    return loaded.context.logits().copy()


def compare_logits(model: Path, turns: list[list[int]]) -> list[str]:
    import numpy as np

    last = turns[-1]
    with engine_here(model) as loaded:
        reused, n_cached = logits_after(loaded, turns)
        fresh, _ = logits_after(loaded, [last])
        same_shapes = logits_in_batches(loaded, last, [*range(N_BATCH, n_cached, N_BATCH), n_cached, len(last)])
        smaller = logits_in_batches(loaded, last, [*range(100, len(last), 100), len(last)])
        loaded.prefix.clear()
    if n_cached < N_COMPARED // 2:
        raise SystemExit(f"The prefix was not reused: {n_cached} tokens of {len(last)}.")
    return [
        f"largest logit difference, reused prefix against a fresh run: {np.abs(reused - fresh).max():.4g} "
        f"(logits from {fresh.min():.1f} to {fresh.max():.1f}; the likeliest token is "
        f"{'the same' if reused.argmax() == fresh.argmax() else 'ANOTHER'})",
        f"against a run from nothing in the batch shapes of the reused one: {np.abs(reused - same_shapes).max():.4g}",
        f"yardstick, runs from nothing in batches of {N_BATCH} and of 100: {np.abs(smaller - fresh).max():.4g}",
    ]


def measure(model: Path, folder: Path, rounds: int) -> tuple[list[Row], list[str], list[list[int]]]:
    """Rows, notes, and two turns of a shorter conversation as token ids."""
    first_s, second_s, restored_s, load_s = [], [], [], []
    settings = LoadSettings(
        str(model),
        n_ctx=N_CTX,
        n_batch=N_BATCH,
        n_threads=N_THREADS,
        kv_folder=str(folder),
        kv_disk_bytes=2**30,
    )
    with connect(find_paths(), load_settings(find_paths())) as host:
        for number in range(rounds + 1):
            with host.open_engine(settings) as engine:
                messages = first_turn(engine, number)
                key = f"conversation {number}"
                spent_1, answer, usage_1 = ask(engine, messages, key)
                deadline = time.monotonic() + 30
                while len(list(folder.glob("*.kv"))) <= number and time.monotonic() < deadline:
                    time.sleep(0.05)
                spent_2, _, usage_2 = ask(engine, second_turn(messages, answer))
                few = first_turn(engine, number, N_COMPARED)
                turns = [
                    list(engine.tokenize(TokenizeRequest(messages=turn))) for turn in (few, second_turn(few, answer))
                ]
            host.unload()
            start = time.perf_counter()
            with host.open_engine(settings) as engine:
                opened_s = time.perf_counter() - start
                ask(engine, (Message("user", "Hello"),))  # the first words of a process are slow for other reasons
                spent_3, _, usage_3 = ask(engine, second_turn(messages, answer), key)
            if number:  # the first round is for warming up
                first_s.append(spent_1)
                second_s.append(spent_2)
                restored_s.append(spent_3)
                load_s.append(opened_s)
    median = statistics.median
    rows = [
        Row("second turn / first: to the first token", median(second_s) * 1e3, median(first_s) * 1e3, "ms", TARGET),
        Row("the same from disk / first", median(restored_s) * 1e3, median(first_s) * 1e3, "ms", TARGET_DISK),
    ]
    notes = [
        f"first turn: {usage_1.n_prompt_tokens} tokens, {usage_1.n_cached_tokens} of them reused; second turn: "
        f"{usage_2.n_prompt_tokens} tokens, {usage_2.n_cached_tokens} reused; after a restart "
        f"{usage_3.n_cached_tokens} "
        f"(loading {median(load_s) * 1e3:.0f} ms); {rounds} rounds, medians",
    ]
    return rows, notes, turns


def main() -> None:
    rounds = n_rounds(5, __doc__)
    model = demo_model()
    before = machine()
    # find_paths() is asked inside: own_home() changes its answer.
    with own_home(model), tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
        rows, notes, turns = measure(model, Path(folder), rounds)
    report("reuse of the prompt's prefix", rows, before, [*notes, *compare_logits(model, turns)])


if __name__ == "__main__":
    main()
