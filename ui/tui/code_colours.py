"""Code in colours: the pieces of a finished code block, by the kinds that `ui/desk/highlight` finds.

What takes too long stays plain: nobody waits for colours.
"""

from functools import lru_cache

from rich.style import Style

from rushlight.ui.desk.highlight import can_highlight, highlight, highlight_for
from rushlight.ui.tui.lines import Piece, piece
from rushlight.ui.tui.look import Look, look_of

_LONGEST_MS = 40


def coloured(code: str, language: str, look: Look) -> list[Piece]:
    """`code` in one colour, or in several where its language is known."""
    if not can_highlight(code, language):
        return [piece(code, look.code)]
    return list(_cached(code, language, look.tokens.name))


@lru_cache(maxsize=128)
def _cached(code: str, language: str, theme: str) -> tuple[Piece, ...]:
    look = look_of(f"rushlight-{theme}")
    colours = {
        "keyword": look.tokens.accent,
        "string": look.tokens.good,
        "comment": look.tokens.muted,
        "number": look.tokens.info,
        "name": look.tokens.info,
        "wrong": look.tokens.bad,
    }
    runs: list[tuple[tuple[int, str], ...]] = []
    if not highlight_for(highlight(code, language, runs), _LONGEST_MS):
        return (piece(code, look.code),)
    pieces: list[Piece] = []
    for number, (line, kinds) in enumerate(zip(code.split("\n"), runs, strict=False)):
        if number:
            pieces.append(("\n", look.code))
        at = 0
        for length, kind in kinds:
            colour = colours.get(kind)
            style = look.code + Style(color=colour) if colour else look.code
            pieces.append(piece(line[at : at + length], style))
            at += length
        if at < len(line):
            pieces.append(piece(line[at:], look.code))
    n_coloured = len(runs)
    rest = code.split("\n")[n_coloured:]
    if rest:
        pieces.append(piece("\n" + "\n".join(rest), look.code))
    return tuple(pieces)
