"""The proof of an adapter: before and after, the guards, where it comes from, answers side by side; and its orders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QGridLayout, QLabel, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_values import BesideRow, LearnState, Proof
from rushlight.ui.desk.learn_words import interval_text, share_text, sides, suite_text, what_then
from rushlight.ui.gui.learn.curve_view import CurveView
from rushlight.ui.gui.learn.export_card import ExportCard
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, Meter, button, label, with_role
from rushlight.ui.words import text

Asking: TypeAlias = Callable[[str, Callable[[], None]], None]  # a question, and what is done if it is wanted


class Deciding(Protocol):
    """Whoever changes what serves: `LearnDesk`."""

    def promote(self, name: str) -> None: ...
    def roll_back(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def export(self, name: str, form: Any, target: Path, type_name: str = "", *, replace_it: bool = False) -> None: ...
    def cancel(self, job_id: str) -> None: ...


class ProofPart(QWidget):
    """part.show_state(state) while an adapter is looked at. `ask` asks before something is deleted; `compare` begins a
    chat in which an adapter is compared with what answers without it."""

    def __init__(
        self, theme: Theme, desk: Deciding, ask: Asking, compare: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._ask = ask
        self._name = ""
        self._proof: Proof | None = None
        self._has_filled = False
        self.state_chip = label("", "chip")
        self.stale = label(
            text("Something it learned from was deleted since. Leave it out of the lesson and teach again."), "bad",
            wrap=True,
        )  # fmt: skip
        self.promote_button = button(text("Promote"), lambda: desk.promote(self._name), "primary")
        self.back_button = button(text("Roll back"), lambda: desk.roll_back(self._name))
        self.blind_button = button(text("Try it blind in a chat"), lambda: compare(self._name))
        self.blind_button.setToolTip(text("Both answer, and you vote before you learn which is which."))
        self.remove_button = button(text("Remove…"), self._remove)
        orders = QWidget()
        flow = FlowLayout(orders, spacing=theme.px(8))
        for one in (self.state_chip, self.promote_button, self.back_button, self.blind_button, self.remove_button):
            flow.addWidget(one)
        self.what_then = label("", "small", wrap=True)
        self.own = Card(theme, text("Its own suite"))
        self.none = label(text("It was not evaluated yet, so it cannot be promoted."), "muted", wrap=True)
        self.share = label("", "strong", wrap=True)
        self.before, self.after = (
            Meter(theme, text("Right before"), width=0, height=10),
            Meter(theme, text("Right after"), width=0, height=10),
        )
        self.interval = label("", "small", wrap=True)
        for widget in (self.none, self.share, self.before, self.after, self.interval):
            self.own.body.addWidget(widget)
        self.reasons = label("", "bad", wrap=True)
        self.own.body.addWidget(self.reasons)
        self.guards = Card(theme, text("Guards · must not get worse"))
        self._guard_box = QWidget()
        self._guard_grid = QGridLayout(self._guard_box)
        self._guard_grid.setContentsMargins(0, 0, 0, 0)
        self._guard_grid.setColumnStretch(2, 1)
        self.guards.body.addWidget(self._guard_box)
        self.origin = Card(theme, text("Where it comes from"))
        self._origin_box = QWidget()
        self._origin = QFormLayout(self._origin_box)
        self._origin.setContentsMargins(0, 0, 0, 0)
        self._origin.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.origin.body.addWidget(self._origin_box)
        self._origin_shown: tuple[tuple[str, str], ...] = ()
        self.curve_card = Card(theme, text("Loss"))
        self.curve = CurveView(theme)
        self.curve_card.body.addWidget(self.curve)
        self.beside = Card(theme, text("Before and after"))
        self._beside_box = QWidget()
        self._beside = QVBoxLayout(self._beside_box)
        self._beside.setContentsMargins(0, 0, 0, 0)
        self.beside.body.addWidget(self._beside_box)
        self.export = ExportCard(theme, desk)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(16))
        for part in (orders, self.what_then, self.stale, self.own, self.guards, self.beside, self.origin,
                     self.curve_card, self.export):  # fmt: skip
            column.addWidget(part)

    def show_state(self, state: LearnState) -> None:
        adapter, proof = state.adapter, state.proof
        self.setVisible(adapter is not None)
        if adapter is None:
            return
        self._name = adapter.name
        words, role = {
            "promoted": (text("promoted"), "chip-good"),
            "candidate": (text("candidate"), "chip-accent"),
        }.get(adapter.state, (text("retired"), "chip"))
        self.state_chip.setText(words)
        with_role(self.state_chip, role)
        self.stale.setVisible(adapter.is_stale)
        may = proof is not None and proof.has_passed and not state.is_busy
        self.promote_button.setVisible(adapter.state != "promoted")
        self.promote_button.setEnabled(may)
        self.back_button.setVisible(adapter.state == "promoted")
        self.back_button.setEnabled(not state.is_busy)
        self.blind_button.setVisible(adapter.is_for_chat)
        self.remove_button.setVisible(adapter.state != "promoted")
        self.remove_button.setEnabled(not state.is_busy)
        self.what_then.setText(what_then(state))
        self._show_own(proof)
        if proof != self._proof or not self._has_filled:  # it is read anew with every look
            self._has_filled = True
            self._proof = proof
            self._show_guards(proof)
            self._show_beside(proof)
        if state.origin != self._origin_shown:
            self._origin_shown = state.origin
            while self._origin.rowCount():
                self._origin.removeRow(0)
            for name, said in state.origin:
                self._origin.addRow(label(name, "muted"), label(said, wrap=True))
        self.origin.setVisible(bool(state.origin))
        self.curve_card.setVisible(bool(state.steps))
        self.curve.show_steps(state.steps)
        self.export.show_state(state)

    def _show_own(self, proof: Proof | None) -> None:
        self.none.setVisible(proof is None)
        for widget in (self.share, self.before, self.after, self.interval):
            widget.setVisible(proof is not None)
        reasons = () if proof is None else proof.reasons
        self.reasons.setText("\n".join(reasons))
        self.reasons.setVisible(bool(reasons))
        if proof is None:
            self.own.set_title(text("Its own suite"))
            return
        self.own.set_title(suite_text(proof))
        self.share.setText(share_text(proof))
        self.before.set_fraction(proof.before, "muted")
        self.after.set_fraction(proof.after, "flame")
        self.interval.setText(interval_text(proof))

    def _show_guards(self, proof: Proof | None) -> None:
        _empty(self._guard_grid)
        rows = () if proof is None else proof.guards
        self.guards.setVisible(bool(rows))
        for number, one in enumerate(rows):
            chip = label(text("kept") if one.is_kept else text("lost"), "chip-good" if one.is_kept else "chip-bad")
            name, detail = label(one.name), label(one.detail, "small", wrap=True)
            self._guard_grid.addWidget(name, number, 0, Qt.AlignmentFlag.AlignTop)
            self._guard_grid.addWidget(chip, number, 1, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeading)
            self._guard_grid.addWidget(detail, number, 2)

    def _show_beside(self, proof: Proof | None) -> None:
        _empty(self._beside)
        rows = () if proof is None else proof.beside
        self.beside.setVisible(bool(rows))
        for one in rows:
            for widget in _beside_row(one):
                self._beside.addWidget(widget)

    def _remove(self) -> None:
        name = self._name
        question = text("Remove {name} and its file? Its lesson and its run stay.", name=name)
        self._ask(question, lambda: self._desk.remove(name))


def _beside_row(one: BesideRow) -> tuple[QLabel, ...]:
    made = [label(one.asked, "strong", wrap=True)]
    made += [label(said, role, wrap=True) for said, role in sides(one)]
    for widget in made:
        widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return tuple(made)


def _empty(layout: QGridLayout | QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
