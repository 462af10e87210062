"""What every block of a message can do when it is shown, and the simple ones: text, formula, rule.

Knows blocks and the text piece; each kind with more to it has a file of its own. Positions are Qt's (UTF-16 units).
"""

from typing import Protocol

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from rushlight.ui.desk.blocks import FormulaBlock, RuleBlock, Span, TextBlock
from rushlight.ui.gui.message_view.formulas import Picture, Wanted, formulas
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks, Style
from rushlight.ui.gui.message_view.text_piece import TextPiece


class BlockView(Protocol):
    """A laid out block. Its own place among other blocks is kept by who holds it."""

    height: float
    text: str  # what positions count in
    n_units: int
    has_open_formula: bool

    def set_width(self, width: float) -> None:
        """Lay it out for this width; `height` is right from then on."""

    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        """Draw what of it lies in `clip`."""

    def position_at(self, x: float, y: float) -> int:
        """The position nearest to a point."""

    def link_at(self, x: float, y: float) -> str:
        """The address under a point, or ""."""

    def links(self) -> list[tuple[int, int, str]]:
        """(begin, end, address) of each."""

    def rects(self, begin: int, end: int) -> list[QRectF]:
        """Where the letters between two positions stand."""

    def copied(self, begin: int, end: int) -> str:
        """The text between two positions as one pastes it."""

    def word_at(self, position: int) -> tuple[int, int]:
        """Begin and end of the word around a position."""


class TextView:
    """A paragraph or heading."""

    def __init__(self, block: TextBlock, style: Style, ink: str, ratio: float) -> None:
        self.block = block
        self.piece = TextPiece(style, block.spans, level=block.level, ink=ink, ratio=ratio)
        self.height = 0.0
        self.text, self.n_units = self.piece.text, self.piece.n_units
        self.has_open_formula = self.piece.has_open_formula

    def set_width(self, width: float) -> None:
        self.piece.set_width(width)
        self.height = self.piece.height

    @property
    def width(self) -> float:
        """Of the longest line."""
        return self.piece.width

    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        self.piece.paint(painter, x, y, clip, marks)

    def position_at(self, x: float, y: float) -> int:
        return self.piece.position_at(x, y)

    def link_at(self, x: float, y: float) -> str:
        return self.piece.link_at(x, y)

    def links(self) -> list[tuple[int, int, str]]:
        return self.piece.links()

    def rects(self, begin: int, end: int) -> list[QRectF]:
        return self.piece.rects(begin, end)

    def copied(self, begin: int, end: int) -> str:
        return self.piece.copied(begin, end)

    def word_at(self, position: int) -> tuple[int, int]:
        return self.piece.word_at(position)


class FormulaView:
    """A formula that stands alone, in the middle; as it was written while it is not drawn or cannot be."""

    def __init__(self, block: FormulaBlock, style: Style, ink: str, ratio: float) -> None:
        self.block = block
        self._style = style
        size = round(style.font("text").pointSizeF() * 96 / 72 * 1.15, 2)
        color = getattr(style.tokens, ink)
        self._picture: Picture | None = formulas().get(Wanted(block.formula, True, size, color, ratio))
        self.has_open_formula = self._picture is None
        self._source = TextPiece(style, (Span(block.source, is_code=True),), ink=ink, ratio=ratio)
        self.text, self.n_units = self._source.text, self._source.n_units
        self.height = 0.0
        self._width = 0.0
        self._scale = 1.0

    def set_width(self, width: float) -> None:
        self._width = width
        if self._picture is None:
            self._source.set_width(width)
            self.height = self._source.height
        else:
            self._scale = min(1.0, width / self._picture.width)
            self.height = self._picture.height * self._scale + 2 * self._style.px(4)

    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        picture = self._picture
        if picture is None:
            self._source.paint(painter, x, y, clip, marks)
            return
        (target,) = self.rects(0, self.n_units)
        target.translate(x, y)
        if marks.selected or marks.found or marks.current:
            look = self._style.found if not marks.current else self._style.found_current
            painter.fillRect(target, self._style.found.background() if marks.selected else look.background())
        if self._scale == 1.0:
            painter.drawPixmap(QPointF(target.x(), target.y()), picture.pixmap)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, picture.pixmap, QRectF(picture.pixmap.rect()))

    def position_at(self, x: float, y: float) -> int:
        if self._picture is None:
            return self._source.position_at(x, y)
        return 0 if x < self._width / 2 else self.n_units

    def link_at(self, x: float, y: float) -> str:
        return ""

    def links(self) -> list[tuple[int, int, str]]:
        return []

    def rects(self, begin: int, end: int) -> list[QRectF]:
        if self._picture is None:
            return self._source.rects(begin, end)
        width, height = self._picture.width * self._scale, self._picture.height * self._scale
        return [QRectF((self._width - width) / 2, self._style.px(4), width, height)]

    def copied(self, begin: int, end: int) -> str:
        return self.block.source if self._picture is not None else self._source.copied(begin, end)

    def word_at(self, position: int) -> tuple[int, int]:
        return (0, self.n_units)


class RuleView:
    """A line across."""

    text = ""
    n_units = 0
    has_open_formula = False

    def __init__(self, block: RuleBlock, style: Style) -> None:
        self.block = block
        self._style = style
        self._width = 0.0
        self.height = float(style.px(9))

    def set_width(self, width: float) -> None:
        self._width = width

    def paint(self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Marks = NO_MARKS) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(self._style.color("line"))
        middle = round(y + self.height / 2)
        painter.drawLine(QPointF(x, middle), QPointF(x + self._width, middle))

    def position_at(self, x: float, y: float) -> int:
        return 0

    def link_at(self, x: float, y: float) -> str:
        return ""

    def links(self) -> list[tuple[int, int, str]]:
        return []

    def rects(self, begin: int, end: int) -> list[QRectF]:
        return []

    def copied(self, begin: int, end: int) -> str:
        return ""

    def word_at(self, position: int) -> tuple[int, int]:
        return (0, 0)


def is_right_to_left(view: BlockView) -> bool:
    """Whether a block reads from the right."""
    return isinstance(view, TextView) and view.piece.direction == Qt.LayoutDirection.RightToLeft
