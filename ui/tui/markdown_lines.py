"""Markdown as lines of a terminal: what is finished is drawn once, also while text still comes.

Draws the blocks of `ui/desk/markdown`, which reads the text and takes control characters out. Knows widths and styles;
opens nothing: an address is shown beside its text, a picture is named and never loaded, a formula is its source.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rushlight.ui.desk.blocks import (
    Block,
    CodeBlock,
    FormulaBlock,
    Place,
    RuleBlock,
    Span,
    Spans,
    TableBlock,
    TextBlock,
)
from rushlight.ui.desk.markdown import MarkdownDocument, literal_blocks, parse
from rushlight.ui.tui.code_colours import coloured
from rushlight.ui.tui.lines import Piece, fitted, padded, piece, wrapped
from rushlight.ui.tui.look import Look
from rushlight.ui.words import text as words

_MOST_DEPTH = 8  # deeper containers are drawn at this depth
_LEAST_CELLS = 12  # of a text inside containers
_BOXES = {"[ ]": "☐", "[x]": "☑"}


class MarkdownLines:
    """The lines of one growing text at one width."""

    def __init__(self, look: Look, width: int) -> None:
        self._drawer = _Drawer(look, width)
        self._document = MarkdownDocument()
        self._n_drawn = 0
        self._finished: list[Strip] = []
        self._tail: list[Strip] = []

    def feed(self, more: str) -> None:
        """More of the text."""
        self._document.feed(more)
        self._draw()

    def close(self) -> None:
        """The text is finished."""
        self._document.close()
        self._draw()

    def _draw(self) -> None:
        document = self._document
        for block in document.blocks[self._n_drawn : document.n_final]:
            self._finished += self._drawer.draw(block, is_first=not self._finished)
        self._n_drawn = document.n_final
        before = dict(self._drawer.indents)
        self._tail = []
        for block in document.blocks[document.n_final :]:
            self._tail += self._drawer.draw(block, is_first=not self._finished and not self._tail)
        self._drawer.indents = before

    @property
    def lines(self) -> list[Strip]:
        """All lines so far."""
        return self._finished + self._tail


def markdown_lines(text: str, look: Look, width: int) -> list[Strip]:
    """All of a text, in lines of at most `width` cells."""
    made = MarkdownLines(look, width)
    made.feed(text)
    made.close()
    return made.lines


def literal_lines(text: str, look: Look, width: int, ground: Style) -> list[Strip]:
    """What a person typed, on `ground`: as it is, but fenced code as code."""
    drawer = _Drawer(look, width, ground)
    lines: list[Strip] = []
    for block in literal_blocks(text):
        lines += drawer.draw(block, is_first=not lines)
    return lines


def links_in(text: str) -> list[tuple[str, str]]:
    """(text, address) of the links of a Markdown text that may be offered for opening, each address once."""
    found: dict[str, str] = {}
    for block in parse(text):
        for spans in _runs_of(block):
            for span in spans:
                if span.link:
                    found.setdefault(span.link, span.text)
    return [(label, address) for address, label in found.items()]


def _runs_of(block: Block) -> Sequence[Spans]:
    if isinstance(block, TextBlock):
        return [block.spans]
    return [cell for row in block.rows for cell in row] if isinstance(block, TableBlock) else []


class _Drawer:
    """Draws blocks one after another. `indents` are the cells that the marks of open lists take, by depth."""

    def __init__(self, look: Look, width: int, ground: Style | None = None) -> None:
        self.look = look
        self.width = width
        self.ground = ground if ground is not None else look.page
        self.indents: dict[int, int] = {}

    def draw(self, block: Block, is_first: bool) -> list[Strip]:
        """The lines of a block, an empty one before it where there is a gap."""
        first, rest = self._marks(block.place)
        room = max(_LEAST_CELLS, self.width - sum(cell_len(mark) for mark, _ in first))
        inside = [
            Strip([*_strip(first if row == 0 else rest), *line]) for row, line in enumerate(self._inside(block, room))
        ]
        is_apart = not (is_first or block.place.is_tight or block.place.is_continued)
        return [Strip([]), *inside] if is_apart else inside

    def _marks(self, place: Place) -> tuple[list[Piece], list[Piece]]:
        """What stands before the first line of a block, and before its others."""
        look, ground = self.look, self.ground
        accent = Style(color=look.tokens.accent, bgcolor=ground.bgcolor)
        containers = place.containers[:_MOST_DEPTH]
        first: list[Piece] = []
        rest: list[Piece] = []
        innermost = max((at for at, one in enumerate(containers) if one == "list"), default=-1)
        for depth, container in enumerate(containers):
            if container == "quote":
                first.append(("▎ ", accent))
                rest.append(("▎ ", accent))
                continue
            if depth == innermost and place.marker:
                mark = _BOXES.get(place.marker, place.marker) + " "
                self.indents[depth] = cell_len(mark)
                first.append(piece(mark, accent))
            else:
                first.append((" " * self.indents.get(depth, 2), ground))
            rest.append((" " * self.indents.get(depth, 2), ground))
        return first, rest

    def _inside(self, block: Block, width: int) -> list[Strip]:
        look, ground = self.look, self.ground
        match block:
            case TextBlock():
                style = ground
                if block.level in (1, 2):
                    style = ground + Style(color=look.tokens.accent, bold=True)
                elif block.level:
                    style = ground + Style(bold=True)
                return wrapped(self._pieces(block.spans, style), width)
            case CodeBlock():
                return self._code(block, width)
            case FormulaBlock():
                return wrapped([piece(block.source, ground + Style(color=look.tokens.info))], width)
            case TableBlock():
                return self._table(block, width)
            case RuleBlock():
                return [fitted([("─" * width, look.code_line)], width, ground)]

    def _code(self, block: CodeBlock, width: int) -> list[Strip]:
        look = self.look
        quiet = look.code + Style(color=look.tokens.muted)
        body = [piece(block.text, look.code)] if block.is_open else coloured(block.text, block.language, look)
        rows = wrapped(body, max(1, width - 3), fold=True)
        lines = [Strip([*_strip([("▏ ", quiet)]), *padded(row, 0, width - 2, look.code)]) for row in rows]
        if block.language:
            lines.insert(0, fitted([("▏ ", quiet), piece(block.language, quiet)], width, look.code))
        return lines

    def _table(self, block: TableBlock, width: int) -> list[Strip]:
        look, ground = self.look, self.ground
        bold = ground + Style(bold=True)
        rows = [[self._pieces(cell, bold if at == 0 else ground) for cell in row] for at, row in enumerate(block.rows)]
        n_columns = max((len(row) for row in rows), default=0)
        if not n_columns or n_columns * 4 > width:  # no room for columns: one cell after another
            return [line for row in rows for cell in row for line in wrapped(cell, width)]
        widths = _column_widths(rows, n_columns, width - 3 * (n_columns - 1))
        lines: list[Strip] = []
        for number, row in enumerate(rows):
            drawn = [wrapped(cell, widths[column]) for column, cell in enumerate(row)]
            drawn += [[Strip([])]] * (n_columns - len(drawn))
            for y in range(max(len(cell) for cell in drawn)):
                segments = []
                for column, cell in enumerate(drawn):
                    if column:
                        segments += _strip([(" │ ", look.code_line)])
                    line = cell[y] if y < len(cell) else Strip([])
                    spare = widths[column] - line.cell_length
                    align = block.aligns[column] if column < len(block.aligns) else ""
                    left = spare if align == "right" else spare // 2 if align == "center" else 0
                    segments += padded(line, left, widths[column], ground)
                lines.append(Strip(segments))
            if number == 0:
                rule = "─┼─".join("─" * one for one in widths)
                lines.append(fitted([(rule, look.code_line)], len(rule), ground))
        return lines

    def _pieces(self, spans: Spans, base: Style) -> list[Piece]:
        pieces: list[Piece] = []
        for at, span in enumerate(spans):
            pieces.append(piece(*self._span(span, base)))
            following = spans[at + 1] if at + 1 < len(spans) else None
            ends = span.link and (following is None or following.link != span.link)
            if ends and span.link not in (_label(spans, at), f"mailto:{_label(spans, at)}"):
                pieces.append(piece(f" ({span.link})", base + Style(color=self.look.tokens.info)))
        return pieces

    def _span(self, span: Span, base: Style) -> tuple[str, Style]:
        tokens = self.look.tokens
        style = base + Style(bold=span.is_bold or None, italic=span.is_italic or None, strike=span.is_struck or None)
        if span.image:
            said = words("[picture, not loaded: {name} {address}]", name=span.text, address=span.image)
            return said, style + Style(color=tokens.muted)
        if span.is_aside:
            return span.text, style + Style(color=tokens.muted)
        if span.link:
            return span.text, style + Style(color=tokens.info, underline=True)
        if span.formula:
            return span.text, style + Style(color=tokens.info)
        return span.text, style + Style(color=tokens.accent) if span.is_code else style


def _label(spans: Spans, last: int) -> str:
    """The whole text of the link that ends at `last`."""
    first = last
    while first > 0 and spans[first - 1].link == spans[last].link:
        first -= 1
    return "".join(one.text for one in spans[first : last + 1])


def _strip(pieces: Sequence[Piece]) -> list[Segment]:
    return [Segment(said, style) for said, style in pieces]


def _column_widths(rows: Sequence[Sequence[Sequence[Piece]]], n_columns: int, room: int) -> list[int]:
    """As wide as the cells need; where that is too much, the widest give way."""
    widths = [1] * n_columns
    for row in rows:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], cell_len("".join(one for one, _ in cell)))
    while sum(widths) > room:
        widest = max(range(n_columns), key=lambda column: widths[column])
        second = max((one for column, one in enumerate(widths) if column != widest), default=1)
        excess = sum(widths) - room
        widths[widest] -= max(1, min(excess, widths[widest] - second))
    return [max(1, one) for one in widths]
