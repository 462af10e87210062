"""An error inside a page: what happened, what to do, and buttons for it. Never a traceback, never a box in the way."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain
from rushlight.ui.gui.icons import pixmap
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.flow_layout import FlowLayout
from rushlight.ui.gui.widgets.icon_button import IconButton
from rushlight.ui.gui.widgets.labels import button, label
from rushlight.ui.words import text


class ErrorPanel(QFrame):
    """panel.show_error(err, [(text("Try again"), self.retry)]); hidden until then, and again when it is dismissed."""

    def __init__(
        self, theme: Theme, *, on_dismiss: Callable[[], None] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_dismiss = on_dismiss
        self.setProperty("role", "problem")
        self._sign = QLabel()
        self.message = label("", wrap=True)
        self.hint = label("", "muted", wrap=True)
        for one in (self.message, self.hint):
            one.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self.message.setAccessibleName(text("Problem"))
        self.hint.setAccessibleName(text("What to do"))
        self.close_button = IconButton(theme, "x", text("Dismiss"), size=16, on_click=self.dismiss)
        self.buttons: list[QPushButton] = []
        self._row = QWidget()
        self._flow = FlowLayout(self._row)
        self._grid = QGridLayout(self)
        self._grid.addWidget(self._sign, 0, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(self.message, 0, 1)
        self._grid.addWidget(self.close_button, 0, 2, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(self.hint, 1, 1, 1, 2)
        self._grid.addWidget(self._row, 2, 1, 1, 2)
        self._grid.setColumnStretch(1, 1)
        self._dress()
        theme.changed.connect(self._dress)
        self.hide()

    def show_error(self, err: Error, actions: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        """An error for people."""
        self.show_problem(err.message, err.hint or "", actions)

    def show_problem(
        self, message: str, hint: str = "", actions: Sequence[tuple[str, Callable[[], None]]] = ()
    ) -> None:
        self.message.setText(plain(message))
        self.hint.setText(plain(hint))
        self.hint.setVisible(bool(hint))
        self.setAccessibleName(plain(message))
        self.setAccessibleDescription(plain(hint))
        for old in self.buttons:
            self._flow.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.buttons = [button(words, slot) for words, slot in actions]
        for one in self.buttons:
            self._flow.addWidget(one)
        self._row.setVisible(bool(self.buttons))
        self.show()

    def dismiss(self) -> None:
        self.hide()
        if self._on_dismiss is not None:
            self._on_dismiss()

    def _dress(self) -> None:
        px = self._theme.px
        self._grid.setContentsMargins(px(16), px(12), px(12), px(12))
        self._grid.setHorizontalSpacing(px(12))
        self._grid.setVerticalSpacing(px(4))
        self._flow.set_spacing(px(8))
        ratio = self.devicePixelRatioF()
        self._sign.setPixmap(pixmap("triangle-alert", self._theme.tokens.bad, px(20), ratio))
