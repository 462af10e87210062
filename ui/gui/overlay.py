"""The card that lies over a window for a moment: a field, a list below it, gone with Escape.

Knows lines of text and how they are walked through; knows nothing of what they stand for. It is no dialog: a click
beside it closes it and the focus goes back to where it was.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.overlay_lines import Line, LineDelegate, LineModel
from rushlight.ui.gui.theme import Theme

_WIDTH, _TOP, _MARGIN = 640, 64, 16  # the card, in unscaled pixels
_NO_MODIFIERS = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8}


class Overlay(QWidget):
    """`on_text` hears what is typed, `on_chosen` gets the line that was taken, after the card has gone."""

    def __init__(self, theme: Theme, parent: QWidget, *, name: str, placeholder: str) -> None:
        super().__init__(parent)
        self._theme = theme
        self._before: QWidget | None = None
        self._is_stale = False  # what is shown belongs to another text than the one in the field
        self._takes_next = False  # Enter was pressed meanwhile: take the first of what comes
        self.on_text: Callable[[str], None] = lambda text: None
        self.on_chosen: Callable[[Line], None] = lambda line: None
        self.setAccessibleName(name)
        self.card = QFrame(self)
        self.card.setProperty("role", "card")
        self.card.setAccessibleName(name)
        self.field = QLineEdit(self.card)
        self.field.setPlaceholderText(placeholder)
        self.field.setAccessibleName(placeholder)
        self.field.setClearButtonEnabled(True)
        self.field.textEdited.connect(lambda text: self.on_text(text))
        self.field.installEventFilter(self)
        self.model = LineModel(self)
        self.list = QListView(self.card)
        self.list.setModel(self.model)
        self.list.setItemDelegate(LineDelegate(theme, self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(False)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.clicked.connect(self._take)
        self.list.installEventFilter(self)
        self.empty = QLabel(self.card)
        self.empty.setTextFormat(Qt.TextFormat.PlainText)
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.hide()
        self._layout = QVBoxLayout(self.card)
        for widget in (self.field, self.list, self.empty):
            self._layout.addWidget(widget)
        parent.installEventFilter(self)
        theme.changed.connect(self._apply_theme)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._follow_focus)
        self._apply_theme()
        self.hide()

    # --- opening and closing ------------------------------------------------------------------------------------

    def open(self, text: str = "") -> None:
        """Show it with `text` in the field. The focus is remembered and given back by `close_card`."""
        window = self.window()
        if not self.isVisible():
            self._before = window.focusWidget()
        self.field.setText(text)
        self.field.selectAll()
        self._takes_next = False
        self.model.set_lines(())
        self._place()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.on_text(text)

    def close_card(self) -> None:
        if self.isHidden():
            return
        self.hide()
        before, self._before = self._before, None
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)

    def _follow_focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        """An action that took the focus elsewhere in the window has ended the search too."""
        if now is not None and self.isVisible() and now.window() is self.window() and not self.isAncestorOf(now):
            self._before = None
            self.hide()

    # --- what it shows ------------------------------------------------------------------------------------------

    def expect_lines(self) -> None:
        """Others are on their way: Enter waits for them rather than take what is shown."""
        self._is_stale = True

    def show_lines(self, lines: Sequence[Line], empty: str) -> None:
        """These lines, the first that can be taken marked; `empty` where there is none."""
        self._is_stale = False
        self.model.set_lines(lines)
        entries = [row for row, line in enumerate(lines) if not line.is_heading]
        self.list.setVisible(bool(entries))
        self.empty.setVisible(not entries)
        self.empty.setText("" if entries else empty)
        self.list.setAccessibleDescription(self.model.summary())
        if entries:
            self._mark(entries[0])
            self.list.scrollToTop()
        else:
            announce(self.field, empty)
        self._place()
        if self._takes_next:
            self._takes_next = False
            self._enter()

    def current(self) -> Line | None:
        """The line that Enter would take."""
        index = self.list.currentIndex()
        return self.model.line(index.row()) if index.isValid() else None

    def move(self, step: int) -> None:  # type: ignore[override]
        """Mark another line; headings are stepped over, the ends hold."""
        rows = self.model.entries()
        if not rows:
            return
        here = self.list.currentIndex().row()
        at = rows.index(here) if here in rows else -1
        self._mark(rows[min(len(rows) - 1, max(0, at + step))])

    def _mark(self, row: int) -> None:
        index = self.model.index(row)
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)
        line = self.model.line(row)
        if line is not None and self.isVisible():
            announce(self.field, line.spoken())

    def _enter(self) -> None:
        if self._is_stale:
            self._takes_next = True
        elif self.list.currentIndex().isValid() and self.list.isVisible():
            self._take(self.list.currentIndex())

    def _take(self, index: QModelIndex) -> None:
        line = self.model.line(index.row())
        if line is None or line.is_heading:
            return
        self.close_card()
        self.on_chosen(line)

    # --- events -------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.parent() and event.type() == QEvent.Type.Resize:
            self._place()
        elif event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(watched, event)
        elif _is_escape(event):  # otherwise the window's Escape would stop a reply
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _key(self, watched: QObject, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.close_card()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif key in _MOVES and event.modifiers() in _NO_MODIFIERS:
            self.move(_MOVES[key])
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):  # stay inside
            other = self.list if watched is self.field and self.list.isVisible() else self.field
            other.setFocus(Qt.FocusReason.TabFocusReason)
        elif watched is self.list and event.text().strip():
            self.field.setFocus()
            self.field.insert(event.text())
            self.on_text(self.field.text())
        else:
            return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.card.geometry().contains(event.position().toPoint()):
            self.close_card()

    def showEvent(self, event: QShowEvent) -> None:
        self._place()
        super().showEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        veil = QColor(self._theme.tokens.ink if self._theme.tokens.name == "light" else self._theme.tokens.background)
        veil.setAlpha(60 if self._theme.tokens.name == "light" else 150)
        painter.fillRect(self.rect(), veil)
        painter.end()

    # --- size ---------------------------------------------------------------------------------------------------

    def _apply_theme(self) -> None:
        px = self._theme.px
        self.field.setFont(self._theme.font("text"))
        self.empty.setFont(self._theme.font("text"))
        self.field.setMinimumHeight(px(40))
        self.empty.setMinimumHeight(px(96))
        self._layout.setContentsMargins(px(12), px(12), px(12), px(12))
        self._layout.setSpacing(px(8))
        self.model.layoutChanged.emit()
        self._place()

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is None:
            return
        px = self._theme.px
        self.setGeometry(parent.rect())
        width = min(px(_WIDTH), parent.width() - 2 * _MARGIN)
        top = min(_TOP, parent.height() // 12)
        most = parent.height() - top - _MARGIN
        frame = self._layout.contentsMargins()
        taken = self.field.sizeHint().height() + frame.top() + frame.bottom() + self._layout.spacing() + 2
        taken = max(taken, px(40) + frame.top() + frame.bottom() + self._layout.spacing() + 2)
        rows = self._rows_height() if self.list.isVisibleTo(self.card) else px(96)
        height = min(most, taken + rows)
        self.card.setGeometry(QRect((parent.width() - width) // 2, top, width, height))

    def _rows_height(self) -> int:
        delegate = self.list.itemDelegate()
        assert isinstance(delegate, LineDelegate)
        return min(self._theme.px(440), sum(delegate.height(line) for line in self.model.lines()) + 4)


def _is_escape(event: QEvent) -> bool:
    """Asks whether a shortcut of the window may have it."""
    return (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() == Qt.Key.Key_Escape
    )
