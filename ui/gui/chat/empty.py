"""A chat in which nothing was said: what it is for, and three questions to begin with, which only fill the composer.

Knows words only.
"""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text

_WIDTH = 760


def examples() -> tuple[str, ...]:
    """Questions that a small model can do something with."""
    return (
        text("Explain in three sentences how a candle burns."),
        text("Write a friendly note to my neighbour about the noise at night."),
        text("Give me five ideas for a rainy Sunday at home."),
    )


class EmptyChat(QScrollArea):
    """`asked` is a question for the composer."""

    asked = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(text("New chat"))
        inside = QWidget()
        self._title = label(text("What shall we do?"), "large", wrap=True)
        self._meaning = label(
            text(
                "Ask a question, or give a text to work on. The answer is written on this machine; nothing leaves it. "
                "What you rate and correct is kept, so that a model can learn from it."
            ),
            "muted",
            wrap=True,
        )
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 0, 0, 0)
        self._column = QWidget()
        row.addStretch(1)
        row.addWidget(self._column, 1000)
        row.addStretch(1)
        self._layout = QVBoxLayout(self._column)
        self._layout.addStretch(1)
        self._layout.addWidget(self._title)
        self._layout.addWidget(self._meaning)
        self.buttons = [button(question, partial(self.asked.emit, question), "chip") for question in examples()]
        for one in self.buttons:
            one.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            one.setAccessibleDescription(text("Puts the question into the field"))
            self._layout.addWidget(one)
        self._layout.addStretch(2)
        self.setWidget(inside)
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def _apply_theme(self) -> None:
        px = self._theme.px
        self._column.setMaximumWidth(px(_WIDTH))
        self._layout.setContentsMargins(px(24), px(16), px(24), px(16))
        self._layout.setSpacing(px(10))
