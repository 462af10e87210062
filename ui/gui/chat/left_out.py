"""What takes the space in the context, and which messages the model was not given for the last answer.

Knows the state of a chat and its turns.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.chat.panel import Panel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import plural, text

_MAX_ROWS = 500


class ContextPanel(Panel):
    """`chosen` is the id of a message to go to; `measure` asks for the figures, which loads the model."""

    chosen = Signal(str)
    measure = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Context"), parent)
        self.total = label("", wrap=True)
        self.parts = label("", "muted", wrap=True)
        self.measure_button = button(text("Measure now"), self.measure.emit)
        self.measure_button.setToolTip(text("Loads the model"))
        self.left_title = label("", wrap=True)
        self.list = QListWidget(self)
        self.list.setAccessibleName(text("Messages that were left out"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.itemActivated.connect(self._go)
        self.list.itemClicked.connect(self._go)
        for widget in (self.total, self.parts, self.left_title):
            self.body.addWidget(widget)
        self.body.addWidget(self.list, 1)
        self.body.addWidget(self.measure_button, 0, Qt.AlignmentFlag.AlignLeft)
        theme.changed.connect(self._size)
        self._size()

    def show_use(self, state: ChatState, turns: Sequence[Turn]) -> None:
        """Called whenever either has changed while the panel is open."""
        self.total.setText(use_text(state))
        self.parts.setText(_parts_text(state, turns))
        self.measure_button.setVisible(state.n_context_used is None and bool(turns) and state.activity == "idle")
        n = state.n_left_out
        self.left_title.setText(
            plural(
                "{count} message was not given to the model for the last answer:",
                "{count} messages were not given to the model for the last answer:",
                n,
            )
            if n
            else text("Nothing was left out of the last answer.")
        )
        self.list.setVisible(bool(state.left_out))
        if [self.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.list.count())] == [
            message_id for message_id, _ in state.left_out[:_MAX_ROWS]
        ]:
            return
        self.list.clear()
        for message_id, first_words in state.left_out[:_MAX_ROWS]:
            item = QListWidgetItem(plain_line(first_words) or text("(no text)"))
            item.setData(Qt.ItemDataRole.UserRole, message_id)
            self.list.addItem(item)

    def _go(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _size(self) -> None:
        self.list.setFont(self.theme.font("list"))
        self.list.setMinimumHeight(self.list.fontMetrics().lineSpacing() * 3)
        self.list.setMaximumHeight(self.list.fontMetrics().lineSpacing() * 10)


def use_text(state: ChatState) -> str:
    """The meter in a sentence, for the panel and for screen readers."""
    if state.n_context_used is None:
        if not state.n_context_total:
            return text("How much the context holds is not known yet.")
        return text("The context holds {total:,} tokens; not measured yet.", total=state.n_context_total)
    if not state.n_context_total:
        return text("{used:,} tokens of context are in use.", used=state.n_context_used)
    return text(
        "{used:,} of {total:,} tokens of context are in use ({percent} %).",
        used=state.n_context_used,
        total=state.n_context_total,
        percent=round(100 * state.n_context_used / state.n_context_total),
    )


def _parts_text(state: ChatState, turns: Sequence[Turn]) -> str:
    """Shares by the length of the texts: only the whole is counted in tokens."""
    dropped = {message_id for message_id, _ in state.left_out}
    asked = sum(len(one.text) for one in turns if one.role == "user" and one.id not in dropped)
    files = sum(size for one in turns if one.id not in dropped for _, size in one.attachments)
    said = sum(len(one.text) for one in turns if one.role == "assistant" and one.id not in dropped)
    whole = asked + files + said
    if not whole:
        return ""

    def share(part: int) -> int:
        return round(100 * part / whole)

    return text(
        "About {asked} % your messages, {files} % attached files, {said} % replies, by length; the system prompt comes "
        "on top.",
        asked=share(asked),
        files=share(files),
        said=share(said),
    )
