"""The line at the bottom of the window: says what happened for some seconds, with at most one thing to do about it.

No box in the way and no focus taken; screen readers hear it.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, button, label, with_role
from rushlight.ui.words import text as words

_SHORT_MS, _LONG_MS = 6000, 15000
_ROLES = {"info": "", "good": "good", "bad": "bad"}


class StatusLine(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._do: Callable[[], None] | None = None
        self.setProperty("role", "status")
        self.setAccessibleName(words("Message"))
        self.words = label("", wrap=True)
        self.button = button("", self._act, "link")
        self.close_button = IconButton(theme, "x", words("Dismiss"), size=16, on_click=self.clear)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.button)
        self._row.addWidget(self.close_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._time_is_over)
        for one in (self.button, self.close_button):
            one.installEventFilter(self)
        self._dress()
        theme.changed.connect(self._dress)
        self.hide()

    def tell(
        self, text: str, kind: str = "info", action: str = "", on_action: Callable[[], None] | None = None
    ) -> None:
        """Instead of what was said before."""
        self._do = on_action if action else None
        self.words.setText(plain_line(text))
        with_role(self.words, _ROLES.get(kind, ""))
        self.button.setText(action.replace("&", "&&"))
        self.button.setAccessibleName(action)
        self.button.setVisible(self._do is not None)
        self.show()
        announce(self, text)
        self._timer.start(_LONG_MS if self._do is not None or kind == "bad" else _SHORT_MS)

    def clear(self) -> None:
        self._timer.stop()
        self._do = None
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Whoever has the focus here is not hurried."""
        if event.type() == QEvent.Type.FocusOut and self.isVisible() and not self._timer.isActive():
            self._timer.start(_SHORT_MS)
        return super().eventFilter(watched, event)

    def _act(self) -> None:
        do = self._do
        self.clear()
        if do is not None:
            do()

    def _time_is_over(self) -> None:
        if not (self.underMouse() or self.button.hasFocus() or self.close_button.hasFocus()):
            self.clear()
        elif self.underMouse():
            self._timer.start(_SHORT_MS)

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(20), px(4), px(12), px(4))
        self._row.setSpacing(px(12))
