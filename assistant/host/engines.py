"""All engines of a host: who shares one, who waits for one, and why one died.

The server and the in-process host ask; `admission.py` grants memory, `watch.py` unloads. Knows fronts only as opaque
keys, and tokens not at all: a front gets a socket of its own to the worker.
"""

import collections
import time
from collections.abc import Callable, Hashable

from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import Ready, Speed
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host import estimate, memory
from rushlight.assistant.host.admission import Admission
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.card_notice import card_notice
from rushlight.assistant.host.engine import GRACE_S, Engine, Opening, same_file
from rushlight.assistant.host.lease import Lease
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.host.need import Limits
from rushlight.assistant.host.plan import plan_of
from rushlight.assistant.host.protocol import EngineStatus, LoadPlan
from rushlight.assistant.host.spare import Spare
from rushlight.assistant.host.status import status_of
from rushlight.assistant.host.watch import Watch
from rushlight.assistant.host.worker import WorkerCommand, engine_command

_SILENT_S = 300.0  # a load that reports nothing for so long hangs
_PATIENCE_S = 30.0  # for models that are answering, where their memory is needed for another one
_EXPLAIN_S = 2.0  # a closed socket without a dead worker
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
        need: estimate.Estimate = estimate.needs_of,
        silent_s: float = _SILENT_S,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._loop = loop
        self._arbiter = arbiter
        self._log = log
        self._on_change = on_change
        self._need = need
        self._engines: dict[int, Engine] = {}
        self._admission = Admission(arbiter, self._engines, self.end, patience_s=patience_s)
        self._watch = Watch(loop, arbiter, self._admission, self._engines, self.end, silent_s=silent_s)
        self._spare = Spare(loop, command, log=log)
        self._graves: collections.OrderedDict[int, Error] = collections.OrderedDict()
        self._n_opened = 0
        self._oom_kills = memory.oom_kills()
        self._closed = False
        self._is_asked = False
        self.on_use: Callable[[bool], None] = lambda _is_asked: None  # somebody waits for an answer, or nobody any more

    def __len__(self) -> int:
        return len(self._engines)

    @property
    def in_use(self) -> bool:
        return any(engine.in_use for engine in self._engines.values())

    def open(self, opening: Opening) -> None:
        """Give the front a socket to an engine with its settings, loading one if there is none."""
        try:
            if opening.limits is not None:
                self._arbiter.limits = opening.limits
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
        self._tell_use()
        self._watch.look()
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
        self._watch.look()
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
        return tuple(status_of(engine) for engine in self._engines.values())

    def free_bytes(self) -> int | None:
        return self._arbiter.free_bytes(self._admission.claims())

    @property
    def budget_bytes(self) -> int:
        return self._arbiter.budget_bytes

    def plan(self, load: LoadSettings, limits: Limits, on_plan: Callable[[LoadPlan], None],
             on_failed: Callable[[Error], None]) -> None:  # fmt: skip
        """What loading would take and whom it would unload. Nothing is done."""
        try:
            identity = estimate.identify(load.path)
        except Error as err:
            on_failed(err)
            return

        def tell(result: estimate.Estimated | Error) -> None:
            if isinstance(result, Error):
                on_failed(result)
                return
            self._arbiter.limits = limits
            if result.card_free_bytes is not None:
                self._admission.saw_cards(result.card_free_bytes)
            engine = self._find(load, identity)
            on_plan(plan_of(load, result.needs, engine, self._admission.claims(), self._arbiter))

        estimate.in_background(self._need, load, lambda result: self._loop.call_soon(lambda: tell(result)))

    def lend(self, lease: Lease, limits: Limits | None = None) -> None:
        """Memory for something that is no engine, as soon as it can be had."""
        if self._closed:
            lease.on_refused(Error("The Rushlight host is ending.", hint="Try again.", kind="host-ending"))
            return
        if limits is not None:
            self._arbiter.limits = limits
        self._admission.lend(lease)
        self._watch.look()

    def give_back(self, lease: Lease) -> None:
        self._admission.give_back(lease)
        self._on_change()

    def close(self) -> None:
        """End them all; `on_change` tells as they go."""
        self._closed = True
        self._spare.drop()
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
        """Start a worker for the engine that will be asked for next."""
        if not self._closed and not self._engines:
            self._spare.warm(n_waiting)

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
        worker = self._spare.take(opening.n_waiting)
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

    def _on_estimate(self, engine: Engine, result: estimate.Estimated | Error) -> None:
        if engine.state != "starting":
            return
        if isinstance(result, Error):
            self.end(engine, result)
            return
        if result.card_free_bytes is not None:
            self._admission.saw_cards(result.card_free_bytes)
        engine.needs, engine.build = result.needs, result.build
        engine.last_heard_s = time.monotonic()
        self._admission.admit()

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
        engine.ready = replace(ready, notice=card_notice(engine.load.n_gpu_layers, ready, engine.needs, engine.build))
        engine.last_used_s = time.monotonic()
        openings, engine.openings = engine.openings, []
        for opening in openings:
            self._hand_out(engine, opening)
        self._tell_use()
        self._watch.look()

    def said_use(self, engine: Engine, busy: bool) -> None:
        was_busy, engine.busy, engine.reports_use = engine.busy, busy, True
        engine.last_used_s = time.monotonic()
        if not busy:
            if was_busy:
                engine.expected_s = -GRACE_S  # who was to ask has asked
            self._watch.look()
        self._tell_use()

    def _tell_use(self) -> None:
        is_asked = any(engine.busy or engine.openings for engine in self._engines.values())
        if is_asked != self._is_asked:
            self._is_asked = is_asked
            self.on_use(is_asked)

    def said_speed(self, engine: Engine, speed: Speed) -> None:
        engine.speed = speed

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
        self._tell_use()
        self._admission.admit()
        self._on_change()

    def _hand_out(self, engine: Engine, opening: Opening) -> None:
        assert engine.ready is not None
        try:
            front_end = engine.worker.connect()
        except Error as err:
            opening.on_failed(err)
            return
        engine.fronts[opening.front] += 1
        engine.last_used_s = engine.expected_s = time.monotonic()
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

    def on_speed(self, speed: Speed) -> None:
        self._engines.said_speed(self._engine, speed)

    def on_exit(self, status: int | None) -> None:
        self._engines.exited(self._engine, status)
