"""The messages of a conversation as one scrolled area of lines: only what is seen is drawn, the rest is estimated.

Keeps what the user looks at where it is: at the end while text comes, if they are at the end; else at the same line.
Knows turns; knows no desk.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from rushlight.ui.desk.turn import Turn
from rushlight.ui.tui.finding import Finding
from rushlight.ui.tui.look import look_of
from rushlight.ui.tui.turn_block import Frame, TurnBlock
from rushlight.ui.words import text

# What a letter does with the selected turn: names that the chat page knows.
LETTERS = {
    "u": "rate-up",
    "d": "rate-down",
    "c": "correct",
    "r": "regenerate",
    "e": "edit",
    "y": "copy",
    "b": "branch",
    "k": "keep",
    "o": "links",
    "left": "previous",
    "right": "next",
}


class MessageList(ScrollView, can_focus=True):
    """`show_turns`, `add_turn`, `change_turn`, `grow_turn` as the desk says; `Wanted` is what the user asked for."""

    ALLOW_SELECT = True
    DEFAULT_CSS = """
    MessageList { background: $background; color: $foreground; overflow-x: hidden; overflow-y: scroll;
                  scrollbar-size-vertical: 1; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "choose(-1)", show=False),
        Binding("down", "choose(1)", show=False),
        Binding("home", "end_of(-1)", show=False),
        Binding("end", "end_of(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("t,enter", "reasoning", show=False),
        *(Binding(key, f"want('{name}')", show=False) for key, name in LETTERS.items()),
    ]

    class Wanted(Message):
        """`name` of LETTERS for the turn; "leave" goes back to the composer."""

        def __init__(self, name: str, turn_id: str) -> None:
            super().__init__()
            self.name = name
            self.turn_id = turn_id

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._blocks: list[TurnBlock] = []
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        self._selected: int | None = None
        self._notice = ""
        self._is_settling = False
        self._known_size = Size(0, 0)
        self.is_at_end = True
        self.finding = Finding()

    # --- what the desk says -------------------------------------------------------------------------------------
    def show_turns(self, turns: Sequence[Turn]) -> None:
        known = {block.turn.id: block for block in self._blocks}
        blocks = []
        for turn in turns:
            block = known.get(turn.id)
            if block is None:
                block = TurnBlock(turn)
            elif block.turn != turn:
                block.change(turn)
            blocks.append(block)
        self._blocks = blocks
        self._selected = None
        self._heights = [block.estimate(self._width) for block in blocks]
        self.is_at_end = True
        self._moved(0)

    def add_turn(self, turn: Turn) -> None:
        self._blocks.append(TurnBlock(turn))
        self._heights.append(self._blocks[-1].estimate(self._width))
        if turn.role == "user":
            self.is_at_end = True  # what was just sent is looked at
        self._moved(len(self._blocks) - 1)

    def change_turn(self, turn: Turn) -> None:
        at = self._index(turn.id)
        if at is not None:
            self._blocks[at].change(turn)
            self._moved(at)

    def grow_turn(self, turn_id: str, more: str, reasoning: str) -> None:
        at = self._index(turn_id)
        if at is not None:
            self._blocks[at].grow(more, reasoning)
            self._moved(at)

    def show_answers(self, answers: Sequence[tuple[str, str]]) -> None:
        """Answers without names below the messages, each with what it is called; none takes them away."""
        kept = [block for block in self._blocks if not block.heading]
        made = [TurnBlock(Turn(f"answer-{name}", "assistant", said), name) for name, said in answers]
        if len(kept) == len(self._blocks) and not made:
            return
        self._blocks = [*kept, *made]
        self._selected = None
        self._heights = [block.estimate(self._width) for block in self._blocks]
        self.is_at_end = True
        self._moved(0)

    def set_notice(self, notice: str) -> None:
        """What stands before the last message of the user: that something was left out. "" = nothing."""
        if notice != self._notice:
            self._notice = notice
            self._moved(0)

    # --- what the user does -------------------------------------------------------------------------------------
    @property
    def turns(self) -> tuple[Turn, ...]:
        """What is shown."""
        return tuple(block.turn for block in self._blocks if not block.heading)

    @property
    def selected(self) -> Turn | None:
        """The turn that keys act on, while one is chosen."""
        if self._selected is None or self._selected >= len(self._blocks):
            return None
        block = self._blocks[self._selected]
        return None if block.heading else block.turn

    def action_choose(self, step: int) -> None:
        """The turn above or below; past the last one is the composer."""
        if not self._blocks:
            self.post_message(self.Wanted("leave", ""))
            return
        last = len(self._blocks) - 1
        now = last + 1 if self._selected is None else self._selected
        wanted = now + step
        if wanted > last:
            self.choose(None)
            self.post_message(self.Wanted("leave", ""))
            return
        self.choose(max(0, wanted))

    def choose(self, index: int | None) -> None:
        """Select a turn and bring it into sight."""
        self._selected = index
        self._moved(0, keep=True)
        if index is not None:
            self._show_block(index)

    def action_end_of(self, direction: int) -> None:
        if self._blocks:
            self._selected = 0 if direction < 0 else len(self._blocks) - 1
        self.is_at_end = direction > 0
        self._moved(0, keep=True)
        if direction < 0:
            self._go(0, 0, 0)

    def action_page(self, direction: int) -> None:
        self._scroll(self._offset + direction * max(1, self.size.height - 2))

    def action_reasoning(self) -> None:
        if self._selected is not None:
            block = self._blocks[self._selected]
            block.shows_reasoning = not block.shows_reasoning
            block.change(block.turn)
            self._moved(self._selected)

    def action_want(self, name: str) -> None:
        turn = self.selected
        self.post_message(self.Wanted(name, turn.id if turn is not None else ""))

    def show_turn(self, turn_id: str) -> None:
        """Choose that turn and go there."""
        at = self._index(turn_id)
        if at is not None:
            self.is_at_end = False
            self.focus()
            self.choose(at)

    def find(self, needle: str, step: int) -> tuple[int, int]:
        """Go to the next place of `needle` (-1: the one before): (which, of how many), (0, 0) for none."""
        at = self.finding.go(needle, [block.turn.text for block in self._blocks], step)
        if at is not None:
            turn_index, nth = at
            self._show_block(turn_index)
            rows = self.finding.rows(self._lines(turn_index))
            if rows:
                row = rows[min(nth, len(rows) - 1)]
                self.finding.mark(turn_index, row)
                self._go(turn_index, row, self.size.height // 2)
        self.refresh()
        return self.finding.place

    def end_find(self) -> None:
        self.finding = Finding()
        self.refresh()

    # --- drawing ------------------------------------------------------------------------------------------------
    def render_lines(self, crop: Region) -> list[Strip]:
        if self.is_at_end and self._known_size != self.size:  # the first frame comes before the news of the size
            self._known_size = self.size
            for _ in range(12):
                if not self._learn_heights(self._bottom):
                    break
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        look = look_of(self.app.theme)
        width = self.size.width
        line = self._offset + y
        at = self._block_at(line)
        if at is None:
            return Strip.blank(width, look.page)
        lines = self._lines(at)
        row = line - self._tops[at]
        if not 0 <= row < len(lines):
            return Strip.blank(width, look.page)
        strip = self.finding.marked(lines[row], at, row, look)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(line)) is not None:
            first, last = span
            last = strip.cell_length if last == -1 else min(last, strip.cell_length)
            before, chosen, after = strip.crop(0, first), strip.crop(first, last), strip.crop(last)
            strip = Strip([*before, *_over(chosen, look.found), *after])
        return strip.crop_extend(0, width, look.page).apply_offsets(0, line)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        lines: list[str] = []
        for index, height in enumerate(self._heights):
            block = self._blocks[index]
            if block.is_drawn(self._frame(index)):
                lines += [strip.text for strip in self._lines(index)]
            else:
                lines += [""] * height
        picked = selection.extract("\n".join(lines))
        return "\n".join(line.rstrip() for line in picked.split("\n")).strip("\n"), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        anchor = self._anchor(self._offset)
        self._heights = [block.estimate(self._width) for block in self._blocks]
        self._recount(0)
        self._settle(anchor)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._blocks and self.is_attached:
            self._moved(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._is_settling:
            before, now = round(old_value), round(new_value)
            self.is_at_end = now >= self._bottom
            is_near = abs(now - before) < self.size.height
            self._settle(self._anchor(before) if is_near else None, before - now if is_near else 0)

    # --- where things are ---------------------------------------------------------------------------------------
    @property
    def _width(self) -> int:
        return max(1, self.size.width)

    @property
    def _offset(self) -> int:
        """The first line in sight. At the end it is counted, since Textual learns of new lines a frame later."""
        return self._bottom if self.is_at_end else self.scroll_offset.y

    @property
    def _bottom(self) -> int:
        return max(0, self._tops[-1] - self.size.height)

    def _index(self, turn_id: str) -> int | None:
        for at in range(len(self._blocks) - 1, -1, -1):
            if self._blocks[at].turn.id == turn_id:
                return at
        return None

    def _block_at(self, line: int) -> int | None:
        at = bisect_right(self._tops, line) - 1
        return at if 0 <= at < len(self._blocks) else None

    def _frame(self, at: int) -> Frame:
        block, last = self._blocks[at], len(self._blocks) - 1
        is_selected = at == self._selected
        last_user = last if self._blocks[last].turn.role == "user" else last - 1
        return Frame(
            look=look_of(self.app.theme),
            width=self._width,
            is_last=at == last,
            is_selected=is_selected,
            shows_reasoning=block.shows_reasoning,
            notice=self._notice if at == max(0, last_user) else "",
            keys=_keys_of(block.turn) if is_selected and not block.heading else "",
        )

    def _lines(self, at: int) -> list[Strip]:
        return self._blocks[at].lines(self._frame(at))

    def _moved(self, first: int, keep: bool = False) -> None:
        """Something changed from block `first` on: count lines again, and draw."""
        anchor = self._anchor(self._offset)
        self._recount(first)
        self._settle(anchor if anchor is not None and anchor[0] < len(self._blocks) else None)
        if not keep:
            self.finding.forget_marks()
        self.refresh()

    def _recount(self, first: int) -> None:
        del self._tops[first + 1 :]
        self._tops += list(accumulate(self._heights[first:], initial=self._tops[first]))[1:]

    def _anchor(self, line: int) -> tuple[int, int] | None:
        """(block, row in it) of a line."""
        at = self._block_at(line)
        return None if at is None else (at, line - self._tops[at])

    def _settle(self, anchor: tuple[int, int] | None = None, row: int = 0) -> None:
        """Draw what is in sight and learn its true height, with the anchor (else what is first in sight) kept at
        the screen's line `row`."""
        if not self.size.height or not self.is_attached:
            return
        was_settling, self._is_settling = self._is_settling, True
        try:
            anchor = anchor or self._anchor(self._offset)
            for _ in range(12):
                top = self._bottom
                if not self.is_at_end and anchor is not None:
                    at, inner = anchor
                    inner = min(inner, max(0, self._heights[at] - 1))
                    top = max(0, min(self._tops[at] + inner - row, self._bottom))
                if not self._learn_heights(top):
                    break
            size = Size(self._width, self._tops[-1])
            if self.virtual_size != size:
                self.virtual_size = size
            self._scroll(top)
        finally:
            self._is_settling = was_settling

    def _learn_heights(self, top: int) -> bool:
        """Whether a height in sight was another one than estimated."""
        first, last = self._block_at(top), self._block_at(max(0, min(top + self.size.height, self._tops[-1] - 1)))
        if first is None or last is None:
            return False
        changed: int | None = None
        for at in range(first, last + 1):
            true = len(self._lines(at))
            if true != self._heights[at]:
                self._heights[at] = true
                changed = at if changed is None else changed
        if changed is None:
            return False
        self._recount(changed)
        return True

    def _scroll(self, line: int) -> None:
        line = max(0, min(line, self._bottom))
        if line != self.scroll_offset.y:
            self.scroll_to(y=line, animate=False, immediate=True)

    def _show_block(self, at: int) -> None:
        """Bring a block into sight, its head at least."""
        self._heights[at] = len(self._lines(at))
        self._recount(at)
        top, height = self._tops[at], self._heights[at]
        if top < self._offset or height >= self.size.height:
            self._go(at, 0, 0)
        elif top + height > self._offset + self.size.height:
            self._go(at, height - 1, self.size.height - 1)

    def _go(self, at: int, inner: int, row: int) -> None:
        """Bring a line of a block to the screen's line `row`."""
        self.is_at_end = False
        self._settle((at, inner), row)
        self.is_at_end = self._offset >= self._bottom


def _over(strip: Strip, style: Style) -> Strip:
    from rich.segment import Segment

    return Strip([Segment(part.text, (part.style or Style()) + style) for part in strip])


def _keys_of(turn: Turn) -> str:
    if turn.role == "user":
        return text("e edit · y copy · b branch")
    return text("u good · d bad · c correct · r again · y copy")
