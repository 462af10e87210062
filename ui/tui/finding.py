"""Finding words in the messages that are shown: which places there are, which one is looked at, how they are marked.

Knows texts and lines; knows no widget.
"""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rushlight.ui.tui.look import Look


class Finding:
    """One search. Places are counted in the texts; a place that wraps over two lines is gone to, and not marked."""

    def __init__(self) -> None:
        self.needle = ""
        self._places: list[tuple[int, int]] = []  # (turn, which in it)
        self._now = -1
        self._marked: tuple[int, int] | None = None  # (turn, row)

    @property
    def place(self) -> tuple[int, int]:
        """(which, of how many), counted from 1."""
        return (self._now + 1, len(self._places)) if self._places else (0, 0)

    def go(self, needle: str, texts: Sequence[str], step: int) -> tuple[int, int] | None:
        """The next place from the one looked at; a new search begins at the last place, the newest."""
        is_new = needle != self.needle
        self.needle = needle
        wanted = needle.casefold()
        self._places = [
            (at, nth) for at, one in enumerate(texts) for nth in range(one.casefold().count(wanted) if wanted else 0)
        ]
        self._marked = None
        if not self._places:
            self._now = -1
            return None
        self._now = len(self._places) - 1 if is_new or self._now < 0 else (self._now + step) % len(self._places)
        return self._places[self._now]

    def rows(self, lines: Sequence[Strip]) -> list[int]:
        """The rows of these lines that hold the needle, as often as they hold it."""
        wanted = self.needle.casefold()
        return [row for row, line in enumerate(lines) for _ in range(line.text.casefold().count(wanted))]

    def mark(self, turn_index: int, row: int) -> None:
        """This row is the one looked at."""
        self._marked = (turn_index, row)

    def forget_marks(self) -> None:
        self._marked = None

    def marked(self, strip: Strip, turn_index: int, row: int, look: Look) -> Strip:
        """The line with its places marked."""
        wanted = self.needle.casefold()
        if not wanted:
            return strip
        shown = strip.text.casefold()
        at = shown.find(wanted)
        if at < 0 or len(shown) != len(strip.text):
            return strip
        style = look.found_now if self._marked == (turn_index, row) else look.found
        parts: list[Segment] = []
        done = 0
        while at >= 0:
            first, last = strip.index_to_cell_position(at), strip.index_to_cell_position(at + len(wanted))
            parts += strip.crop(done, first)
            parts += [Segment(one.text, (one.style or Style()) + style) for one in strip.crop(first, last)]
            done = last
            at = shown.find(wanted, at + len(wanted))
        return Strip([*parts, *strip.crop(done)])
