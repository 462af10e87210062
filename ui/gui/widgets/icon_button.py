"""A button that is an icon, with a name for screen readers and a tool tip that says its key."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QWidget

from rushlight.ui.gui.icons import icon, pixmap, ratios
from rushlight.ui.gui.theme import Theme


class IconButton(QToolButton):
    """IconButton(theme, "copy", text("Copy"), on_click=...). With `text` the word stands beside the icon."""

    def __init__(
        self,
        theme: Theme,
        icon_name: str,
        name: str,
        *,
        text: str = "",
        keys: str = "",
        size: int = 20,
        checkable: bool = False,
        on_click: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon_name = icon_name
        self._size = size
        self._has_dot = False
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        if text:
            self.setText(text.replace("&", "&&"))
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.set_name(name, keys)
        if on_click is not None:
            slot = on_click
            self.clicked.connect(lambda _checked=False: slot())
        self._dress()
        theme.changed.connect(self._dress)

    def set_name(self, name: str, keys: str = "") -> None:
        """What it does, for tool tip and screen readers."""
        self.setAccessibleName(name)
        tip = f"{name}  ({keys})" if keys else name
        self.setToolTip(tip.replace("<", "‹"))  # what looks like markup would be read as markup

    def set_icon(self, icon_name: str) -> None:
        """Another icon, as when a state has changed."""
        if icon_name != self._icon_name:
            self._icon_name = icon_name
            self._dress()

    def set_dot(self, is_shown: bool) -> None:
        """A small flame at the corner: something goes on behind it."""
        if is_shown != self._has_dot:
            self._has_dot = is_shown
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._has_dot:
            side = self._theme.px(8)
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("flame"))
            is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            left = side if is_mirrored else self.width() - 2 * side
            painter.drawEllipse(left, side, side, side)
            painter.end()

    def _dress(self) -> None:
        tokens = self._theme.tokens
        side = self._theme.px(self._size)
        found = QIcon(icon(self._icon_name, tokens.muted, side))
        for ratio in ratios():
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Active, QIcon.Mode.Selected):
                found.addPixmap(pixmap(self._icon_name, tokens.accent, side, ratio), mode, QIcon.State.On)
            found.addPixmap(pixmap(self._icon_name, tokens.ink, side, ratio), QIcon.Mode.Active, QIcon.State.Off)
            found.addPixmap(pixmap(self._icon_name, tokens.faint, side, ratio), QIcon.Mode.Disabled)
        self.setIcon(found)
        self.setIconSize(QSize(side, side))
