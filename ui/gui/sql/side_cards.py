"""Cards below an answer: how it could be faster, what was kept as examples, threads asked earlier.

Know states of the desk; what is pressed goes to it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_values import AdviceRow, ExampleRow, SqlState, ThreadRow
from rushlight.ui.gui.chat.elided import ElidedButton, ElidedLabel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, IconButton, button, label
from rushlight.ui.words import plural, text

_SHOWN = 6  # examples or threads, until all are asked for


class Advising(Protocol):
    def advise(self) -> None: ...


class Learning(Protocol):
    """Whoever keeps and forgets: `SqlDesk`."""

    def forget(self, example_id: str) -> None: ...
    def forget_thread(self, thread_id: str) -> None: ...
    def open_thread(self, thread_id: str) -> None: ...


class AdviceCard(Card):
    """card.show_state(state); hidden while there is nothing to advise."""

    def __init__(
        self, theme: Theme, desk: Advising, tell: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent=parent)
        self._theme = theme
        self._tell = tell
        self._advice = AdviceRow()
        self.setAccessibleName(text("Advice"))
        self.words = label("", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeading)
        self.try_button = button(text("Try indexes on a copy"), desk.advise, "link")
        self.how_button = button(text("Show how"), self._toggle, "link")
        self._line = QWidget()
        row = QHBoxLayout(self._line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label(text("Advice"), "strong"), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1)
        buttons = QWidget()
        flow = FlowLayout(buttons, spacing=4)
        for one in (self.try_button, self.how_button):
            flow.addWidget(one)
        row.addWidget(buttons, 0, Qt.AlignmentFlag.AlignTop)
        self._row = row
        self.statement = label("", wrap=True)
        self.statement.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.statement.setAccessibleName(text("Statement that makes the index"))
        self.copy_button = button(text("Copy"), self._copy)
        self.hint = label(
            text("Rushlight changes no database: make the index with another program."), "small", wrap=True
        )
        self.plan = label("", "small", wrap=True)
        self._how = QWidget()
        column = QVBoxLayout(self._how)
        column.setContentsMargins(0, 0, 0, 0)
        self._copy_line = QWidget()
        copy_flow = FlowLayout(self._copy_line, spacing=10)
        copy_flow.addWidget(self.copy_button)
        for widget in (self.statement, self._copy_line, self.hint, self.plan):
            column.addWidget(widget)
        self._how.hide()
        for widget in (self._line, self._how):
            self.body.addWidget(widget)
        self.hide()
        theme.changed.connect(self._dress_advice)
        self._dress_advice()

    def show_state(self, state: SqlState) -> None:
        advice = state.advice
        self.setVisible(bool(advice.phase))
        self.try_button.setEnabled(not state.busy)
        if advice == self._advice:
            return
        had_focus = self.try_button.hasFocus() or self.how_button.hasFocus()
        self._advice = advice
        self.words.setText(plain_line(advice.words))
        self.try_button.setVisible(advice.phase == "scans")
        self.statement.setText(plain_line(advice.statement))
        for widget in (self.statement, self._copy_line, self.hint):
            widget.setVisible(bool(advice.statement))
        self.plan.setText("\n".join(map(plain_line, advice.lines)))
        self.how_button.setVisible(bool(advice.lines))
        self._show_how(False)
        if had_focus and advice.phase == "tried":
            self.how_button.setFocus()

    def _toggle(self) -> None:
        self._show_how(not self._how.isVisible())

    def _show_how(self, is_shown: bool) -> None:
        self._how.setVisible(is_shown)
        has_index = bool(self._advice.statement)
        closed = text("Show how") if has_index else text("Show the plan")
        said = text("Hide it") if is_shown else closed
        self.how_button.setText(said)
        self.how_button.setAccessibleName(said)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.statement.text())
        self._tell(text("The statement was copied."))

    def _dress_advice(self) -> None:
        self._row.setSpacing(self._theme.px(12))
        font = self._theme.font("code")
        for widget in (self.statement, self.plan):
            widget.setFont(font)
            family = font.family()
            widget.setStyleSheet(f'font-family: "{family}"; font-size: {font.pointSizeF()}pt;')


class _Lines(QWidget):
    """Rows of a name and a cross; the first few, and a button for all."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._is_whole = False
        self._made: list[QWidget] = []
        self._lines: list[Callable[[], QWidget]] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.more = button("", self._show_all, "link")
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_lines(self, lines: list[Callable[[], QWidget]]) -> None:
        self._lines = lines
        self._fill()

    def _show_all(self) -> None:
        self._is_whole = True
        self._fill()
        if len(self._made) > _SHOWN:
            self._made[_SHOWN].setFocus()

    def _fill(self) -> None:
        for widget in self._made:
            self._column.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        shown = self._lines if self._is_whole else self._lines[:_SHOWN]
        self._made = [make() for make in shown]
        for at, widget in enumerate(self._made):
            self._column.insertWidget(at, widget)
        left = len(self._lines) - len(shown)
        self.more.setText(plural("Show {count} more", "Show {count} more", left))
        self.more.setVisible(left > 0)


class ExamplesCard(Card):
    """What was kept: each question with its statement, and a cross that forgets it. Hidden while there is nothing."""

    def __init__(
        self, theme: Theme, desk: Learning, on_question: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Kept as examples"), parent=parent)
        self._desk = desk
        self._on_question = on_question
        self._shown: tuple[ExampleRow, ...] = ()
        said = text("The same question in other words is answered so at once; others learn from them.")
        self.lines = _Lines(theme)
        self.body.addWidget(label(said, "small", wrap=True))
        self.body.addWidget(self.lines)
        self.hide()

    def show_state(self, state: SqlState) -> None:
        self.setVisible(bool(state.examples))
        if state.examples != self._shown:
            self._shown = state.examples
            self.lines.show_lines([partial(self._line, one) for one in state.examples])

    def _line(self, one: ExampleRow) -> QWidget:
        question, sql = plain_line(one.question), plain_line(one.sql)
        source = {"corrected": text("corrected"), "imported": text("imported")}.get(one.source, "")
        forget = text("Forget “{question}”", question=question[:80])
        return _line(self._theme, question, f"{sql}  ·  {source}" if source else sql,
                     partial(self._on_question, one.question), forget, partial(self._desk.forget, one.id))  # fmt: skip


class ThreadsCard(Card):
    """Questions asked earlier: a press goes on with them. Hidden while there are none."""

    def __init__(self, theme: Theme, desk: Learning, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Asked earlier"), parent=parent)
        self._desk = desk
        self._shown: tuple[ThreadRow, ...] = ()
        self.lines = _Lines(theme)
        self.body.addWidget(self.lines)
        self.hide()

    def show_state(self, state: SqlState) -> None:
        self.setVisible(bool(state.threads))
        if state.threads != self._shown:
            self._shown = state.threads
            self.lines.show_lines([partial(self._line, one) for one in state.threads])

    def _line(self, one: ThreadRow) -> QWidget:
        title = plain_line(one.title)
        forget = text("Forget “{question}”", question=title[:80])
        return _line(self._theme, title, _when(one.updated_at), partial(self._desk.open_thread, one.id),
                     forget, partial(self._desk.forget_thread, one.id))  # fmt: skip


def _line(
    theme: Theme, name: str, detail: str, on_press: Callable[[], None], forget: str, on_forget: Callable[[], None]
) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    words = QVBoxLayout()
    words.setSpacing(0)
    name_button = ElidedButton(name, min_chars=8)
    name_button.setProperty("role", "name")
    name_button.setAccessibleName(name)
    name_button.setToolTip(name.replace("<", "‹"))
    name_button.clicked.connect(lambda _checked=False: on_press())
    small = ElidedLabel(detail)
    small.setProperty("role", "small")
    small.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    small.setContentsMargins(theme.px(4), 0, 0, 0)
    words.addWidget(name_button)
    words.addWidget(small)
    row.addLayout(words, 1)
    row.addWidget(IconButton(theme, "x", forget, size=14, on_click=on_forget), 0, Qt.AlignmentFlag.AlignTop)
    made.setFocusProxy(name_button)
    return made


def _when(moment: float) -> str:
    """In the user's own time."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")
