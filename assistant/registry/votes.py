"""Blind votes: which of two answers the user preferred before knowing whose they were, and what they say together."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.registry.values import Adapter
from rushlight.assistant.store.database import Store

Choice: TypeAlias = Literal["adapter", "other", "tie", "bad"]  # bad: neither answer was any good
_Z = 1.959964  # of 95 %


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes on an adapter. `share` is that of the adapter among those that preferred one, with its 95 % interval
    (Wilson 1927); `n_first` is how often its answer was shown first."""

    n_adapter: int
    n_other: int
    n_tie: int
    n_first: int
    n_bad: int = 0  # both were bad

    @property
    def n_votes(self) -> int:
        return self.n_adapter + self.n_other + self.n_tie + self.n_bad

    @property
    def share(self) -> float:
        decided = self.n_adapter + self.n_other
        return self.n_adapter / decided if decided else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        n = self.n_adapter + self.n_other
        if n == 0:
            return 0.0, 1.0
        share, z = self.share, _Z
        middle = share + z * z / (2 * n)
        spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


class Votes:
    """The votes of a store. On the disk when `add` returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, adapter: Adapter, against: Adapter | None, choice: Choice, *, shown_first: bool, conversation: str = ""
    ) -> None:
        """`against` None: the base alone. `shown_first`: the adapter's answer was A."""
        with self._store.writing():
            self._store.execute(
                "INSERT INTO blind_votes (id, adapter_id, against_id, conversation, shown_first, choice, both_bad, "
                "voted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new_id(),
                    adapter.id,
                    None if against is None else against.id,
                    conversation,
                    int(shown_first),
                    "tie" if choice == "bad" else choice,
                    int(choice == "bad"),
                    time.time(),
                ),
            )

    def tally(self, adapter: Adapter) -> Tally:
        """All votes on this adapter."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            "SELECT ifnull(sum(choice = 'adapter'), 0), ifnull(sum(choice = 'other'), 0), "
            "ifnull(sum(choice = 'tie' AND NOT both_bad), 0), ifnull(sum(shown_first), 0), ifnull(sum(both_bad), 0) "
            "FROM blind_votes WHERE adapter_id = ?",
            (adapter.id,),
        )
        return Tally(*rows[0])
