"""The heart of the server: finds the model, takes a place in its line, has a worker ask it, lets go in every case.

Knows models, places and calls; knows nothing of the shapes of requests and answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.models.model import Model
from rushlight.assistant.server.admission import Gate
from rushlight.assistant.server.figures import Figures, RequestRecord
from rushlight.assistant.server.model_names import Named, find_named
from rushlight.assistant.server.workers import MakeApp, Workers

T = TypeVar("T")
# What a worker does for a request: the app, the model that was named, the flag to look at, what is heard of loading.
Work = Callable[[App, Named, Stop, "Loading"], Iterator[T]]

MAX_WORKERS = 32
_NAME_KEPT_S = 1.0  # a model's row in the catalogue
_MAX_NAMES = 256


@dataclass(slots=True)
class Limits:
    """How much at once."""

    n_parallel: int = 0  # requests that one model answers at a time; 0 = as many as its engine has slots
    n_waiting: int = 8  # that wait for it; further ones are refused


class Loading:
    """Heard by whoever waits for a model: while one loads, the others of its line are told to come back."""

    def __init__(self, gate: Gate, loop: asyncio.AbstractEventLoop) -> None:
        self._gate = gate
        self._loop = loop
        self._is_loading = False

    def __call__(self, _progress: object) -> None:
        if not self._is_loading:
            self._is_loading = True
            self._loop.call_soon_threadsafe(self._add, 1)

    def done(self) -> None:
        """It is loaded, or it failed."""
        if self._is_loading:
            self._is_loading = False
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._add, -1)

    def _add(self, number: int) -> None:
        self._gate.n_loading += number


class Exchange:
    """One request and its client: ends its work when the client goes."""

    def __init__(self, record: RequestRecord, wait_gone: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.record = record
        self.stop = Stop()
        self._gone = asyncio.ensure_future(wait_gone())
        self._gone.add_done_callback(self._on_gone)

    @property
    def is_gone(self) -> bool:
        return self._gone.done() and not self._gone.cancelled()

    def _on_gone(self, gone: "asyncio.Future[None]") -> None:
        if not gone.cancelled():
            gone.exception()  # read, so that nobody complains; the connection is over in any case
            self.stop.set()

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """`work`, or an `Error` of kind "gone" when the client leaves before it is done."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Error("The client has gone.", kind="gone")
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def close(self) -> None:
        """The answer is sent, or never will be."""
        self._gone.cancel()
        self.stop.set()


class Service:
    """What the endpoints use. Lives on the event loop."""

    def __init__(self, make_app: MakeApp, limits: Limits, figures: Figures) -> None:
        self.figures = figures
        self._limits = limits
        self._workers = Workers(make_app, MAX_WORKERS)
        self._short = Workers(make_app, 1)  # the catalogue: never behind an answer
        self._gates: dict[str, Gate] = {}
        self._names: dict[str, tuple[float, Named]] = {}
        self._finding: dict[str, asyncio.Task[Named]] = {}
        self._is_ending = False

    async def short(self, work: Callable[[App], T]) -> T:
        """A look at the catalogue or the settings, on a thread that nothing else uses."""

        def once(app: App, _stop: Stop) -> Iterator[T]:
            yield work(app)

        call = await self._short.call(once, Stop())
        async for item in call:
            return item
        raise _ending()

    async def models(self) -> tuple[Model, ...]:
        """Every model of the catalogue."""
        return await self.short(lambda app: app.models)

    async def find(self, name: str) -> Named:
        """The model (and adapter) of that name; the answer is kept for a second. Many who ask at once ask once."""
        kept = self._names.get(name)
        if kept is not None and time.monotonic() - kept[0] < _NAME_KEPT_S:
            return kept[1]
        task = self._finding.get(name)
        if task is None:
            task = self._finding[name] = asyncio.ensure_future(self._look_up(name))
            task.add_done_callback(lambda done: self._found(name, done))
        return await asyncio.shield(task)  # who waits may leave; the others still want it

    async def _look_up(self, name: str) -> Named:
        return await self.short(lambda app: find_named(app, name))

    def _found(self, name: str, task: "asyncio.Task[Named]") -> None:
        del self._finding[name]
        if task.cancelled() or task.exception() is not None:
            self._names.pop(name, None)
            return
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        self._names[name] = (time.monotonic(), task.result())

    def is_any_full(self) -> bool:
        """Whether some model takes nobody more."""
        return any(gate.is_full for gate in self._gates.values())

    def check(self, name: str) -> None:
        """Refuse by what the name stood for last, without a look at the catalogue: in a flood that would be a wait."""
        kept = self._names.get(name)
        gate = self._gates.get(str(kept[1].model.path)) if kept is not None else None
        if gate is not None:
            gate.check()

    async def ask(self, exchange: Exchange, name: str, work: "Work[T]") -> AsyncIterator[T]:
        """What `work` says for the model called `name`. Close the iterator early to end the work.

        The place in the line is given back when the thread is done, not when the client has read everything.
        """
        self.check(name)
        named = await exchange.unless_gone(self.find(name))
        exchange.record.model = named.name
        gate = self._gate(named)
        await exchange.unless_gone(gate.enter())
        if self._is_ending:
            gate.leave(0.0)  # the next in line hears it too
            raise _ending()
        began_s = time.monotonic()
        loading = Loading(gate, asyncio.get_running_loop())

        def run(app: App, stop: Stop) -> Iterator[T]:
            try:
                yield from work(app, named, stop, loading)
            finally:
                loading.done()

        def ended() -> None:
            gate.leave(time.monotonic() - began_s)

        try:
            call = await exchange.unless_gone(self._workers.call(run, exchange.stop, ended))
        except BaseException:
            ended()
            raise
        try:
            async for item in call:
                yield item
        finally:
            exchange.stop.set()

    def _gate(self, named: Named) -> Gate:
        key = str(named.model.path)
        if key not in self._gates:
            for other in [other for other, gate in self._gates.items() if gate.is_unused and not gate.n_loading]:
                del self._gates[other]
            self._gates[key] = Gate(1, self._limits.n_waiting)
        self._gates[key].n_parallel = self._limits.n_parallel or named.n_slots
        return self._gates[key]

    def gauges(self) -> dict[str, tuple[str, float]]:
        """What is going on now, for /metrics and /health."""
        gates = self._gates.values()
        return {
            "requests_generating": ("Requests that a model is answering.", sum(gate.n_inside for gate in gates)),
            "requests_waiting": ("Requests in line for a model.", sum(gate.n_in_line for gate in gates)),
            "models_loading": ("Models that are being loaded.", sum(bool(gate.n_loading) for gate in gates)),
            "threads_busy": ("Threads that wait for an engine.", self._workers.n_busy),
        }

    def stop_all(self) -> None:
        """The server ends: nothing more is generated."""
        self._is_ending = True
        self._workers.stop_all()

    def close(self) -> None:
        """End the threads."""
        self._workers.close()
        self._short.close()


def _ending() -> Error:
    return Error("The server is ending.", kind="stopped")
