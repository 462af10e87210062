"""A run of formatted text laid out in a width: a paragraph, a heading, a cell. Built from spans, never from markup.

Knows Qt's text layout and the style; positions are Qt's (UTF-16 units). Formulas stand in the text as one blank that is
as wide as their picture.
"""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QTextCharFormat, QTextLayout, QTextLine, QTextOption

from rushlight.ui.desk.blocks import Span, Spans
from rushlight.ui.gui.message_view.formulas import Picture, Wanted, formulas
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks, Style, direction_of
from rushlight.ui.gui.message_view.units import cut, length
from rushlight.ui.words import text as words

_BLANK = "\u00a0"
_LINE = "\u2028"
_MAX_ADDRESS = 80


@dataclass(frozen=True, slots=True)
class _Object:
    position: int
    picture: Picture
    source: str


class TextPiece:
    """Laid out anew by `set_width`; painted and asked as often as needed."""

    def __init__(self, style: Style, spans: Spans, *, level: int = 0, ink: str = "ink", ratio: float = 1.0) -> None:
        self.height = 0.0
        self.width = 0.0  # of the longest line
        self._style = style
        self._level = level
        self._objects: list[_Object] = []
        self._grounds: list[tuple[int, int, bool]] = []  # (begin, end, is an image) of what stands on a ground
        self._links: list[tuple[int, int, str]] = []
        self.has_open_formula = False
        self._layout = QTextLayout()
        self._base_font = style.font("text", level=level)
        self._line_height = max(float(style.line_height), QFontMetricsF(self._base_font).height() * 1.25)
        self._build(spans, ink, ratio)
        self._laid_width = -1.0

    def _build(self, spans: Spans, ink: str, ratio: float) -> None:
        pieces: list[str] = []
        formats: list[QTextLayout.FormatRange] = []
        position = 0
        for span in spans:
            text, kind = self._shown(span, ratio, ink)
            n = length(text)
            if kind is None:
                kind = self._style.format_of(span, self._level, ink)
            if kind is not None:
                one = QTextLayout.FormatRange()
                one.start, one.length, one.format = position, n, kind
                formats.append(one)
            if span.is_code or span.image:
                self._grounds.append((position, position + n, bool(span.image)))
            if span.link:
                self._links.append((position, position + n, span.link))
            if self._objects and self._objects[-1].position < 0:
                last = self._objects[-1]
                self._objects[-1] = _Object(position, last.picture, last.source)
            pieces.append(text)
            position += n
        self.text = "".join(pieces)
        self.n_units = position
        self.direction = direction_of(self.text)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(self.direction)
        self._option = option
        self._layout.setText(self.text)
        self._layout.setFont(self._base_font)
        self._layout.setTextOption(option)
        self._layout.setCacheEnabled(True)
        layout_ink = QTextLayout.FormatRange()
        layout_ink.start, layout_ink.length = 0, position
        base = QTextCharFormat()
        base.setForeground(self._style.color(ink))
        layout_ink.format = base
        self._layout.setFormats([layout_ink, *formats])

    def _shown(self, span: Span, ratio: float, ink: str) -> tuple[str, QTextCharFormat | None]:
        """The text of a span as it stands in the layout, and a format where it is not the usual one."""
        if span.image:
            address = span.image if len(span.image) <= _MAX_ADDRESS else span.image[: _MAX_ADDRESS - 1] + "…"
            about = words("image not loaded: {description} {address}", description=span.text, address=address)
            return f"{_BLANK}{' '.join(about.split())}{_BLANK}", None
        if span.formula:
            picture = self._picture(span, ratio, ink)
            if picture is not None:
                self._objects.append(_Object(-1, picture, span.text))
                return _BLANK, self._blank_format(picture.width)
            return span.text.replace("\n", " "), None
        return span.text.replace("\n", _LINE), None

    def _picture(self, span: Span, ratio: float, ink: str) -> Picture | None:
        size = QFontMetricsF(self._base_font).height() / 1.21 * 1.08  # Inter's em, a little larger
        color = getattr(self._style.tokens, ink)
        found = formulas().get(Wanted(span.formula, span.is_display, round(size, 2), color, ratio))
        self.has_open_formula = self.has_open_formula or found is None
        return found

    def _blank_format(self, width: float) -> QTextCharFormat:
        font = QFont(self._base_font)
        advance = QFontMetricsF(font).horizontalAdvance(_BLANK)
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, width + 2 - advance)
        made = QTextCharFormat()
        made.setFont(font)
        return made

    # --- layout -------------------------------------------------------------------------------------------------
    def natural_widths(self) -> tuple[float, float]:
        """(width of the longest word, width without any wrapping)."""
        self._lay_out(10_000_000.0)
        return self._layout.minimumWidth(), self._layout.maximumWidth()

    def set_width(self, width: float, alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        """Break it into lines for this width."""
        if alignment == Qt.AlignmentFlag.AlignLeft and self.direction == Qt.LayoutDirection.RightToLeft:
            alignment = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
        if alignment != self._option.alignment():
            self._option.setAlignment(alignment)
            self._layout.setTextOption(self._option)
            self._laid_width = -1.0
        if width != self._laid_width:
            self._lay_out(width)

    def _lay_out(self, width: float) -> None:
        self._laid_width = width
        layout, y, most = self._layout, 0.0, 0.0
        layout.beginLayout()
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(width)
            above, below = self._room(line)
            line.setPosition(QPointF(0.0, y + above))
            y += above + line.height() + below
            most = max(most, line.naturalTextWidth())
        layout.endLayout()
        self.height, self.width = y, most

    def _room(self, line: QTextLine) -> tuple[float, float]:
        """What a line needs above and below its letters."""
        spare = max(0.0, self._line_height - line.height())
        above = below = spare / 2
        if self._objects:
            begin, end = line.textStart(), line.textStart() + line.textLength()
            for one in self._objects:
                if begin <= one.position < end:
                    above = max(above, one.picture.ascent - line.ascent() + 2)
                    below = max(below, one.picture.height - one.picture.ascent - line.descent() + 2)
        return above, below

    @property
    def n_lines(self) -> int:
        return self._layout.lineCount()

    def end_point(self) -> QRectF:
        """Where the next letter would stand: for the caret of a reply that is being written."""
        n = self._layout.lineCount()
        if n == 0:
            return QRectF(0, 0, 0, self._line_height)
        line = self._layout.lineAt(n - 1)
        x = line.naturalTextRect().right() if self.direction == Qt.LayoutDirection.LeftToRight else (
            line.naturalTextRect().left()
        )  # fmt: skip
        return QRectF(x, line.y(), 0, line.height())

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        """Draw it at this place; `clip` in the painter's coordinates."""
        for begin, end, is_image in self._grounds:
            for rect in self.rects(begin, end):
                self._ground(painter, rect.translated(x, y), is_image)
        selections = []
        for begin, end in marks.found:
            selections.append(_range(begin, end, self._style.found))
        if marks.current is not None:
            selections.append(_range(*marks.current, self._style.found_current))
        if marks.selected is not None:
            selections.append(_range(*marks.selected, self._style.selection))
        self._layout.draw(painter, QPointF(x, y), selections, clip)
        for one in self._objects:
            self._paint_object(painter, x, y, one)
        if marks.focused is not None:
            painter.setPen(self._style.color("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for rect in self.rects(*marks.focused):
                painter.drawRoundedRect(rect.translated(x, y).adjusted(-2, 0, 2, 0), 3, 3)

    def _ground(self, painter: QPainter, rect: QRectF, is_image: bool) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._style.color("line") if is_image else QColor(Qt.GlobalColor.transparent))
        painter.setBrush(self._style.color("surface" if is_image else "code_background"))
        radius = rect.height() / 2 if is_image else self._style.px(4)
        beside = 0.5 if is_image else -float(self._style.px(2))
        painter.drawRoundedRect(rect.adjusted(beside, 0.5, -beside, -0.5), radius, radius)

    def _paint_object(self, painter: QPainter, x: float, y: float, one: _Object) -> None:
        line = self._layout.lineForTextPosition(one.position)
        if not line.isValid():
            return
        left = min(_x(line, one.position), _x(line, one.position + 1)) + 1
        baseline = line.y() + line.ascent()
        painter.drawPixmap(QPointF(x + left, y + baseline - one.picture.ascent), one.picture.pixmap)

    # --- asking -------------------------------------------------------------------------------------------------
    def rects(self, begin: int, end: int) -> list[QRectF]:
        """Where the letters from `begin` to `end` stand, one rectangle a line."""
        found = []
        for number in range(self._layout.lineCount()):
            line = self._layout.lineAt(number)
            first = max(begin, line.textStart())
            last = min(end, line.textStart() + line.textLength())
            if first < last:
                left, right = sorted((_x(line, first), _x(line, last)))
                found.append(QRectF(left, line.y(), right - left, line.height()))
        return found

    def position_at(self, x: float, y: float) -> int:
        """The position nearest to a point."""
        n = self._layout.lineCount()
        for number in range(n):
            line = self._layout.lineAt(number)
            if y < line.y() + line.height() or number == n - 1:
                return int(line.xToCursor(x))
        return 0

    def link_at(self, x: float, y: float) -> str:
        """The address under a point, or ""."""
        for begin, end, address in self._links:
            if any(rect.contains(x, y) for rect in self.rects(begin, end)):
                return address
        return ""

    def links(self) -> list[tuple[int, int, str]]:
        """(begin, end, address) of each."""
        return self._links

    def copied(self, begin: int, end: int) -> str:
        """The text from `begin` to `end` as one pastes it: formulas as they were written."""
        pieces, at = [], begin
        for one in self._objects:
            if begin <= one.position < end:
                pieces += [cut(self.text, at, one.position), one.source]
                at = one.position + 1
        pieces.append(cut(self.text, at, end))
        return "".join(pieces).replace(_LINE, "\n").replace(_BLANK, " ")

    def word_at(self, position: int) -> tuple[int, int]:
        """Begin and end of the word around a position."""
        boundary = QTextLayout.CursorMode.SkipWords
        begin = position
        while begin > 0 and cut(self.text, begin - 1, begin).isalnum():
            begin -= 1
        end = position
        while end < self.n_units and cut(self.text, end, end + 1).isalnum():
            end += 1
        return (begin, end) if end > begin else (position, self._layout.nextCursorPosition(position, boundary))


def _x(line: QTextLine, position: int) -> float:
    found: Any = line.cursorToX(position)  # the binding gives the position back too
    return float(found[0]) if isinstance(found, tuple) else float(found)


def _range(begin: int, end: int, look: QTextCharFormat) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length, made.format = begin, end - begin, look
    return made
