"""How a row of a small list is painted: what it is called at the left, what is known of it at the right, plain text.

Knows `Candidate`s and the theme.
"""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.chat.completion import Candidate
from rushlight.ui.gui.theme import Theme

_ROW, _SIDE, _RADIUS = 30, 10, 6  # unscaled pixels


class CandidateDelegate(QStyledItemDelegate):
    """Paints the `Candidate` that an item holds as its user data."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        height = max(self._theme.px(_ROW), QFontMetrics(self._theme.font("list")).height() + self._theme.px(8))
        return QSize(self._theme.px(120), height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        one = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(one, Candidate):
            return
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        tokens, side = self._theme.tokens, self._theme.px(_SIDE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent_soft))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), self._theme.px(_RADIUS), self._theme.px(_RADIUS))
        inner = rect.adjusted(side, 0, -side, 0)
        is_note = one.kind == "note"
        title_font, detail_font = self._theme.font("list"), self._theme.font("small")
        title_metrics, detail_metrics = QFontMetrics(title_font), QFontMetrics(detail_font)
        title = plain_line(one.title)
        title_width = min(title_metrics.horizontalAdvance(title) + 4, inner.width())
        # The name goes before what is known of it, but never takes all of the row from it.
        if one.detail:
            title_width = min(title_width, max(inner.width() * 2 // 3, inner.width() - self._theme.px(160)))
        painter.setFont(title_font)
        painter.setPen(QColor(tokens.muted if is_note else tokens.ink))
        start = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            QStyle.visualRect(option.direction, inner, QRect(inner.left(), inner.top(), title_width, inner.height())),
            QStyle.visualAlignment(option.direction, start),
            title_metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, title_width),
        )
        rest = inner.width() - title_width - side
        if one.detail and rest > 0:
            painter.setFont(detail_font)
            painter.setPen(QColor(tokens.muted))
            box = QRect(inner.right() - rest + 1, inner.top(), rest, inner.height())
            painter.drawText(
                QStyle.visualRect(option.direction, inner, box),
                QStyle.visualAlignment(option.direction, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
                detail_metrics.elidedText(plain_line(one.detail), Qt.TextElideMode.ElideRight, rest),
            )
        painter.restore()
