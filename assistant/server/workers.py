"""Threads that ask engines, each with an app of its own, and the calls by which the event loop follows them.

An app belongs to one thread and an engine's socket blocks; here is the only crossing between them and the event
loop. What a call says is kept until it is read, so a client that reads slowly never holds up a model: an answer is
bounded by the model's context.
"""

import asyncio
import queue
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

from rushlight import Error, Stop
from rushlight.assistant.app import App

T = TypeVar("T")
MakeApp = Callable[[], App]
_JOIN_S = 5.0


class _End:
    """After the last item."""


_END = _End()


class Call(Generic[T]):
    """One piece of work on a worker thread. Iterate it on the event loop; `stop` asks the work to end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stop: Stop, on_end: Callable[[], None]) -> None:
        self.stop = stop
        self._loop = loop
        self._on_end = on_end
        self._items: asyncio.Queue[T | Error | _End] = asyncio.Queue()
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._is_over:
            raise StopAsyncIteration
        item = await self._items.get()
        if isinstance(item, _End):
            self._is_over = True
            raise StopAsyncIteration
        if isinstance(item, Error):
            self._is_over = True
            raise item
        return item

    # --- the worker's side --------------------------------------------------------------------------------------
    def run(self, app: App, work: Callable[[App, Stop], Iterator[T]]) -> None:
        """Do the work in this thread."""
        last: Error | _End = _END
        try:
            self.stop.check()
            for item in work(app, self.stop):
                self._tell(self._items.put_nowait, item)
        except Error as err:
            last = err
        except Exception as err:  # a bug: the client gets an answer, the log the traceback
            sys.stderr.write(traceback.format_exc())
            last = Error(f"The server failed unexpectedly ({type(err).__name__}).", kind="internal")
        self._tell(self._finish, last)

    def _finish(self, last: "Error | _End") -> None:
        self._items.put_nowait(last)
        self._on_end()

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            pass  # the loop has ended, and with it whoever listened


class _Worker:
    """A thread with an app, used by one call at a time."""

    def __init__(self, make_app: MakeApp, number: int) -> None:
        self._make_app = make_app
        self._orders: queue.SimpleQueue[tuple[Call[Any], Callable[[App, Stop], Iterator[Any]]] | None]
        self._orders = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"server-{number}", daemon=True)
        self._thread.start()

    def give(self, call: Call[Any], work: Callable[[App, Stop], Iterator[Any]]) -> None:
        self._orders.put((call, work))

    def end(self) -> None:
        self._orders.put(None)

    def join(self) -> None:
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        app: App | None = None
        while (order := self._orders.get()) is not None:
            call, work = order
            if app is None:
                try:
                    app = self._make_app()
                except Error as err:
                    call.run(None, _raising(err))  # type: ignore[arg-type]
                    continue
            call.run(app, work)
            del order, call, work
        if app is not None:
            app.close()


def _raising(err: Error) -> Callable[[App, Stop], Iterator[Any]]:
    def work(_app: App, _stop: Stop) -> Iterator[Any]:
        raise err
        yield

    return work


class Workers:
    """A bounded set of worker threads; they are started when needed and stay."""

    def __init__(self, make_app: MakeApp, n_max: int) -> None:
        self._make_app = make_app
        self._n_max = n_max
        self._idle: list[_Worker] = []
        self._all: list[_Worker] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._calls: set[Call[Any]] = set()
        self._is_closed = False

    @property
    def n_busy(self) -> int:
        return len(self._calls)

    async def call(
        self, work: Callable[[App, Stop], Iterator[T]], stop: Stop, on_end: Callable[[], None] = lambda: None
    ) -> Call[T]:
        """Start `work` on a free thread, waiting for one. `on_end` is called when the thread is done with it."""
        while not self._idle and len(self._all) >= self._n_max:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except BaseException:
                if place in self._waiting:
                    self._waiting.remove(place)
                else:
                    self._wake()
                raise
        if self._is_closed:
            raise Error("The server is ending.", kind="stopped")
        if self._idle:
            worker = self._idle.pop()
        else:
            worker = _Worker(self._make_app, len(self._all) + 1)
            self._all.append(worker)

        def ended() -> None:
            self._calls.discard(call)
            self._idle.append(worker)
            self._wake()
            on_end()

        call: Call[T] = Call(asyncio.get_running_loop(), stop, ended)
        self._calls.add(call)
        worker.give(call, work)
        return call

    def _wake(self) -> None:
        while self._waiting:
            place = self._waiting.pop(0)
            if not place.done():
                place.set_result(None)
                return

    def stop_all(self) -> None:
        """Ask everything that runs to end."""
        for call in list(self._calls):
            call.stop.set()

    def close(self) -> None:
        """End the threads; waits for what they are doing."""
        self._is_closed = True
        self.stop_all()
        for worker in self._all:
            worker.end()
        for worker in self._all:
            worker.join()
