"""The mouse on one message: selecting, links, the scroll bars of code and tables. What it means is told to the host.

Knows the turn's widget; keeps what was pressed until it is released.
"""

from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from rushlight.ui.gui.message_view.block_view import BlockView
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.selection import Spot
from rushlight.ui.gui.message_view.table_view import TableView

if TYPE_CHECKING:
    from rushlight.ui.gui.message_view.turn_widget import TurnWidget

Scrolled: TypeAlias = CodeView | TableView


class TurnMouse:
    """Called with the widget's mouse events; points are in the widget's coordinates."""

    def __init__(self, widget: "TurnWidget") -> None:
        self._widget = widget
        self._drag: tuple[Scrolled, float] | None = None
        self._is_selecting = False
        self._pressed_link = ""

    def forget(self) -> None:
        """The widget shows another message."""
        self._drag, self._is_selecting, self._pressed_link = None, False, ""

    # --- what is there ------------------------------------------------------------------------------------------
    def spot_at(self, at: QPointF) -> Spot | None:
        """The position in the text nearest to a point."""
        layout = self._widget.layout_
        hit = layout.item_at(at.y()) if layout is not None else None
        if layout is None or hit is None or hit[2].view is None:
            return None
        section, number, item = hit
        x, y = at.x() - self._widget.inset - section.x - item.left, at.y() - section.y - item.top
        return Spot(layout.turn.id, section.name, number, hit[2].view.position_at(x, y))

    def _view_at(self, at: QPointF) -> tuple[BlockView, float, float] | None:
        """The block under a point, and the point in its coordinates."""
        for x, y, view in self._widget.views():
            if y <= at.y() < y + view.height and at.x() >= x:
                return view, at.x() - x, at.y() - y
        return None

    def link_at(self, at: QPointF) -> str:
        """The address under a point, or ""."""
        hit = self._view_at(at)
        return hit[0].link_at(hit[1], hit[2]) if hit is not None else ""

    # --- events -------------------------------------------------------------------------------------------------
    def press(self, event: QMouseEvent) -> None:
        at = event.position()
        hit = self._view_at(at)
        view = hit[0] if hit is not None else None
        if hit is not None and isinstance(view, Scrolled) and _contains(view.thumb(), hit[1], hit[2]):
            self._drag = (view, at.x())
            return
        self._pressed_link = self.link_at(at)
        spot = self.spot_at(at)
        if spot is not None:
            self._is_selecting = True
            is_more = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._widget.host.on_select(spot, "extend" if is_more else "begin")

    def move(self, event: QMouseEvent) -> None:
        at, widget = event.position(), self._widget
        if self._drag is not None:
            view, x = self._drag
            view.drag(at.x() - x)
            self._drag = (view, at.x())
            widget.update()
        elif self._is_selecting and event.buttons() & Qt.MouseButton.LeftButton:
            spot = self.spot_at(at)
            if spot is not None:
                widget.host.on_select(spot, "extend")
            widget.host.on_drag(widget.y() + at.y())
        elif self.link_at(at):
            widget.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            is_text = self._view_at(at) is not None
            widget.setCursor(Qt.CursorShape.IBeamCursor if is_text else Qt.CursorShape.ArrowCursor)

    def release(self, event: QMouseEvent) -> None:
        link, was_selecting = self._pressed_link, self._is_selecting
        self.forget()
        host = self._widget.host
        if link and was_selecting and host.selection.is_empty and self.link_at(event.position()) == link:
            host.on_link(link)

    def double_click(self, event: QMouseEvent) -> None:
        spot = self.spot_at(event.position())
        if spot is not None and event.button() == Qt.MouseButton.LeftButton:
            self._widget.host.on_select(spot, "word")

    def wheel(self, event: QWheelEvent) -> bool:
        """True: something was scrolled sideways."""
        pixels = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        sideways = pixels.x() if abs(pixels.x()) > abs(pixels.y()) else pixels.y() if is_shifted else 0
        hit = self._view_at(event.position())
        return bool(sideways and hit is not None and isinstance(hit[0], Scrolled) and hit[0].scroll_by(-sideways))


def _contains(thumb: QRectF, x: float, y: float) -> bool:
    """With some room around it, since it is thin."""
    return not thumb.isEmpty() and thumb.adjusted(0, -6, 0, 6).contains(x, y)
