"""Threads that adapt, beside busy programs: our engine against llama.cpp's default, and against every fixed number.

With 0, as many and twice as many busy processes as cores, in turn: tokens/s of one answer of our engine in the time
from 3 s after the change on; of the bare low-level loop with llama.cpp's default threads (as many as cores, its own
short-lived or pooled ones); and of that loop with each fixed number of threads, the best of which is the yardstick.
All sides take turns in slices of some seconds while the same programs are busy.

    python tests/bench/bench_threads.py [--rounds N]
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measure import Row, machine, n_rounds, report
from rushlight_home import demo_model

from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.prepare import prepare
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Sampling
from rushlight.assistant.engine.scheduler import Scheduler
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import Event, TextDelta

SLICE_S, SETTLE_S = 2.0, 3.0
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
            process.wait()


class Writer:
    """Writes for a while with a loaded model and says how fast; `n_threads` 0 adapts."""

    def __init__(self, model: Path, n_threads: int) -> None:
        self.received_at = time.monotonic()
        self.is_cancelled = False
        settings = LoadSettings(str(model), n_ctx=2048, n_threads=n_threads, n_slots=1)
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
        self._until = time.monotonic() + spent_s
        self._scheduler.submit(self, prepare(self.loaded, request))
        slot = None
        start = 0.0
        n_before = 0
        while not self._scheduler.is_idle:
            self._scheduler.step()
            if slot is None and self._scheduler.slots:
                slot, start = self._scheduler.slots[0], time.monotonic()
                n_before = len(slot.tokens)
        assert slot is not None
        return max(1, len(slot.tokens) - n_before) / (time.monotonic() - start)  # none at all happens, with collapses


def main() -> None:
    rounds = n_rounds(3, __doc__)
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
            writer.write(0.5)
        for n_busy in (0, n_cores, 2 * n_cores, 0):
            rates: dict[Any, list[float]] = {name: [] for name in ("ours", *fixed)}
            with busy(n_busy):
                adaptive.write(SETTLE_S)
                for i in range(rounds):
                    order = ["ours", *fixed] if i % 2 == 0 else [*reversed(fixed), "ours"]
                    for name in order:
                        rates[name].append((adaptive if name == "ours" else fixed[name]).write(SLICE_S))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            best = max(fixed, key=lambda n: medians[n])
            target = {0: 0.97, n_cores: 2.0, 2 * n_cores: 2.5}[n_busy]
            rows.append(
                Row(
                    f"{n_busy} busy: ours / {n_cores} threads",
                    medians["ours"],
                    medians[n_cores],
                    "tokens/s",
                    target,
                    True,
                )
            )
            rows.append(
                Row(f"{n_busy} busy: ours / best fixed ({best})", medians["ours"], medians[best], "tokens/s", 0.8, True)
            )
            notes.append(
                f"{n_busy} busy: now {adaptive.loaded.context.n_threads} threads, "
                + ", ".join(f"{name}: {' '.join(f'{rate:.0f}' for rate in values)}" for name, values in rates.items())
            )
    report("threads that adapt", rows, before, notes)


if __name__ == "__main__":
    main()
