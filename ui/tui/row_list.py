"""A list of rows to choose from, by keys or mouse: conversations, models, jobs, settings, what a search found.

Rows are texts by meaning ("muted", "accent"), so that a theme can change under them. Draws only what is in sight.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, TypeAlias

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rushlight.ui.tui.lines import Piece, beside, piece
from rushlight.ui.tui.look import Look, look_of

Words: TypeAlias = tuple[tuple[str, str], ...]  # (text, meaning: a name of Look)


@dataclass(frozen=True, slots=True)
class RowLine:
    """One line of a row: what stands at the left, and at the right."""

    left: Words
    right: Words = ()


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row. Without `key` it cannot be chosen: a heading, an explanation."""

    key: str
    lines: tuple[RowLine, ...]
    is_current: bool = False  # what is shown beside the list now


def row(key: str, text: str, *, right: str = "", meaning: str = "page", is_current: bool = False) -> ListRow:
    """A row of one line."""
    return ListRow(key, (RowLine(((text, meaning),), ((right, "muted"),) if right else ()),), is_current)


def heading(text: str) -> ListRow:
    """A line above a group of rows."""
    return ListRow("", (RowLine(((text, "muted"),)),))


class RowList(ScrollView, can_focus=True):
    """`show` gives it rows; it keeps the chosen one by its key."""

    DEFAULT_CSS = """
    RowList { background: $background; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
              height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("pageup", "step(-10)", show=False),
        Binding("pagedown", "step(10)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Enter, or a click."""

        def __init__(self, row_list: "RowList", key: str) -> None:
            super().__init__()
            self.row_list = row_list
            self.key = key

        @property
        def control(self) -> "RowList":
            return self.row_list

    class Highlighted(Message):
        """Another row is under the cursor."""

        def __init__(self, row_list: "RowList", key: str) -> None:
            super().__init__()
            self.row_list = row_list
            self.key = key

        @property
        def control(self) -> "RowList":
            return self.row_list

    def __init__(self, id: str | None = None, ground: str = "background", is_led: bool = False) -> None:  # noqa: A002
        super().__init__(id=id)
        self._is_led = is_led  # keys come from an input above it: its cursor shows without the focus
        self.rows: tuple[ListRow, ...] = ()
        self._ground = ground  # which token the rows stand on
        self._tops: list[int] = [0]
        self._at: int | None = None

    def show_rows(self, rows: Sequence[ListRow], choose: str = "") -> None:
        """Other rows. The one under the cursor stays, or the one of the key `choose` is taken."""
        wanted = choose or self.chosen
        place = self._at
        self.rows = tuple(rows)
        self._tops = [0, *accumulate(len(one.lines) for one in rows)]
        self._at = next((at for at, one in enumerate(rows) if one.key and one.key == wanted), None)
        if self._at is None:
            self._at = self._near(min(place or 0, len(rows) - 1)) if rows else None
        self._lay_out()
        if self.chosen != wanted:
            self.post_message(self.Highlighted(self, self.chosen))

    @property
    def chosen(self) -> str:
        """The key under the cursor; "" where there is none."""
        return self.rows[self._at].key if self._at is not None and self._at < len(self.rows) else ""

    def action_step(self, step: int) -> None:
        """So many rows on that can be chosen."""
        keys = [at for at, one in enumerate(self.rows) if one.key]
        if keys:
            now = keys.index(self._at) if self._at in keys else (-1 if step > 0 else len(keys))
            self._choose(keys[max(0, min(len(keys) - 1, now + step))])

    def action_edge(self, direction: int) -> None:
        keys = [at for at, one in enumerate(self.rows) if one.key]
        if keys:
            self._choose(keys[0 if direction < 0 else -1])

    def action_choose(self) -> None:
        if self.chosen:
            self.post_message(self.Chosen(self, self.chosen))

    def on_click(self, event: events.Click) -> None:
        at = bisect_right(self._tops, self.scroll_offset.y + event.y) - 1
        if 0 <= at < len(self.rows) and self.rows[at].key:
            self._choose(at)
            self.action_choose()

    def on_resize(self, _event: events.Resize) -> None:
        self._lay_out()

    def on_focus(self, _event: events.Focus) -> None:
        self.refresh()

    def on_blur(self, _event: events.Blur) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        look = look_of(self.app.theme)
        ground = Style(bgcolor=getattr(look.tokens, self._ground), color=look.tokens.ink)
        line = self.scroll_offset.y + y
        at = bisect_right(self._tops, line) - 1
        width = self.scrollable_content_region.width
        if not 0 <= at < len(self.rows):
            return Strip.blank(width, ground)
        one = self.rows[at]
        is_chosen = at == self._at
        is_active = is_chosen and (self.has_focus or self._is_led)
        if is_active:
            ground = Style(bgcolor=look.tokens.accent_soft, color=look.tokens.ink)
        elif is_chosen or one.is_current:
            ground = Style(bgcolor=look.tokens.raised, color=look.tokens.ink)
        row_line = one.lines[line - self._tops[at]]
        mark = "▌" if one.is_current or is_active else " "
        left: list[Piece] = [(mark, ground + Style(color=look.tokens.accent, bold=True))]
        left += [piece(said, _styled(meaning, look, ground)) for said, meaning in row_line.left]
        right = [piece(said, _styled(meaning, look, ground)) for said, meaning in row_line.right]
        return beside(left, right, width, ground)

    def _choose(self, at: int) -> None:
        if at == self._at:
            self._show_chosen()
            return
        self._at = at
        self._show_chosen()
        self.refresh()
        self.post_message(self.Highlighted(self, self.chosen))

    def _near(self, place: int) -> int | None:
        keys = [at for at, one in enumerate(self.rows) if one.key]
        return min(keys, key=lambda at: abs(at - place)) if keys else None

    def _lay_out(self) -> None:
        if self.is_attached:
            self.virtual_size = Size(0, self._tops[-1])
            self._show_chosen()
            self.refresh()

    def _show_chosen(self) -> None:
        if self._at is None or not self.size.height:
            return
        top, bottom = self._tops[self._at], self._tops[self._at + 1]
        first_key = next((at for at, one in enumerate(self.rows) if one.key), 0)
        if self._at == first_key:
            top = 0  # its heading too
        offset = self.scroll_offset.y
        if top < offset:
            self.scroll_to(y=top, animate=False, immediate=True)
        elif bottom > offset + self.size.height:
            self.scroll_to(y=bottom - self.size.height, animate=False, immediate=True)


def _styled(meaning: str, look: Look, ground: Style) -> Style:
    style: Style = getattr(look, meaning)
    return Style(color=style.color, bold=style.bold, italic=style.italic) + Style(bgcolor=ground.bgcolor)
