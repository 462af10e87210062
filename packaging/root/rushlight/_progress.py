"""How far a piece of work has come."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of running work. `total` is None while unknown; `unit` is a word such as "bytes" or "tokens"."""

    what: str
    done: float
    total: float | None = None
    unit: str = ""

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, or None while the total is unknown."""
        if not self.total:
            return None
        return min(1.0, max(0.0, self.done / self.total))
