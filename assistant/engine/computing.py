"""One batch at a time on the context: it can be stopped by those who asked, is given up when it takes far too long,
and its time tells how many threads the next one gets.

Knows who is computed and for how long; knows nothing of queues and turns.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable

from rushlight.assistant.engine.llama import ABORTED, SUCCESS
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.slot import Slot
from rushlight.assistant.engine.step_guard import StepGuard


class Computing:
    """What the context is doing. `stop_cancelled` may be called from any thread, all else from the engine's."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._lock = threading.Lock()
        self._slots: tuple[Slot, ...] = ()
        self._flag_is_ours = False
        # A recurrent state that was half computed is lost: there a slow step is waited for.
        is_guarded = loaded.tuner is not None and not loaded.model.is_recurrent
        self._guard = StepGuard(self._give_up) if is_guarded else None
        self.began = self.ended = 0.0  # the last batch

    @property
    def is_stopped_outside(self) -> bool:
        """The flag was set, and not by us: everything ends."""
        return self._loaded.flag.is_set() and not self._flag_is_ours

    def stop_cancelled(self) -> None:
        """Stop the batch where nobody wants it any more."""
        with self._lock:
            if self._slots and all(slot.ticket.is_cancelled for slot in self._slots):
                self._loaded.flag.set()
                self._flag_is_ours = True

    def run(self, slots: tuple[Slot, ...], decode: Callable[[], int], kind: Hashable = None, units: int = 1) -> int:
        """llama.cpp's code. Batches of one `kind` are compared by their time for each of the `units`; None: not."""
        tuner, guard = self._loaded.tuner, self._guard
        with self._lock:
            if all(slot.ticket.is_cancelled for slot in slots):
                return ABORTED
            self._clear_flag()
            self._slots = slots
        began = self.began = time.monotonic()
        if guard is not None and tuner is not None and kind is not None:
            limit_s = tuner.limit_s(kind, units, began)
            guard.begin(began + limit_s if limit_s < math.inf else math.inf)
        try:
            code = decode()
        finally:
            with self._lock:
                self._slots = ()
        now = self.ended = time.monotonic()
        is_given_up = guard is not None and guard.end()
        if tuner is not None and kind is not None:
            n_threads = self._loaded.context.n_threads
            if code == SUCCESS:
                n_threads = tuner.note(kind, units, now - began, now)
            elif code == ABORTED and is_given_up:
                n_threads = tuner.give_up(kind, units, now - began, now)
            if n_threads != self._loaded.context.n_threads:
                self._loaded.context.set_threads(n_threads)
        return code

    def clear_flag(self) -> None:
        """Forget that the last batch was stopped by us."""
        with self._lock:
            self._clear_flag()

    def _clear_flag(self) -> None:
        if self._flag_is_ours:
            self._loaded.flag.clear()
            self._flag_is_ours = False

    def _give_up(self) -> None:
        """From the guard's thread."""
        with self._lock:
            if self._slots:
                self._loaded.flag.set()
                self._flag_is_ours = True
