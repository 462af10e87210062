"""What something needs of the machine's memory, and who holds it now. Figures only, no decisions.

Two kinds of memory: the main memory, and that of the graphics cards that llama.cpp here can use.
"""

from dataclasses import dataclass
from typing import Protocol

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Need:
    """What one way of loading takes. `parked_bytes` is used where there is room and makes nobody go."""

    main_bytes: int
    parked_bytes: int = 0
    card_bytes: int = 0
    gpu_layers: int = 0  # the output counts as one, as in llama.cpp
    n_layers: int = 0  # all that could be on the card
    weights_bytes: int = 0  # what the sum is made of, wherever it lies
    context_bytes: int = 0
    compute_bytes: int = 0
    n_ctx: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be taken, as the settings of the last one who asked have it. 0: no limit."""

    reserve_bytes: int = 0  # of main memory, to be left free
    budget_bytes: int = 0  # of main memory, for everything together
    budget_percent: int = 0  # the same as a share of the machine's memory
    card_budget_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who holds memory, as the arbiter sees it."""

    claim_id: int
    name: str
    need_bytes: int  # of main memory: estimated, with what was granted for parked conversations
    anonymous_bytes: int  # already taken from what the system calls available
    in_use: bool
    last_used_s: float  # monotonic
    card_bytes: int = 0

    @property
    def outstanding_bytes(self) -> int:
        """Promised but still counted as available: what is being loaded, and mapped weights, which the kernel
        counts as available although every token reads them."""
        return max(0, self.need_bytes - self.anonymous_bytes)

    @property
    def held_bytes(self) -> int:
        """What counts as its own, and what its end gives back."""
        return max(self.need_bytes, self.anonymous_bytes)


class Numbers(Protocol):
    """What is asked of the settings here."""

    def number(self, name: str) -> int: ...


def limits_of(settings: Numbers) -> Limits:
    """How much of the machine's memory may be taken."""
    return Limits(
        settings.number("memory.reserve_mib") * _MIB,
        settings.number("memory.budget_mib") * _MIB,
        settings.number("memory.budget_percent"),
        settings.number("memory.card_budget_mib") * _MIB,
    )
