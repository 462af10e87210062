"""Sentences of the page of learning of the terminal app as rows, wrapped to its width. Knows no desk."""

from rich.style import Style

from rushlight.ui.tui.lines import piece, wrapped
from rushlight.ui.tui.row_list import ListRow, RowLine

_MOST_LINES = 12  # of a sentence


def said(words: str, meaning: str, width: int) -> list[ListRow]:
    """A sentence, wrapped to the width, that cannot be chosen; nothing for none."""
    lines = lines_of(words, meaning, width)
    return [ListRow("", lines)] if lines else []


def lines_of(words: str, meaning: str, width: int) -> tuple[RowLine, ...]:
    if not words:
        return ()
    strips = wrapped([piece(words, Style.null())], width - 2)[:_MOST_LINES]
    return tuple(RowLine(((strip.text, meaning),)) for strip in strips)
