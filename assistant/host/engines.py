"""All engines of a host: who shares one, who waits for one, who must end, and why one died.

The server and the in-process host ask; the arbiter decides about memory. Knows fronts only as opaque keys, and
tokens not at all: a front gets a socket of its own to the worker.
"""

import collections
import time
from collections.abc import Callable, Hashable

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host import arbiter as arbiters
from rushlight.assistant.host import estimate, memory
from rushlight.assistant.host.arbiter import Arbiter, Claim
from rushlight.assistant.host.engine import Engine, Opening, same_file
from rushlight.assistant.host.loop import Loop, Timer
from rushlight.assistant.host.protocol import EngineStatus
from rushlight.assistant.host.worker import Worker, WorkerCommand, engine_command

_TICK_S = 1.0  # memory watch
_SILENT_S = 300.0  # a load that reports nothing for so long hangs
_EXPLAIN_S = 2.0  # a closed socket without a dead worker
_SPARE_S = 30.0  # a worker that was started ahead and is not needed
_MAX_GRAVES = 256
_MAX_ENGINES = 32


class Engines:
    """Lives in the loop; every method returns at once."""

    def __init__(
        self,
        loop: Loop,
        arbiter: Arbiter,
        *,
        log: Callable[[str, str], None],
        on_change: Callable[[], None],
        command: WorkerCommand = engine_command,
        need: estimate.Estimate = estimate.need_bytes,
        silent_s: float = _SILENT_S,
    ) -> None:
        self._loop = loop
        self._arbiter = arbiter
        self._log = log
        self._on_change = on_change
        self._command = command
        self._need = need
        self._silent_s = silent_s
        self._engines: dict[int, Engine] = {}
        self._graves: collections.OrderedDict[int, Error] = collections.OrderedDict()
        self._n_opened = 0
        self._tick: Timer | None = None
        self._spare: Worker | None = None  # started, not asked for yet
        self._oom_kills = memory.oom_kills()
        self._closed = False

    def __len__(self) -> int:
        return len(self._engines)

    @property
    def in_use(self) -> bool:
        return any(engine.in_use for engine in self._engines.values())

    def open(self, opening: Opening) -> None:
        """Give the front a socket to an engine with its settings, loading one if there is none."""
        try:
            if self._closed:
                raise Error("The Rushlight host is ending.", hint="Try again.", kind="host-ending")
            identity = estimate.identify(opening.load.path)
            engine = self._find(opening.load, identity)
            if engine is None:
                engine = self._start(opening, identity)
        except Error as err:
            opening.on_failed(err)
            return
        engine.keep_alive_s = opening.keep_alive_s
        if engine.ready is not None:
            self._hand_out(engine, opening)
        else:
            engine.openings.append(opening)
            if engine.progress is not None:
                opening.on_progress(engine.progress)
        self._housekeep()
        self._on_change()

    def give_up(self, opening: Opening) -> None:
        """The front does not wait any longer. A load that nobody waits for ends."""
        for engine in list(self._engines.values()):
            if opening in engine.openings:
                engine.openings.remove(opening)
                if not engine.openings and engine.ready is None:
                    self.end(engine, Error(f"Loading {engine.name} was stopped.", kind="stopped"))

    def detach(self, front: Hashable) -> None:
        """The front is gone, and with it all its sockets."""
        for engine in list(self._engines.values()):
            for opening in [opening for opening in engine.openings if opening.front == front]:
                self.give_up(opening)
            if engine.fronts.pop(front, 0) and not engine.reports_use:
                engine.last_used_s = time.monotonic()
        self._housekeep()
        self._on_change()

    def unload(
        self, path: str, on_done: Callable[[int], None], on_refused: Callable[[Error], None], patience_s: float = 0.5
    ) -> None:
        """End the engines of `path` ("" = all) and then call `on_done`; `on_refused` while one of them works.

        A front hears the end of an answer a moment before the host hears that the worker is idle, hence the patience.
        """
        found = [engine for engine in self._engines.values() if not path or same_file(engine.load.path, path)]
        working = [engine for engine in found if engine.busy or engine.state in ("starting", "loading")]
        if working:
            if patience_s > 0:
                self._loop.call_later(0.02, lambda: self.unload(path, on_done, on_refused, patience_s - 0.02))
                return
            on_refused(
                Error(
                    f"{working[0].name} is being loaded or is answering; it cannot be unloaded now.",
                    hint="Wait until it is done, or stop it.",
                    kind="busy",
                )
            )
            return
        for engine in found:
            self.end(
                engine, Error(f"{engine.name} was unloaded.", hint="Ask again: it is loaded anew.", kind="unloaded")
            )
        left = {engine.engine_id for engine in found}

        def check() -> None:
            if left & self._engines.keys():
                self._loop.call_later(0.01, check)
            else:
                on_done(len(found))

        check()

    def explain(self, engine_id: int, answer: Callable[[Error], None]) -> None:
        """Why that engine closed its socket; answers when its worker is dead or that does not happen."""
        engine = self._engines.get(engine_id)
        if engine is None:
            answer(
                self._graves.get(engine_id)
                or Error("The engine ended, and the host does not remember why.", hint="Ask again.", kind="worker-died")
            )
            return
        engine.explain.append(answer)

        def still_there() -> None:
            if answer in engine.explain:
                engine.explain.remove(answer)
                answer(
                    Error(
                        f"The engine with {engine.name} closed the connection, but it still runs.",
                        hint="Ask again.",
                        kind="connection-lost",
                    )
                )

        self._loop.call_later(_EXPLAIN_S, still_there)

    def status(self) -> tuple[EngineStatus, ...]:
        now_s = time.monotonic()
        found = []
        for engine in self._engines.values():
            held = memory.resident(engine.worker.pid)
            found.append(
                EngineStatus(
                    engine_id=engine.engine_id,
                    pid=engine.worker.pid,
                    load=engine.load,
                    state=engine.state,
                    in_use=engine.in_use,
                    n_fronts=len(engine.fronts),
                    need_bytes=engine.need_bytes,
                    resident_bytes=held.total_bytes if held else 0,
                    unused_s=0.0 if engine.busy else now_s - engine.last_used_s,
                    keep_alive_s=engine.keep_alive_s,
                    ready=engine.ready,
                )
            )
        return tuple(found)

    def free_bytes(self) -> int | None:
        return self._arbiter.free_bytes(self._claims())

    def close(self) -> None:
        """End them all; `on_change` tells as they go."""
        self._closed = True
        self._drop_spare()
        for engine in list(self._engines.values()):
            self.end(
                engine,
                Error(
                    "The Rushlight host ended, and the model with it.",
                    hint="Ask again: a new host starts by itself.",
                    kind="host-ended",
                ),
            )

    # Starting

    def warm(self, n_waiting: int) -> None:
        """Start a worker for the engine that will be asked for next: half of a short load is Python's start."""
        if self._closed or self._spare is not None or self._engines:
            return
        try:
            self._spare = spare = Worker(self._loop, self._command, n_waiting, log=self._log)
        except Error as err:
            self._log("host", str(err))  # whoever opens an engine will hear it
            return

        def give_up() -> None:
            if self._spare is spare:
                self._drop_spare()

        self._loop.call_later(_SPARE_S, give_up)

    def _take_spare(self, n_waiting: int) -> Worker | None:
        spare, self._spare = self._spare, None
        if spare is None or (spare.running and spare.n_waiting == n_waiting):
            return spare
        spare.kill()
        return None

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._spare.kill()
            self._spare = None

    def _find(self, load: LoadSettings, identity: estimate.FileIdentity) -> Engine | None:
        for engine in self._engines.values():
            if engine.load == load and engine.identity == identity and engine.state != "ending":
                return engine
        return None

    def _start(self, opening: Opening, identity: estimate.FileIdentity) -> Engine:
        if len(self._engines) >= _MAX_ENGINES:
            raise Error(
                f"{_MAX_ENGINES} models are loaded already.", hint="Unload some: rushlight models unload", kind="busy"
            )
        self._n_opened += 1
        engine_id = self._n_opened
        # The worker starts before its memory is granted: Python takes as long to start as the question to answer.
        # No model file is opened before it gets its LoadSettings.
        worker = self._take_spare(opening.n_waiting) or Worker(
            self._loop, self._command, opening.n_waiting, log=self._log
        )
        now_s = time.monotonic()
        engine = Engine(
            engine_id, opening.load, identity, worker, opening.keep_alive_s, last_used_s=now_s, last_heard_s=now_s
        )
        worker.adopt(_Owner(self, engine))
        self._engines[engine_id] = engine
        estimate.in_background(
            self._need, opening.load, lambda result: self._loop.call_soon(lambda: self._on_estimate(engine, result))
        )
        return engine

    def _on_estimate(self, engine: Engine, result: int | Error) -> None:
        if engine.state != "starting":
            return
        if isinstance(result, Error):
            self.end(engine, result)
            return
        engine.need_bytes = max(1, result)
        engine.last_heard_s = time.monotonic()
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        """Grant memory in the order of asking; whoever needs others to end first waits for their end."""
        for engine in list(self._engines.values()):
            if engine.state == "starting" and engine.need_bytes and not self._admit(engine):
                return

    def _admit(self, engine: Engine) -> bool:
        """False: it has to wait for the end of another one."""
        rivals = [
            other
            for other in self._engines.values()
            if other is not engine and same_file(other.load.path, engine.load.path)
        ]
        for rival in rivals:
            if rival.state == "ready" and not rival.in_use:
                self.end(
                    rival,
                    Error(
                        f"{rival.name} was unloaded to be loaded with other settings.",
                        hint="Ask again.",
                        kind="unloaded",
                    ),
                )
        if any(rival.state == "ending" for rival in rivals):
            return False
        verdict = self._arbiter.decide(engine.need_bytes, self._claims(without=engine))
        if verdict.admitted:
            engine.state = "loading"
            engine.granted = True
            engine.last_heard_s = time.monotonic()
            engine.worker.load(engine.load)
            return True
        if any(other.state == "ending" for other in self._engines.values()):
            return False
        for engine_id in verdict.evict:
            victim = self._engines[engine_id]
            self.end(
                victim,
                Error(
                    f"{victim.name} was unloaded to make room for {engine.name}.", hint="Ask again.", kind="unloaded"
                ),
            )
        if verdict.evict:
            return False
        in_use = sorted({other.name for other in self._engines.values() if other is not engine and other.in_use})
        refusal = arbiters.does_not_fit(
            engine.name, engine.need_bytes, verdict.free_bytes, self._arbiter.reserve_bytes, in_use
        )
        if any(rival.in_use for rival in rivals):
            refusal = Error(
                f"{engine.name} is in use with other settings, and a second one does not fit: it needs "
                f"{arbiters.size_text(engine.need_bytes)}, {arbiters.size_text(verdict.free_bytes)} "
                f"are free.",
                hint="Wait until it is done, or use the same settings.",
                kind="busy",
            )
        self.end(engine, refusal)
        return True

    def _claims(self, without: Engine | None = None) -> list[Claim]:
        claims = []
        for engine in self._engines.values():
            if engine is without or not engine.granted:
                continue
            held = memory.resident(engine.worker.pid)
            # Where the system does not say what a process holds, a loaded model holds what was estimated.
            anonymous = held.anonymous_bytes if held else (engine.need_bytes if engine.ready else 0)
            claims.append(
                Claim(engine.engine_id, engine.name, engine.need_bytes, anonymous, engine.in_use, engine.last_used_s)
            )
        return claims

    # What workers say

    def said_progress(self, engine: Engine, progress: Progress) -> None:
        engine.last_heard_s = time.monotonic()
        engine.progress = progress
        for opening in list(engine.openings):
            opening.on_progress(progress)

    def said_ready(self, engine: Engine, ready: Ready) -> None:
        if engine.state != "loading":
            return
        engine.state = "ready"
        engine.ready = ready
        engine.last_used_s = time.monotonic()
        openings, engine.openings = engine.openings, []
        for opening in openings:
            self._hand_out(engine, opening)
        self._housekeep()

    def said_use(self, engine: Engine, busy: bool) -> None:
        engine.reports_use = True
        engine.busy = busy
        engine.last_used_s = time.monotonic()
        if not busy:
            self._housekeep()

    def exited(self, engine: Engine, status: int | None) -> None:
        from rushlight.assistant.host import death  # brings the sanitizer; nobody waits for this any more

        kills = memory.oom_kills()
        reason = engine.reason
        if reason is None:
            reason = death.explain(
                engine.name,
                status,
                loading=engine.ready is None,
                tail=engine.worker.tail,
                out_of_memory=kills > self._oom_kills,
            )
            self._log(f"engine {engine.worker.pid}", reason.message)
        self._oom_kills = kills
        del self._engines[engine.engine_id]
        self._graves[engine.engine_id] = reason
        while len(self._graves) > _MAX_GRAVES:
            self._graves.popitem(last=False)
        self._fail(engine, reason)
        self._admit_waiting()
        self._on_change()

    def _hand_out(self, engine: Engine, opening: Opening) -> None:
        assert engine.ready is not None
        try:
            front_end = engine.worker.connect()
        except Error as err:
            opening.on_failed(err)
            return
        engine.fronts[opening.front] += 1
        engine.last_used_s = time.monotonic()
        opening.on_opened(engine.engine_id, engine.worker.pid, engine.ready, front_end)

    # Ending

    def end(self, engine: Engine, reason: Error) -> None:
        """Kill the worker; who waits for it hears `reason` now, who asks later hears it then."""
        if engine.reason is None:
            engine.reason = reason
        engine.state = "ending"
        engine.worker.kill()
        self._fail(engine, reason)
        self._on_change()

    def _fail(self, engine: Engine, reason: Error) -> None:
        openings, engine.openings = engine.openings, []
        for opening in openings:
            opening.on_failed(reason)
        answers, engine.explain = engine.explain, []
        for answer in answers:
            answer(engine.reason or reason)

    def _housekeep(self) -> None:
        """Once a second while there are engines, and whenever something changed: unload, watch."""
        now_s = time.monotonic()
        next_s = now_s + _TICK_S
        for engine in list(self._engines.values()):
            if engine.state == "ready" and not engine.in_use and engine.keep_alive_s >= 0:
                due_s = engine.last_used_s + engine.keep_alive_s
                if due_s <= now_s:
                    self.end(
                        engine,
                        Error(
                            f"{engine.name} was unloaded after {engine.keep_alive_s:g} s without use.",
                            hint="Ask again: it is loaded anew.",
                            kind="unloaded",
                        ),
                    )
                else:
                    next_s = min(next_s, due_s)
            elif engine.state in ("starting", "loading") and now_s - engine.last_heard_s > self._silent_s:
                self.end(
                    engine,
                    Error(
                        f"Loading {engine.name} stopped making progress {self._silent_s:g} s ago.",
                        hint="Is the disk all right? Try again.",
                        kind="load-timeout",
                    ),
                )
        self._watch_memory()
        if self._tick is not None:
            self._tick.cancel()
        self._tick = self._loop.call_later(next_s - now_s, self._housekeep) if self._engines else None

    def _watch_memory(self) -> None:
        """While the machine runs out of memory, end who is out of hand, else who is idle."""
        if not self._engines or not self._arbiter.is_low():
            return
        if any(engine.state == "ending" for engine in self._engines.values()):
            return  # its memory comes back first
        claims = self._claims()
        worst = self._arbiter.worst(claims)
        if worst is not None:
            engine = self._engines[worst.engine_id]
            self.end(
                engine,
                Error(
                    f"The engine with {engine.name} was stopped because the machine ran out of memory: it held "
                    f"{arbiters.size_text(worst.anonymous_bytes)} where {arbiters.size_text(worst.need_bytes)} "
                    f"were expected.",
                    hint="Lower the context length (engine.context).",
                    kind="out-of-memory",
                ),
            )
            return
        idle = min((claim for claim in claims if not claim.in_use), key=lambda claim: claim.last_used_s, default=None)
        if idle is not None:
            engine = self._engines[idle.engine_id]
            self.end(
                engine,
                Error(
                    f"{engine.name} was unloaded because the machine ran out of memory.",
                    hint="Ask again when there is room.",
                    kind="unloaded",
                ),
            )


class _Owner:
    """Ties a worker to its engine."""

    def __init__(self, engines: Engines, engine: Engine) -> None:
        self._engines = engines
        self._engine = engine

    def on_progress(self, progress: Progress) -> None:
        self._engines.said_progress(self._engine, progress)

    def on_ready(self, ready: Ready) -> None:
        self._engines.said_ready(self._engine, ready)

    def on_failed(self, err: Error) -> None:
        self._engines.end(self._engine, err)

    def on_use(self, busy: bool) -> None:
        self._engines.said_use(self._engine, busy)

    def on_exit(self, status: int | None) -> None:
        self._engines.exited(self._engine, status)
