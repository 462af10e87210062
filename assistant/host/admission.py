"""Grants memory in the order of asking: engines first, then other work. Who has to make room is unloaded for it.

Asks the arbiter and acts on what it says. Knows engines and leases; knows no sockets.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace as dataclass_replace

from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.host import memory
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.engine import Engine, same_file
from rushlight.assistant.host.lease import Lease
from rushlight.assistant.host.need import Claim, Need
from rushlight.assistant.host.refusal import cannot_have, does_not_fit, holders_text

_GIVE_BACK_S = 15.0  # for a job to write what it goes on from
_TELL_S = 5.0  # between two words to somebody who waits


class Admission:
    """`end` unloads an engine and says why; it is gone when `admit` is called the next time."""

    def __init__(
        self,
        arbiter: Arbiter,
        engines: dict[int, Engine],
        end: Callable[[Engine, Error], None],
        *,
        patience_s: float,
    ) -> None:
        self._patience_s = patience_s
        self._arbiter = arbiter
        self._engines = engines
        self._end = end
        self._leases: dict[int, Lease] = {}
        self._n_leases = 0

    def __len__(self) -> int:
        """How many leases there are, those that wait included."""
        return len(self._leases)

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for what others use."""
        engines = any(engine.state == "starting" and engine.needs for engine in self._engines.values())
        return engines or any(not lease.granted for lease in self._leases.values())

    def lend(self, lease: Lease) -> None:
        """Put it at the end of the line; `admit` follows."""
        self._n_leases -= 1  # below zero: never the number of an engine
        lease.lease_id = self._n_leases
        self._leases[lease.lease_id] = lease
        self.admit()

    def give_back(self, lease: Lease) -> None:
        if self._leases.pop(lease.lease_id, None) is not None:
            self.admit()

    def admit(self) -> None:
        """Whoever needs others to end first waits for their end, and all behind it too."""
        for engine in list(self._engines.values()):
            if engine.state == "starting" and engine.needs and not self._admit_engine(engine):
                return
        for lease in list(self._leases.values()):
            if not lease.granted and not self._admit_lease(lease):
                return

    def saw_cards(self, free_bytes: int) -> None:
        """What the graphics cards have free, as just looked at."""
        loaded = {engine.engine_id for engine in self._engines.values() if engine.ready is not None}
        self._arbiter.saw_cards(free_bytes, [claim for claim in self.claims() if claim.claim_id in loaded])

    def claims(self, without: Engine | None = None) -> list[Claim]:
        """Everybody to whom memory is promised."""
        claims = []
        for engine in self._engines.values():
            if engine is without or engine.granted is None:
                continue
            held = memory.resident(engine.worker.pid)
            # Where the system does not say what a process holds, a loaded model holds what was estimated.
            anonymous = held.anonymous_bytes if held else (engine.granted_bytes if engine.ready else 0)
            claims.append(
                Claim(
                    engine.engine_id,
                    engine.name,
                    engine.granted_bytes,
                    anonymous,
                    engine.in_use,
                    engine.last_used_s,
                    engine.granted.card_bytes,
                )
            )
        for lease in self._leases.values():
            if lease.granted:
                held = memory.resident(lease.pid) if lease.pid else None
                anonymous = held.anonymous_bytes if held else 0
                need = lease.need
                claims.append(Claim(lease.lease_id, lease.name, need.main_bytes, anonymous, True, 0.0, need.card_bytes))
        return claims

    def _admit_engine(self, engine: Engine) -> bool:
        """False: it has to wait for the end of another one."""
        rivals = [
            other
            for other in self._engines.values()
            if other is not engine and same_file(other.load.path, engine.load.path)
        ]
        idle = {rival.engine_id for rival in rivals if rival.state == "ready" and not rival.in_use}
        claims = self.claims(without=engine)
        # The same file with other settings goes in any case, but not for one that would not fit then either.
        verdict = self._arbiter.decide(engine.needs, [claim for claim in claims if claim.claim_id not in idle])
        if verdict.possible and idle:
            for rival in rivals:
                if rival.engine_id in idle:
                    reason = f"{rival.name} was unloaded to be loaded with other settings."
                    self._end(rival, Error(reason, hint="Ask again.", kind="unloaded"))
        if any(rival.state == "ending" for rival in rivals):
            return False
        if verdict.admitted:
            self._grant(engine, verdict.need, verdict.parked_bytes)
            return True
        if any(other.state == "ending" for other in self._engines.values()):
            return False
        if verdict.evict:
            self._evict(verdict.evict, engine.name)
            return False
        if self._can_soon(engine, claims) and time.monotonic() - engine.asked_s < self._patience_s:
            for opening in engine.openings:
                opening.on_progress(Progress("Waiting", 0))
            return True  # those behind it need not wait, too
        if self._ask_back(engine):
            for opening in engine.openings:
                opening.on_progress(Progress("Waiting", 0))
            return True
        is_other = any(rival.in_use for rival in rivals)
        refusal = does_not_fit(engine.name, verdict, claims, self._arbiter, kv_type=engine.load.kv_type, other=is_other)
        self._end(engine, refusal)
        return True

    def _can_soon(self, engine: Engine, claims: list[Claim]) -> bool:
        """Whether it would fit as soon as other models have answered what they were asked."""
        as_if_idle = [dataclass_replace(one, in_use=False) if one.claim_id in self._engines else one for one in claims]
        return self._arbiter.decide(engine.needs, as_if_idle).possible

    def _ask_back(self, engine: Engine) -> bool:
        """Whether it would fit without leases that can be given back; then they are asked for."""
        if time.monotonic() - engine.asked_s >= self._patience_s + _GIVE_BACK_S:
            return False
        back = {number: lease for number, lease in self._leases.items() if lease.granted and lease.on_needed}
        claims = [dataclass_replace(one, in_use=one.in_use and one.claim_id not in back)
                  for one in self.claims(without=engine)]  # fmt: skip
        if not back or not self._arbiter.decide(engine.needs, claims).possible:
            return False
        for lease in back.values():
            if not lease.is_asked_back and lease.on_needed is not None:
                lease.is_asked_back = True
                lease.on_needed()
        return True

    def _grant(self, engine: Engine, need: Need, parked_bytes: int) -> None:
        engine.state = "loading"
        engine.granted, engine.parked_bytes = need, parked_bytes
        engine.last_heard_s = time.monotonic()
        load = replace(engine.load, kv_ram_bytes=parked_bytes)
        if need.n_layers:
            load = replace(load, n_gpu_layers=need.gpu_layers, fewer_gpu_layers=engine.load.n_gpu_layers < 0)
        engine.worker.load(load)

    def _admit_lease(self, lease: Lease) -> bool:
        """False: it waits."""
        claims = self.claims()
        verdict = self._arbiter.decide((lease.need,), claims)
        if verdict.admitted:
            lease.granted = True
            lease.on_granted()
            return True
        if any(other.state == "ending" for other in self._engines.values()):
            return False
        if verdict.evict:
            self._evict(verdict.evict, lease.name)
            return False
        if not self._arbiter.can_ever((lease.need,), claims):
            del self._leases[lease.lease_id]
            lease.on_refused(cannot_have(lease.name, verdict, claims, self._arbiter))
            return True
        if time.monotonic() - lease.told_s >= _TELL_S:
            lease.told_s = time.monotonic()
            lease.on_waiting(holders_text(claims))
        return False

    def _evict(self, engine_ids: Iterable[int], name: str) -> None:
        for engine_id in engine_ids:
            victim = self._engines[engine_id]
            reason = f"{victim.name} was unloaded to make room for {name}."
            self._end(victim, Error(reason, hint="Ask again.", kind="unloaded"))
