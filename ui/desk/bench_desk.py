"""Measuring how fast a model is here, as a page shows it: a row for each way to load it. Knows no widget."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rushlight import Error, Progress, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.host.bench import Measured

_N_PROMPT, _N_TOKENS, _N_REPEATS = 256, 48, 2  # less than `rushlight bench` asks: somebody waits before the page
_KV_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One way to load the model, and its speed. 0: not measured, `problem` says why."""

    n_threads: int
    kv_type: str
    where: str
    reads: float  # tokens a second of a prompt
    writes: float
    problem: str = ""
    is_best: bool = False  # it writes fastest


@dataclass(frozen=True, slots=True)
class BenchState:
    """All that is shown."""

    model_id: str = ""
    label: str = ""
    rows: tuple[BenchRow, ...] = ()
    is_running: bool = False
    fraction: float | None = None
    problem: str = ""
    hint: str = ""


class BenchDesk:
    """`show` gets each new state."""

    def __init__(self, background: Background, show: Callable[[BenchState], None]) -> None:
        self.state = BenchState()
        self._background = background
        self._show = show
        self._running: Running | None = None

    def start(self, model_id: str, label: str) -> None:
        """Measure that model; what was measured before goes."""
        self.close()

        def work(app: "App", stop: Stop, add: Callable[[Any], None]) -> "Iterator[Measured | Progress]":
            from rushlight.assistant.engine.threads import n_physical_cores
            from rushlight.assistant.host.bench import Task, measure, variants

            model = app.catalogue.find(model_id)
            if model.is_remote or model.purpose != "chat":
                raise Error(text("{id} writes no text here; there is nothing to measure.", id=model_id),
                            kind="wrong-model")  # fmt: skip
            cores = n_physical_cores()
            layers = app.settings_for(model).number("engine.gpu_layers")
            wanted = variants(sorted({max(1, cores // 2), cores}), _KV_TYPES, ("on",), [layers])

            def open_engine(load: Any, stop: Stop) -> Any:
                return app.host.open_engine(load, stop, keep_alive_s=0.0)

            task = Task(_N_PROMPT, _N_TOKENS, _N_REPEATS)
            yield from measure(app.load_settings(model), wanted, task, open_engine, stop, lambda at, _variant: add(at))

        def items(found: "list[Measured | Progress]") -> None:
            state = self.state
            for one in found:
                if isinstance(one, Progress):
                    state = replace(state, fraction=one.fraction)
                else:
                    state = replace(state, rows=_with(state.rows, one))
            self._set(state)

        def over(err: Error | None = None) -> None:
            self._running = None
            wrong = err if err is not None and err.kind != "stopped" else None
            self._set(
                replace(
                    self.state, is_running=False, fraction=None,
                    problem=plain_line(wrong.message) if wrong is not None else "",
                    hint=plain_line(wrong.hint or "") if wrong is not None else "",
                )
            )  # fmt: skip

        self._set(BenchState(model_id, plain_line(label), is_running=True))
        self._running = self._background.stream(work, items, over, over)

    def stop(self) -> None:
        """Keep what has been measured."""
        if self._running is not None:
            self._running.stop()

    def close(self) -> None:
        """Stop, and show nothing more of it."""
        if self._running is not None:
            self._running.drop()
            self._running = None

    def _set(self, state: BenchState) -> None:
        if state != self.state:
            self.state = state
            self._show(state)


def _with(rows: tuple[BenchRow, ...], found: "Measured") -> tuple[BenchRow, ...]:
    where = text("processor")
    if found.gpu_layers:
        where = text("{where}, {count} layers", where=plain_line(found.runs_on), count=found.gpu_layers)
    new = BenchRow(found.variant.n_threads, found.variant.kv_type, "" if found.problem else where, found.prompt_per_s,
                   found.decode_per_s, plain_line(found.problem))  # fmt: skip
    best = max((*rows, new), key=lambda one: one.writes)
    return tuple(replace(one, is_best=one is best and one.writes > 0) for one in (*rows, new))
