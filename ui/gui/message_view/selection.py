"""What is selected in the message view: from one spot of a message to another one of the same message.

Knows positions and layouts; draws nothing.
"""

from dataclasses import dataclass, replace

from rushlight.ui.gui.message_view.turn_layout import SectionName, TurnLayout

_ORDER = {"reasoning": 0, "text": 1}


@dataclass(frozen=True, slots=True)
class Spot:
    """A position in a block of a message."""

    turn_id: str
    section: SectionName
    item: int
    position: int

    @property
    def key(self) -> tuple[int, int, int]:
        return (_ORDER[self.section], self.item, self.position)


class Selection:
    """`begin`, then `extend`. Both ends lie in one message."""

    def __init__(self) -> None:
        self._anchor: Spot | None = None
        self._end: Spot | None = None

    @property
    def turn_id(self) -> str:
        return self._anchor.turn_id if self._anchor is not None else ""

    @property
    def is_empty(self) -> bool:
        return self._anchor is None or self._end is None or self._anchor == self._end

    def clear(self) -> None:
        self._anchor = self._end = None

    def begin(self, spot: Spot) -> None:
        self._anchor = self._end = spot

    def extend(self, spot: Spot) -> None:
        """Up to here; in another message it begins anew."""
        if self._anchor is None or self._anchor.turn_id != spot.turn_id:
            self._anchor = spot
        self._end = spot

    def select(self, begin: Spot, end: Spot) -> None:
        self._anchor, self._end = begin, end

    def select_all(self, layout: TurnLayout) -> None:
        """The whole text of a message, without its reasoning."""
        items = layout.text.flow.items
        if items:
            first = Spot(layout.turn.id, "text", 0, 0)
            self._anchor = first
            self._end = replace(first, item=len(items) - 1, position=1 << 40)

    def _ends(self) -> tuple[Spot, Spot] | None:
        if self._anchor is None or self._end is None or self._anchor == self._end:
            return None
        first, last = sorted((self._anchor, self._end), key=lambda spot: spot.key)
        return first, last

    def part_of(self, turn_id: str, section: SectionName, item: int, n_units: int) -> tuple[int, int] | None:
        """What of a block is selected."""
        ends = self._ends()
        if ends is None or ends[0].turn_id != turn_id:
            return None
        first, last = ends
        here = (_ORDER[section], item)
        if here < first.key[:2] or here > last.key[:2]:
            return None
        begin = first.position if here == first.key[:2] else 0
        end = min(last.position, n_units) if here == last.key[:2] else n_units
        return (begin, end) if begin < end else None

    def is_all_of(self, layout: TurnLayout) -> bool:
        """Whether the whole text of the message is selected."""
        ends = self._ends()
        items = layout.text.flow.items
        if ends is None or not items or ends[0].turn_id != layout.turn.id or ends[0].key > (1, 0, 0):
            return False
        last = items[-1]
        n_units = last.view.n_units if last.view is not None else 0
        return ends[1].key >= (1, len(items) - 1, n_units) and n_units > 0

    def copied(self, layout: TurnLayout) -> str:
        """The selected text; of a whole message the Markdown it was written in."""
        if self.is_all_of(layout):
            return layout.turn.text
        pieces: list[str] = []
        for section in layout.sections:
            for number, item in enumerate(section.flow.items):
                if item.view is None:
                    continue
                part = self.part_of(layout.turn.id, section.name, number, item.view.n_units)
                if part is None:
                    continue
                text = item.view.copied(*part)
                place = item.block.place
                if place.marker and part[0] == 0:
                    text = f"{place.marker} {text}"
                if pieces:
                    pieces.append("\n" if place.is_tight else "" if place.is_continued else "\n\n")
                pieces.append(text)
        return "".join(pieces)
