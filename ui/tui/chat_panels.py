"""Panels of the chat page: the adapter of a chat with its strength, and the vote on two answers without names.

Know values of the desk; what is chosen goes to the functions that they were made with.
"""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.timer import Timer

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_adapters import MOST_PERCENT, choices
from rushlight.ui.desk.chat_blind import ballots
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.panel import ChoicePanel
from rushlight.ui.tui.row_list import ListRow, RowLine, row
from rushlight.ui.words import text

COMPARE, END = "compare", "end"  # keys of rows that are no adapter and no ballot
_PREFIX = "adapter:"
_STEP, _BAR = 5, 20
_PAUSE_S = 0.3  # while an arrow is held nothing is stored


class AdapterPanel(ChoicePanel):
    """Left and Right change the strength; Enter takes an adapter, and the panel stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"stronger(-{_STEP})", show=False),
        Binding("right", f"stronger({_STEP})", show=False),
        Binding("0", "whole", show=False),
    ]

    def __init__(
        self,
        state: ChatState,
        on_adapter: Callable[[str], None],
        on_percent: Callable[[int], None],
        on_compare: Callable[[], None],
    ) -> None:
        self._percent = state.adapter_percent
        self._state = state
        self._on_adapter, self._on_percent, self._on_compare = on_adapter, on_percent, on_compare
        self._timer: Timer | None = None
        current = next((one.key for one in choices(state) if one.is_current), "")
        super().__init__(
            text("The adapter of this chat, from the next answer on"),
            self._rows(),
            self._take,
            hint=text("Enter: choose · ← →: weaker, stronger · 0: 100 % · Esc: leave"),
            choose=f"{_PREFIX}{current}",
            stays=True,
        )

    def show_state(self, state: ChatState) -> None:
        """As the chat has it now."""
        self._state = state
        if self._timer is None:
            self._percent = state.adapter_percent
        self.show_rows(self._rows())

    def action_stronger(self, step: int) -> None:
        self._set(max(0, min(MOST_PERCENT, self._percent + step)))

    def action_whole(self) -> None:
        self._set(100)

    def action_close(self) -> None:
        self._say()
        super().action_close()

    def _set(self, percent: int) -> None:
        self._percent = percent
        self.show_rows(self._rows())
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_S, self._say)

    def _say(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._on_percent(self._percent)

    def _take(self, key: str) -> None:
        self._say()
        if key == COMPARE:
            self.action_close()
            self._on_compare()
        else:
            self._on_adapter(key.removeprefix(_PREFIX))

    def _rows(self) -> list[ListRow]:
        rows = []
        for one in choices(self._state):
            mark = "✓ " if one.is_current else "  "
            rows.append(row(f"{_PREFIX}{one.key}", f"{mark}{plain_line(one.title)}", right=one.detail))
        bar = meter(self._percent / MOST_PERCENT, _BAR)
        said = text("{percent} % (100 % is as it was trained, 0 % leaves it out)", percent=self._percent)
        strength = ((f"  {text('Strength')} ", "muted"), (bar, "accent"), (f" {said}", "muted"))
        return [*rows, ListRow("", (RowLine(strength),)), row(COMPARE, f"  {text('Compare blind')}")]


class VotePanel(ChoicePanel):
    """`on_ballot` gets a letter of `ballots`, or `END`. It can be left, and comes again by its key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "vote('a')", show=False),
        Binding("b", "vote('b')", show=False),
        Binding("s", "vote('tie')", show=False),
        Binding("n", "vote('bad')", show=False),
        Binding("pageup", "scroll_answers(-1)", show=False, priority=True),
        Binding("pagedown", "scroll_answers(1)", show=False, priority=True),
    ]

    def __init__(self, on_ballot: Callable[[str], None], scroll: Callable[[int], None]) -> None:
        letters = {"a": "a", "b": "b", "tie": "s", "bad": "n"}
        rows = [row(ballot, said, right=letters[ballot]) for ballot, said in ballots()]
        rows.append(row(END, text("End the comparison without a vote")))
        super().__init__(
            text("Which answer is better? Whose is which is shown after your vote."),
            rows,
            on_ballot,
            hint=text("Enter, or a b s n: vote · Page keys: read · Esc: later"),
        )
        self._on_ballot = on_ballot
        self._scroll = scroll

    def action_vote(self, ballot: str) -> None:
        self._on_ballot(ballot)
        self.action_close()

    def action_scroll_answers(self, direction: int) -> None:
        self._scroll(direction)
