"""What a message is made of when it is shown: spans of text in blocks, plain values made by `markdown`.

Nothing here is loaded, opened or run: images are their description and address, links a text and an address, formulas
their source. Knows no toolkit and no parser.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Container: TypeAlias = Literal["quote", "list"]
Align: TypeAlias = Literal["", "left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text of one look. A newline in `text` is a line break."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    is_struck: bool = False
    is_code: bool = False
    is_aside: bool = False  # an address or a mark beside the text, drawn muted
    link: str = ""  # http, https or mailto; whoever opens it shows it in full and asks before
    image: str = ""  # the address of an image, which is never loaded; `text` describes it
    formula: str = ""  # LaTeX; `text` is how it was written
    is_display: bool = False  # the formula stands alone in the middle


Spans: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands among quotes and lists."""

    containers: tuple[Container, ...] = ()  # from the outside in
    marker: str = ""  # before the first block of a list item: "•", "3.", "[ ]", "[x]"
    is_tight: bool = False  # follows the block before it without a gap
    is_continued: bool = False  # the rest of a very long block


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph, or a heading of `level` 1 to 6."""

    place: Place
    spans: Spans
    level: int = 0


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Code between fences, or indented. `is_open`: the closing fence has not come yet."""

    place: Place
    text: str
    language: str = ""
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Rows of cells, the head first; all rows are as long as the head."""

    place: Place
    rows: tuple[tuple[Spans, ...], ...]
    aligns: tuple[Align, ...]


@dataclass(frozen=True, slots=True)
class FormulaBlock:
    """A formula that stands alone. `source` is how it was written."""

    place: Place
    formula: str
    source: str


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A line across."""

    place: Place


Block: TypeAlias = TextBlock | CodeBlock | TableBlock | FormulaBlock | RuleBlock


def plain_text(blocks: "tuple[Block, ...] | list[Block]") -> str:
    """What is read aloud or copied without formatting."""
    pieces: list[str] = []
    for block in blocks:
        if pieces:
            pieces.append("\n" if block.place.is_tight or block.place.is_continued else "\n\n")
        pieces.append(block_text(block))
    return "".join(pieces)


def block_text(block: Block) -> str:
    """The text of one block, its list marker before it."""
    marker = f"{block.place.marker} " if block.place.marker else ""
    match block:
        case TextBlock():
            return marker + spans_text(block.spans)
        case CodeBlock():
            return marker + block.text
        case TableBlock():
            return marker + "\n".join("\t".join(spans_text(cell) for cell in row) for row in block.rows)
        case FormulaBlock():
            return marker + block.source
        case RuleBlock():
            return marker + "———"


def spans_text(spans: Spans) -> str:
    return "".join(span.text for span in spans)
