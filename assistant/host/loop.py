"""The host's one thread of control: descriptors, timers and calls from helper threads, one after another.

Knows nothing of hosts. A callback that fails is a bug; it is reported and the loop goes on, because the other
fronts' engines must not die of it.
"""

import collections
import heapq
import os
import selectors
import time
from collections.abc import Callable

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
_MAX_WAIT_S = 24 * 3600.0  # the system call refuses years


class Timer:
    """A call in the future that can be taken back."""

    __slots__ = ("callback", "due_s")

    def __init__(self, due_s: float, callback: Callable[[], None]) -> None:
        self.due_s = due_s
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def __lt__(self, other: "Timer") -> bool:
        return self.due_s < other.due_s


class Loop:
    """`run` until `stop`. Only `call_soon` may be used from other threads and from signal handlers."""

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._on_bug = on_bug
        self._selector = selectors.DefaultSelector()
        self._timers: list[Timer] = []
        self._soon: collections.deque[Callable[[], None]] = collections.deque()
        self._running = True
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.watch(self._wake_read, READ, self._drain_wake)

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback(events)` whenever `fd` is ready; replaces an earlier watch."""
        try:
            self._selector.modify(fd, events, callback)
        except KeyError:
            self._selector.register(fd, events, callback)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`, before it is closed. Twice is fine."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have the loop call `callback`; from any thread."""
        self._soon.append(callback)
        try:
            os.write(self._wake_write, b"w")
        except OSError:
            pass  # full: it will wake anyway; closed: nobody is left to call it

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        while self._running:
            while self._soon:
                self._guard(self._soon.popleft())
            self._run_timers()
            if not self._running:
                return
            if self._soon:
                continue
            for key, events in self._selector.select(self._wait_s()):
                # An earlier callback of this round may have closed it, even opened another under its number.
                if self._selector.get_map().get(key.fd) is key:
                    self._guard(lambda key=key, events=events: key.data(events))  # type: ignore[misc]

    def close(self) -> None:
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run_timers(self) -> None:
        now_s = time.monotonic()
        while self._timers and (self._timers[0].callback is None or self._timers[0].due_s <= now_s):
            callback = heapq.heappop(self._timers).callback
            if callback is not None:
                self._guard(callback)

    def _wait_s(self) -> float | None:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return min(_MAX_WAIT_S, max(0.0, self._timers[0].due_s - time.monotonic()))

    def _drain_wake(self, _events: int) -> None:
        os.read(self._wake_read, 4096)

    def _guard(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as err:
            self._on_bug(err)
