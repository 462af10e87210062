"""The statement: always shown, in colours, and to be changed. Ctrl+Enter runs it; Tab goes on to the next widget.

Knows the kinds that `ui/desk/highlight` finds; knows no database.
"""

from collections.abc import Iterator

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPalette, QSyntaxHighlighter, QTextCharFormat, QTextDocument, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from rushlight.ui.desk.highlight import Lines, can_highlight, highlight, highlight_for
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_LEAST_LINES, _MOST_LINES = 1, 14
_COLOURS = {"keyword": "accent", "string": "good", "number": "info", "name": "accent", "comment": "muted"}
_SLICE_MS = 8.0
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class _Colours(QSyntaxHighlighter):
    """Colours line by line from one reading of the whole text, made anew when it has changed, a slice at a time."""

    def __init__(self, theme: Theme, document: QTextDocument) -> None:
        super().__init__(document)
        self._theme = theme
        self._read = ""
        self._lines: Lines = []
        self._work: Iterator[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    def _go_on(self) -> None:
        if self._work is not None and highlight_for(self._work, _SLICE_MS):
            self._timer.stop()
            self._work = None
            self.rehighlight()

    def highlightBlock(self, line: str) -> None:
        whole = self.document().toPlainText()
        if whole != self._read:
            self._timer.stop()
            self._read, self._lines, self._work = whole, [], None
            if can_highlight(whole, "sql"):
                work = highlight(whole, "sql", self._lines)
                if not highlight_for(work, _SLICE_MS):  # as at first, while the lexer is loaded
                    self._work = work
                    self._timer.start()
        if self._work is not None:
            return
        number = self.currentBlock().blockNumber()
        if number >= len(self._lines):
            return
        at = 0
        units = [2 if ord(letter) > 0xFFFF else 1 for letter in line]  # Qt counts UTF-16
        seen = 0
        for length, kind in self._lines[number]:
            width = sum(units[seen : seen + length])
            if kind in _COLOURS:
                look = QTextCharFormat()
                look.setForeground(self._theme.color(_COLOURS[kind]))
                self.setFormat(at, width, look)
            at, seen = at + width, seen + length


class StatementField(QPlainTextEdit):
    """field.show_statement(sql); `run_wanted` says that it is to be run as it stands."""

    run_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = ""
        self.setAccessibleName(text("Statement"))
        self.setAccessibleDescription(text("Ctrl+Enter runs it."))
        self.setPlaceholderText(text("SELECT …"))
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._colours = _Colours(theme, self.document())
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self._grow())
        theme.changed.connect(self._dress)
        self._dress()

    @property
    def statement(self) -> str:
        return self.toPlainText().strip()

    @property
    def is_changed(self) -> bool:
        """Whether it is another one than was shown last."""
        return self.statement != self._shown.strip()

    def show_statement(self, sql: str, *, keeps: bool = False) -> None:
        """This one; the user's own changes are kept as long as the same one is shown. `keeps`: also now, where "as it
        was" brings this one."""
        if sql != self._shown:
            self._shown = sql
            if not keeps:
                self.setPlainText(sql)

    def put_back(self) -> None:
        """As it was shown."""
        self.setPlainText(self._shown)

    def insert_name(self, name: str) -> None:
        """A table or column at the cursor."""
        self.textCursor().insertText(name)
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.run_wanted.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(300), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(80), self._height())

    def _height(self) -> int:
        lines = max(float(_LEAST_LINES), min(float(_MOST_LINES), self.document().size().height()))
        margins = self.contentsMargins()
        inside = round(lines * self.fontMetrics().lineSpacing() + 2 * self.document().documentMargin())
        return inside + margins.top() + margins.bottom() + self._theme.px(6)

    def _grow(self) -> None:
        height = self._height()
        if self.minimumHeight() != height:
            self.setFixedHeight(height)
            self.updateGeometry()
        is_long = self.document().size().height() > _MOST_LINES
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded if is_long else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )

    def _dress(self) -> None:
        self.setFont(self._theme.font("code"))
        self.document().setDocumentMargin(self._theme.px(2))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, self._theme.color("code_background"))
        self.setPalette(palette)
        self.setStyleSheet(f"QPlainTextEdit {{ background: {self._theme.tokens.code_background}; }}")
        self._colours.rehighlight()
        self._grow()
