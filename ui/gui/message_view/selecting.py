"""Selecting in the message view and what is copied of it. Knows the arrangement and the widgets in sight."""

from dataclasses import replace

from PySide6.QtGui import QGuiApplication

from rushlight.ui.gui.message_view.arrangement import Arrangement
from rushlight.ui.gui.message_view.pool import Pool
from rushlight.ui.gui.message_view.selection import Selection, Spot


class Selecting:
    """One selection for the whole view; it lies in one message."""

    def __init__(self, arrangement: Arrangement, pool: Pool) -> None:
        self.selection = Selection()
        self._all = arrangement
        self._pool = pool

    def select(self, spot: Spot, mode: str) -> None:
        """The mouse selects: `mode` is begin, extend or word."""
        before = self.selection.turn_id
        if mode == "begin":
            self.selection.begin(spot)
        elif mode == "extend":
            self.selection.extend(spot)
        else:
            layout = self._all.layout(self._all.indexes[spot.turn_id])
            section = layout.reasoning if spot.section == "reasoning" else layout.text
            view = section.flow.items[spot.item].view
            if view is not None:
                begin, end = view.word_at(spot.position)
                self.selection.select(replace(spot, position=begin), replace(spot, position=end))
        for turn_id in {before, spot.turn_id} & self._pool.shown.keys():
            self._pool.shown[turn_id].update()

    def select_all(self) -> None:
        """The message that has the focus or the selection, else the last one."""
        last = self._all.turns[-1].id if self._all.turns else ""
        turn_id = self._pool.focused_turn() or self.selection.turn_id or last
        if turn_id in self._all.indexes:
            layout = self._all.layout(self._all.indexes[turn_id])
            layout.text.flow.settle_all()
            self.selection.select_all(layout)
            self._pool.update_all()

    def text(self) -> str:
        """What is selected, as it is copied: plain text, but a whole message as it was written."""
        index = self._all.indexes.get(self.selection.turn_id)
        if index is None or self.selection.is_empty:
            return ""
        layout = self._all.layout(index)
        for section in layout.sections:
            section.flow.settle_all()
        return self.selection.copied(layout)

    def copy(self) -> None:
        """The selection into the clipboard; without one the whole message that has the focus."""
        text = self.text()
        turn_id = self._pool.focused_turn()
        if not text and turn_id:
            text = self._all.turns[self._all.indexes[turn_id]].text
        if text:
            QGuiApplication.clipboard().setText(text)
