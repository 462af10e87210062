"""Lines of cells: pieces of text with a style, wrapped to a width. The last gate before the terminal.

Every text that is drawn by hand passes `piece`, which takes out whatever a terminal would obey. Knows no markup:
what stands in a text is shown as it stands.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from rushlight.assistant.safety.plain import plain

Piece: TypeAlias = tuple[str, Style]

_SEPARATORS = {0x2028: "\n", 0x2029: "\n"}  # Unicode's own line breaks, which terminals do not know
_MAX_CHARS = 200_000  # of one paragraph; nobody reads more, and wrapping is not free
# Only what Rich wants for measuring and tabs: nothing is ever printed by it.
_CONSOLE = Console(width=80, color_system=None, force_terminal=False, legacy_windows=False, _environ={})


def piece(text: str, style: Style) -> Piece:
    """A text that may come from anybody, made fit for a terminal; line breaks stay."""
    return plain(text).translate(_SEPARATORS).expandtabs(4), style


def joined(pieces: Iterable[Piece]) -> Text:
    """The pieces one after another."""
    whole = Text(end="")
    n_chars = 0
    for text, style in pieces:
        if n_chars + len(text) > _MAX_CHARS:
            whole.append(text[: _MAX_CHARS - n_chars] + "…", style)
            break
        n_chars += len(text)
        whole.append(text, style)
    return whole


def wrapped(pieces: Iterable[Piece], width: int, *, fold: bool = False) -> list[Strip]:
    """Lines of at most `width` cells, at least one. `fold` breaks anywhere, as code wants it."""
    width = max(1, width)
    whole = joined(pieces)
    if not whole.plain:
        return [Strip([])]
    if fold:
        lines: list[Text] = []
        for line in whole.split("\n", allow_blank=True):
            lines += _folded(line, width)
    else:
        lines = list(whole.wrap(_CONSOLE, width, overflow="fold", tab_size=4))
    return [Strip([part for part in line.render(_CONSOLE) if part.text]) for line in lines] or [Strip([])]


def _folded(line: Text, width: int) -> list[Text]:
    if len(line) * 2 <= width or line.cell_len <= width:
        return [line]
    from rich.cells import cell_len

    cuts, used = [], 0
    for index, char in enumerate(line.plain):
        cells = cell_len(char)
        if used + cells > width:
            cuts.append(index)
            used = 0
        used += cells
    return list(line.divide(cuts))


def fitted(pieces: Sequence[Piece], width: int, style: Style) -> Strip:
    """One line of exactly `width` cells; what does not fit is cut with an ellipsis."""
    whole = joined((text.replace("\n", " "), one) for text, one in pieces)
    if whole.cell_len > width:
        whole.truncate(max(0, width), overflow="ellipsis")
    strip = Strip([part for part in whole.render(_CONSOLE) if part.text])
    return strip.adjust_cell_length(max(0, width), style)


def beside(left: Sequence[Piece], right: Sequence[Piece], width: int, style: Style) -> Strip:
    """One line with something at either end; the right end stays whole as long as it can."""
    end = joined(right)
    room = width - end.cell_len - (1 if right else 0)
    if room < 8 and left:
        return fitted(left, width, style)
    gap = [Segment(" ", style)] if right else []
    tail = Strip([part for part in end.render(_CONSOLE) if part.text])
    return Strip([*fitted(left, max(0, room), style), *gap, *tail]).adjust_cell_length(width, style)


def padded(strip: Strip, left: int, width: int, ground: Style) -> Strip:
    """`strip` moved right by `left` cells, on a ground of `width` cells."""
    head = [Segment(" " * left, ground)] if left > 0 else []
    return Strip([*head, *strip]).adjust_cell_length(width, ground)


def grounded(strip: Strip, style: Style) -> Strip:
    """`strip` with another ground where it has none of its own."""
    return strip.apply_style(style)
