"""Looks after engines once a second: those unused for long are unloaded, loads that hang and memory that runs out end.

Decides from what engines and the arbiter say; unloads through the one function it is given.
"""

import time
from collections.abc import Callable

from rushlight import Error
from rushlight.assistant.host.admission import Admission
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.engine import GRACE_S, Engine
from rushlight.assistant.host.loop import Loop, Timer
from rushlight.assistant.host.refusal import size_text

_TICK_S = 1.0


class Watch:
    """`look` now and then, and whenever something changed; it looks again by itself while there is something to see."""

    def __init__(
        self,
        loop: Loop,
        arbiter: Arbiter,
        admission: Admission,
        engines: dict[int, Engine],
        end: Callable[[Engine, Error], None],
        *,
        silent_s: float,
    ) -> None:
        self._loop = loop
        self._arbiter = arbiter
        self._admission = admission
        self._engines = engines
        self._end = end
        self._silent_s = silent_s
        self._tick: Timer | None = None

    def look(self) -> None:
        now_s = time.monotonic()
        next_s = now_s + _TICK_S
        for engine in list(self._engines.values()):
            if engine.state == "ready" and not engine.in_use and engine.keep_alive_s >= 0:
                # A front that is attached asks several things for one answer; it must not be loaded for each.
                least_s = GRACE_S if engine.fronts else 0.0
                due_s = engine.last_used_s + max(engine.keep_alive_s, least_s)
                if due_s <= now_s:
                    reason = f"{engine.name} was unloaded after {engine.keep_alive_s:g} s without use."
                    self._end(engine, Error(reason, hint="Ask again: it is loaded anew.", kind="unloaded"))
                else:
                    next_s = min(next_s, due_s)
            elif engine.state in ("starting", "loading") and now_s - engine.last_heard_s > self._silent_s:
                reason = f"Loading {engine.name} stopped making progress {self._silent_s:g} s ago."
                self._end(engine, Error(reason, hint="Is the disk all right? Try again.", kind="load-timeout"))
        self._watch_memory()
        if self._admission.is_waited_for:
            self._admission.admit()  # what was in use may be idle now
        if self._tick is not None:
            self._tick.cancel()
        is_needed = bool(self._engines) or self._admission.is_waited_for
        self._tick = self._loop.call_later(next_s - now_s, self.look) if is_needed else None

    def _watch_memory(self) -> None:
        """While the machine runs out of memory, end who is out of hand, else who is idle."""
        if not self._engines or not self._arbiter.is_low():
            return
        if any(engine.state == "ending" for engine in self._engines.values()):
            return  # its memory comes back first
        claims = [claim for claim in self._admission.claims() if claim.claim_id in self._engines]
        worst = self._arbiter.worst(claims)
        if worst is not None:
            engine = self._engines[worst.claim_id]
            reason = (
                f"The engine with {engine.name} was stopped because the machine ran out of memory: it held "
                f"{size_text(worst.anonymous_bytes)} where {size_text(worst.need_bytes)} were expected."
            )
            self._end(engine, Error(reason, hint="Lower the context length (engine.context).", kind="out-of-memory"))
            return
        idle = min((claim for claim in claims if not claim.in_use), key=lambda claim: claim.last_used_s, default=None)
        if idle is not None:
            engine = self._engines[idle.claim_id]
            reason = f"{engine.name} was unloaded because the machine ran out of memory."
            self._end(engine, Error(reason, hint="Ask again when there is room.", kind="unloaded"))
