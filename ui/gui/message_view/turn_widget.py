"""The widget of one message in sight: paints its layout, holds its buttons, is what a screen reader meets.

Used again for other messages while one scrolls. Knows the turn's layout; what is pressed goes to its host, the view.
"""

from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from rushlight.ui.gui.message_view.block_view import BlockView
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.footer import Footer, StateRow
from rushlight.ui.gui.message_view.notice import NOTICE_GAP_PX, Notice
from rushlight.ui.gui.message_view.selection import Selection, Spot
from rushlight.ui.gui.message_view.style import NO_MARKS, Marks
from rushlight.ui.gui.message_view.turn_layout import SectionName, TurnLayout
from rushlight.ui.gui.message_view.turn_mouse import TurnMouse
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.icon_button import IconButton
from rushlight.ui.words import text as words

_MOST_SPOKEN = 20_000
_DONE_MS = 1_500  # so long a copy button says that it has copied


class Host(Protocol):
    """What a turn's widget asks of the view."""

    @property
    def selection(self) -> Selection: ...

    is_bare: bool  # nothing stands below messages

    def on_turn_action(self, name: str, turn_id: str) -> None: ...
    def on_link(self, address: str) -> None: ...
    def on_toggle(self, turn_id: str) -> None: ...
    def on_copy_code(self, turn_id: str, code: str) -> None: ...
    def on_select(self, spot: Spot, mode: str) -> None: ...
    def on_drag(self, y: float) -> None: ...
    def on_menu(self, turn_id: str, link: str, where: QPoint) -> None: ...
    def found_in(self, turn_id: str, section: SectionName, item: int, text: str) -> Marks: ...


class TurnWidget(QWidget):
    """`show_layout` takes another message."""

    def __init__(self, theme: Theme, role: str, host: Host, parent: QWidget) -> None:
        super().__init__(parent)
        self.role = role
        self.layout_: TurnLayout | None = None
        self.is_last = False
        self._theme = theme
        self.host = host
        self.mouse = TurnMouse(self)
        self.inset = 0
        self._is_hovered = False
        self._link = -1  # of the links, the one that has the focus
        self._shows_ring = False
        self._copy_buttons: list[IconButton] = []
        self.footer = Footer(theme, role, self._act, self)
        self.state_row = StateRow(theme, lambda: self._act("continue"), self)
        self.toggle = IconButton(
            theme, "chevron-right", words("Show the reasoning"), text=words("Reasoning"), size=14, parent=self
        )
        self.toggle.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.toggle.clicked.connect(lambda _checked=False: self._toggle())
        self.notice: Notice | None = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setMouseTracking(True)

    # --- what it shows ------------------------------------------------------------------------------------------
    @property
    def turn_id(self) -> str:
        return self.layout_.turn.id if self.layout_ is not None else ""

    def show_layout(self, layout: TurnLayout, inset: int, is_last: bool, n_left_out: int) -> None:
        """Be this message. `inset`: from the widget's left edge to the column's."""
        if layout is not self.layout_:
            self._link = -1
            self.mouse.forget()
            self._is_hovered = self.underMouse()
        self.layout_, self.inset, self.is_last = layout, inset, is_last
        turn = layout.turn
        self.setAccessibleName(_name_of(turn.role))
        self.setAccessibleDescription(_spoken(layout))
        self.footer.show_turn(turn)
        self._place_notice(n_left_out)
        self.place()

    def place(self) -> None:
        """Put the buttons where the layout has room for them."""
        layout = self.layout_
        if layout is None:
            return
        rect = self._rect(layout.footer)
        if layout.turn.role != "user":  # the first icon, not the ground around it, stands at the column's edge
            rect.setLeft(rect.left() - self._theme.px(5))
        self.footer.setGeometry(rect)
        self.footer.fit(rect.width())
        has_toggle = not layout.toggle.isEmpty()
        self.toggle.setVisible(has_toggle)
        if has_toggle:
            is_open = layout.shows_reasoning
            self.toggle.set_icon("chevron-down" if is_open else "chevron-right")
            self.toggle.set_name(words("Hide the reasoning") if is_open else words("Show the reasoning"))
            size = self.toggle.sizeHint()
            left = self.inset - self._theme.px(5)
            self.toggle.setGeometry(left, int(layout.toggle.y()), size.width(), int(layout.toggle.height()))
        state = layout.state_text()
        self.state_row.setVisible(bool(state))
        if state:
            self.state_row.show_state(state, self.is_last)
            self.state_row.setGeometry(self._rect(layout.state_row))
        self._place_copy_buttons()
        self._show_footer()
        self.update()

    def _rect(self, rect: QRectF) -> QRect:
        return QRect(int(rect.x()) + self.inset, int(rect.y()), int(rect.width()), int(rect.height()))

    def _place_notice(self, n_left_out: int) -> None:
        if n_left_out and self.notice is None:
            self.notice = Notice(self._theme, lambda: self._act("see-left-out"), self)
        if self.notice is not None:
            self.notice.setVisible(n_left_out > 0)
            if n_left_out and self.layout_ is not None:
                self.notice.show_count(n_left_out)
                height = int(self.layout_.room_above) - self._theme.px(NOTICE_GAP_PX)
                self.notice.setGeometry(self.inset, 0, self.width() - 2 * self.inset, height)

    def _place_copy_buttons(self) -> None:
        used = 0
        for x, y, view in self.views():
            if not isinstance(view, CodeView):
                continue
            if used == len(self._copy_buttons):
                made = IconButton(self._theme, "copy", words("Copy this code"), size=14, parent=self)
                made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
                made.clicked.connect(lambda _checked=False, number=used: self._copy_code(number))
                made.installEventFilter(self)
                self._copy_buttons.append(made)
            one = self._copy_buttons[used]
            size = one.sizeHint()
            place = view.button_rect(size.width(), size.height()).translated(x, y)
            one.setGeometry(place.toRect())
            one.setVisible(True)
            used += 1
        for one in self._copy_buttons[used:]:
            one.setVisible(False)

    def views(self) -> list[tuple[float, float, BlockView]]:
        """(x, y, view) of every block that is laid out, in this widget's coordinates."""
        if self.layout_ is None:
            return []
        return [
            (self.inset + section.x + item.left, section.y + item.top, item.view)
            for section in self.layout_.sections
            for item in section.flow.items
            if item.view is not None and item.is_laid_out
        ]

    def _show_footer(self) -> None:
        layout = self.layout_
        if layout is None:
            return
        is_reply = layout.turn.role != "user"
        has_focus = self.hasFocus() or self.isAncestorOf(self.window().focusWidget() or self.window())
        wanted = (self.is_last and is_reply) or self._is_hovered or has_focus
        self.footer.setVisible(wanted and self._has_footer)

    @property
    def _has_footer(self) -> bool:
        return self.layout_ is not None and not self.layout_.turn.is_being_written and not self.host.is_bare

    # --- focus --------------------------------------------------------------------------------------------------
    def stops(self) -> list[tuple[QWidget, int]]:
        """Where Tab halts: (widget, number of the link in it or -1), from the top."""
        if self.layout_ is None:
            return []
        found: list[tuple[QWidget, int]] = []
        if self.notice is not None and not self.notice.isHidden():
            found.append((self.notice.see, -1))
        found.append((self, -1))
        if not self.toggle.isHidden():
            found.append((self.toggle, -1))
        n_links = n_codes = 0
        for _x, _y, view in self.views():
            if isinstance(view, CodeView):
                found.append((self._copy_buttons[n_codes], -1))
                n_codes += 1
            else:
                for _link in view.links():
                    found.append((self, n_links))
                    n_links += 1
        if not self.state_row.isHidden():
            found += [(one, -1) for one in self.state_row.stops()]
        if self._has_footer:
            found += [(one, -1) for one in self.footer.stops()]
        return found

    @property
    def focused_link(self) -> int:
        return self._link

    def focus_stop(self, widget: QWidget, link: int) -> None:
        """Give the focus to one of the stops."""
        self._link = link if widget is self else -1
        self.footer.setVisible(self._has_footer)
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        self.update()

    def _links(self) -> list[tuple[BlockView, int, int, str, float, float]]:
        return [
            (view, begin, end, address, x, y)
            for x, y, view in self.views()
            if not isinstance(view, CodeView)
            for begin, end, address in view.links()
        ]

    def stop_rect(self, widget: QWidget, link: int) -> QRectF:
        """Where a stop is, in this widget's coordinates: to bring it into sight."""
        if widget is self and link >= 0:
            view, begin, end, _address, x, y = self._links()[link]
            rects = view.rects(begin, end)
            return rects[0].translated(x, y) if rects else QRectF(self.rect())
        if widget is self:
            return QRectF(0, 0, self.width(), min(self.height(), self._theme.px(60)))
        return QRectF(QPointF(widget.mapTo(self, QPoint(0, 0))), widget.size())

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # A ring is for those who walk by keys; a click needs none.
        self._shows_ring = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.focus_changed()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._link = -1
        self.focus_changed()

    def focus_changed(self) -> None:
        """The focus came, went, or moved inside."""
        self._show_footer()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._link >= 0:
            links = self._links()
            if self._link < len(links):
                self.host.on_link(links[self._link][3])
            return
        event.ignore()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Left and Right on the button of a block of code move its long lines."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and watched in self._copy_buttons:
            codes = [view for _x, _y, view in self.views() if isinstance(view, CodeView)]
            number = self._copy_buttons.index(watched)
            if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and number < len(codes):
                codes[number].scroll_by(self._theme.px(40 if event.key() == Qt.Key.Key_Right else -40))
                self.update()
                return True
        return super().eventFilter(watched, event)

    # --- painting -----------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        layout = self.layout_
        if layout is None:
            return
        painter = QPainter(self)
        painter.translate(self.inset, 0)
        clip = QRectF(event.rect()).translated(-self.inset, 0)
        links = self._links() if self._link >= 0 and self.hasFocus() else []
        focused = links[self._link] if self._link < len(links) and links else None

        def marks(section: SectionName, number: int) -> Marks:
            return self._marks(section, number, focused)

        layout.paint(painter, clip, marks)
        if self._shows_ring and self.hasFocus() and self._link < 0:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.resetTransform()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = painter.pen()
            pen.setColor(layout.style.color("accent"))
            pen.setWidth(2)
            painter.setPen(pen)
            top = layout.room_above
            ring = QRectF(1, top + 1, self.width() - 2, self.height() - top - self._theme.px(10))
            painter.drawRoundedRect(ring, self._theme.px(8), self._theme.px(8))
        painter.end()

    def _marks(self, section: SectionName, number: int, focused: tuple[object, ...] | None) -> Marks:
        layout = self.layout_
        assert layout is not None
        flow = layout.reasoning.flow if section == "reasoning" else layout.text.flow
        view = flow.items[number].view
        assert view is not None
        found = self.host.found_in(layout.turn.id, section, number, view.text)
        selected = self.host.selection.part_of(layout.turn.id, section, number, view.n_units)
        link = None
        if focused is not None and focused[0] is view:
            link = (focused[1], focused[2])
        if selected is None and link is None:
            return found
        return Marks(selected, found.found if found is not NO_MARKS else (), found.current, link)  # type: ignore[arg-type]

    # --- mouse --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._link = -1
            self.mouse.press(event)
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.mouse.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mouse.double_click(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.host.on_menu(self.turn_id, self.mouse.link_at(QPointF(event.pos())), event.globalPos())

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.mouse.wheel(event):
            self.update()
            event.accept()
        else:
            event.ignore()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._is_hovered = True
        self._show_footer()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._is_hovered = False
        self._show_footer()
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            where = event.globalPos()  # type: ignore[attr-defined]
            link = self.mouse.link_at(QPointF(self.mapFromGlobal(where)))
            # A tool tip that looks like markup would be read as markup.
            QToolTip.showText(where, link.replace("<", "%3C"), self)
            return True
        return super().event(event)

    # --- what was pressed ---------------------------------------------------------------------------------------
    def _act(self, name: str) -> None:
        if self.layout_ is not None:
            self.host.on_turn_action(name, self.layout_.turn.id)

    def _toggle(self) -> None:
        if self.layout_ is not None:
            self.host.on_toggle(self.layout_.turn.id)

    def _copy_code(self, number: int) -> None:
        codes = [view for _x, _y, view in self.views() if isinstance(view, CodeView)]
        if number < len(codes):
            self.host.on_copy_code(self.turn_id, codes[number].text)
            done = self._copy_buttons[number]
            done.set_icon("check")
            QTimer.singleShot(_DONE_MS, done, lambda: done.set_icon("copy"))


def _spoken(layout: TurnLayout) -> str:
    """The text as it is read aloud; of a very long one the beginning, as it was written."""
    text = layout.turn.text
    return layout.spoken() if len(text) <= _MOST_SPOKEN else text[:_MOST_SPOKEN] + "…"


def _name_of(role: str) -> str:
    if role == "user":
        return words("You said")
    if role == "assistant":
        return words("Reply")
    return words("System message") if role == "system" else words("Result of a tool")
