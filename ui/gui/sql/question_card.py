"""The question and the thread it belongs to: what was asked before, the field, what a question may mean.

Knows states of the desk; what is pressed goes to it.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_values import Answer, ChoiceRow, SqlState
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, FlowLayout, IconButton, button, label
from rushlight.ui.words import text

_SHOWN = 12  # questions of the thread, the newest


class Asking(Protocol):
    """Whoever is asked: `SqlDesk`."""

    def ask(self, question: str) -> None: ...
    def stop(self) -> None: ...
    def show_question(self, at: int) -> None: ...
    def choose_meaning(self, said: str, choice: str) -> None: ...


class ThreadLine(QWidget):
    """The questions asked before as chips, the shown one marked; hidden while there is none but one."""

    def __init__(self, theme: Theme, desk: Asking, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._shown: tuple[tuple[str, ...], int] = ((), -1)
        self._flow = FlowLayout(self)
        self.chips: list[Chip] = []
        self.setAccessibleName(text("Questions of this thread"))
        self.hide()

    def show_thread(self, thread: tuple[Answer, ...], at: int) -> None:
        wanted = (tuple(one.question for one in thread), at)
        if wanted == self._shown:
            return
        had_focus = next((number for number, chip in enumerate(self.chips) if chip.hasFocus()), -1)
        self._shown = wanted
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        first = max(0, len(thread) - _SHOWN)
        self.chips = []
        for place in range(first, len(thread)):
            said = plain_line(thread[place].question) or text("a statement of your own")
            chip = Chip(self._theme, f"{place + 1}  {said}", accent=place == at,
                        name=text("Question"), on_click=partial(self._desk.show_question, place))  # fmt: skip
            chip.setAccessibleDescription(text("It is shown.") if place == at else text("Shows it again."))
            self._flow.addWidget(chip)
            self.chips.append(chip)
        self.setVisible(len(thread) > 1)
        if 0 <= had_focus < len(self.chips):
            self.chips[had_focus].setFocus()


class QuestionField(QWidget):
    """One line to ask in. While something runs, its button stops that."""

    def __init__(self, theme: Theme, desk: Asking, on_new: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._state = SqlState()
        self.field = QLineEdit()
        self.field.setAccessibleName(text("Question"))
        self.field.setMaxLength(2_000)
        self.field.returnPressed.connect(self.ask)
        self.field.textChanged.connect(lambda _text: self._look())
        self.key = label(text("Enter"), "key")
        self.key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(self.field)
        inside.addStretch(1)
        inside.addWidget(self.key, 0, Qt.AlignmentFlag.AlignVCenter)
        self._inside = inside
        self.ask_button = button(text("Ask"), self.ask, "primary")
        self.stop_button = button(f"■ {text('Stop')}", desk.stop)
        self.stop_button.setAccessibleName(text("Stop"))
        self.new_button = IconButton(theme, "plus", text("A new thread: the next question follows none"),
                                     on_click=on_new)  # fmt: skip
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.field, 1)
        for one in (self.ask_button, self.stop_button, self.new_button):
            self._row.addWidget(one)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self._state)

    def show_state(self, state: SqlState) -> None:
        self._state = state
        self._look()

    def fill(self, question: str) -> None:
        """Put this in, ready to be asked or changed."""
        self.field.setText(plain_line(question))
        self.field.setCursorPosition(0)

    def ask(self) -> None:
        """What stands in the field, if nothing runs."""
        question = self.field.text().strip()
        if question and not self._state.busy:
            self._desk.ask(question)
            self.field.selectAll()  # what is typed from now on is the next question

    def _look(self) -> None:
        state = self._state
        running = state.busy not in ("", "opening")
        had_focus = self.ask_button.hasFocus() or self.stop_button.hasFocus()
        self.stop_button.setVisible(bool(state.busy))
        self.stop_button.setEnabled(not state.is_stopping)
        self.ask_button.setVisible(not state.busy)
        self.ask_button.setEnabled(bool(self.field.text().strip()) and state.is_open)
        self.key.setVisible(bool(self.field.text().strip()) and not running)
        self.new_button.setVisible(bool(state.thread))
        if had_focus and not (self.ask_button.isVisible() and self.ask_button.isEnabled()):
            (self.stop_button if state.busy else self.field).setFocus()
        follows = bool(state.thread)
        self.field.setPlaceholderText(
            text("Go on: “only 2024”, or ask something else") if follows else text("Ask in your own words")
        )

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(px(8))
        self._inside.setContentsMargins(px(8), 0, px(8), 0)
        self.field.setMinimumHeight(px(42))
        self.field.setTextMargins(0, 0, px(56), 0)
        self.field.setMinimumWidth(px(60))


class ChoicesCard(Card):
    """What a question may mean, each with its possible meanings as buttons; when all are answered it is asked."""

    def __init__(self, theme: Theme, on_choice: Callable[[str, str], None], parent: QWidget | None = None) -> None:
        super().__init__(theme, text("What do you mean?"), role="notice", parent=parent)
        self._theme = theme
        self._on_choice = on_choice
        self._shown: tuple[ChoiceRow, ...] = ()
        self.buttons: list[QPushButton] = []
        self._box = QWidget()
        self._lines = QVBoxLayout(self._box)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self._box)
        self.hide()

    def show_choices(self, choices: tuple[ChoiceRow, ...]) -> None:
        self.setVisible(bool(choices))
        if choices == self._shown:
            return
        is_new = tuple(one.said for one in choices) != tuple(one.said for one in self._shown)
        self._shown = choices
        while (item := self._lines.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons = []
        for one in choices:
            line = QWidget()
            flow = FlowLayout(line, spacing=self._theme.px(8))
            said = text("“{value}” can be", value=plain_line(one.said)[:80])
            flow.addWidget(label(said, "strong"))
            for choice in (*one.choices, ""):
                words = plain_line(choice) or text("any of them")
                made = Chip(self._theme, words, accent=choice == one.chosen, name=said,
                            on_click=partial(self._on_choice, one.said, choice))  # fmt: skip
                flow.addWidget(made)
                self.buttons.append(made)
            self._lines.addWidget(line)
        if is_new and self.buttons:
            self.buttons[0].setFocus(Qt.FocusReason.OtherFocusReason)
