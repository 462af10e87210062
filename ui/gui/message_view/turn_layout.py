"""One message laid out: reasoning, text or bubble, attachments, and the room for what stands below it.

Knows flows of blocks and the turn; makes no widget. Coordinates are the turn's own, its top left corner being 0, 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.blocks import Block, plain_text
from rushlight.ui.desk.markdown import MarkdownDocument, literal_blocks
from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.message_view.block_view import TextView
from rushlight.ui.gui.message_view.code_colors import Slices
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.flow import Flow, Item
from rushlight.ui.gui.message_view.style import Marks, Style
from rushlight.ui.words import text as words

SectionName = Literal["reasoning", "text"]
MarksOf = Callable[[SectionName, int], Marks]


@dataclass(slots=True)
class Section:
    """A flow and where it stands in the turn."""

    name: SectionName
    flow: Flow
    x: float = 0.0
    y: float = 0.0
    is_shown: bool = True


class TurnLayout:
    """Made when a turn comes near what is in sight; `settle` before painting."""

    def __init__(self, turn: Turn, style: Style, ratio: float, slices: Slices | None) -> None:
        self.turn = turn
        self.style = style
        self.height = 0.0
        self.room_above = 0.0  # for the notice
        self.is_reasoning_open: bool | None = None  # None: as it is by itself
        self.bubble = QRectF()
        self.toggle = QRectF()
        self.state_row = QRectF()
        self.footer = QRectF()
        self._chips: list[tuple[QRectF, str]] = []
        self._width = 0.0
        self._is_user = turn.role == "user"
        ink = "ink" if turn.role in ("user", "assistant") else "muted"
        self.reasoning = Section("reasoning", Flow(style, ink="muted", ratio=ratio, slices=slices))
        self.text = Section("text", Flow(style, ink=ink, ratio=ratio, slices=slices))
        self._documents: dict[SectionName, MarkdownDocument] = {}
        self._fed: dict[SectionName, str] = {"reasoning": "", "text": ""}
        self.set_turn(turn)

    @property
    def sections(self) -> tuple[Section, ...]:
        """Those that are shown, from the top."""
        both = (self.reasoning, self.text)
        return tuple(one for one in both if one.is_shown and (one.flow.items or one is self.text))

    def set_turn(self, turn: Turn) -> None:
        """Another state of the same message."""
        self.turn = turn
        if self._is_user:
            if self._fed["text"] != turn.text or not self.text.flow.items:
                blocks = literal_blocks(turn.text)
                self.text.flow.show(blocks, 0)
                self._fed["text"] = turn.text
        else:
            self._show("reasoning", turn.reasoning, is_finished=not turn.is_being_written)
            self._show("text", turn.text, is_finished=not turn.is_being_written)
        self._arrange()

    def grow(self, text: str, reasoning: str) -> None:
        """More of it has come."""
        self.turn = replace(self.turn, text=self.turn.text + text, reasoning=self.turn.reasoning + reasoning)
        if reasoning:
            self._feed("reasoning", reasoning)
        if text:
            self._feed("text", text)
        self._arrange()

    def _show(self, name: SectionName, text: str, is_finished: bool) -> None:
        fed = self._fed[name]
        if not text.startswith(fed) or name not in self._documents:
            self._documents[name] = MarkdownDocument()
            self._fed[name] = fed = ""
            self._section(name).flow.show((), 0)
        self._feed(name, text[len(fed) :])
        if is_finished:
            document = self._documents[name]
            document.close()
            self._section(name).flow.show(document.blocks, document.n_final)

    def _feed(self, name: SectionName, text: str) -> None:
        document = self._documents[name]
        self._fed[name] += text
        document.feed(text)
        self._section(name).flow.show(document.blocks, document.n_final)

    def _section(self, name: SectionName) -> Section:
        return self.reasoning if name == "reasoning" else self.text

    def blocks(self) -> list[Block]:
        return [item.block for item in self.text.flow.items]

    def spoken(self) -> str:
        """The text as one hears it."""
        return plain_text(self.blocks())

    # --- places -------------------------------------------------------------------------------------------------
    def set_width(self, width: float) -> None:
        """The width of the column."""
        if width != self._width:
            self._width = width
            self._arrange()

    def settle(self, top: float, bottom: float) -> bool:
        """Lay out what lies between; True: heights have changed."""
        has_changed = False
        for section in self.sections:
            has_changed |= section.flow.settle(top - section.y, bottom - section.y)
        if self._is_user and self._is_narrower():
            has_changed = True
        if has_changed:
            self._arrange()
        return has_changed

    def _is_narrower(self) -> bool:
        """Whether the bubble, which is as wide as its text, does not fit its text any more."""
        return bool(self.text.flow.items) and abs(self._bubble_width() - self.bubble.width()) > 0.5

    def drop_open_formulas(self) -> bool:
        """Lay out anew what holds a formula that was not drawn."""
        found = [section.flow.drop_open_formulas() for section in (self.reasoning, self.text)]
        if any(found):
            self._arrange()
        return any(found)

    def _arrange(self) -> None:
        if self._width <= 0:
            return
        if self._is_user:
            self._arrange_user()
        else:
            self._arrange_reply()

    def _arrange_reply(self) -> None:
        style, turn = self.style, self.turn
        y = self.room_above
        has_reasoning = bool(self.reasoning.flow.items)
        self.reasoning.is_shown = has_reasoning and self.shows_reasoning
        self.toggle = QRectF(0, y, self._width, style.px(30)) if has_reasoning else QRectF()
        if has_reasoning:
            y += style.px(34)
        if self.reasoning.is_shown:
            self.reasoning.x, self.reasoning.y = float(style.px(16)), y
            self.reasoning.flow.set_width(self._width - style.px(16))
            y += self.reasoning.flow.height + style.px(12)
        self.text.x, self.text.y = 0.0, y
        self.text.flow.set_width(self._width)
        y += self.text.flow.height
        if turn.is_being_written and (not self.text.flow.items or isinstance(self.text.flow.items[-1].view, CodeView)):
            y += style.line_height
        y = self._arrange_chips(0.0, y + (style.px(6) if turn.attachments else 0), self._width)
        self.state_row = QRectF()
        if self.state_text():
            self.state_row = QRectF(0, y + style.px(6), self._width, style.px(32))
            y += style.px(38)
        self.footer = QRectF() if style.is_bare else QRectF(0, y + style.px(4), self._width, style.px(30))
        self.height = y + style.px(14 if style.is_bare else 4 + 30 + 14)

    def _arrange_user(self) -> None:
        style = self.style
        pad_x, pad_y = style.px(14), style.px(10)
        most = min(float(style.bubble), max(self._width - style.px(110), self._width * 0.6)) - 2 * pad_x
        flow = self.text.flow
        flow.set_width(most)
        width = self._bubble_width()
        left = 0.0 if style.is_mirrored else self._width - width
        y = self.room_above
        self.text.x, self.text.y = left + pad_x, y + pad_y
        bottom = y + pad_y + flow.height
        if self.turn.attachments:
            bottom = self._arrange_chips(left + pad_x, bottom + (style.px(6) if flow.items else 0), width - 2 * pad_x)
        self.bubble = QRectF(left, y, width, bottom + pad_y - y)
        beside = max(0.0, self._width - width - style.px(6))
        x = self._width - beside if style.is_mirrored else 0.0
        self.footer = QRectF(x, self.bubble.bottom() - style.px(34), beside, style.px(30))
        self.state_row = QRectF()
        self.height = self.bubble.bottom() + style.px(20)

    def _bubble_width(self) -> float:
        pad = 2 * self.style.px(14)
        flow = self.text.flow
        most = min(float(self.style.bubble), max(self._width - self.style.px(110), self._width * 0.6))
        if any(not isinstance(item.view, TextView) for item in flow.items):
            text = most if flow.items else pad
        else:
            text = flow.natural_width() + pad + 1
        chips = max((self._chip_width(name) for name in self._chip_texts()), default=0.0) + pad
        return min(most, max(text, chips))

    # --- attachments --------------------------------------------------------------------------------------------
    def _chip_texts(self) -> list[str]:
        return [
            words("{name} · {size}", name=plain_line(name)[:60], size=_size(n_bytes))
            for name, n_bytes in self.turn.attachments
        ]

    def _chip_width(self, text: str) -> float:
        return QFontMetricsF(self.style.font("small")).horizontalAdvance(text) + self.style.px(22)

    def _arrange_chips(self, left: float, y: float, width: float) -> float:
        self._chips = []
        if not self.turn.attachments:
            return y
        x, height, gap = left, self.style.px(26), self.style.px(6)
        for text in self._chip_texts():
            one = min(width, self._chip_width(text))
            if x > left and x + one > left + width:
                x, y = left, y + height + gap
            self._chips.append((QRectF(x, y, one, height), text))
            x += one + gap
        return y + height

    # --- what is said about it ----------------------------------------------------------------------------------
    @property
    def shows_reasoning(self) -> bool:
        """Open while the model thinks, closed afterwards, unless the user says otherwise."""
        if self.is_reasoning_open is not None:
            return self.is_reasoning_open
        return self.turn.is_being_written and not self.turn.text.strip()

    def state_text(self) -> str:
        """A line about a reply that is not whole; "" for one that is."""
        turn = self.turn
        if turn.role != "assistant" or turn.is_being_written:
            return ""
        if turn.state == "failed":
            return words("This reply failed.")
        if turn.state == "stopped":
            return words("You stopped this reply.")
        if turn.state == "partial":
            return words("This reply was cut off when the program ended.")
        if turn.finish_reason == "length":
            return words("This reply reached its greatest length.")
        return ""

    # --- painting -----------------------------------------------------------------------------------------------
    def paint(self, painter: QPainter, clip: QRectF, marks: MarksOf) -> None:
        style = self.style
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._is_user:
            path = _bubble_path(self.bubble, style.px(14), style.px(3), style.is_mirrored)
            painter.fillPath(path, style.color("accent_soft"))
        for section in self.sections:
            if section.name == "reasoning":
                bar = QRectF(0, section.y, style.px(2), section.flow.height)
                painter.fillRect(bar, style.color("line"))

            def marks_of(number: int, name: SectionName = section.name) -> Marks:
                return marks(name, number)

            section.flow.paint(painter, section.x, section.y, clip, marks_of)
        painter.setFont(style.font("small"))
        for rect, text in self._chips:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(style.color("line"))
            painter.setBrush(style.color("surface"))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), rect.height() / 2, rect.height() / 2)
            painter.setPen(style.color("muted"))
            where = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine
            inside = rect.adjusted(style.px(8), 0, -style.px(8), 0)
            short = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(inside.width()) + 2)
            painter.drawText(inside, where, short)
        if self.turn.is_being_written:
            painter.fillRect(self.caret(), style.color("flame"))

    def caret(self) -> QRectF:
        """The flame where the next word will stand."""
        style = self.style
        width, height = style.px(8), style.px(16)
        section = self.reasoning if self.reasoning.is_shown and not self.text.flow.items else self.text
        x, y, line = section.x, section.y, float(style.line_height)
        if section.flow.items:
            item = section.flow.items[-1]
            if isinstance(item.view, TextView) and item.is_laid_out:
                end = item.view.piece.end_point()
                is_left = item.view.piece.direction == Qt.LayoutDirection.LeftToRight
                x += item.left + end.x() + (style.px(2) if is_left else -style.px(2) - width)
                y, line = y + item.top + end.y(), end.height()
            else:
                y += section.flow.height + style.px(3)
        return QRectF(round(x), round(y + (line - height) / 2), width, height)

    def item_at(self, y: float) -> tuple[Section, int, Item] | None:
        """The block at this height."""
        for section in reversed(self.sections):
            if section.flow.items and (y >= section.y or section is self.sections[0]):
                number = section.flow.index_at(y - section.y)
                return section, number, section.flow.items[number]
        return None


def _bubble_path(rect: QRectF, radius: float, small: float, is_mirrored: bool) -> QPainterPath:
    """Round but for the corner below at the side of who speaks."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    path.addRoundedRect(rect, radius, radius)
    left = rect.left() if is_mirrored else rect.right() - 2 * radius
    corner = QRectF(left, rect.bottom() - 2 * radius, 2 * radius, 2 * radius)
    path.addRoundedRect(corner, small, small)
    return path.simplified()


def _size(n_bytes: int) -> str:
    if n_bytes < 1024:
        return words("{count} B", count=n_bytes)
    if n_bytes < 1024 * 1024:
        return words("{count} KB", count=round(n_bytes / 1024))
    return words("{count} MB", count=round(n_bytes / 1024 / 1024, 1))
