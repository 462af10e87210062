"""Gives up a step that takes far too long, because the threads of it wait for processors that others have.

A step that was begun with too many threads can take a second where a token takes ten milliseconds; it is stopped, and
computed again with fewer. Looks at the clock now and then while something is computed: not a wake-up for each token.
Knows a deadline; decides nothing.
"""

import math
import threading
import time
from collections.abc import Callable

LOOK_S = 0.02
_IDLE_LOOKS = 10  # with nothing to watch: the thread ends


class StepGuard:
    """`begin` and `end` around each step, on the engine's thread; `give_up` is called from another one."""

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._give_up = give_up
        self._deadline_s = math.inf
        self._is_given_up = False
        self._lock = threading.Lock()
        self._is_watching = False

    def begin(self, deadline_s: float) -> None:
        """A step begins that should be over by then (`time.monotonic`); inf: however long it takes."""
        self._deadline_s = deadline_s  # first: a thread that is about to end sees it
        if deadline_s < math.inf and not self._is_watching:
            with self._lock:
                if not self._is_watching:
                    self._is_watching = True
                    threading.Thread(target=self._watch, name="guard", daemon=True).start()

    def end(self) -> bool:
        """The step is over. Whether it was given up."""
        self._deadline_s = math.inf
        given_up, self._is_given_up = self._is_given_up, False
        return given_up

    def _watch(self) -> None:
        n_idle = 0
        while True:
            time.sleep(LOOK_S)
            deadline_s = self._deadline_s
            if deadline_s < math.inf:
                n_idle = 0
                if time.monotonic() > deadline_s:
                    self._deadline_s = math.inf
                    self._is_given_up = True
                    self._give_up()
                continue
            n_idle += 1
            if n_idle > _IDLE_LOOKS:
                with self._lock:
                    if self._deadline_s == math.inf:
                        self._is_watching = False
                        return
