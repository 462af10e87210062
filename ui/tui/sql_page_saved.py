"""Saved questions and dashboards on the SQL page of the terminal app, run again. Draws `SavedDesk`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_saved_desk import SavedDesk
from rushlight.ui.desk.sql_saved_values import SavedCard, SavedState
from rushlight.ui.desk.sql_values import ParameterRow
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.panel import ChoicePanel, LinePanel
from rushlight.ui.tui.row_list import ListRow, RowLine, heading, row
from rushlight.ui.tui.sql_page_rows import chart_rows, grid_rows, said
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame


class SavedPart:
    """One per page. `draw` is called where something has changed."""

    def __init__(self, frame: "Frame", draw: Callable[[], None], opens: Callable[[SavedCard], None]) -> None:
        self._frame = frame
        self._opens = opens
        self.desk = SavedDesk(frame.background, frame.remembered, Later(lambda _state: draw()))

    @property
    def state(self) -> SavedState:
        return self.desk.state

    def card(self, key: str) -> SavedCard | None:
        """The card that a row stands for."""
        wanted = key.removeprefix("card:")
        return next((one for one in self.state.cards if one.id == wanted), None)

    def chosen(self, key: str) -> None:
        """Enter on a row."""
        if key == "dashboard":
            self.ask_dashboard()
        elif key == "run":
            self.desk.run()
        elif key.startswith("give:"):
            self._ask_value(key.removeprefix("give:"))
        elif (card := self.card(key)) is not None:
            self._opens(card)

    def ask_dashboard(self) -> None:
        """Another dashboard, or all."""
        rows = [row("=", text("All that was saved"), is_current=not self.state.dashboard)]
        for name in self.state.dashboards:
            rows.append(row(f"={name}", plain_line(name), is_current=name == self.state.dashboard))
        self._frame.ask(ChoicePanel(text("Which dashboard?"), rows, lambda key: self.desk.choose(key[1:])))

    def put_on(self, key: str) -> None:
        """On a dashboard, which may be a new one."""
        card = self.card(key)
        if card is not None:
            self._frame.ask(
                LinePanel(
                    text("Put it on which dashboard?"),
                    lambda name: self.desk.put_on(card.id, name) if name.strip() else None,
                    value=self.state.dashboard or (self.state.dashboards[0] if self.state.dashboards else ""),
                )
            )

    def rename(self, key: str) -> None:
        card = self.card(key)
        if card is not None:
            self._frame.ask(
                LinePanel(
                    text("What shall it be called?"),
                    lambda name: self.desk.rename(card.id, name) if name.strip() else None,
                    value=card.name,
                )
            )

    def remove(self, key: str) -> None:
        """Off the shown dashboard; where all are shown it is forgotten, after a question."""
        card = self.card(key)
        if card is None:
            return
        if self.state.dashboard:
            self.desk.take_off(card.id)
            return
        rows = [row("no", text("Keep it")), row("yes", text("Forget “{name}”", name=plain_line(card.name)))]
        self._frame.ask(
            ChoicePanel(
                text("Forget the saved question?"),
                rows,
                lambda answer: self.desk.remove(card.id) if answer == "yes" else None,
            )
        )

    def _ask_value(self, name: str) -> None:
        found = next((one for one in self.state.parameters if one.name == name), None)
        if found is not None:
            ask_value(self._frame, found, lambda value: self.desk.give(name, value))


def ask_value(frame: "Frame", parameter: ParameterRow, then: Callable[[str], None]) -> None:
    """The value of a parameter: typed, or chosen where its column holds few."""
    title = text("What is {name}? ({kind})", name=parameter.name, kind=parameter.kind)
    if parameter.choices:
        rows = [row(f"={one}", plain_line(one), is_current=one == parameter.value) for one in parameter.choices]
        frame.ask(ChoicePanel(title, rows, lambda key: then(key[1:])))
    else:
        frame.ask(LinePanel(title, then, value=parameter.value))


def saved_rows(state: SavedState) -> list[ListRow]:
    """The dashboard, its parameters, and each question with what it gave."""
    name = plain_line(state.dashboard) or text("All that was saved")
    rows = [ListRow("dashboard", (RowLine(((text("Dashboard"), "muted"), (f"  {name}", "strong"))),))]
    for one in state.parameters:
        value = plain_line(one.value) or "…"
        rows.append(ListRow(f"give:{one.name}", (RowLine(((f"{one.name}  ", "muted"), (value, "page"))),)))
    if not state.cards:
        empty = text("Nothing is saved yet: S saves the shown question.") if not state.is_loading else "…"
        return [*rows, *said(empty, "muted")]
    rows.append(row("run", text("Running…") if state.is_running else text("Run all of it"), meaning="accent"))
    for card in state.cards:
        rows += _card_rows(card)
    return rows


def _card_rows(card: SavedCard) -> list[ListRow]:
    right = text("other rows than the last time") if card.is_changed else plain_line(card.way)
    right = text("waits…") if card.phase == "waiting" else right
    given = ", ".join(f"{name} = {plain_line(value)}" for name, value in card.given)
    name = RowLine(((plain_line(card.name), "strong"),), ((right, "muted"),))
    rows = [heading(""), ListRow(f"card:{card.id}", (name,))]
    rows += said(plain_line(card.question) or plain_line(card.sql), "muted")
    rows += said(given, "muted")
    if card.problem:
        rows += said(f"✗ {plain_line(card.problem)} {plain_line(card.hint)}", "bad")
    if card.result is not None:
        rows += said(plain_line(card.sentence), "page")
        rows += chart_rows(card.chart, card.result) if card.chart is not None else grid_rows(card.result)[:12]
    return rows
