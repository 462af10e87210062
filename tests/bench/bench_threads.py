"""Threads that adapt, beside busy programs: our engine against llama.cpp's default, and against every fixed number.

With 0, as many and twice as many busy processes as cores, in turn. Tokens/s of one answer of our engine from 3 s after
the change on; of the bare low-level loop with as many threads as cores, llama.cpp's own default; and of our engine with
each fixed number of threads, the best of which is the yardstick. All sides take turns in slices of a second while the
same programs are busy; ratios are medians of the ratios of neighbours in time. Under a minute for each state.

    python tests/bench/bench_threads.py [--rounds N]
"""

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measure import Row, machine, n_rounds, report
from rivals.bare import Ask, bare
from rushlight_home import demo_model

from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.prepare import prepare
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Sampling
from rushlight.assistant.engine.scheduler import Scheduler
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import Event, TextDelta

SLICE_S, SETTLE_S = 1.2, 3.0
N_CTX = 2048
_BUSY = "while True: pass"
_PROMPT = "Once upon a time there was a lighthouse at the end of the world, and"


@contextmanager
def busy(n: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


class Writer:
    """Writes for a while with a loaded model and says how fast; `n_threads` 0 adapts."""

    def __init__(self, model: Path, n_threads: int) -> None:
        self.received_at = time.monotonic()
        self.is_cancelled = False
        settings = LoadSettings(str(model), n_ctx=N_CTX, n_threads=n_threads, n_slots=1)
        self.loaded: Loaded = load(settings, TemplateProcess.start(), lambda _progress: None)[0]
        self._scheduler = Scheduler(self.loaded)
        self._until = 0.0

    def send(self, event: Event) -> None:
        if isinstance(event, TextDelta) and time.monotonic() > self._until:
            self._scheduler.cancel(self)

    def can_send(self) -> bool:
        return True

    def fail(self, err: Exception) -> None:
        raise err

    def done(self) -> None:
        pass

    def write(self, spent_s: float) -> float:
        """Tokens a second over about that time, from the first token on."""
        ends = tuple((token, -100.0) for token in (0, 2))
        request = GenerateRequest(prompt=_PROMPT, sampling=Sampling(logit_bias=ends))
        self.is_cancelled = False
        self._until = math.inf
        self._scheduler.submit(self, prepare(self.loaded, request))
        start = 0.0
        n_before = n_tokens = 0
        while not self._scheduler.is_idle:
            slots = self._scheduler.slots
            if slots and slots[0].is_writing and not start:
                start, n_before = time.monotonic(), len(slots[0].tokens)
                self._until = start + spent_s
            slot = slots[0] if slots else None
            self._scheduler.step()
            n_tokens = len(slot.tokens) if slot is not None else n_tokens
        return max(1, n_tokens - n_before) / (time.monotonic() - start)  # none at all happens, with collapses


def bare_writer(ask: Ask, token_ids: list[int]) -> Callable[[float], float]:
    def write(spent_s: float) -> float:
        task = {"token_ids": token_ids, "n_tokens": N_CTX - 100, "most_s": spent_s, "no_end": True}
        done = ask(task)
        return max(1, len(done["token_ids"]) - 1) / max(done["decode_s"], 1e-6)

    return write


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def main() -> None:
    rounds = n_rounds(4, __doc__)
    model = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].endswith(".gguf") else demo_model()
    before = machine()
    n_cores = n_physical_cores()
    rows: list[Row] = []
    notes: list[str] = []
    with ExitStack() as stack:
        adaptive = Writer(model, 0)
        fixed = {n: Writer(model, n) for n in range(1, n_cores + 1)}
        for writer in (adaptive, *fixed.values()):
            stack.callback(writer.loaded.close)
        token_ids = adaptive.loaded.vocabulary.tokenize((_PROMPT,), parse_special=False, add_special=True)
        ask = stack.enter_context(bare("bare_loop.py", model, N_CTX, 512, n_cores))
        sides: dict[str, Callable[[float], float]] = {"ours": adaptive.write, "default": bare_writer(ask, token_ids)}
        sides |= {str(n): writer.write for n, writer in fixed.items()}
        for write in sides.values():
            write(0.5)
        for n_busy in (0, n_cores, 2 * n_cores, 0):
            rates: dict[str, list[float]] = {name: [] for name in sides}
            with busy(n_busy):
                adaptive.write(SETTLE_S)
                for i in range(rounds):
                    for name in sides if i % 2 == 0 else reversed(sides):
                        rates[name].append(sides[name](SLICE_S))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            best = max(map(str, fixed), key=lambda name: medians[name])
            target = {0: 0.97, n_cores: 2.0, 2 * n_cores: 2.5}[n_busy]
            for what, name, least in (("default", "default", target), (f"best fixed ({best})", best, 0.8)):
                rival = medians[name]
                ours = ratio(rates["ours"], rates[name]) * rival
                rows.append(Row(f"{n_busy} busy: ours / {what}", ours, rival, "tokens/s", least, True))
            notes.append(
                f"{n_busy} busy: now {adaptive.loaded.context.n_threads} threads, "
                + ", ".join(f"{name}: {' '.join(f'{rate:.0f}' for rate in values)}" for name, values in rates.items())
            )
    report("threads that adapt", rows, before, notes)


if __name__ == "__main__":
    main()
