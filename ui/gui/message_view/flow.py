"""Blocks one below the other. Only those near what is in sight are laid out; the heights of others are estimated.

Knows the kinds of blocks and their views; draws bullets, boxes, numbers and the bars of quotes. Knows no turn.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import assert_never

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from rushlight.ui.desk.blocks import Block, CodeBlock, FormulaBlock, RuleBlock, TableBlock, TextBlock
from rushlight.ui.gui.message_view.block_view import BlockView, FormulaView, RuleView, TextView, is_right_to_left
from rushlight.ui.gui.message_view.code_colors import Slices
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks, Style
from rushlight.ui.gui.message_view.table_view import TableView

_INDENT = {"list": 24, "quote": 16}


class Item:
    """A block in its place: `top` and `height` are estimated while `view` is None or not laid out."""

    __slots__ = ("block", "height", "is_laid_out", "left", "top", "view")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.view: BlockView | None = None
        self.is_laid_out = False
        self.top = self.height = self.left = 0.0


class Flow:
    """`show` blocks, `set_width`, `settle` what is in sight; then ask for places and paint."""

    def __init__(self, style: Style, *, ink: str = "ink", ratio: float = 1.0, slices: Slices | None = None) -> None:
        self.items: list[Item] = []
        self.height = 0.0
        self.on_change: Callable[[], None] = _nothing
        self._style = style
        self._ink = ink
        self._ratio = ratio
        self._slices = slices
        self._width = 0.0
        self._n_final = 0
        self._tops: list[float] = []

    def show(self, blocks: Sequence[Block], n_final: int) -> None:
        """These blocks now. What was final before is known to be the same."""
        first = min(self._n_final, len(self.items), len(blocks))
        older = self.items[first:]
        del self.items[first:]
        for number, block in enumerate(blocks[first:]):
            old = older[number] if number < len(older) else None
            if old is not None and old.block == block:
                self.items.append(old)
                continue
            item = Item(block)
            if old is not None and old.view is not None:
                self._grow(item, old)
            self.items.append(item)
        self._n_final = n_final
        self._place(first)

    def _grow(self, item: Item, old: Item) -> None:
        """Take over what an older state of the same block has laid out."""
        block, view = item.block, old.view
        if old.block.place != block.place:
            return
        if isinstance(view, CodeView) and isinstance(block, CodeBlock) and view.block.language == block.language:
            view.update(block)
            item.view, item.is_laid_out, item.height = view, old.is_laid_out, view.height
        elif isinstance(view, TableView) and isinstance(block, TableBlock):
            item.view = TableView(block, self._style, self._ink, self._ratio, older=view)
            item.view.scroll_x = view.scroll_x

    def set_width(self, width: float) -> None:
        """Lay everything out anew where the width is another one."""
        if width != self._width:
            self._width = width
            for item in self.items:
                item.is_laid_out = False
            self._place(0)

    def drop_open_formulas(self) -> bool:
        """Forget what was laid out with the source of a formula that may be drawn now."""
        found = False
        for item in self.items:
            if item.view is not None and item.view.has_open_formula:
                item.view, item.is_laid_out, found = None, False, True
        return found

    def settle(self, top: float, bottom: float) -> bool:
        """Lay out what lies between; True: heights have changed by it."""
        has_changed = False
        number = self.index_at(top)
        while number < len(self.items) and self.items[number].top <= bottom:
            item = self.items[number]
            if not item.is_laid_out:
                before = item.height
                self._lay_out(item)
                if item.height != before:
                    has_changed = True
                    self._place(number)
            number += 1
        return has_changed

    def settle_all(self) -> bool:
        return self.settle(0.0, 1e12)

    def _lay_out(self, item: Item) -> None:
        if item.view is None:
            item.view = self._view_of(item.block)
        left = self._indent(item.block)
        item.view.set_width(max(float(self._style.px(40)), self._width - left))
        item.left = 0.0 if is_right_to_left(item.view) else left
        item.height = item.view.height
        item.is_laid_out = True

    def _view_of(self, block: Block) -> BlockView:
        match block:
            case TextBlock():
                return TextView(block, self._style, self._ink, self._ratio)
            case CodeBlock():
                view = CodeView(block, self._style, self._slices)
                view.on_change = self._changed
                return view
            case TableBlock():
                return TableView(block, self._style, self._ink, self._ratio)
            case FormulaBlock():
                return FormulaView(block, self._style, self._ink, self._ratio)
            case RuleBlock():
                return RuleView(block, self._style)
            case _:
                assert_never(block)

    def _changed(self) -> None:
        self.on_change()

    def _indent(self, block: Block) -> float:
        return float(sum(self._style.px(_INDENT[kind]) for kind in block.place.containers[:8]))

    def _place(self, first: int) -> None:
        """Tops from the item `first` on; heights of what is not laid out are estimates."""
        style = self._style
        del self._tops[first:]
        y = 0.0 if first == 0 else self.items[first - 1].top + self.items[first - 1].height
        for number in range(first, len(self.items)):
            item = self.items[number]
            if number > 0:
                y += self._gap(item.block)
            if not item.is_laid_out:
                item.height = _estimate(item.block, self._width - self._indent(item.block), style)
            item.top = y
            self._tops.append(y)
            y += item.height
        self.height = y

    def _gap(self, block: Block) -> float:
        place = block.place
        if place.is_continued:
            return 0.0
        if place.is_tight:
            return float(self._style.tight_gap)
        return float(self._style.px(20) if isinstance(block, TextBlock) and block.level else self._style.block_gap)

    # --- asking -------------------------------------------------------------------------------------------------
    def index_at(self, y: float) -> int:
        """The item at this height, or the one above it."""
        return max(0, bisect_right(self._tops, y) - 1)

    def natural_width(self) -> float:
        """What the widest item takes, once laid out."""
        widest = 0.0
        for item in self.items:
            is_text = isinstance(item.view, TextView) and not is_right_to_left(item.view)
            widest = max(widest, item.left + item.view.width if is_text else self._width)  # type: ignore[union-attr]
        return min(widest, self._width)

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(
        self, painter: QPainter, x: float, y: float, clip: QRectF, marks: Callable[[int], Marks] | None = None
    ) -> None:
        """Draw what lies in `clip`; it must be settled."""
        number = self.index_at(clip.top() - y)
        while number < len(self.items):
            item = self.items[number]
            if y + item.top > clip.bottom():
                break
            if item.view is not None and item.is_laid_out:
                self._paint_place(painter, x, y, item)
                item.view.paint(painter, x + item.left, y + item.top, clip, marks(number) if marks else NO_MARKS)
            number += 1

    def _paint_place(self, painter: QPainter, x: float, y: float, item: Item) -> None:
        place, style = item.block.place, self._style
        if not place.containers:
            return
        is_mirrored = item.view is not None and is_right_to_left(item.view)
        left = 0.0
        for kind in place.containers[:8]:
            step = style.px(_INDENT[kind])
            if kind == "quote":
                bar = x + (self._width - left - style.px(3) if is_mirrored else left)
                top = y + item.top - (0 if item.top == 0 else self._gap(item.block) / 2)
                bottom = y + item.top + item.height + style.block_gap / 2
                painter.fillRect(QRectF(bar, top, style.px(3), bottom - top), style.color("line"))
            left += step
        if place.marker:
            edge = x + (self._width - left if is_mirrored else left)
            self._paint_marker(painter, edge, y + item.top, place.marker, is_mirrored)

    def _paint_marker(self, painter: QPainter, edge: float, y: float, marker: str, is_mirrored: bool) -> None:
        style = self._style
        height, gap = style.line_height, style.px(8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if marker in ("[ ]", "[x]"):
            side = style.px(13)
            box = QRectF(edge + gap if is_mirrored else edge - gap - side, y + (height - side) / 2, side, side)
            is_done = marker == "[x]"
            painter.setPen(style.color("accent" if is_done else "muted"))
            painter.setBrush(style.color("accent" if is_done else "surface"))
            painter.drawRoundedRect(box, style.px(3), style.px(3))
            if is_done:
                painter.setPen(QPen(style.color("on_accent"), style.px(2)))
                painter.drawPolyline(
                    [
                        QPointF(box.left() + side * 0.22, box.center().y()),
                        QPointF(box.left() + side * 0.43, box.bottom() - side * 0.26),
                        QPointF(box.right() - side * 0.2, box.top() + side * 0.27),
                    ]
                )
            return
        if marker == "•":
            side = style.px(5)
            middle = edge + gap + side if is_mirrored else edge - gap - side
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("muted"))
            painter.drawEllipse(QPointF(middle, y + height / 2), side / 2, side / 2)
            return
        painter.setFont(style.font("text"))
        painter.setPen(style.color("muted"))
        where = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        width = style.px(90)
        if is_mirrored:
            painter.drawText(QRectF(edge + gap / 2, y, width, height), where | Qt.AlignmentFlag.AlignLeft, marker)
        else:
            box = QRectF(edge - width - gap / 2, y, width, height)
            painter.drawText(box, where | Qt.AlignmentFlag.AlignRight, marker)


def _estimate(block: Block, width: float, style: Style) -> float:
    """A height that is about right, made without laying out."""
    match block:
        case TextBlock():
            n_letters = max(8.0, width / (style.line_height * 0.32))
            text = "".join(span.text for span in block.spans)
            n_lines = sum(1 + int(len(line) / n_letters) for line in text.split("\n"))
            return n_lines * style.line_height * (1.25 if block.level in (1, 2) else 1.0)
        case CodeBlock():
            return (block.text.count("\n") + 1) * style.code_line_height + style.px(39)
        case TableBlock():
            return len(block.rows) * style.px(34)
        case FormulaBlock():
            return float(style.px(48))
        case RuleBlock():
            return float(style.px(9))
        case _:
            assert_never(block)


def _nothing() -> None:
    pass
