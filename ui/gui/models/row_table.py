"""A table whose cells are widgets. Where the columns find no room, each row becomes a few lines instead.

Knows cells and widths; knows nothing of what they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QWidget

from rushlight.ui.gui.pages.parts import is_off
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label

_START = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_END = Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter
_WIDE_NAME = 3  # the share of free width that the first column takes


@dataclass
class TableRow:
    """`cells`, one a column: the first is the name, the last the buttons. `below` goes over the whole width.

    All of them are children of the table from the beginning: a widget that is shown without a parent is a window.
    """

    cells: list[QWidget]
    below: QWidget | None = None
    flow: QWidget | None = field(default=None, repr=False)  # the cells between, where there is no room
    line: QFrame | None = field(default=None, repr=False)


class RowTable(QWidget):
    """table.set_rows(rows) whenever there are others; a row whose cells change needs `lay_out`."""

    def __init__(self, theme: Theme, headers: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._headers: list[QLabel] = [label(words, "small") for words in headers]
        self._rows: list[TableRow] = []
        self.is_wide = self._ends_beside = True
        self._grid = QGridLayout(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._dress()
        theme.changed.connect(self._dress)

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """These, in this order. Rows that are no longer among them are ended."""
        for row in self._rows:
            if not any(row is one for one in rows):
                self._end(row)
        self._rows = list(rows)
        for row in rows:
            if row.flow is None:
                row.flow = QWidget(self)
                FlowLayout(row.flow, spacing=self._theme.px(10))
            if row.line is None:
                row.line = QFrame(self)
                row.line.setProperty("role", "line")
        self.lay_out()

    def lay_out(self) -> None:
        """Put every cell where it belongs at this width."""
        self.is_wide = self._needed_width() <= max(self.width(), 1)
        self._ends_beside = self._ends_width() <= max(self.width(), 1)
        self._clear()
        if self.is_wide:
            self._lay_out_wide()
        else:
            self._lay_out_narrow()

    def minimumSizeHint(self) -> QSize:
        """What the lines need: the columns must not keep the page from becoming narrower."""
        cells = [cell.minimumSizeHint().width() for row in self._rows for cell in row.cells if not is_off(cell)]
        return QSize(max(cells, default=0), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fits = (self._needed_width() <= self.width(), self._ends_width() <= self.width())
        if fits != (self.is_wide, self._ends_beside):
            self.lay_out()

    def _ends_width(self) -> int:
        """The name and the buttons beside each other."""
        ends = [row.cells[0].minimumSizeHint().width() + row.cells[-1].minimumSizeHint().width() for row in self._rows]
        return max(ends, default=0) + self._grid.horizontalSpacing()

    def _needed_width(self) -> int:
        """All columns beside each other."""
        gap = self._grid.horizontalSpacing()
        width = 0
        for column, header in enumerate(self._headers):
            cells = [row.cells[column].sizeHint().width() for row in self._rows if not is_off(row.cells[column])]
            width += max([header.sizeHint().width(), *cells])
        return width + gap * max(0, len(self._headers) - 1)

    def _clear(self) -> None:
        while self._grid.count():
            self._grid.takeAt(0)
        for row in self._rows:
            layout = row.flow.layout() if row.flow is not None else None
            while layout is not None and layout.count():
                layout.takeAt(0)
        for column in range(len(self._headers)):
            self._grid.setColumnStretch(column, 0)

    def _lay_out_wide(self) -> None:
        at, columns = 0, len(self._headers)
        names = max((row.cells[0].sizeHint().width() for row in self._rows), default=0)
        self._grid.setColumnMinimumWidth(0, names)  # names that can be cut are whole where there is room
        for column, header in enumerate(self._headers):
            self._grid.addWidget(header, at, column, _START)
            header.setVisible(bool(self._rows) and bool(header.text()))
            share = _WIDE_NAME if column == 0 else 0 if column == columns - 1 else 2
            self._grid.setColumnStretch(column, share)
        for row in self._rows:
            assert row.flow is not None and row.line is not None
            row.flow.hide()
            at += 1
            self._grid.addWidget(row.line, at, 0, 1, columns)
            row.line.show()
            at += 1
            for column, cell in enumerate(row.cells):
                self._grid.addWidget(cell, at, column, _START if column else _MIDDLE)
            if row.below is not None:
                at += 1
                self._grid.addWidget(row.below, at, 0, 1, columns)

    def _lay_out_narrow(self) -> None:
        at = 0
        for header in self._headers:
            header.hide()
        self._grid.setColumnMinimumWidth(0, 0)
        self._grid.setColumnStretch(0, 1)
        for row in self._rows:
            assert row.flow is not None and row.line is not None
            self._grid.addWidget(row.line, at, 0, 1, 2)
            row.line.setVisible(at > 0)
            if self._ends_beside:
                self._grid.addWidget(row.cells[0], at + 1, 0, _MIDDLE)
                self._grid.addWidget(row.cells[-1], at + 1, 1, _END)
            else:
                self._grid.addWidget(row.cells[0], at + 1, 0, 1, 2, _MIDDLE)
                self._grid.addWidget(row.cells[-1], at + 3, 0, 1, 2, _START)
            flow = row.flow.layout()
            assert isinstance(flow, FlowLayout)
            for cell in row.cells[1:-1]:
                flow.addWidget(cell)
            self._grid.addWidget(row.flow, at + 2, 0, 1, 2)
            row.flow.show()
            if row.below is not None:
                self._grid.addWidget(row.below, at + 4, 0, 1, 2)
            at += 5

    def _end(self, row: TableRow) -> None:
        for widget in (*row.cells, row.below, row.flow, row.line):
            if widget is not None:
                self._grid.removeWidget(widget)
                widget.hide()
                widget.deleteLater()

    def _dress(self) -> None:
        px = self._theme.px
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(16))
        self._grid.setVerticalSpacing(px(8))
        self.lay_out()
