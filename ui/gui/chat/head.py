"""The head of the chat page: title, model, adapter, context meter, sampler, and what else can be done with the chat.

Knows the state of a chat; what a press does is said by signals.
"""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_adapters import chip_text
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.gui.chat.context_meter import ContextMeter
from rushlight.ui.gui.chat.elided import ElidedButton
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, with_role
from rushlight.ui.words import text

_HEIGHT = 56
_NARROW, _NO_TITLE, _TINY, _LEAST = (
    640,
    360,
    300,
    220,
)  # unscaled pixels: below these the meter's bar, then the title goes


class ChatHead(QFrame):
    """`rename` opens the title's field; the new title comes by `renamed`."""

    renamed = Signal(str)
    model_pressed = Signal()
    adapter_pressed = Signal()
    context_pressed = Signal()
    sampler_pressed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = ChatState()
        self._shown: tuple[str | None, str, str, str, bool] | None = None
        self.setProperty("role", "head")
        self.setAccessibleName(text("This chat"))
        self.title = ElidedButton("", self, min_chars=8)
        self.title.setProperty("role", "ghost")
        self.title.setObjectName("chat-title")
        self.title.clicked.connect(lambda _checked=False: self.rename())
        self.field = _TitleField(self)
        self.field.done.connect(self._renamed)
        self.field.left.connect(self._end_rename)
        self.field.hide()
        self.model = ElidedButton("", self, min_chars=10)
        self.model.setProperty("role", "chip")
        self.model.clicked.connect(lambda _checked=False: self.model_pressed.emit())
        self.adapter = ElidedButton("", self, min_chars=10)
        self.adapter.setProperty("role", "chip-accent")
        self.adapter.clicked.connect(lambda _checked=False: self.adapter_pressed.emit())
        self.meter = ContextMeter(theme, self)
        self.meter.clicked.connect(lambda _checked=False: self.context_pressed.emit())
        self.sampler = IconButton(theme, "sliders-horizontal", text("Sampler and system prompt"), checkable=True)
        self.sampler.clicked.connect(lambda _checked=False: self.sampler_pressed.emit())
        self.more = IconButton(theme, "ellipsis", text("More about this chat"))
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.more)
        self.menu.setAccessibleName(text("More about this chat"))
        self.more.setMenu(self.menu)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.title)
        self._row.addWidget(self.field, 1)
        self._row.addWidget(self.model)
        self._row.addWidget(self.adapter)
        self._row.addStretch(1)
        for widget in (self.meter, self.sampler, self.more):
            self._row.addWidget(widget)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self._state)

    def show_state(self, state: ChatState) -> None:
        self._state = state
        self.meter.show_use(state)
        adapter = chip_text(state)
        shown = (state.conversation_id, state.title, state.model_label, adapter, bool(state.adapter))
        if shown == self._shown:
            return
        self._shown = shown
        written = state.title or text("New chat")
        self.title.set_words(written)
        self.title.setAccessibleName(text("Title: {title}", title=self.title.words))
        self.title.setEnabled(state.conversation_id is not None)
        self.title.setToolTip(text("Rename (F2)") if state.conversation_id is not None else "")
        label = state.model_label or text("No model")
        self.model.set_words(f"{label} ▾")
        self.model.setAccessibleName(text("Model: {model}", model=label))
        self.adapter.set_words(f"✦ {adapter} ▾")
        self.adapter.setAccessibleName(text("Adapter: {adapter}", adapter=plain_line(adapter)))
        self.adapter.setVisible(bool(adapter))
        with_role(self.adapter, "chip-accent" if state.adapter else "chip")
        self._fit()

    def rename(self) -> None:
        """Write another title, here in the head."""
        if self._state.conversation_id is None:
            return
        self.field.setText(self._state.title)
        self.title.hide()
        self.field.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.selectAll()

    def add_action(
        self, title: str, keys: str, action_id: str, run: Callable[[str], None], menu: QMenu | None = None
    ) -> QAction:
        """A line of the menu."""
        made = (menu or self.menu).addAction(f"{title}\t{keys}" if keys else title)
        made.setData(action_id)
        made.triggered.connect(lambda _checked=False: run(action_id))
        return made

    def _renamed(self) -> None:
        written = self.field.text().strip()
        self._end_rename()
        if written and written != self._state.title:
            self.renamed.emit(written)

    def _end_rename(self) -> None:
        had_focus = self.field.hasFocus()
        self.field.hide()
        self._fit()
        if had_focus:
            self.title.setFocus(Qt.FocusReason.OtherFocusReason)

    def minimumSizeHint(self) -> QSize:
        """Less than everything together needs: parts of it go where there is no room."""
        return QSize(self._theme.px(_LEAST), self._theme.px(_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        px, width = self._theme.px, self.width()
        self.meter.set_room(has_bar=width >= px(_NARROW), has_figures=width >= px(_TINY))
        self.title.setVisible(self.field.isHidden() and width >= px(_NO_TITLE))
        # The title gives way before the chips do, whose ends say how many bits and how strongly.
        beside = [one for one in (self.model, self.adapter, self.meter, self.sampler, self.more) if not one.isHidden()]
        taken = sum(one.sizeHint().width() + self._row.spacing() for one in beside)
        margins, least = self._row.contentsMargins(), self.title.minimumSizeHint().width()
        room = width - taken - margins.left() - margins.right() - self._row.spacing()
        self.title.setMaximumWidth(max(least, room))

    def _dress(self) -> None:
        px = self._theme.px
        self.setFixedHeight(px(_HEIGHT))
        self._row.setContentsMargins(px(12), 0, px(12), 0)
        self._row.setSpacing(px(8))
        # The title is the one button in the ink of a heading.
        self.title.setStyleSheet(
            f"#chat-title, #chat-title:disabled {{ color: {self._theme.tokens.ink}; font-size: {px(14)}px; "
            f"font-weight: 600; padding: {px(6)}px {px(8)}px; text-align: left; }}"
        )
        self._fit()


class _TitleField(QLineEdit):
    """Enter keeps, Esc leaves; going elsewhere keeps too."""

    done = Signal()
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(text("Title of the chat"))
        self.setMaxLength(200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.returnPressed.connect(self.done)
        own_escape(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.isVisible() and event.reason() != Qt.FocusReason.PopupFocusReason:
            self.done.emit()
