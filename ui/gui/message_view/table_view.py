"""A table: columns as wide as they need while there is room, then narrower, then scrolled sideways.

Knows table blocks and the text piece. Positions count through the cells row by row, one unit between two cells.
"""

from bisect import bisect_right

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from rushlight.ui.desk.blocks import Align, Span, TableBlock
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks, Style
from rushlight.ui.gui.message_view.text_piece import TextPiece

_ALIGNMENTS = {
    "": Qt.AlignmentFlag.AlignLeft,
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


class TableView:
    """Cells are laid out once for each width; a table that grows keeps the cells it has (`take_cells_of`)."""

    def __init__(
        self, block: TableBlock, style: Style, ink: str, ratio: float, older: "TableView | None" = None
    ) -> None:
        self.block = block
        self._style = style
        self._width = 0.0
        self.scroll_x = 0.0
        self._pad_x, self._pad_y = style.px(10), style.px(6)
        self._cells: list[list[TextPiece]] = []
        for number, row in enumerate(block.rows):
            made = []
            for column, spans in enumerate(row):
                known = older.cell_like(block, number, column) if older is not None else None
                if known is None:
                    look = tuple(_bold(span) for span in spans) if number == 0 else spans
                    known = TextPiece(style, look, ink=ink, ratio=ratio)
                made.append(known)
            self._cells.append(made)
        self._starts: list[int] = []
        at, texts = 0, []
        for row_cells in self._cells:
            for cell in row_cells:
                self._starts.append(at)
                at += cell.n_units + 1
                texts.append(cell.text)
        self.n_units = max(0, at - 1)
        self.text = "\t".join(texts)
        self.has_open_formula = any(cell.has_open_formula for row_cells in self._cells for cell in row_cells)
        self._naturals = self._natural_widths(older)
        self._columns: list[float] = []
        self._tops: list[float] = []
        self.height = 0.0

    def cell_like(self, block: TableBlock, row: int, column: int) -> TextPiece | None:
        """The laid out cell, where the other table has the same there."""
        mine = self.block.rows
        if row < len(mine) and column < len(mine[row]) and mine[row][column] == block.rows[row][column]:
            cell = self._cells[row][column]
            return None if cell.has_open_formula else cell
        return None

    def _natural_widths(self, older: "TableView | None") -> list[tuple[float, float]]:
        n = len(self._cells[0]) if self._cells else 0
        widths = [(0.0, 0.0)] * n
        known = older._naturals if older is not None and len(older._naturals) == n else None
        for number, row in enumerate(self._cells):
            for column, cell in enumerate(row):
                old = older.cell_like(self.block, number, column) if older is not None and known is not None else None
                if old is cell:
                    continue
                least, most = cell.natural_widths()
                widths[column] = (max(widths[column][0], least), max(widths[column][1], most))
        if known is not None:
            widths = [(max(one[0], other[0]), max(one[1], other[1])) for one, other in zip(widths, known, strict=True)]
        return widths

    def set_width(self, width: float) -> None:
        self._width = width
        columns = self._share(width - 2 * self._pad_x * len(self._naturals))
        self._columns = columns
        y = 0.0
        self._tops = []
        for row in self._cells:
            self._tops.append(y)
            height = 0.0
            for column, cell in enumerate(row):
                cell.set_width(columns[column], _ALIGNMENTS[self._align(column)])
                height = max(height, cell.height)
            y += height + 2 * self._pad_y
        self._tops.append(y)
        self.height = y + (self._style.px(10) if self.can_scroll else 1)
        self.scroll_x = max(0.0, min(self.scroll_x, self.most_scroll))

    def _align(self, column: int) -> Align:
        return self.block.aligns[column] if column < len(self.block.aligns) else ""

    def _share(self, room: float) -> list[float]:
        """Widths of the columns."""
        most = [natural + 2 for _least, natural in self._naturals]
        if sum(most) <= room:
            return most
        cap = self._style.px(320)
        least = [min(word + 2, cap, natural) for (word, _), natural in zip(self._naturals, most, strict=True)]
        least = [max(one, min(natural, self._style.px(48))) for one, natural in zip(least, most, strict=True)]
        spare = room - sum(least)
        if spare <= 0:
            return [min(natural, max(one, self._style.px(120))) for one, natural in zip(least, most, strict=True)]
        wanted = [natural - one for one, natural in zip(least, most, strict=True)]
        total = sum(wanted) or 1.0
        return [one + spare * want / total for one, want in zip(least, wanted, strict=True)]

    @property
    def table_width(self) -> float:
        return sum(self._columns) + 2 * self._pad_x * len(self._columns)

    @property
    def most_scroll(self) -> float:
        return max(0.0, self.table_width - self._width)

    @property
    def can_scroll(self) -> bool:
        return self.most_scroll > 0.5

    def scroll_by(self, pixels: float) -> bool:
        """Scroll sideways. False: nothing moved."""
        before = self.scroll_x
        self.scroll_x = max(0.0, min(self.scroll_x + pixels, self.most_scroll))
        return self.scroll_x != before

    def thumb(self) -> QRectF:
        """The part of the scroll bar that moves; empty where there is nothing to scroll."""
        if not self.can_scroll:
            return QRectF()
        width = max(self._style.px(24), self._width * self._width / self.table_width)
        left = (self._width - width) * (self.scroll_x / self.most_scroll)
        return QRectF(left, self.height - self._style.px(6), width, self._style.px(4))

    def drag(self, pixels: float) -> None:
        """The thumb was moved by so much."""
        room = self._width - self.thumb().width()
        if room > 0:
            self.scroll_by(pixels * self.most_scroll / room)

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        style = self._style
        painter.save()
        painter.setClipRect(QRectF(x, y, self._width + 1, self.height).intersected(clip))
        left = x - self.scroll_x
        right = left + max(self.table_width, 1.0)
        first = max(0, bisect_right(self._tops, clip.top() - y) - 1)
        for number in range(first, len(self._cells)):
            top = y + self._tops[number]
            if top > clip.bottom():
                break
            self._paint_row(painter, number, left, top, clip, marks)
            painter.setPen(style.color("faint" if number == 0 else "line"))
            bottom = round(y + self._tops[number + 1])
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.drawLine(QPointF(left, bottom), QPointF(right, bottom))
        painter.restore()
        if self.can_scroll:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("faint"))
            painter.drawRoundedRect(self.thumb().translated(x, y), style.px(2), style.px(2))

    def _paint_row(self, painter: QPainter, number: int, left: float, top: float, clip: QRectF, marks: Marks) -> None:
        n_columns = len(self._columns)
        for column, cell in enumerate(self._cells[number]):
            start = self._starts[number * n_columns + column]
            inside = marks if marks is NO_MARKS else _marks_of(marks, start, cell.n_units)
            cell.paint(painter, left + self._pad_x, top + self._pad_y, clip, inside)
            left += self._columns[column] + 2 * self._pad_x

    # --- asking -------------------------------------------------------------------------------------------------
    def _cell_at(self, x: float, y: float) -> tuple[int, int, float, float]:
        """(row, column, x and y inside the cell) nearest to a point."""
        row = max(0, min(len(self._cells) - 1, bisect_right(self._tops, y) - 1))
        left, column = -self.scroll_x, 0
        while column < len(self._columns) - 1 and x >= left + self._columns[column] + 2 * self._pad_x:
            left += self._columns[column] + 2 * self._pad_x
            column += 1
        return row, column, x - left - self._pad_x, y - self._tops[row] - self._pad_y

    def _cell_of(self, position: int) -> tuple[int, int, int]:
        """(row, column, where its text begins) of a position."""
        number = max(0, bisect_right(self._starts, position) - 1)
        return (*divmod(number, max(1, len(self._columns))), self._starts[number])

    def position_at(self, x: float, y: float) -> int:
        if not self._columns:
            return 0
        row, column, inside_x, inside_y = self._cell_at(x, y)
        start = self._starts[row * len(self._columns) + column]
        return start + self._cells[row][column].position_at(inside_x, inside_y)

    def link_at(self, x: float, y: float) -> str:
        if not self._columns:
            return ""
        row, column, inside_x, inside_y = self._cell_at(x, y)
        return self._cells[row][column].link_at(inside_x, inside_y)

    def links(self) -> list[tuple[int, int, str]]:
        cells = [cell for row in self._cells for cell in row]
        return [
            (start + begin, start + end, address)
            for start, cell in zip(self._starts, cells, strict=True)
            for begin, end, address in cell.links()
        ]

    def rects(self, begin: int, end: int) -> list[QRectF]:
        if not self._columns:
            return []
        row, column, start = self._cell_of(begin)
        left = sum(self._columns[:column]) + 2 * self._pad_x * column + self._pad_x - self.scroll_x
        top = self._tops[row] + self._pad_y
        cell = self._cells[row][column]
        return [rect.translated(left, top) for rect in cell.rects(begin - start, min(end - start, cell.n_units))]

    def copied(self, begin: int, end: int) -> str:
        rows = []
        n_columns = max(1, len(self._columns))
        for number, row in enumerate(self._cells):
            parts = []
            for column, cell in enumerate(row):
                start = self._starts[number * n_columns + column]
                first, last = max(begin - start, 0), min(end - start, cell.n_units)
                if first <= last and begin < start + cell.n_units + 1 and end >= start:
                    parts.append(cell.copied(first, last))
            if parts:
                rows.append("\t".join(parts))
        return "\n".join(rows)

    def word_at(self, position: int) -> tuple[int, int]:
        row, column, start = self._cell_of(position)
        begin, end = self._cells[row][column].word_at(position - start)
        return start + begin, start + end


def _bold(span: Span) -> Span:
    from dataclasses import replace

    return replace(span, is_bold=True)


def _marks_of(marks: Marks, start: int, n: int) -> Marks:
    """The marks of one cell."""

    def inside(part: tuple[int, int] | None) -> tuple[int, int] | None:
        if part is None:
            return None
        begin, end = max(part[0] - start, 0), min(part[1] - start, n)
        return (begin, end) if begin < end else None

    found = tuple(one for one in map(inside, marks.found) if one is not None)
    return Marks(inside(marks.selected), found, inside(marks.current), inside(marks.focused))
