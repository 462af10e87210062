"""The messages of a conversation, thousands of them: only those in sight are laid out and have a widget.

What the user looks at stays where it is while heights above it become known; the end is followed while a reply is
written, but only if the user is there. Does nothing with what is pressed but say so.
"""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QMenu, QWidget

from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.message_view.arrangement import Anchor, Arrangement
from rushlight.ui.gui.message_view.code_colors import Slices
from rushlight.ui.gui.message_view.find import Find, Found
from rushlight.ui.gui.message_view.formulas import formulas
from rushlight.ui.gui.message_view.notice import Below
from rushlight.ui.gui.message_view.pool import Pool
from rushlight.ui.gui.message_view.selecting import Selecting
from rushlight.ui.gui.message_view.selection import Selection, Spot
from rushlight.ui.gui.message_view.style import Marks, Style
from rushlight.ui.gui.message_view.turn_layout import SectionName
from rushlight.ui.gui.message_view.turn_widget import TurnWidget
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text as words


class MessageView(QAbstractScrollArea):
    """Show turns with `show_turns`, `add_turn`, `change_turn`, `grow_turn`; connect `action` and `link`."""

    # Names: rate-up rate-down correct regenerate copy edit branch keep previous next continue see-left-out
    action = Signal(str, str)  # (name, id of the turn)
    link = Signal(str)  # an address that the user wants to open: to be shown in full and asked about
    code_copied = Signal(str)  # the id of the turn whose code went into the clipboard
    reached_end = Signal(bool)  # whether the end is in sight

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, is_bare: bool = False) -> None:
        """`is_bare`: without what stands below messages, to be read only."""
        super().__init__(parent)
        self._theme = theme
        self.is_bare = is_bare
        self._slices = Slices(self)
        self._all = Arrangement(Style(theme, is_bare=is_bare), self._slices, self._repaint)
        self._pool = Pool(self._all, self.viewport(), self._make_widget)
        self._selecting = Selecting(self._all, self._pool)
        self._find = Find()
        self._below: Below | None = None
        self._is_scrolling_itself = False
        self._shows_focus = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(words("Conversation"))
        self.setAccessibleDescription(words("Tab walks through the messages in sight and what can be done with them."))
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().setSingleStep(40)
        self._formulas_timer = QTimer(self)
        self._formulas_timer.setSingleShot(True)
        self._formulas_timer.timeout.connect(self._take_formulas)
        formulas().ready.connect(self._on_formula)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)
        self.set_theme(theme)

    def _make_widget(self, role: str) -> TurnWidget:
        return TurnWidget(self._theme, role, self, self.viewport())

    # --- what is shown ------------------------------------------------------------------------------------------
    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(self._all.turns)

    def show_turns(self, turns: Sequence[Turn]) -> None:
        """Another path. The same messages keep what was laid out, and the place where the user is."""
        self._all.show(turns)
        if self.selection.turn_id not in self._all.indexes:
            self.selection.clear()
        self._pool.give_back(set())
        self._update()

    def add_turn(self, turn: Turn) -> None:
        """One more at the end. What the user says brings the end into sight."""
        if turn.id in self._all.indexes:
            self.change_turn(turn)
            return
        self._all.add(turn)
        self._update()
        self._pool.bind_all()  # another one is the last, and the notice may have moved

    def change_turn(self, turn: Turn) -> None:
        """The turn of that id is now this."""
        if turn.id in self._all.indexes:
            self._all.change(turn)
            self._pool.bind(turn.id)
            self._update()

    def grow_turn(self, turn_id: str, text: str, reasoning: str = "") -> None:
        """More of the reply that is being written."""
        index = self._all.indexes.get(turn_id)
        if index is None:
            return
        caret = self._all.layout(index).caret()
        self._all.grow(index, text, reasoning)
        self._update(grown=(turn_id, caret))
        if not self._all.follows_end and self._below is not None:
            self._below.setVisible(True)

    def set_notice(self, n_left_out: int) -> None:
        """So many messages were not given to the model; 0 takes the box away."""
        if n_left_out != self._all.n_left_out:
            self._all.set_left_out(n_left_out)
            self._pool.bind_all()
            self._update()

    def set_theme(self, theme: Theme) -> None:
        """Other colours or sizes from here on, also whenever the theme changes."""
        if self._below is None or theme is not self._theme:
            if self._below is not None:
                self._theme.changed.disconnect(self._on_theme)
                self._below.deleteLater()
            self._theme = theme
            theme.changed.connect(self._on_theme)
            self._below = Below(theme, self.to_end, self)
        self._on_theme()

    def _on_theme(self) -> None:
        self._slices.drop_all()
        self._pool.clear()
        style = Style(self._theme, is_bare=self.is_bare)
        self._all.restyle(style, self._column(style))
        if self._below is not None:
            self._below.dress()
        self._place_below()
        self._update()
        self._repaint()

    # --- layout -------------------------------------------------------------------------------------------------
    def _column(self, style: Style) -> int:
        """The width of the messages."""
        return max(style.px(120), min(style.column, self.viewport().width() - 2 * style.px(20)))

    def _update(self, grown: tuple[str, QRectF] | None = None) -> None:
        """Lay out what is in sight, keep the place, put the widgets where they belong."""
        height, bar = self.viewport().height(), self.verticalScrollBar()
        self._all.ratio = self.devicePixelRatioF()
        value = self._all.value(height, bar.value())
        for _attempt in range(12):
            if not self._all.settle(value, height):
                break
            value = self._all.value(height, value)
        value = self._all.value(height, value)
        self._is_scrolling_itself = True
        bar.setPageStep(height)
        bar.setRange(0, max(0, self._all.height - height))
        bar.setValue(value)
        self._is_scrolling_itself = False
        if self._below is not None and self._all.follows_end:
            self._below.setVisible(False)
        self._pool.place(value, height, grown)
        if not self._all.follows_end:
            self._all.set_anchor(value)
        self._all.trim(lambda turn_id: turn_id in self._pool.shown)

    def _repaint(self) -> None:
        self.viewport().update()
        self._pool.update_all()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._all.set_column(self._column(self._all.style))
        self._place_below()
        self._update()
        self._pool.bind_all()

    def _place_below(self) -> None:
        if self._below is not None:
            area, side = self.viewport().geometry(), self._below.width()
            self._below.move(area.center().x() - side // 2, area.bottom() - side - self._all.style.px(12))
            self._below.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ring of the focus when the whole view has it."""
        if self._shows_focus and self.hasFocus():
            painter = QPainter(self.viewport())
            painter.setPen(QPen(self._all.style.color("accent"), 2))
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))
            painter.end()

    # --- scrolling ----------------------------------------------------------------------------------------------
    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        if self._is_scrolling_itself:
            return
        bar, was_following = self.verticalScrollBar(), self._all.follows_end
        value = bar.value()
        self._all.follows_end = value >= bar.maximum() - self._all.style.px(6)
        if not self._all.follows_end:
            self._all.set_anchor(value)
        self._update()
        if was_following != self._all.follows_end:
            self.reached_end.emit(self._all.follows_end)

    @property
    def is_at_end(self) -> bool:
        """Whether the end is in sight and followed."""
        return self._all.follows_end

    def to_end(self) -> None:
        """Bring the end into sight and follow it."""
        was_following = self._all.follows_end
        self._all.follow_end()
        self._update()
        if not was_following:
            self.reached_end.emit(True)

    def scroll_to(self, turn_id: str) -> None:
        """Bring the beginning of a message to the upper edge."""
        if turn_id in self._all.indexes:
            self._all.follows_end = False
            self._all.anchor = Anchor(turn_id, "text", -1, float(-self._all.margin))
            self._update()
            self._look_where_it_is()

    def _look_where_it_is(self) -> None:
        bar = self.verticalScrollBar()
        self._all.follows_end = bar.value() >= bar.maximum()

    def _bring_into_sight(self, index: int, rect: QRectF) -> None:
        """Scroll as little as needed to show a part of a message."""
        top = self._all.top_of(index) + rect.top()
        bottom = top + rect.height()
        bar, height, room = self.verticalScrollBar(), self.viewport().height(), self._all.style.px(24)
        if top - room < bar.value():
            bar.setValue(int(top - room))
        elif bottom + room > bar.value() + height:
            bar.setValue(int(bottom + room - height))

    # --- keys ---------------------------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar, key, style = self.verticalScrollBar(), event.key(), self._all.style
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            self.to_end()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            bar.setValue(bar.value() + style.px(44 if key == Qt.Key.Key_Down else -44))
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            step = int(self.viewport().height() * 0.9)
            bar.setValue(bar.value() + (step if key == Qt.Key.Key_PageDown else -step))
        else:
            event.ignore()

    def focusNextPrevChild(self, is_next: bool) -> bool:
        """Tab walks from the top to the bottom of what is in sight, then leaves."""
        stops = self._pool.stops()
        here = QApplication.focusWidget()
        if here is self and not is_next:
            return super().focusNextPrevChild(False)
        link = here.focused_link if isinstance(here, TurnWidget) else -1
        at = next((at for at, (_one, widget, of) in enumerate(stops) if widget is here and of == link), -1)
        target = at + 1 if is_next else at - 1
        if target < 0:
            self.setFocus(Qt.FocusReason.TabFocusReason)
            return True
        if target >= len(stops):
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            return super().focusNextPrevChild(True)
        self._focus_stop(*stops[target])
        return True

    def _focus_stop(self, turn: TurnWidget, widget: QWidget, link: int) -> None:
        turn.focus_stop(widget, link)
        self._bring_into_sight(self._all.indexes[turn.turn_id], turn.stop_rect(widget, link))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # A ring around everything is for those who walk by keys; a click needs none.
        self._shows_focus = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        stops = self._pool.stops()
        if event.reason() == Qt.FocusReason.BacktabFocusReason and stops:
            self._focus_stop(*stops[-1])
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        """A message shows its buttons while the focus is in it."""
        for widget in self._pool.shown.values():
            if (old is not None and widget.isAncestorOf(old)) or (new is not None and widget.isAncestorOf(new)):
                widget.focus_changed()

    # --- selecting and copying ----------------------------------------------------------------------------------
    @property
    def selection(self) -> Selection:
        return self._selecting.selection

    def on_select(self, spot: Spot, mode: str) -> None:
        self._selecting.select(spot, mode)

    def focused_turn(self) -> str:
        """The id of the message that the focus is in, or ""."""
        return self._pool.focused_turn()

    def select_all(self) -> None:
        """The message that has the focus or the selection, else the last one."""
        self._selecting.select_all()

    def selected_text(self) -> str:
        """What is selected, as it is copied: plain text, but a whole message as it was written."""
        return self._selecting.text()

    def copy(self) -> None:
        """The selection into the clipboard; without one the whole message that has the focus."""
        self._selecting.copy()

    def on_drag(self, y: float) -> None:
        """The mouse selects at this height of the viewport: beyond its edges the view goes along."""
        bar, step = self.verticalScrollBar(), self._all.style.px(24)
        if y < 0:
            bar.setValue(bar.value() - step)
        elif y > self.viewport().height():
            bar.setValue(bar.value() + step)

    # --- finding ------------------------------------------------------------------------------------------------
    def find(self, text: str, step: int = 1) -> tuple[int, int]:  # type: ignore[override]  # QWidget.find is static
        """Show the next (1), the one before (-1) or the nearest (0) occurrence: (its number, how many there are)."""
        first = self._all.index_at(self.verticalScrollBar().value())
        found = self._find.step(self._all, text, step, first)
        if found is not None:
            self._show_found(found)
        self._pool.update_all()
        return (found.number, found.total) if found is not None else (0, 0)

    def _show_found(self, found: Found) -> None:
        layout, place = self._all.layout(found.index), found.place
        section = layout.reasoning if place.section == "reasoning" else layout.text
        item = section.flow.items[place.item]
        rects = item.view.rects(place.begin, place.end) if item.view is not None else []
        rect = rects[0] if rects else QRectF(0, 0, 1, 1)
        self._all.follows_end = False
        self._all.set_anchor(self.verticalScrollBar().value())
        self._update()
        around = self._all.style.px(40)
        self._bring_into_sight(found.index, rect.translated(0, section.y + item.top).adjusted(0, -around, 0, around))
        self._look_where_it_is()

    def found_in(self, turn_id: str, section: SectionName, item: int, text: str) -> Marks:
        """What of a block is marked as found."""
        return self._find.marks(turn_id, section, item, text)

    # --- what was pressed ---------------------------------------------------------------------------------------
    def on_turn_action(self, name: str, turn_id: str) -> None:
        self.action.emit(name, turn_id)

    def on_link(self, address: str) -> None:
        self.link.emit(address)

    def on_copy_code(self, turn_id: str, code: str) -> None:
        QGuiApplication.clipboard().setText(code)
        self.code_copied.emit(turn_id)

    def on_toggle(self, turn_id: str) -> None:
        """Show or hide the reasoning; what stands at the upper edge stays."""
        index = self._all.indexes[turn_id]
        layout = self._all.layout(index)
        layout.is_reasoning_open = not layout.shows_reasoning
        self._all.follows_end = False
        self._all.set_anchor(self.verticalScrollBar().value())
        self._all.remeasure(index)
        self._update()
        self._look_where_it_is()
        self._pool.bind(turn_id)

    def on_menu(self, turn_id: str, link: str, where: QPoint) -> None:
        """What can be done by the other mouse button."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if not self.selection.is_empty:
            menu.addAction(words("Copy the selection"), self.copy)
        menu.addAction(words("Copy this message"), lambda: self.on_turn_action("copy", turn_id))
        if link:
            menu.addAction(words("Copy the address"), lambda: QGuiApplication.clipboard().setText(link))
        menu.popup(where)

    # --- what comes later ---------------------------------------------------------------------------------------
    def _on_formula(self, _source: str) -> None:
        """Formulas were drawn: lay out anew what waits for them, once for all that come together."""
        if not self._formulas_timer.isActive():
            self._formulas_timer.start(0)

    def _take_formulas(self) -> None:
        changed = self._all.take_formulas()
        if changed:
            self._update()
            for turn_id in changed:
                self._pool.bind(turn_id)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._on_theme()
