"""A block of code: its language, its lines in colours, longer ones scrolled sideways. Only lines in sight are laid out.

Knows code blocks and Qt's text layout. Its copy button is a widget of the turn's, placed where `button_rect` says.
"""

from bisect import bisect_right

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QTextCharFormat, QTextLayout, QTextOption

from rushlight.ui.desk.blocks import CodeBlock
from rushlight.ui.gui.message_view.code_colors import FIRST_SLICE_MS, CodeColors, Slices
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks, Style
from rushlight.ui.gui.message_view.units import cut, length

_MOST_LAID_OUT = 400
_MOST_IN_LINE = 20_000  # characters of a line that are drawn
_TAB = 4


class CodeView:
    """Laid out once; `update` takes the same code when more of it has come."""

    has_open_formula = False

    def __init__(self, block: CodeBlock, style: Style, slices: Slices | None = None) -> None:
        self._style = style
        self._slices = slices
        self.on_change = _nothing
        self.scroll_x = 0.0
        self._colors = CodeColors(block.language)
        self._layouts: dict[int, QTextLayout] = {}
        self._width = 0.0
        self._padding = style.px(12)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)  # code reads from the left whatever it holds
        option.setTabStopDistance(style.code_advance * _TAB)
        self._option = option
        self.block = block
        self.text = ""
        self.lines: list[str] = [""]
        self.update(block)

    def update(self, block: CodeBlock) -> None:
        """Take another state of the same code."""
        old = self.text if self.lines else ""
        self.block = block
        n_kept = len(self.lines) - 1 if block.text.startswith(old) else 0
        self.text = block.text
        self._head = self._style.px(30 if block.language else 10)
        self.lines = block.text.split("\n")
        for number in [number for number in self._layouts if number >= n_kept]:
            del self._layouts[number]
        self._is_ascii = block.text.isascii()
        self.n_units = length(block.text)
        self._starts: list[int] = []
        at = 0
        for line in self.lines:
            self._starts.append(at)
            at += (len(line) if self._is_ascii else length(line)) + 1
        longest = max(len(line) if self._is_ascii else len(line) + _n_wide(line) for line in self.lines)
        tabs = max(line.count("\t") for line in self.lines) if "\t" in block.text else 0
        self._text_width = (min(longest, _MOST_IN_LINE) + tabs * (_TAB - 1)) * self._style.code_advance
        if self._colors.set_text(block.text, is_growing=block.is_open):
            if not self._colors.go_on(FIRST_SLICE_MS) and self._slices is not None:
                self._slices.add(self._colors, self._recolored)
            self._layouts.clear()
        self._measure()

    def _recolored(self) -> None:
        self._layouts.clear()
        self.on_change()

    def _measure(self) -> None:
        self.height = self._head + len(self.lines) * self._style.code_line_height + self._padding * 0.75
        if self.can_scroll:
            self.height += self._style.px(8)
        self.scroll_x = max(0.0, min(self.scroll_x, self.most_scroll))

    def set_width(self, width: float) -> None:
        self._width = width
        self._measure()

    @property
    def most_scroll(self) -> float:
        """How far it can be scrolled sideways."""
        return max(0.0, self._text_width - (self._width - 2 * self._padding))

    @property
    def can_scroll(self) -> bool:
        return self._width > 0 and self.most_scroll > 0

    def scroll_by(self, pixels: float) -> bool:
        """Scroll sideways. False: nothing moved."""
        before = self.scroll_x
        self.scroll_x = max(0.0, min(self.scroll_x + pixels, self.most_scroll))
        return self.scroll_x != before

    def button_rect(self, width: int, height: int) -> QRectF:
        """Where the copy button stands."""
        top = (self._head - height) / 2 if self.block.language else self._style.px(4)
        return QRectF(self._width - width - self._style.px(4), top, width, height)

    def thumb(self) -> QRectF:
        """The part of the scroll bar that moves; empty where there is nothing to scroll."""
        if not self.can_scroll:
            return QRectF()
        track = self._width - 2 * self._padding
        width = max(self._style.px(24), track * track / (track + self.most_scroll))
        left = self._padding + (track - width) * (self.scroll_x / self.most_scroll)
        return QRectF(left, self.height - self._style.px(9), width, self._style.px(4))

    def drag(self, pixels: float) -> None:
        """The thumb was moved by so much."""
        room = self._width - 2 * self._padding - self.thumb().width()
        if room > 0:
            self.scroll_by(pixels * self.most_scroll / room)

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        style = self._style
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(style.color("line"))
        painter.setBrush(style.color("code_background"))
        radius = style.px(8)
        painter.drawRoundedRect(QRectF(x, y, self._width, self.height).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setFont(style.font("small"))
        painter.setPen(style.color("muted"))
        painter.drawText(
            QRectF(x + self._padding, y, self._width - 4 * self._padding, self._head),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine,
            self.block.language,
        )
        line_height = style.code_line_height
        first = max(0, int((clip.top() - y - self._head) // line_height))
        last = min(len(self.lines), int((clip.bottom() - y - self._head) // line_height) + 1)
        painter.save()
        painter.setClipRect(
            QRectF(x + self._padding / 2, y, self._width - self._padding, self.height).intersected(clip)
        )
        for number in range(first, last):
            layout = self._layout_of(number)
            top = y + self._head + number * line_height + (line_height - layout.lineAt(0).height()) / 2
            at = QPointF(x + self._padding - self.scroll_x, top)
            layout.draw(painter, at, self._selections(number, marks), QRectF())
        painter.restore()
        if self.can_scroll:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("faint"))
            painter.drawRoundedRect(self.thumb().translated(x, y), style.px(2), style.px(2))

    def _selections(self, number: int, marks: Marks) -> list[QTextLayout.FormatRange]:
        if marks is NO_MARKS:
            return []
        start = self._starts[number]
        n = length(self.lines[number])
        found: list[QTextLayout.FormatRange] = []
        looks = [(part, self._style.found) for part in marks.found]
        looks += [(marks.current, self._style.found_current)] if marks.current else []
        looks += [(marks.selected, self._style.selection)] if marks.selected else []
        for (begin, end), look in looks:
            first, last = max(begin - start, 0), min(end - start, n)
            if first < last:
                found.append(_range(first, last, look))
        return found

    def _layout_of(self, number: int) -> QTextLayout:
        layout = self._layouts.get(number)
        if layout is None:
            if len(self._layouts) >= _MOST_LAID_OUT:
                self._layouts.clear()
            line = self.lines[number][:_MOST_IN_LINE]
            layout = QTextLayout(line)
            layout.setFont(self._style.font("code"))
            layout.setTextOption(self._option)
            layout.setFormats(self._formats(number, line))
            layout.setCacheEnabled(True)
            layout.beginLayout()
            layout.createLine().setLineWidth(1e7)
            layout.endLayout()
            self._layouts[number] = layout
        return layout

    def _formats(self, number: int, line: str) -> list[QTextLayout.FormatRange]:
        base = QTextCharFormat()
        base.setForeground(self._style.color("ink"))
        formats = [_range(0, length(line), base)]
        at = 0
        for n_letters, kind in self._colors.runs(number):
            look = self._style.code_colors.get(kind)
            begin, end = at, min(at + n_letters, len(line))
            at += n_letters
            if look is None or begin >= end:
                continue
            made = QTextCharFormat()
            made.setForeground(look[0])
            if look[1]:
                made.setFont(self._style.font("code", italic=True))
            if not self._is_ascii:
                begin, end = length(line[:begin]), length(line[:end])
            formats.append(_range(begin, end, made))
        return formats

    # --- asking -------------------------------------------------------------------------------------------------
    def position_at(self, x: float, y: float) -> int:
        number = max(0, min(len(self.lines) - 1, int((y - self._head) // self._style.code_line_height)))
        line = self._layout_of(number).lineAt(0)
        return self._starts[number] + int(line.xToCursor(x - self._padding + self.scroll_x))

    def link_at(self, x: float, y: float) -> str:
        return ""

    def links(self) -> list[tuple[int, int, str]]:
        return []

    def rects(self, begin: int, end: int) -> list[QRectF]:
        """The lines that hold these positions; their full width is enough to bring them into sight."""
        first = max(0, bisect_right(self._starts, begin) - 1)
        last = max(0, bisect_right(self._starts, end) - 1)
        height = self._style.code_line_height
        return [QRectF(self._padding, self._head + first * height, self._width, (last - first + 1) * height)]

    def copied(self, begin: int, end: int) -> str:
        return cut(self.text, begin, end)

    def word_at(self, position: int) -> tuple[int, int]:
        begin, end = position, position
        while begin > 0 and _is_word(cut(self.text, begin - 1, begin)):
            begin -= 1
        while end < self.n_units and _is_word(cut(self.text, end, end + 1)):
            end += 1
        return (begin, end) if end > begin else (position, min(self.n_units, position + 1))


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _nothing() -> None:
    pass


def _n_wide(line: str) -> int:
    """Letters that may take two places."""
    return 0 if line.isascii() else sum(1 for letter in line if letter > "\u10ff")


def _range(begin: int, end: int, look: QTextCharFormat) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length, made.format = begin, end - begin, look
    return made
