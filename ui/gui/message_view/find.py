"""Finding words in the messages: counted in their text, marked where they are shown.

Counting reads the stored text without its Markdown signs, so that a thousand messages need not be laid out; the message
that is shown is asked exactly. Knows the arrangement; the view scrolls.
"""

import re
from dataclasses import dataclass

from rushlight.assistant.safety.plain import plain
from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.message_view.arrangement import Arrangement
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks
from rushlight.ui.gui.message_view.turn_layout import SectionName, TurnLayout
from rushlight.ui.gui.message_view.units import occurrences

_SIGNS = re.compile(r"[*_`~\\#>|]")
_MOST_KEPT = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """One occurrence where it is shown."""

    section: SectionName
    item: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """The occurrence to show: the `number`th of `total`."""

    index: int  # of the message
    place: Place
    number: int
    total: int


class Find:
    """`step` from one occurrence to the next; `marks` are asked while painting."""

    def __init__(self) -> None:
        self.text = ""
        self._turn_id = ""
        self._number = 0  # of the occurrence in the message
        self._place: Place | None = None
        self._searchable: dict[str, tuple[str, str]] = {}

    def step(self, arrangement: Arrangement, text: str, step: int, first_index: int) -> Found | None:
        """The next (1), the one before (-1), the same (0); a new text is looked for from `first_index` on."""
        is_new = text != self.text
        if is_new:
            self.text, self._turn_id, self._place = text, "", None
        if not text:
            return None
        counts = [(index, self._count(turn)) for index, turn in enumerate(arrangement.turns)]
        counts = [one for one in counts if one[1]]
        while counts:
            at, number = self._next(arrangement, counts, step, first_index)
            index = counts[at][0]
            layout = arrangement.layout(index)
            for section in layout.sections:
                section.flow.settle_all()
            arrangement.remeasure(index)
            places = self._places(layout)
            if not places:  # the words stand in what is not shown, as the address of a link
                del counts[at]
                continue
            counts[at] = (index, len(places))
            number = len(places) - 1 if number < 0 else min(number, len(places) - 1)
            self._turn_id, self._number, self._place = layout.turn.id, number, places[number]
            before = sum(count for _index, count in counts[:at])
            return Found(index, places[number], before + number + 1, sum(count for _index, count in counts))
        self._turn_id, self._place = "", None
        return None

    def _next(
        self, arrangement: Arrangement, counts: list[tuple[int, int]], step: int, first_index: int
    ) -> tuple[int, int]:
        """(position in `counts`, number in that message or -1 for its last) of the occurrence to show."""
        here = arrangement.indexes.get(self._turn_id, -1)
        at = next((number for number, (index, _count) in enumerate(counts) if index == here), -1)
        if at < 0:
            at = next((number for number, (index, _count) in enumerate(counts) if index >= first_index), 0)
            return at, 0 if step >= 0 else -1
        number = self._number + step
        if number < 0:
            return (at - 1) % len(counts), -1
        if number >= counts[at][1]:
            return (at + 1) % len(counts), 0
        return at, number

    def _count(self, turn: Turn) -> int:
        """How often the text stands in a message, about."""
        known = self._searchable.get(turn.id)
        if known is None or known[0] is not turn.text:
            if len(self._searchable) > _MOST_KEPT:
                self._searchable.clear()
            known = (turn.text, _SIGNS.sub("", plain(turn.text)).lower())
            self._searchable[turn.id] = known
        wanted = self.text.lower()
        bare = _SIGNS.sub("", wanted)
        return known[1].count(bare) if bare else turn.text.lower().count(wanted)

    def _places(self, layout: TurnLayout) -> list[Place]:
        return [
            Place(section.name, number, begin, end)
            for section in layout.sections
            for number, item in enumerate(section.flow.items)
            if item.view is not None
            for begin, end in occurrences(item.view.text, self.text)
        ]

    def marks(self, turn_id: str, section: SectionName, item: int, text: str) -> Marks:
        """What to mark in a block."""
        found = tuple(occurrences(text, self.text)) if self.text else ()
        if not found:
            return NO_MARKS
        place = self._place
        is_here = place is not None and turn_id == self._turn_id and (place.section, place.item) == (section, item)
        return Marks(found=found, current=(place.begin, place.end) if is_here and place is not None else None)
