"""Decides who may have memory: what is needed, what is free, and which idle models have to go for it.

Pure decisions over figures; `admission.py` asks and acts. Knows no processes. Main memory and the memory of graphics
cards are two pools; something fits when it fits into both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rushlight.assistant.host import memory
from rushlight.assistant.host.need import Claim, Limits, Need

_MIB = 1024 * 1024
_LEAST_LOW_BYTES = 64 * _MIB
# A worker is beyond its estimate "by far" when its own memory is half as much again, and this more for what every
# worker holds besides the model (Python, libraries, buffers of requests).
_BEYOND_FACTOR = 1.5
_BEYOND_BYTES = 256 * _MIB
_BOUNDLESS = 1 << 62  # where the system does not say


@dataclass(frozen=True, slots=True)
class Room:
    """What is left beside everybody's claims. Below zero: a shortage, which those who go have to pay first."""

    main_bytes: int
    card_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`admitted`, or after `evict` has gone it will be; neither: it cannot be had now.

    `need` is the way that fits, the best of those given; without one, the way that asks least of the main memory.
    """

    admitted: bool
    need: Need
    evict: tuple[int, ...] = ()
    free_bytes: int = 0
    free_card_bytes: int = 0
    parked_bytes: int = 0  # granted of `need.parked_bytes`

    @property
    def possible(self) -> bool:
        return self.admitted or bool(self.evict)


class Arbiter:
    """Memory for models and jobs: what the system has available, less the reserve, within the budget, less what is
    promised; and the cards' memory."""

    def __init__(
        self,
        reserve_bytes: int,
        *,
        available: Callable[[], int | None] = memory.available_bytes,
        total: Callable[[], int | None] = memory.total_bytes,
    ) -> None:
        self.limits = Limits(reserve_bytes=reserve_bytes)
        self._available = available
        self._total = total
        self._our_card_bytes = 0  # free when last looked at, and held by ourselves then

    @property
    def budget_bytes(self) -> int:
        """The most that everybody together may hold of the main memory; 0: no such limit."""
        limits = self.limits
        found = [limits.budget_bytes] if limits.budget_bytes else []
        total = self._total() if limits.budget_percent else None
        if total:
            found.append(total * limits.budget_percent // 100)
        return min(found, default=0)

    def saw_cards(self, free_bytes: int, claims: Sequence[Claim]) -> None:
        """The cards had so much free while those of `claims` that are loaded held theirs."""
        self._our_card_bytes = free_bytes + sum(claim.card_bytes for claim in claims)

    def room(self, claims: Sequence[Claim]) -> Room:
        """What a further one may need. Where the system does not say, there is no end to it."""
        available = self._available()
        main = _BOUNDLESS
        if available is not None:
            main = available - self.limits.reserve_bytes - sum(claim.outstanding_bytes for claim in claims)
        budget = self.budget_bytes
        if budget:
            main = min(main, budget - sum(claim.held_bytes for claim in claims))
        cards = self._our_card_bytes
        if self.limits.card_budget_bytes:
            cards = min(cards, self.limits.card_budget_bytes)
        return Room(main, cards - sum(claim.card_bytes for claim in claims))

    def free_bytes(self, claims: Sequence[Claim]) -> int | None:
        """Main memory for a further one; None where the system does not say and nothing limits it."""
        main = self.room(claims).main_bytes
        return None if main == _BOUNDLESS else max(0, main)

    def decide(self, needs: Sequence[Need], claims: Sequence[Claim]) -> Verdict:
        """Whether one of `needs`, the best first, fits beside `claims`, and which idle ones must end for it, those
        unused for longest first. Nobody goes where that would not be enough, and nobody for parked conversations."""
        room = self.room(claims)
        idle = sorted((claim for claim in claims if not claim.in_use), key=lambda claim: claim.last_used_s)
        reach = room
        for claim in idle:
            reach = _without(reach, claim)
        need = next((need for need in needs if _fits(need, reach)), None)
        free, free_card = max(0, room.main_bytes), max(0, room.card_bytes)
        if need is None:
            least = min(needs, key=lambda need: need.main_bytes)
            return Verdict(False, least, (), free, free_card)
        if _fits(need, room):
            parked = max(0, min(need.parked_bytes, room.main_bytes - need.main_bytes))
            return Verdict(True, need, (), free, free_card, parked)
        evict: list[Claim] = []
        for claim in idle:
            evict.append(claim)
            room = _without(room, claim)
            if _fits(need, room):
                break
        for claim in reversed(evict[:-1]):  # a large one may have made the small ones before it needless
            if _fits(need, _with(room, claim)):
                evict.remove(claim)
                room = _with(room, claim)
        return Verdict(False, need, tuple(claim.claim_id for claim in evict), free, free_card)

    def can_ever(self, needs: Sequence[Need], claims: Sequence[Claim]) -> bool:
        """Whether it would fit if everybody who holds memory now were gone."""
        return self.decide(needs, [replace(claim, in_use=False) for claim in claims]).possible

    def is_low(self) -> bool:
        """Whether the machine runs out of memory now."""
        available = self._available()
        return available is not None and available < max(_LEAST_LOW_BYTES, self.limits.reserve_bytes // 4)

    def worst(self, claims: Sequence[Claim]) -> Claim | None:
        """The one that is furthest beyond its estimate, if any is by far."""
        beyond = [claim for claim in claims if claim.anonymous_bytes > limit_bytes(claim.need_bytes)]
        return max(beyond, key=lambda claim: claim.anonymous_bytes - claim.need_bytes, default=None)


def limit_bytes(need_bytes: int) -> int:
    """How much an engine may hold before it counts as out of hand."""
    return int(need_bytes * _BEYOND_FACTOR) + _BEYOND_BYTES


def _fits(need: Need, room: Room) -> bool:
    return need.main_bytes <= room.main_bytes and need.card_bytes <= max(0, room.card_bytes)


def _without(room: Room, claim: Claim) -> Room:
    """The room when that one has gone."""
    return Room(room.main_bytes + claim.held_bytes, room.card_bytes + claim.card_bytes)


def _with(room: Room, claim: Claim) -> Room:
    return Room(room.main_bytes - claim.held_bytes, room.card_bytes - claim.card_bytes)
