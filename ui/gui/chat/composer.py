"""Where the user writes: the field, attachments, and the one button that sends or stops.

Knows what is typed, attached and running; what becomes of it is said by signals. While an earlier message is being
edited, what stood in the field before is kept and comes back.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.figures import size_text, speed_text
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.composer_text import ComposerText
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Chip, FlowLayout, IconButton, button, label
from rushlight.ui.words import text

RUNNING = ("loading", "reading", "answering", "stopping")


class Composer(QFrame):
    """`text` is the field. Everything else happens through the signals."""

    sent = Signal(str)
    edited = Signal(str, str)  # turn id, its new text
    stopped = Signal()
    attach_wanted = Signal()
    files_given = Signal(list)  # of Path
    detached = Signal(int)
    draft_changed = Signal(str)
    edit_left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = ChatState()
        self._shown_attachments: tuple[NewAttachment, ...] = ()
        self._edited_id = ""
        self._kept = ""  # what stood in the field before an earlier message was edited
        self._is_filling = False
        self._left_behind: str | None = None  # of the chat before, while another one is being opened
        self.setObjectName("composer")
        self.setAccessibleName(text("Message"))
        self.text = ComposerText(theme, self)
        self.text.setProperty("role", "bare")
        self.text.setAccessibleName(text("Your message"))
        self.text.submitted.connect(self.submit)
        self.text.textChanged.connect(self._on_text)
        self.text.files_given.connect(self.files_given)
        self.text.focused.connect(self._ring)
        self.text.resized.connect(self._invite)
        self._editing = QWidget(self)
        self._editing_words = label(
            text("You edit an earlier message; it will be answered anew. Esc leaves it as it was."), "small", wrap=True
        )
        leave = IconButton(theme, "x", text("Leave the message as it was"), size=14, on_click=self.leave_edit)
        editing_row = QHBoxLayout(self._editing)
        editing_row.setContentsMargins(0, 0, 0, 0)
        editing_row.addWidget(self._editing_words, 1)
        editing_row.addWidget(leave)
        self._editing.hide()
        self._chips = QWidget(self)
        self._chips_layout = FlowLayout(self._chips)
        self._chips.hide()
        self.attach_button = Chip(theme, text("Attach"), icon_name="plus", on_click=self.attach_wanted.emit)
        self.attach_button.setAccessibleDescription(text("Text files for the next message"))
        self.hint: QLabel = label("", "small")
        self.send_button = button(text("Send"), self.submit, "primary")
        self.stop_button = button(f"■ {text('Stop')}", self.stopped.emit)
        self.stop_button.setAccessibleName(text("Stop the reply"))
        self._row = QHBoxLayout()
        self._row.addWidget(self.attach_button)
        self._row.addStretch(1)
        self._row.addWidget(self.hint)
        self._row.addWidget(self.send_button)
        self._row.addWidget(self.stop_button)
        self._column = QVBoxLayout(self)
        for widget in (self._editing, self.text, self._chips):
            self._column.addWidget(widget)
        self._column.addLayout(self._row)
        self.setFocusProxy(self.text)
        theme.changed.connect(self._dress)
        self._dress()
        self._look()

    # --- what it shows ------------------------------------------------------------------------------------------
    def show_state(self, state: ChatState) -> None:
        before, self._state = self._state, state
        if before == state:
            return
        if state.attachments != self._shown_attachments:
            self._show_attachments(state.attachments)
        self._look()

    def await_fill(self) -> None:
        """Another chat is being opened: what is typed until `fill` comes belongs to that one."""
        self.leave_edit()
        if self._left_behind is None:
            self._left_behind = self.text.toPlainText()
            self.clear()

    def give_up_waiting(self) -> None:
        """It could not be opened: what stood here is here again, with what was typed since."""
        if self._left_behind is not None:
            written, self._left_behind = self._left_behind + self.text.toPlainText(), None
            self.text.set_text(written)

    def fill(self, written: str) -> None:
        """A draft, or something taken back. Ends the editing of an earlier message without a trace."""
        self._end_edit()
        if self._left_behind is not None:
            self._left_behind = None
            typed = self.text.toPlainText()
            if typed:
                self.text.set_text(written + typed)
                return
        if written != self.text.toPlainText():
            self._is_filling = True
            self.text.set_text(written)
            self._is_filling = False
        self._look()

    def suggest(self, written: str) -> None:
        """Put this in as if it had been typed."""
        self.text.set_text(written)
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def is_editing(self) -> bool:
        return bool(self._edited_id)

    @property
    def is_running(self) -> bool:
        return self._state.activity in RUNNING

    def begin_edit(self, turn_id: str, written: str) -> None:
        """An earlier message, to be sent in another form."""
        if not self.is_editing:
            self._kept = self.text.toPlainText()
        self._edited_id = turn_id
        self._editing.show()
        self.text.set_text(written)
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)
        self._look()
        announce(self.text, self._editing_words.text())

    def leave_edit(self) -> None:
        """The message stays as it was, and the field as it was before."""
        if not self.is_editing:
            return
        kept = self._kept
        self._end_edit()
        self._is_filling = True
        self.text.set_text(kept)
        self._is_filling = False
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)
        self._look()
        self.edit_left.emit()

    def submit(self) -> None:
        """Enter, or the button."""
        written = self.text.toPlainText()
        if not written.strip() and not (self._state.attachments and not self.is_editing):
            return
        if self.is_editing:
            if self.is_running or self._state.activity == "voting":
                self.hint.setText(text("Wait for the answer, or stop it first."))
                announce(self.text, self.hint.text())
                return
            turn_id = self._edited_id
            self.leave_edit()
            self.edited.emit(turn_id, written)
            return
        self.sent.emit(written)

    def clear(self) -> None:
        """It was sent."""
        self._is_filling = True
        self.text.set_text("")
        self._is_filling = False
        self._look()

    # --- inside -------------------------------------------------------------------------------------------------
    def _end_edit(self) -> None:
        self._edited_id, self._kept = "", ""
        self._editing.hide()

    def _on_text(self) -> None:
        if not self._is_filling and not self.is_editing and self._left_behind is None:
            self.draft_changed.emit(self.text.toPlainText())
        self._look()

    def _look(self) -> None:
        """Which button there is, and what the hint says."""
        has_text = bool(self.text.toPlainText().strip())
        running, is_voting = self.is_running, self._state.activity == "voting"
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(self._state.activity != "stopping")
        self.send_button.setVisible(not running or has_text)
        self.send_button.setEnabled(has_text or (bool(self._state.attachments) and not self.is_editing))
        self.attach_button.setEnabled(not self.is_editing)  # what goes with a message that was sent stays with it
        word = text("Answer anew") if self.is_editing else text("Queue") if running or is_voting else text("Send")
        if self.send_button.text() != word:
            self.send_button.setText(word)
            self.send_button.setAccessibleName(word)
        if self._state.activity == "stopping":
            said = text("Stopping…")
        elif running:
            speed = speed_text(self._state.tokens_per_s)
            said = text("{speed} · Esc stops", speed=speed) if speed else text("Esc stops")
        else:
            said = ""
        self.hint.setText(said)

    def _show_attachments(self, attachments: Sequence[NewAttachment]) -> None:
        self._shown_attachments = tuple(attachments)
        while (item := self._chips_layout.takeAt(0)) is not None:
            chip = item.widget()
            if chip is not None:
                chip.hide()
                chip.deleteLater()
        for number, one in enumerate(self._shown_attachments):
            size = size_text(len(one.text.encode("utf-8", "replace")))
            chip = _AttachmentChip(self._theme, f"{plain_line(one.name)} · {size}")
            chip.removed.connect(lambda number=number: self.detached.emit(number))
            self._chips_layout.addWidget(chip)
        self._chips.setVisible(bool(self._shown_attachments))

    def _ring(self, is_focused: bool) -> None:
        self.setProperty("active", is_focused)
        style = self.style()
        style.unpolish(self)
        style.polish(self)

    def _dress(self) -> None:
        px, tokens = self._theme.px, self._theme.tokens
        self.setStyleSheet(
            f"#composer {{ background: {tokens.surface}; border: 1px solid {tokens.line}; margin: 1px; "
            f"border-radius: {px(14)}px; }} "
            f'#composer[active="true"] {{ border: 2px solid {tokens.accent}; margin: 0; }}'
        )
        self._column.setContentsMargins(px(14), px(12), px(12), px(10))
        self._column.setSpacing(px(8))
        self._row.setSpacing(px(8))
        self._chips_layout.set_spacing(px(6))
        self._invite()

    def _invite(self) -> None:
        """The placeholder, shorter where the long one does not fit: it is never wrapped."""
        invitation = text("Ask, or type / for commands, @ for a file, # for a library")
        if self.text.fontMetrics().horizontalAdvance(invitation) > self.text.viewport().width():
            invitation = text("Ask, or type / @ #")
        self.text.setPlaceholderText(invitation)


class _AttachmentChip(Chip):
    """Its press takes it away as its cross does: there is nothing else to do with it."""

    def __init__(self, theme: Theme, written: str) -> None:
        super().__init__(theme, written, removable=True, name=text("Attached, take away"))
        self.clicked.connect(lambda _checked=False: self.removed.emit())
