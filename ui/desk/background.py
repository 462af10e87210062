"""The one crossing between a face's thread and everything else: work goes out, what it found comes back in order.

Three kinds of work: `read` (short, with the store, in the order of asking), `task` (long, on a thread of its own) and
`stream` (long, and its items come as it goes on). What comes back is called on the face's thread, through the one
function `deliver` that the face gave; nothing else ever crosses. Knows the app and threads; no widget.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rushlight import Error, Progress, Stop
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.paths import Paths

T = TypeVar("T")
E = TypeVar("E")
Deliver: TypeAlias = Callable[[Callable[[], None]], None]

BATCH_S = 0.03  # between two deliveries of one stream: a frame or two of a screen
WATCH_S = 0.3
_CLOSE_S = 5.0
_MAX_IDLE_LANES = 3  # threads that keep their app, and with it the way to a loaded model, for the next work


def open_face_app(paths: "Paths") -> "App":
    """The app of a face: one that starts in any case, also with settings that cannot be used."""
    from rushlight.assistant.app import App
    from rushlight.assistant.settings import read_settings

    return App(paths, read_settings(paths)[0])


class Running:
    """Work that was given away. For the face's thread."""

    def __init__(self) -> None:
        self.stopper = Stop()
        self.is_over = False  # the work has ended and its end was delivered
        self._is_dropped = False

    def stop(self) -> None:
        """Ask it to stop; what it still has to say comes."""
        self.stopper.set()

    def drop(self) -> None:
        """Ask it to stop, and hear nothing more of it."""
        self._is_dropped = True
        self.stopper.set()

    def call(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function`, unless the work was dropped by then."""

        def called() -> None:
            if not self._is_dropped:
                function()

        return called

    def end(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function` as the last of this work."""

        def called() -> None:
            self.is_over = True
            if not self._is_dropped:
                function()

        return called


@dataclass
class _Batch:
    """Items of a stream on their way. Guarded by the clock's lock."""

    send: Callable[[], None]
    due_s: float = 0.0
    items: deque[Any] = field(default_factory=deque)


class Background:
    """Threads of one face. `open_app` is called once on each thread that needs an app."""

    def __init__(self, open_app: "Callable[[], App]", deliver: Deliver) -> None:
        self.on_error: Callable[[Error], None] = lambda _err: None  # where a caller said nothing of failures
        self._open_app = open_app
        self._deliver = deliver
        self._lock = threading.Lock()
        self._is_closing = False
        self._running: set[Running] = set()
        self._reads = _Lane(open_app, "store")
        self._idle: list[_Lane] = []
        self._all: list[_Lane] = [self._reads]
        self._clock = _Clock()
        self._watchers: list[Callable[[], None]] = []
        self._enders: list[Callable[[], None]] = []
        self._watch_thread: threading.Thread | None = None
        self._watch_end = threading.Event()

    # --- work ---------------------------------------------------------------------------------------------------
    def read(
        self,
        work: "Callable[[App], T]",
        then: Callable[[T], None] = lambda _found: None,
        failed: Callable[[Error], None] | None = None,
    ) -> Running:
        """Short work with the store, one after another in the order of asking. Writes too: they are not broken off."""
        running = Running()

        def run(app: "App") -> None:
            try:
                found = work(app)
            except Exception as err:
                self._deliver(running.end(self._failure(err, failed)))
            else:
                self._deliver(running.end(lambda: then(found)))

        self._reads.give(run, lambda err: self._deliver(running.end(self._failure(err, failed))))
        return running

    def task(
        self,
        work: "Callable[..., T]",
        then: Callable[[T], None] = lambda _found: None,
        failed: Callable[[Error], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Running:
        """Long work, on a thread and an app of its own: `work(app, stop)`, or `work(app, stop, report)` with
        `on_progress`, which hears the latest at most every 30 ms."""
        running = Running()
        batch = _Batch(lambda: None)
        if on_progress is not None:
            hear = on_progress

            def send() -> None:
                latest = self._clock.take(batch)
                if latest:
                    hear(latest[-1])

            batch.send = lambda: self._deliver(running.call(send))

        def run(app: "App") -> None:
            try:
                if on_progress is None:
                    found = work(app, running.stopper)
                else:
                    found = work(app, running.stopper, lambda progress: self._clock.add(batch, progress))
            except Exception as err:
                self._end(running, batch, self._failure(err, failed))
            else:
                self._end(running, batch, lambda: then(found))

        self._start(running, run, failed)
        return running

    def stream(
        self,
        work: "Callable[[App, Stop, Callable[[E], None]], Iterator[E]]",
        on_items: Callable[[list[E]], None],
        then: Callable[[], None] = lambda: None,
        failed: Callable[[Error], None] | None = None,
    ) -> Running:
        """Long work that has something to say on its way: `on_items` gets it in order, at most every 30 ms.

        `work(app, stop, add)` yields its items; what is heard while the next one is awaited goes through `add`.
        """
        running = Running()

        def send() -> None:
            items: list[E] = self._clock.take(batch)
            if items:
                on_items(items)

        batch = _Batch(lambda: self._deliver(running.call(send)))

        def run(app: "App") -> None:
            try:
                for item in work(app, running.stopper, lambda item: self._clock.add(batch, item)):
                    self._clock.add(batch, item)
            except Exception as err:
                self._end(running, batch, self._failure(err, failed))
            else:
                self._end(running, batch, then)

        self._start(running, run, failed)
        return running

    def watch(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """`on_change` soon after the store was changed, by whomever. Returns what ends it."""
        self._watchers.append(on_change)
        if self._watch_thread is None:
            self._watch_thread = threading.Thread(target=self._watch, name="rushlight-watch", daemon=True)
            self._watch_thread.start()

        def end() -> None:
            if on_change in self._watchers:
                self._watchers.remove(on_change)

        return end

    def later(self, delay_s: float, function: Callable[[], None]) -> Running:
        """`function` on the face's thread after that time."""
        running = Running()
        timer = threading.Timer(delay_s, lambda: self._deliver(running.end(function)))
        timer.daemon = True
        running.stopper.on_set(timer.cancel)
        timer.start()
        return running

    def at_end(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function` when `close` begins: the short work that it asks for is still done. Returns what takes it back."""
        self._enders.append(function)

        def forget() -> None:
            if function in self._enders:
                self._enders.remove(function)

        return forget

    def close(self) -> None:
        """Stop everything; short work that was asked for is finished first. Waits five seconds at most."""
        enders, self._enders = self._enders, []
        for ender in enders:
            ender()
        self._is_closing = True
        self._watchers.clear()
        self._watch_end.set()
        with self._lock:
            running, lanes = list(self._running), list(self._all)
        for one in running:
            one.drop()
        for lane in lanes:
            lane.end()
        limit_s = time.monotonic() + _CLOSE_S
        for lane in lanes:
            lane.join(max(0.0, limit_s - time.monotonic()))
        if self._watch_thread is not None:
            self._watch_thread.join(max(0.0, limit_s - time.monotonic()))
        self._clock.close(max(0.0, limit_s - time.monotonic()))

    # --- inside -------------------------------------------------------------------------------------------------
    def _start(self, running: Running, run: "Callable[[App], None]", failed: Callable[[Error], None] | None) -> None:
        with self._lock:
            self._running.add(running)
            lane = self._idle.pop() if self._idle else _Lane(self._open_app, "work")
            if lane not in self._all:
                self._all.append(lane)

        def run_and_return(app: "App") -> None:
            try:
                run(app)
            finally:
                give_back()

        def give_back() -> None:
            with self._lock:
                self._running.discard(running)
                if not self._is_closing and len(self._idle) < _MAX_IDLE_LANES:
                    self._idle.append(lane)
                    return
                self._all.remove(lane)
            lane.end()

        def no_app(err: BaseException) -> None:
            give_back()
            self._deliver(running.end(self._failure(err, failed)))

        lane.give(run_and_return, no_app)

    def _end(self, running: Running, batch: "_Batch", last: Callable[[], None]) -> None:
        self._clock.flush(batch)
        self._deliver(running.end(last))

    def _failure(self, raised: BaseException, failed: Callable[[Error], None] | None) -> Callable[[], None]:
        err = raised if isinstance(raised, Error) else _as_bug(raised)
        return lambda: (failed or self.on_error)(err)

    def _watch(self) -> None:
        """The version of the store, looked at from a connection of its own, which makes own writes seen too."""
        try:
            app = self._open_app()
        except Exception:
            return  # whoever reads is told why the store cannot be opened
        try:
            seen: int | None = None  # at first: there may be news from between their look and ours
            while not self._watch_end.is_set():
                try:
                    now: int | None = app.store.data_version()
                except Error:
                    now = seen  # locked for long, or broken: the next look tells
                if now != seen:
                    seen = now
                    self._deliver(self._tell_watchers)
                self._watch_end.wait(WATCH_S)
        finally:
            app.close()

    def _tell_watchers(self) -> None:
        for on_change in list(self._watchers):
            on_change()


class _Lane:
    """A thread with an app of its own, which is made when first needed, and follows the settings file."""

    def __init__(self, open_app: "Callable[[], App]", name: str) -> None:
        self._open_app = open_app
        self._work: SimpleQueue[tuple[Callable[[App], None], Callable[[BaseException], None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"rushlight-{name}", daemon=True)
        self._thread.start()

    def give(self, run: "Callable[[App], None]", no_app: Callable[[BaseException], None]) -> None:
        """Work for this thread; `no_app` hears why there is no app for it."""
        self._work.put((run, no_app))

    def end(self) -> None:
        """Leave when all that was given is done."""
        self._work.put(None)

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        app: App | None = None
        stamp = (0, 0)
        try:
            while (given := self._work.get()) is not None:
                run, no_app = given
                try:
                    if app is None:
                        app = self._open_app()
                        stamp = _stamp_of(app)
                    elif (now := _stamp_of(app)) != stamp:
                        from rushlight.assistant.settings import read_settings

                        stamp = now
                        app.settings = read_settings(app.paths)[0]
                except Exception as err:
                    no_app(err)
                    continue
                run(app)
        finally:
            if app is not None:
                app.close()


class _Clock:
    """Sends batches when they are due: at once after a pause, else 30 ms after the one before."""

    def __init__(self) -> None:
        self._due = threading.Condition()
        self._waiting: list[_Batch] = []
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def add(self, batch: _Batch, item: object) -> None:
        """From the thread of the work."""
        with self._due:
            batch.items.append(item)
            if len(batch.items) > 1:
                return  # it is on its way already
            now = time.monotonic()
            if now < batch.due_s:
                self._waiting.append(batch)
                self._run_thread()
                self._due.notify()
                return
            batch.due_s = now + BATCH_S
        batch.send()

    def flush(self, batch: _Batch) -> None:
        """What is left, now."""
        with self._due:
            if batch in self._waiting:
                self._waiting.remove(batch)
        if batch.items:
            batch.send()

    def take(self, batch: _Batch) -> list[Any]:
        """On the face's thread: all that has come."""
        with self._due:
            items = list(batch.items)
            batch.items.clear()
            batch.due_s = max(batch.due_s, time.monotonic() + BATCH_S)
        return items

    def close(self, wait_s: float) -> None:
        """Nothing is sent afterwards: its thread must not be the last to hold what belongs to the face's. Waits no
        longer than that."""
        with self._due:
            self._is_closed = True
            self._due.notify()
        if self._thread is not None:
            self._thread.join(wait_s)

    def _run_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rushlight-clock", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._due:
                while not self._waiting and not self._is_closed:
                    self._due.wait()
                if self._is_closed:
                    return
                now = time.monotonic()
                ready = [one for one in self._waiting if one.due_s <= now]
                if not ready:
                    self._due.wait(min(one.due_s for one in self._waiting) - now)
                    continue
                self._waiting = [one for one in self._waiting if one.due_s > now]
                for one in ready:
                    one.due_s = now + BATCH_S
            for one in ready:
                one.send()


def _stamp_of(app: "App") -> tuple[int, int]:
    """When the settings were written last."""
    try:
        status = app.paths.settings.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _as_bug(raised: BaseException) -> Error:
    """A bug ends one piece of work, never the face; its trace goes to where developers look."""
    from rushlight.ui.cli.crash_log import write_crash

    write_crash(raised, ["background"])
    return Error(
        text("Something went wrong inside Rushlight ({name}).", name=type(raised).__name__),
        hint=text("What you did is kept. Try again; if it comes again, please report it."),
        kind="bug",
    )
