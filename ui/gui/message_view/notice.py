"""The dashed box that says which messages the model was not given, and the round button for text below.

Both are small widgets that say what was pressed. They know no message.
"""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.icon_button import IconButton
from rushlight.ui.gui.widgets.labels import button, label
from rushlight.ui.words import plural
from rushlight.ui.words import text as words

NOTICE_GAP_PX = 20  # below the box


def notice_text(count: int) -> str:
    """The sentence in the box."""
    return plural(
        "{count} earlier message no longer fits and was left out of the last answer.",
        "{count} earlier messages no longer fit and were left out of the last answer.",
        count,
    )


def notice_height(theme: Theme, count: int, width: int) -> int:
    """How high the box is in a column of this width, its words wrapped."""
    words_width = max(theme.px(60), width - 2 * theme.px(14) - theme.px(110))  # beside the button
    metrics = QFontMetrics(theme.font("text"))
    wrapped = metrics.boundingRect(0, 0, words_width, 10_000, Qt.TextFlag.TextWordWrap, notice_text(count))
    return max(theme.px(42), wrapped.height() + 2 * theme.px(9))


class Notice(QFrame):
    """ "14 earlier messages no longer fit and were left out of the last answer. See which"."""

    def __init__(self, theme: Theme, on_see: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.px(14), theme.px(6), theme.px(14), theme.px(6))
        layout.setSpacing(theme.px(4))
        self.text = label("", "muted", wrap=True, parent=self)
        layout.addWidget(self.text, 1)
        self.see = button(words("See which"), on_see, "link", parent=self)
        self.see.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        layout.addWidget(self.see)

    def show_count(self, count: int) -> None:
        """So many were left out."""
        self.text.setText(notice_text(count))


class Below(IconButton):
    """The round button that goes to the end."""

    def __init__(self, theme: Theme, on_click: Callable[[], None], parent: QWidget) -> None:
        super().__init__(theme, "arrow-down", words("New text below"), size=18, on_click=on_click, parent=parent)
        self.setProperty("role", "round")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._theme = theme
        self.hide()

    def dress(self) -> None:
        """Round, in the colours of now."""
        tokens, side = self._theme.tokens, self._theme.px(36)
        self.setFixedSize(side, side)
        self.setStyleSheet(
            f"QToolButton {{ background: {tokens.raised}; border: 1px solid {tokens.line};"
            f" border-radius: {side // 2}px; padding: 0; }}"
            f"QToolButton:hover {{ border-color: {tokens.accent}; }}"
            f"QToolButton:focus {{ border: 2px solid {tokens.accent}; }}"
        )
