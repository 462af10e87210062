"""A field of words to be marked and copied, as wide as they are."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from rushlight.ui.gui.widgets import FlowLayout


class WordsField(QLineEdit):
    """Words to be marked and copied: as wide as they are, or as the room is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("role", "bare")
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def say(self, words: str) -> None:
        self.setText(words)
        self.setCursorPosition(0)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self.text() + "  "), hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("m" * 8), super().minimumSizeHint().height())


def line_of(*widgets: QWidget) -> QWidget:
    """Beside each other, and below where the room ends."""
    line = QWidget()
    flow = FlowLayout(line)
    for one in widgets:
        flow.addWidget(one)
    return line
