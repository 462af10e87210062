"""Widgets for the messages in sight. While one scrolls they are given to other messages, not made anew.

Knows the arrangement and the turn's widget. A message that holds the focus keeps its widget out of sight too.
"""

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF
from PySide6.QtWidgets import QApplication, QWidget

from rushlight.ui.gui.message_view.arrangement import Arrangement
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.turn_widget import TurnWidget

_FOCUS_ROOM = 12  # beside the column, for the ring of the focus


class Pool:
    """`place` after every change of the arrangement or of the place in it."""

    def __init__(self, arrangement: Arrangement, viewport: QWidget, make: Callable[[str], TurnWidget]) -> None:
        self.shown: dict[str, TurnWidget] = {}
        self._arrangement = arrangement
        self._viewport = viewport
        self._make = make
        self._spare: list[TurnWidget] = []

    def place(self, value: int, height: int, grown: tuple[str, QRectF] | None = None) -> None:
        """Every message in sight has its widget where it belongs. `grown`: only this one's end is another one."""
        arrangement = self._arrangement
        wanted = [
            (arrangement.turns[index].id, y - value, arrangement.heights[index])
            for index, y in arrangement.between(value, value + height)
        ]
        focused = self.focused_turn()
        needed = {turn_id for turn_id, _y, _height in wanted}
        self.give_back(needed | {focused})
        if focused and focused not in needed:
            index = arrangement.indexes[focused]
            wanted.append((focused, arrangement.top_of(index) - value, arrangement.heights[index]))
        room = arrangement.style.px(_FOCUS_ROOM)
        left = (self._viewport.width() - arrangement.column) // 2 - room
        for turn_id, y, turn_height in wanted:
            rect = QRect(left, y, arrangement.column + 2 * room, turn_height)
            widget = self.shown.get(turn_id)
            if widget is None:
                widget = self._take(turn_id)
                widget.setGeometry(rect)
                self.bind(turn_id)
                widget.show()
            elif widget.geometry() != rect:
                is_resized = widget.size() != rect.size()
                widget.setGeometry(rect)
                if is_resized and (grown is None or grown[0] != turn_id):
                    self.bind(turn_id)
            if grown is not None and grown[0] == turn_id:
                _refresh_grown(widget, grown[1])

    def _take(self, turn_id: str) -> TurnWidget:
        arrangement = self._arrangement
        role = "user" if arrangement.turns[arrangement.indexes[turn_id]].role == "user" else "reply"
        widget = next((one for one in self._spare if one.role == role), None)
        if widget is None:
            widget = self._make(role)
        else:
            self._spare.remove(widget)
        self.shown[turn_id] = widget
        return widget

    def bind(self, turn_id: str) -> None:
        """Give the widget the present state of its message."""
        widget = self.shown.get(turn_id)
        if widget is not None:
            arrangement = self._arrangement
            index = arrangement.indexes[turn_id]
            widget.show_layout(
                arrangement.layout(index),
                arrangement.style.px(_FOCUS_ROOM),
                is_last=index == len(arrangement.turns) - 1,
                n_left_out=arrangement.left_out_before(index),
            )

    def bind_all(self) -> None:
        for turn_id in self.shown:
            self.bind(turn_id)

    def update_all(self) -> None:
        """Paint all of them anew."""
        for widget in self.shown.values():
            widget.update()

    def give_back(self, needed: set[str]) -> None:
        """Widgets of messages out of sight wait for other ones."""
        for turn_id in [turn_id for turn_id in self.shown if turn_id not in needed]:
            widget = self.shown.pop(turn_id)
            widget.hide()
            widget.layout_ = None
            self._spare.append(widget)

    def clear(self) -> None:
        """Make them anew: their sizes are others now."""
        self.give_back(set())
        for widget in self._spare:
            widget.deleteLater()
        self._spare.clear()

    # --- focus --------------------------------------------------------------------------------------------------
    def focused_turn(self) -> str:
        """The message that the focus is in, or ""."""
        here = QApplication.focusWidget()
        while here is not None and here is not self._viewport:
            if isinstance(here, TurnWidget):
                return here.turn_id if self.shown.get(here.turn_id) is here else ""
            here = here.parentWidget()
        return ""

    def stops(self) -> list[tuple[TurnWidget, QWidget, int]]:
        """Where Tab halts in what is in sight, from the top."""
        area = self._viewport.rect()
        shown = [widget for widget in self.shown.values() if widget.geometry().intersects(area)]
        shown.sort(key=lambda widget: widget.y())
        return [(one, widget, link) for one in shown for widget, link in one.stops()]


def _refresh_grown(widget: TurnWidget, caret: QRectF) -> None:
    """Only the end of a reply that grows is painted anew."""
    layout = widget.layout_
    if layout is None:
        return
    items = layout.text.flow.items
    if not layout.toggle.isEmpty() or any(isinstance(item.view, CodeView) for item in items[-2:]):
        widget.place()
        return
    top = caret.top()
    if items:
        top = min(top, layout.text.y + items[max(0, len(items) - 2)].top)
    widget.update(0, int(top) - 4, widget.width(), widget.height() - int(top) + 4)
