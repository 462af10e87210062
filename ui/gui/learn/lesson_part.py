"""A lesson, example by example: what is asked and answered, what is held out; to be corrected or left out."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.learn_reading import kind_word
from rushlight.ui.desk.learn_values import ExampleRow, LearnState
from rushlight.ui.desk.learn_words import part_word
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import plural, text

_LINE = 34  # unscaled pixels of a row
_MOST_ROWS = 12  # that are seen without scrolling

Asking: TypeAlias = Callable[[str, Callable[[], None]], None]  # a question, and what is done if it is wanted


class Editing(Protocol):
    """Whoever changes lessons: `LearnDesk`."""

    def leave_out(self, example_id: str, left_out: bool) -> None: ...
    def correct(self, example_id: str, answer: str) -> None: ...
    def teach_again(self, lesson_id: str) -> None: ...
    def train_further(self, lesson_id: str) -> None: ...
    def remove_lesson(self, lesson_id: str) -> None: ...
    def more(self) -> None: ...


class LessonPart(QWidget):
    """part.show_state(state) while a lesson is looked at. `ask` asks before something is deleted."""

    def __init__(self, theme: Theme, desk: Editing, ask: Asking, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._ask = ask
        self._lesson_id = self._name = ""
        self._shown: tuple[ExampleRow, ...] = ()
        self._current = ""
        self.card = Card(theme, text("Lesson"))
        self.about = label("", "muted", wrap=True)
        self.stale = label(text("Some of it comes from what was deleted since."), "bad", wrap=True)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(text("Examples"))
        self.table.setHorizontalHeaderLabels([text("Asked"), text("Answer"), text("Part")])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.table.currentCellChanged.connect(lambda row, *_rest: self._select(row))
        self.more_button = button(text("Show more"), desk.more, "link")
        self.asked = label("", "strong", wrap=True)
        self.asked.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.answer = QPlainTextEdit()
        self.answer.setTabChangesFocus(True)
        self.answer.setAccessibleName(text("Answer that is learned"))
        self.answer.textChanged.connect(self._typed)
        self.rejected = label("", "small", wrap=True)
        self.keep_button = button(text("Keep the correction"), self._correct, "primary")
        self.out_button = button(text("Leave it out"), self._leave_out)
        self._edit = QWidget()
        edit = QVBoxLayout(self._edit)
        edit.setContentsMargins(0, 0, 0, 0)
        buttons = QWidget()
        flow = FlowLayout(buttons, spacing=theme.px(8))
        flow.addWidget(self.keep_button)
        flow.addWidget(self.out_button)
        for widget in (self.asked, self.answer, self.rejected, buttons):
            edit.addWidget(widget)
        self.again_button = button(text("Teach it again"), lambda: desk.teach_again(self._lesson_id), "primary")
        self.further_button = button(text("Train it further"), lambda: desk.train_further(self._lesson_id))
        self.remove_button = button(text("Remove…"), self._remove)
        orders = QWidget()
        order_flow = FlowLayout(orders, spacing=theme.px(8))
        order_flow.addWidget(self.again_button)
        order_flow.addWidget(self.further_button)
        order_flow.addWidget(self.remove_button)
        for widget in (self.about, self.stale, self.table, self.more_button, self._edit, orders):
            self.card.body.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.card)
        theme.changed.connect(self._dress)
        self._dress()

    def show_state(self, state: LearnState) -> None:
        lesson = state.lesson
        self.setVisible(lesson is not None)
        if lesson is None:
            return
        if lesson.id != self._lesson_id:
            self._current = ""
        self._lesson_id, self._name = lesson.id, lesson.name
        self.card.set_title(lesson.name)
        parts = [
            kind_word(lesson.kind),
            plural("{count} example", "{count} examples", lesson.n_examples),
            text("{n} held out", n=f"{lesson.n_held_out:,}"),
            text("version {n}", n=lesson.version),
            lesson.scope,
        ]
        self.about.setText(" · ".join(parts))
        self.stale.setVisible(lesson.is_stale)
        self.again_button.setEnabled(bool(state.wish.model) and not state.is_busy)
        further = lesson.further(state.wish.model).replace("<", "‹")  # a tool tip is read as markup
        self.further_button.setVisible(bool(further))
        self.further_button.setEnabled(not state.is_busy)
        self.further_button.setToolTip(text("Goes on from {name}, with what is new in the lesson", name=further))
        self.remove_button.setEnabled(not state.is_busy)
        self.more_button.setVisible(state.has_more)
        if state.examples != self._shown:
            self._shown = state.examples
            self._fill()
        self._show_edit()

    def _fill(self) -> None:
        self.table.blockSignals(True)
        place = self.table.verticalScrollBar().value()
        self.table.setRowCount(len(self._shown))
        for row, one in enumerate(self._shown):
            for column, words in enumerate((one.asked, one.answer, part_word(one))):
                item = QTableWidgetItem(plain_line(words)[:300])
                if one.is_left_out:
                    item.setForeground(self._theme.color("faint"))
                self.table.setItem(row, column, item)
        at = next((row for row, one in enumerate(self._shown) if one.id == self._current), -1)
        self.table.setCurrentCell(at, 0)
        self.table.blockSignals(False)
        self.table.verticalScrollBar().setValue(place)
        self._size()

    def _select(self, row: int) -> None:
        self._current = self._shown[row].id if 0 <= row < len(self._shown) else ""
        self.answer.setProperty("shown", "")
        self._show_edit()

    def _one(self) -> ExampleRow | None:
        return next((one for one in self._shown if one.id == self._current), None)

    def _show_edit(self) -> None:
        one = self._one()
        self._edit.setVisible(one is not None)
        if one is None:
            return
        self.asked.setText(one.asked)
        mark = f"{one.id}\0{one.answer}"
        if self.answer.property("shown") != mark:  # else it is being typed into
            self.answer.setProperty("shown", mark)
            self.answer.setPlainText(one.answer)
        self.rejected.setText(text("worse: {answer}", answer=one.rejected) if one.rejected else "")
        self.rejected.setVisible(bool(one.rejected))
        self.out_button.setText(text("Take it in again") if one.is_left_out else text("Leave it out"))
        self._typed()

    def _typed(self) -> None:
        one = self._one()
        said = self.answer.toPlainText()
        is_whole = one is not None and not one.answer.endswith("…")  # a longer one would be cut by keeping it
        self.answer.setReadOnly(not is_whole)
        self.keep_button.setEnabled(is_whole and one is not None and bool(said.strip()) and said != one.answer)

    def _correct(self) -> None:
        if self._current:
            self._desk.correct(self._current, self.answer.toPlainText())

    def _leave_out(self) -> None:
        one = self._one()
        if one is not None:
            self._desk.leave_out(one.id, not one.is_left_out)

    def _remove(self) -> None:
        lesson_id = self._lesson_id
        question = text("Remove the lesson {name}? Adapters that were trained on it stay.", name=self._name)
        self._ask(question, lambda: self._desk.remove_lesson(lesson_id))

    def _size(self) -> None:
        rows = max(1, min(_MOST_ROWS, len(self._shown)))
        head = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(head + rows * self._theme.px(_LINE) + 4)

    def _dress(self) -> None:
        self.table.verticalHeader().setDefaultSectionSize(self._theme.px(_LINE))
        self.answer.setFixedHeight(self._theme.px(84))
        self._size()
