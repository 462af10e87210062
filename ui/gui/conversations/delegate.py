"""How a row of the conversation list looks: groups small, folders with their count, the shown conversation on paper.

Everything is drawn as plain text. Knows the theme and rows; knows nothing of what rows stand for.
"""

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from rushlight.ui.desk.conversation_list import Row
from rushlight.ui.gui.conversations.model import ConversationModel, Index
from rushlight.ui.gui.icons import icon
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_BEFORE_MATCH = 24  # characters of a passage that stay before its first match


class ConversationDelegate(QStyledItemDelegate):
    """Draws for `view`, whose model is a `ConversationModel`."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view
        self._measure()
        theme.changed.connect(self._measure)

    def _measure(self) -> None:
        theme = self._theme
        self._list, self._small = theme.font("list"), theme.font("small")
        self._group = QFont(self._small)
        self._group.setPointSizeF(self._small.pointSizeF() * 11 / 12)
        self._group.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.8)
        self._line_height = QFontMetrics(self._list).height()
        self._small_height = QFontMetrics(self._small).height()
        self._group_height = QFontMetrics(self._group).height() + theme.px(22)
        self._row_height = self._line_height + theme.px(28)
        self._hit_height = self._row_height + self._small_height + theme.px(2)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row = _row(index)
        if row is None:
            return QSize(0, 0)
        if row.kind == "group":
            return QSize(0, self._group_height)
        return QSize(0, self._hit_height if row.snippet else self._row_height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = _row(index)
        if row is None:
            return
        px, tokens = self._theme.px, self._theme.tokens
        whole: QRect = option.rect
        direction: Qt.LayoutDirection = option.direction
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = whole.adjusted(px(12), px(4), -px(12), -px(4))
        inner = box.adjusted(px(8), 0, -px(8), 0)
        if row.kind == "group":
            self._words(
                painter, inner.adjusted(0, px(6), 0, 0), direction, row.title.upper(), self._group, tokens.muted
            )
            painter.restore()
            return
        self._ground(painter, box, state, is_opened=_is_opened(index, row))
        inner = QStyle.visualRect(direction, box, _indented(inner, px(18) * row.depth))
        inner = self._after_sign(painter, inner, direction, row)
        inner = self._before_count(painter, inner, direction, row)
        line = QRect(inner)
        if row.snippet:
            line.setHeight(self._line_height + px(8))
            below = QRect(inner)
            below.setTop(line.bottom() - px(1))
            self._passage(painter, below, direction, row.snippet, row.ranges, self._small, tokens.muted)
            self._words(painter, line, direction, row.title, self._list, tokens.ink)
        elif row.ranges:
            self._passage(painter, line, direction, row.title, row.ranges, self._list, tokens.ink)
        else:
            self._words(painter, line, direction, row.title, self._list, tokens.ink)
        painter.restore()

    def _ground(self, painter: QPainter, box: QRect, state: QStyle.StateFlag, *, is_opened: bool) -> None:
        px, tokens = self._theme.px, self._theme.tokens
        is_current = bool(state & QStyle.StateFlag.State_HasFocus) and self._view.hasFocus()
        is_hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        if not (is_opened or is_current or is_hovered):
            return
        pen = QPen(QColor(tokens.accent), 2) if is_current else QPen(QColor(tokens.line), 1)
        painter.setPen(pen if is_current or is_opened else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.surface if is_opened else tokens.background if is_hovered else tokens.side))
        inset = 1.0 if is_current else 0.5
        painter.drawRoundedRect(QRectF(box).adjusted(inset, inset, -inset, -inset), px(8), px(8))

    def _after_sign(self, painter: QPainter, inner: QRect, direction: Qt.LayoutDirection, row: Row) -> QRect:
        """The sign of a folder or a pin, and what is left beside it."""
        is_mirrored = direction == Qt.LayoutDirection.RightToLeft
        if row.kind == "folder":
            name = "chevron-down" if row.is_open else "chevron-left" if is_mirrored else "chevron-right"
        elif row.pinned:
            name = "pin"
        else:
            return inner
        side = self._theme.px(14)
        place = QRect(inner.left(), inner.center().y() - side // 2, side, side)
        icon(name, self._theme.tokens.muted, side).paint(painter, QStyle.visualRect(direction, inner, place))
        return QStyle.visualRect(direction, inner, _indented(inner, side + self._theme.px(5)))

    def _before_count(self, painter: QPainter, inner: QRect, direction: Qt.LayoutDirection, row: Row) -> QRect:
        if row.kind != "folder" or not row.count:
            return inner
        words = f"{row.count:,}"
        width = QFontMetrics(self._small).horizontalAdvance(words)
        place = QRect(inner.right() - width, inner.top(), width + 1, inner.height())
        self._words(
            painter, QStyle.visualRect(direction, inner, place), direction, words, self._small, self._theme.tokens.muted
        )
        left = QRect(inner.left(), inner.top(), inner.width() - width - self._theme.px(8), inner.height())
        return QStyle.visualRect(direction, inner, left)

    def _words(
        self, painter: QPainter, box: QRect, direction: Qt.LayoutDirection, words: str, font: QFont, color: str
    ) -> None:
        painter.setFont(font)
        painter.setPen(QColor(color))
        cut = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        start = QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignLeft)
        painter.drawText(box, start | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, cut)

    def _passage(
        self,
        painter: QPainter,
        box: QRect,
        direction: Qt.LayoutDirection,
        words: str,
        ranges: tuple[tuple[int, int], ...],
        font: QFont,
        color: str,
    ) -> None:
        """One line that begins shortly before the first match; matches in the accent."""
        skipped = max(0, ranges[0][0] - _BEFORE_MATCH) if ranges else 0
        whole = ("…" if skipped else "") + words[skipped:]
        # A match is drawn bolder than it is measured here, hence the little less of room.
        shown = QFontMetrics(font).elidedText(whole, Qt.TextElideMode.ElideRight, box.width() - self._theme.px(6))
        shift = skipped - (1 if skipped else 0)
        layout = QTextLayout(shown, font)
        option = QTextOption(QStyle.visualAlignment(direction, Qt.AlignmentFlag.AlignLeft))
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(direction)
        layout.setTextOption(option)
        formats = []
        for start, end in ranges:
            start, end = min(start, len(shown) + shift), min(end, len(shown) + shift)
            if start >= end:
                break
            one = QTextLayout.FormatRange()
            one.start, one.length = (
                _utf16(shown, start - shift),
                _utf16(shown, end - shift) - _utf16(shown, start - shift),
            )
            one.format = QTextCharFormat()
            one.format.setForeground(QColor(self._theme.tokens.accent))
            one.format.setFontWeight(QFont.Weight.DemiBold)
            formats.append(one)
        layout.setFormats(formats)
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(max(1, box.width()))
        layout.endLayout()
        painter.save()
        painter.setClipRect(box)
        painter.setPen(QColor(color))
        top = box.top() + (box.height() - line.height()) / 2
        layout.draw(painter, QRectF(box.left(), top, 0, 0).topLeft())
        painter.restore()

    # --- renaming in place --------------------------------------------------------------------------------------
    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setMaxLength(200)
        editor.setFont(self._list)
        editor.setAccessibleName(text("New name"))
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Once: when the row changes meanwhile, what was typed stays."""
        if isinstance(editor, QLineEdit) and not editor.property("filled"):
            editor.setProperty("filled", True)
            editor.setText(str(index.data(Qt.ItemDataRole.EditRole)))
            editor.selectAll()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        whole: QRect = option.rect
        px = self._theme.px
        editor.setGeometry(whole.adjusted(px(12), px(3), -px(12), -px(3)))


def _indented(box: QRect, by: int) -> QRect:
    return box.adjusted(by, 0, 0, 0)


def _utf16(words: str, at: int) -> int:
    """Qt counts in UTF-16, Python in characters."""
    return len(words[: max(0, at)].encode("utf-16-le", "surrogatepass")) // 2


def _is_opened(index: Index, row: Row) -> bool:
    model = index.model()
    return isinstance(model, ConversationModel) and row.kind == "conversation" and model.opened == row.id


def _row(index: Index) -> Row | None:
    model = index.model()
    return model.row_at(index) if isinstance(model, ConversationModel) else None
