"""A chip: a short word on a rounded ground that can be pressed, checked, or taken away."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from rushlight.ui.gui.icons import icon
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.labels import with_role
from rushlight.ui.words import text as words

_MOST_CHARACTERS = 48


class Chip(QPushButton):
    """`removed` is emitted when its cross is pressed, or Delete while it has the focus; `clicked` for the rest."""

    removed = Signal()

    def __init__(
        self,
        theme: Theme,
        text: str,
        *,
        icon_name: str = "",
        accent: bool = False,
        removable: bool = False,
        opens: bool = False,
        name: str = "",
        on_click: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`opens`: with an arrow down, since something opens. `name`: for screen readers, where the text is short."""
        super().__init__(parent)
        self._theme = theme
        self._icon_name = "chevron-down" if opens else icon_name or ("x" if removable else "")
        self._is_removable = removable
        self._name = name
        self.setProperty("role", "chip-accent" if accent else "chip")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        if opens or removable:  # the sign stands after the word
            self.setLayoutDirection(_mirrored(self.layoutDirection()))
        self.set_text(text)
        if on_click is not None:
            slot = on_click
            self.clicked.connect(lambda _checked=False: slot())
        self._dress()
        theme.changed.connect(self._dress)

    def set_text(self, text: str) -> None:
        """Another word; a long one is cut and stands in the tool tip as a whole."""
        short = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
        self.setText(short.replace("&", "&&"))
        self.setToolTip(text.replace("<", "‹") if short != text else "")
        name = f"{self._name}: {text}" if self._name else text
        self.setAccessibleName(name)
        if self._is_removable:
            self.setAccessibleDescription(words("Delete takes it away."))

    def set_accent(self, accent: bool) -> None:
        """The look of what is active."""
        with_role(self, "chip-accent" if accent else "chip")
        self._dress()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._is_removable and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
            return
        super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_removable and event.button() == Qt.MouseButton.LeftButton:
            edge = self._theme.px(26)
            x = event.position().x()
            # Its own direction is the mirrored one, so that the cross stands at the word's end.
            at_cross = (
                x >= self.width() - edge if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else x <= edge
            )
            if at_cross and self.rect().contains(event.position().toPoint()):
                self.setDown(False)
                self.removed.emit()
                return
        super().mouseReleaseEvent(event)

    def _dress(self) -> None:
        if self._icon_name:
            tokens = self._theme.tokens
            color = tokens.accent if self.property("role") == "chip-accent" else tokens.muted
            side = self._theme.px(12)
            self.setIcon(icon(self._icon_name, color, side))
            self.setIconSize(QSize(side, side))


def _mirrored(direction: Qt.LayoutDirection) -> Qt.LayoutDirection:
    is_left = direction == Qt.LayoutDirection.LeftToRight
    return Qt.LayoutDirection.RightToLeft if is_left else Qt.LayoutDirection.LeftToRight
