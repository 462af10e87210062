"""Examples as the model reads them: what it only reads is pale, what it learns to say is coloured.

Letters with a format each, no markup: the examples are strangers' text.
"""

from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from rushlight.ui.desk.learn_forecast import Pieces
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_LINES = 12  # seen without scrolling, at most


class PiecesView(QPlainTextEdit):
    """view.show_pieces(examples)"""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[Pieces, ...] = ()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setAccessibleName(text("Examples as the model reads them"))
        theme.changed.connect(self._fill)

    def show_pieces(self, examples: tuple[Pieces, ...]) -> None:
        self.setVisible(bool(examples))
        if examples != self._shown:
            self._shown = examples
            self._fill()

    def _fill(self) -> None:
        read, learned = QTextCharFormat(), QTextCharFormat()
        read.setForeground(self._theme.color("muted"))
        learned.setForeground(self._theme.color("accent"))
        learned.setFontWeight(QFont.Weight.DemiBold)
        self.clear()
        cursor = QTextCursor(self.document())
        for number, one in enumerate(self._shown):
            if number:
                cursor.insertText("\n\n", read)
            for words, is_learned in one:
                cursor.insertText(words, learned if is_learned else read)
        lines = min(_LINES, self.document().blockCount() + 1)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + self._theme.px(16))
