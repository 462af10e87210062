"""The lines of an overlay's list: headings and entries with keys at the end, drawn as plain text.

Whatever a line says may come from a model or a stranger's file, so nothing here reads markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import plural, text

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `kind`, `id` and `place` in it say what it stands for; a heading has none."""

    title: str
    detail: str = ""
    keys: tuple[str, ...] = ()
    kind: str = ""
    id: str = ""
    place: str | None = None
    is_heading: bool = False

    def spoken(self) -> str:
        """What a screen reader says of it."""
        keys = text("Key: {keys}", keys=text(" or ").join(self.keys)) if self.keys else ""
        return ". ".join(plain_line(part) for part in (self.title, self.detail, keys) if part)


def native_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys as this system writes them."""
    return tuple(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys)


class LineModel(QAbstractListModel):
    """The lines that are shown now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[Line, ...] = ()

    def set_lines(self, lines: Sequence[Line]) -> None:
        self.beginResetModel()
        self._lines = tuple(lines)
        self.endResetModel()

    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def line(self, row: int) -> Line | None:
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def entries(self) -> list[int]:
        """Rows that can be taken."""
        return [row for row, line in enumerate(self._lines) if not line.is_heading]

    def summary(self) -> str:
        return plural("{count} result", "{count} results", len(self.entries()))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        line = self.line(index.row())
        if line is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return plain_line(line.title)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return line.spoken()
        if role == Qt.ItemDataRole.ToolTipRole and line.detail:
            # A tool tip that looks like markup would be read as markup.
            return plain_line(f"{line.title}\n{line.detail}").replace("<", "‹")
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        line = self.line(index.row())
        if line is None or line.is_heading:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class LineDelegate(QStyledItemDelegate):
    """Draws lines: headings small and faint, entries with their detail below and their keys at the end."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme

    def height(self, line: Line) -> int:
        px = self._theme.px
        if line.is_heading:
            return QFontMetrics(self._theme.font("small")).height() + px(14)
        height = QFontMetrics(self._theme.font("list")).height() + px(14)
        if line.detail:
            height += QFontMetrics(self._theme.font("small")).height() + px(2)
        return height

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        line = _line(index)
        return QSize(0, self.height(line) if line else 0)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        line = _line(index)
        if line is None:
            return
        tokens, px = self._theme.tokens, self._theme.px
        given: Any = option  # its fields are typed in some versions of Qt's stubs only
        whole: QRect = given.rect
        direction: Qt.LayoutDirection = given.direction
        state: QStyle.StateFlag = given.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = whole.adjusted(px(10), 0, -px(10), 0)
        start = QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignLeft)
        if line.is_heading:
            painter.setFont(self._theme.font("small"))
            painter.setPen(QColor(tokens.muted))
            box = inner.adjusted(0, px(6), 0, 0)
            painter.drawText(box, start | Qt.AlignmentFlag.AlignVCenter, self._cut(line.title, "small", box.width()))
            painter.restore()
            return
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent_soft))
            painter.drawRoundedRect(whole.adjusted(0, 1, 0, -1), px(8), px(8))
        left = inner.adjusted(0, 0, -self._draw_keys(painter, inner, direction, line.keys), 0)
        left = QStyle.visualRect(direction, inner, left)
        title_height = QFontMetrics(self._theme.font("list")).height()
        title = QRect(left)
        if line.detail:
            title.setHeight(title_height + px(7))
            below = QRect(inner)
            below.setTop(title.bottom() + px(2))
            painter.setFont(self._theme.font("small"))
            painter.setPen(QColor(tokens.muted))
            painter.drawText(below, start | Qt.AlignmentFlag.AlignTop, self._cut(line.detail, "small", below.width()))
            vertical = Qt.AlignmentFlag.AlignBottom
        else:
            vertical = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._theme.font("list"))
        painter.setPen(QColor(tokens.ink))
        painter.drawText(title, start | vertical, self._cut(line.title, "list", title.width()))
        painter.restore()

    def _draw_keys(self, painter: QPainter, inner: QRect, direction: Qt.LayoutDirection, keys: tuple[str, ...]) -> int:
        """Keys as small boxes at the end of the line; how much room they took."""
        px, tokens = self._theme.px, self._theme.tokens
        font = self._theme.font("small")
        metrics = QFontMetrics(font)
        taken = 0
        for key in reversed(keys):
            width = metrics.horizontalAdvance(key) + px(12)
            if taken + width > inner.width() // 2:
                break
            box = QRect(inner.right() - taken - width, 0, width, metrics.height() + px(4))
            box.moveTop(inner.top() + px(6))
            box = QStyle.visualRect(direction, inner, box)
            painter.setPen(QPen(QColor(tokens.line), 1))
            painter.setBrush(QColor(tokens.surface))
            painter.drawRoundedRect(box, px(4), px(4))
            painter.setPen(QColor(tokens.muted))
            painter.setFont(font)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, key)
            taken += width + px(6)
        return taken

    def _cut(self, words: str, role: str, width: int) -> str:
        return QFontMetrics(self._theme.font(role)).elidedText(plain_line(words), Qt.TextElideMode.ElideRight, width)


def _line(index: _Index) -> Line | None:
    model = index.model()
    return model.line(index.row()) if isinstance(model, LineModel) else None
