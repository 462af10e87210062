"""The field of the composer: plain text that grows from one line to ten, and says which keys were meant for others.

Knows keys and the clipboard; knows no conversation. Only plain text comes in; files that are pasted or dropped are
handed on as paths.
"""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from rushlight.ui.gui.theme import Theme

MAX_LINES = 10
MAX_CHARS = 4_000_000  # more is no message; the store refuses it too
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ComposerText(QPlainTextEdit):
    """`first_ear` may take a key before the field does (the completion list); it says whether it did."""

    submitted = Signal()
    edit_last_wanted = Signal()
    files_given = Signal(list)  # of Path
    focused = Signal(bool)
    resized = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.enter_sends = True
        self._room = 10_000  # pixels
        self.first_ear: Callable[[QKeyEvent], bool] = lambda _event: False
        self.keeps_tab: Callable[[], bool] = lambda: False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self._grow())
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def set_text(self, text: str) -> None:
        """Replace all of it, so that undo brings back what was there; the cursor stands at the end."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self.setTextCursor(cursor)

    def set_room(self, pixels: int) -> None:
        """At most so high, however many lines there are."""
        if pixels != self._room:
            self._room = pixels
            self._grow()

    def replace_range(self, start: int, end: int, text: str) -> None:
        """What stands from `start` to `end` becomes `text`; positions count as Python counts."""
        cursor = self.textCursor()
        written = self.toPlainText()
        cursor.setPosition(_as_qt(written, start))
        cursor.setPosition(_as_qt(written, end), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(text)
        self.setTextCursor(cursor)

    def cursor_position(self) -> int:
        """Where the cursor stands, counted as Python counts."""
        return _as_python(self.toPlainText(), self.textCursor().position())

    # --- Qt -----------------------------------------------------------------------------------------------------
    def event(self, event: QEvent) -> bool:
        # Keys that the completion list would take must not first become a shortcut of the window.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _ENTER
            and not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.first_ear(event):
            event.accept()
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() in _ENTER:
            if control or (shift != self.enter_sends):
                self.submitted.emit()
            else:
                self.textCursor().insertText("\n")
                self.ensureCursorVisible()
            event.accept()
            return
        is_plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() == Qt.Key.Key_Up and is_plain and self.document().isEmpty():
            self.edit_last_wanted.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab takes what the completion list offers, if it is open; else it goes on to the next widget."""
        if forward and self.keeps_tab():
            return False
        return super().focusNextPrevChild(forward)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() or bool(local_files(source))

    def insertFromMimeData(self, source: QMimeData) -> None:
        files = local_files(source)
        if files:
            self.files_given.emit(files)
        elif source.hasText():
            self.textCursor().insertText(source.text()[:MAX_CHARS].replace("\x00", ""))
            self.ensureCursorVisible()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(200), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(80), self._height())

    # --- inside -------------------------------------------------------------------------------------------------
    def _apply_theme(self) -> None:
        self.setFont(self._theme.font("text"))
        self._grow()

    def _height(self) -> int:
        # The layout of a plain text document measures its height in lines.
        lines = max(1.0, min(float(MAX_LINES), self.document().size().height()))
        margins = self.contentsMargins()
        whole = round(lines * self.fontMetrics().lineSpacing())
        return min(whole, max(self._room, self.fontMetrics().lineSpacing())) + margins.top() + margins.bottom() + 2

    def _grow(self) -> None:
        height = self._height()
        if self.minimumHeight() != height:
            self.setFixedHeight(height)
            self.updateGeometry()
        is_full = self.document().size().height() * self.fontMetrics().lineSpacing() > height
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded if is_full else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )


def local_files(source: QMimeData) -> list[Path]:
    """The files of this machine that were pasted or dropped."""
    return [Path(url.toLocalFile()) for url in source.urls() if url.isLocalFile()] if source.hasUrls() else []


def _as_qt(text: str, position: int) -> int:
    """Qt counts UTF-16 units, so that a character outside the first plane counts twice."""
    return len(text[:position].encode("utf-16-le", "surrogatepass")) // 2


def _as_python(text: str, position: int) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")[: position * 2].decode("utf-16-le", "ignore"))
