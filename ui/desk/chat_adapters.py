"""Which adapters may answer in a chat and which one does, how strongly, and what can be compared: rows and words.

Knows plain values; knows no store and no widget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.registry.values import Adapter
    from rushlight.ui.desk.chat_view import ChatState

OFF = "-"  # the key of the row that lets the model answer alone
MOST_PERCENT = 200


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """An adapter that may answer in this chat."""

    id: str
    name: str
    is_promoted: bool = False
    is_stale: bool = False  # something that it learned from was deleted


@dataclass(frozen=True, slots=True)
class AdapterChoice:
    """A row of the list of adapters. `key` is what `ChatDesk.choose_adapter` takes."""

    key: str
    title: str
    detail: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two that are compared blindly in a chat; `against` "" is the model alone."""

    adapter: AdapterRow
    against: AdapterRow | None = None

    @property
    def ids(self) -> set[str]:
        return {self.adapter.id} | ({self.against.id} if self.against else set())


def row_of(adapter: "Adapter") -> AdapterRow:
    return AdapterRow(adapter.id, adapter.name, adapter.state == "promoted", adapter.is_stale)


def choices(state: "ChatState") -> tuple[AdapterChoice, ...]:
    """What can be chosen in this chat: the adapters, and none of them. Nothing where there is no adapter."""
    if not state.adapters:
        return ()
    found = [
        AdapterChoice("" if one.is_promoted else one.name, one.name, state_text(one), one.name == state.adapter)
        for one in state.adapters
    ]
    return (*found, AdapterChoice(OFF, text("No adapter"), text("the model alone"), not state.adapter))


def state_text(row: AdapterRow) -> str:
    """promoted, or candidate; and whether it is stale."""
    said = text("promoted") if row.is_promoted else text("candidate")
    return f"{said}, {text('stale')}" if row.is_stale else said


def chip_text(state: "ChatState") -> str:
    """The adapter as the chip shows it: "polite-2", "polite-2 · 80 %", "No adapter"; "" where there is none at all."""
    if not state.adapters:
        return state.adapter
    if not state.adapter:
        return text("No adapter")
    if state.adapter_percent == 100:
        return state.adapter
    return text("{adapter} · {percent} %", adapter=state.adapter, percent=state.adapter_percent)


def rivals_of(adapters: Sequence[AdapterRow], live: str = "") -> tuple[Rivals, ...]:
    """What can be compared: each candidate with what is promoted and with the model alone, the promoted one with the
    model alone. What answers in this chat goes first."""
    promoted = next((one for one in adapters if one.is_promoted), None)
    found: list[Rivals] = []
    for one in sorted(adapters, key=lambda one: (one.name != live, one.is_promoted)):
        if promoted is not None and not one.is_promoted:
            found.append(Rivals(one, promoted))
        found.append(Rivals(one))
    return tuple(found)


def rivals_text(rivals: Rivals) -> str:
    """polite-3 and polite-2"""
    if rivals.against is None:
        return text("{adapter} and the model alone", adapter=rivals.adapter.name)
    return text("{adapter} and {other}", adapter=rivals.adapter.name, other=rivals.against.name)
