"""Which messages there are, how high they are, and where the view stands among them. Geometry only, no widget.

Messages that were never near what is in sight have guessed heights and no layout. The anchor is the block at the upper
edge: whatever becomes known about heights above it, it stays where it is.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.message_view.code_colors import Slices
from rushlight.ui.gui.message_view.heights import Heights
from rushlight.ui.gui.message_view.notice import NOTICE_GAP_PX, notice_height
from rushlight.ui.gui.message_view.style import Style
from rushlight.ui.gui.message_view.turn_layout import SectionName, TurnLayout

MOST_LAYOUTS = 48
_AHEAD_PX = 240  # laid out above and below what is in sight
_MARGIN = 24


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block, and how far below its top the upper edge of the view is. `item` -1: the message itself."""

    turn_id: str
    section: SectionName
    item: int
    below: float


class Arrangement:
    """Change it, `settle` it, then ask where things are. Heights are whole pixels."""

    def __init__(self, style: Style, slices: Slices, on_change: Callable[[], None]) -> None:
        self.turns: list[Turn] = []
        self.indexes: dict[str, int] = {}
        self.heights = Heights()
        self.layouts: OrderedDict[str, TurnLayout] = OrderedDict()
        self.n_left_out = 0
        self.follows_end = True
        self.anchor: Anchor | None = None
        self.style = style
        self.ratio = 1.0  # device pixels of a pixel
        self.column = 0
        self._slices = slices
        self._on_change = on_change

    @property
    def margin(self) -> int:
        return self.style.px(_MARGIN)

    @property
    def height(self) -> int:
        """Of everything."""
        return self.heights.total + 2 * self.margin

    def top_of(self, index: int) -> int:
        return self.margin + self.heights.offset(index)

    def index_at(self, y: float) -> int:
        return self.heights.index_at(max(0.0, y - self.margin))

    def between(self, top: float, bottom: float) -> Iterator[tuple[int, int]]:
        """(index, its top) of the messages that lie between; heights may change on the way."""
        index = self.index_at(top)
        y = self.top_of(index)
        while index < len(self.turns) and y < bottom:
            yield index, y
            y += self.heights[index]
            index += 1

    # --- changes ------------------------------------------------------------------------------------------------
    def show(self, turns: Sequence[Turn]) -> None:
        """Another path; the messages that are on it too keep what was laid out."""
        self.turns = list(turns)
        self.indexes = {turn.id: number for number, turn in enumerate(self.turns)}
        kept = OrderedDict((key, one) for key, one in self.layouts.items() if key in self.indexes)
        self.layouts = kept
        for turn_id, layout in kept.items():
            turn = self.turns[self.indexes[turn_id]]
            if turn != layout.turn:
                layout.set_turn(turn)
        if not kept or (self.anchor is not None and self.anchor.turn_id not in self.indexes):
            self.follow_end()
        self._measure_all()

    def _measure_all(self) -> None:
        known = self.layouts
        self.heights = Heights(_whole(known[turn.id]) if turn.id in known else self._guess(turn) for turn in self.turns)
        self._place_notice()

    def add(self, turn: Turn) -> None:
        """One more at the end. What the user says brings the end into sight."""
        self.indexes[turn.id] = len(self.turns)
        self.turns.append(turn)
        self.heights.append(self._guess(turn))
        if turn.role == "user":
            self.follow_end()
        self._place_notice()

    def change(self, turn: Turn) -> None:
        """The turn of that id, which is there, is now this."""
        index = self.indexes[turn.id]
        self.turns[index] = turn
        layout = self.layouts.get(turn.id)
        if layout is None:
            self.heights[index] = self._guess(turn)
        else:
            layout.set_turn(turn)
            self.heights[index] = _whole(layout)

    def grow(self, index: int, text: str, reasoning: str) -> TurnLayout:
        """More of a reply."""
        layout = self.layout(index)
        layout.grow(text, reasoning)
        self.turns[index] = layout.turn
        self.heights[index] = _whole(layout)
        return layout

    def remeasure(self, index: int) -> None:
        """Its layout was changed from outside."""
        layout = self.layout(index)
        layout.set_turn(layout.turn)
        self.heights[index] = _whole(layout)

    def set_left_out(self, count: int) -> None:
        self.n_left_out = count
        self._place_notice()

    def restyle(self, style: Style, column: int) -> None:
        """Other fonts, colours or sizes: everything is laid out anew."""
        self.style, self.column = style, column
        self.layouts.clear()
        self._measure_all()

    def set_column(self, column: int) -> None:
        """Another width."""
        if column != self.column:
            self.column = column
            for layout in self.layouts.values():
                layout.set_width(column)
            self._place_notice()
            self._measure_all()

    def take_formulas(self) -> list[str]:
        """Formulas were drawn; the ids of the messages that change by it."""
        changed = [turn_id for turn_id, layout in self.layouts.items() if layout.drop_open_formulas()]
        for turn_id in changed:
            self.heights[self.indexes[turn_id]] = _whole(self.layouts[turn_id])
        return changed

    # --- the notice ---------------------------------------------------------------------------------------------
    def notice_index(self) -> int:
        """Of the message that the notice stands before: the last one of the user. -1: there is no notice."""
        if self.n_left_out:
            for number in range(len(self.turns) - 1, -1, -1):
                if self.turns[number].role == "user":
                    return number
        return -1

    def left_out_before(self, index: int) -> int:
        """What the notice before this message counts, 0 for no notice."""
        return self.n_left_out if self.n_left_out and index == self.notice_index() else 0

    def _room_above(self, index: int, notice: int) -> float:
        if index != notice:
            return 0.0
        return float(notice_height(self.style.theme, self.n_left_out, self.column) + self.style.px(NOTICE_GAP_PX))

    def _place_notice(self) -> None:
        notice = self.notice_index()
        for turn_id, layout in self.layouts.items():
            index = self.indexes[turn_id]
            room = self._room_above(index, notice)
            if room != layout.room_above:
                layout.room_above = room
                layout.set_turn(layout.turn)
                self.heights[index] = _whole(layout)

    # --- layouts ------------------------------------------------------------------------------------------------
    def layout(self, index: int) -> TurnLayout:
        """The layout of a message, made when there is none yet."""
        turn = self.turns[index]
        layout = self.layouts.get(turn.id)
        if layout is None:
            layout = TurnLayout(turn, self.style, self.ratio, self._slices)
            for section in (layout.reasoning, layout.text):
                section.flow.on_change = self._on_change
            layout.room_above = self._room_above(index, self.notice_index())
            layout.set_width(self.column)
            self.layouts[turn.id] = layout
        else:
            self.layouts.move_to_end(turn.id)
        return layout

    def trim(self, needed: Callable[[str], bool]) -> None:
        """Forget layouts that were not used for long."""
        for turn_id in list(self.layouts):
            if len(self.layouts) <= MOST_LAYOUTS:
                break
            if not needed(turn_id) and not self.layouts[turn_id].turn.is_being_written:
                del self.layouts[turn_id]

    def _guess(self, turn: Turn) -> int:
        """About how high a message is that was never laid out."""
        style = self.style
        is_user = turn.role == "user"
        room = min(style.bubble, self.column) if is_user else self.column
        n_letters = max(10.0, room / (style.line_height * 0.33))
        n_lines = turn.text.count("\n") + 1 + len(turn.text) / n_letters * 0.9
        return int(n_lines * style.line_height) + style.px(40 if is_user else 48)

    def settle(self, value: int, height: int) -> bool:
        """Lay out what is in sight from `value` on, and near it; True: a height has changed."""
        has_changed = False
        ahead = self.style.px(_AHEAD_PX)
        top, bottom = value - ahead, value + height + ahead
        for index, y in self.between(top, bottom):
            layout = self.layout(index)
            layout.settle(top - y, bottom - y)
            now = _whole(layout)
            if now != self.heights[index]:
                self.heights[index] = now
                has_changed = True
        return has_changed

    # --- where the view stands ----------------------------------------------------------------------------------
    def follow_end(self) -> None:
        self.follows_end, self.anchor = True, None

    def value(self, height: int, present: int) -> int:
        """Where a view of this height begins, by what it follows; `present` where it follows nothing."""
        most = max(0, self.height - height)
        if self.follows_end:
            return most
        if self.anchor is None:
            return min(most, present)
        index = self.indexes.get(self.anchor.turn_id)
        if index is None:
            return most
        top = float(self.top_of(index))
        layout = self.layouts.get(self.anchor.turn_id)
        if layout is not None and self.anchor.item >= 0:
            section = layout.reasoning if self.anchor.section == "reasoning" else layout.text
            if self.anchor.item < len(section.flow.items):
                top += section.y + section.flow.items[self.anchor.item].top
        return max(0, min(most, round(top + self.anchor.below)))

    def set_anchor(self, value: int) -> None:
        """Remember which block stands at the upper edge of a view that begins there."""
        if not self.turns:
            self.anchor = None
            return
        index = self.index_at(value)
        turn_id, top = self.turns[index].id, self.top_of(index)
        layout = self.layouts.get(turn_id)
        hit = layout.item_at(value - top) if layout is not None and value >= top else None
        if hit is None:
            self.anchor = Anchor(turn_id, "text", -1, value - top)
        else:
            section, number, item = hit
            self.anchor = Anchor(turn_id, section.name, number, value - top - section.y - item.top)


def _whole(layout: TurnLayout) -> int:
    return int(layout.height) + 1
