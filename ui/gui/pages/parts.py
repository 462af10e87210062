"""What most pages are made of: a head with the title and its buttons, and a column that scrolls below it."""

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from rushlight.ui.gui.chat.elided import ElidedLabel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label, with_role

S = TypeVar("S")
_COLUMN_WIDTH = 1240  # unscaled; wider windows leave the rest empty


def is_off(widget: QWidget) -> bool:
    """Hidden on purpose, rather than not shown yet."""
    return widget.isHidden() and widget.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)


def finish_typing(page: QWidget) -> None:
    """What is being typed in the page counts as if its field had been left; the focus stays in it."""
    focused = page.focusWidget()
    if focused is not None and focused.hasFocus():
        focused.clearFocus()
        focused.setFocus(Qt.FocusReason.OtherFocusReason)


class View(Generic[S]):
    """What a desk shows its state to, for a widget, whose own `show` means something else."""

    def __init__(self, show: Callable[[S], None]) -> None:
        self._show = show

    def show(self, state: S) -> None:
        self._show(state)


class PageHead(QFrame):
    """The 56 pixels at the top of a page. What finds no room beside the title goes into a second line."""

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None, *, elided: bool = False) -> None:
        """`elided`: a title that may be long gives way; whoever sets it says how narrow it may become."""
        super().__init__(parent)
        self._theme = theme
        self.setProperty("role", "head")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.title = with_role(ElidedLabel(title, self), "heading") if elided else label(title, "heading", parent=self)
        self._tabs: list[QWidget] = []
        self._widgets: list[QWidget] = []
        self._is_wide = True
        self._column = QVBoxLayout(self)
        self._row = QHBoxLayout()
        self._row.addWidget(self.title)
        self._row.addStretch(1)
        self._second = QWidget(self)
        self._flow = FlowLayout(self._second)
        self._second.hide()
        self._column.addLayout(self._row)
        self._column.addWidget(self._second)
        self._dress()
        theme.changed.connect(self._dress)

    def add(self, widget: QWidget) -> None:
        """A button, at the end."""
        self._widgets.append(widget)
        self._row.addWidget(widget)

    def add_tab(self, widget: QWidget) -> None:
        """A chip that leads to a page beside this one, after the title."""
        self._tabs.append(widget)
        self._row.insertWidget(len(self._tabs), widget)

    def add_field(self, widget: QWidget) -> None:
        """A field, which takes the room that is free and stays beside the title."""
        self._row.addWidget(widget, 4)

    def add_beside_title(self, widget: QWidget) -> None:
        self._row.insertWidget(1, widget)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def minimumSizeHint(self) -> QSize:
        """What the two lines need, so that a page can be made narrower than all buttons beside each other."""
        margins = self._column.contentsMargins()
        movable = (*self._tabs, *self._widgets)
        widest = max((widget.sizeHint().width() for widget in movable if not is_off(widget)), default=0)
        across = max(widest, self._first_line_width()) + margins.left() + margins.right()
        return QSize(across, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # a button appeared, or has other words
            self._lay_out()
        return super().event(event)

    def _first_line_width(self) -> int:
        """Of what always stays beside the title."""
        width = 0
        for at in range(self._row.count()):
            item = self._row.itemAt(at)
            widget = item.widget() if item is not None else None
            is_fixed = widget is not None and widget not in self._widgets and widget not in self._tabs
            if widget is not None and is_fixed and not is_off(widget):
                width += max(widget.minimumSizeHint().width(), widget.minimumWidth()) + self._row.spacing()
        return width

    def _lay_out(self) -> None:
        margins = self._column.contentsMargins()
        room = self.width() - margins.left() - margins.right()
        gap = self._row.spacing()
        movable = (*self._tabs, *self._widgets)
        needed = sum(widget.sizeHint().width() + gap for widget in movable if not is_off(widget))
        needed += self._first_line_width()
        is_wide = needed <= room
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        for widget in movable:
            if is_wide:
                self._flow.removeWidget(widget)
                if widget in self._tabs:
                    self._row.insertWidget(1 + self._tabs.index(widget), widget)
                else:
                    self._row.addWidget(widget)
            else:
                self._row.removeWidget(widget)
                self._flow.addWidget(widget)
        self._second.setVisible(not is_wide)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(px(20), px(8), px(20), px(8))
        self._column.setSpacing(px(8))
        self._row.setSpacing(px(12))
        self._flow.set_spacing(px(8))
        self.setMinimumHeight(px(56))
        self._lay_out()


class PageColumn(QScrollArea):
    """column.body.addWidget(card): cards below each other, as wide as the page up to a limit."""

    def __init__(self, theme: Theme, name: str, *, width: int = _COLUMN_WIDTH, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._width = width
        self.top = 24  # unscaled pixels above the first widget
        self.setAccessibleName(name)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        down = QVBoxLayout(inside)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        across = QHBoxLayout()
        # A layout that is aligned to the top gets no more height than its hint, and long words then need more.
        down.addLayout(across)
        down.addStretch(1)
        self._middle = QWidget()
        self.body = QVBoxLayout(self._middle)
        across.addStretch(1)
        across.addWidget(self._middle, 10_000)
        across.addStretch(1)
        self.setWidget(inside)
        self._dress()
        theme.changed.connect(self._dress)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._dress()

    def show_widget(self, widget: QWidget) -> None:
        """Scroll so that it is seen."""
        self.ensureWidgetVisible(widget, 0, self._theme.px(24))

    def _dress(self) -> None:
        px = self._theme.px
        self._middle.setMaximumWidth(px(self._width))
        beside = px(32) if self.width() >= px(640) else px(12)
        self.body.setContentsMargins(beside, px(self.top), beside, px(24))
        self.body.setSpacing(px(16))


class FocusCard(QFrame):
    """A card that can have the focus, and shows it by a ring."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.body = QVBoxLayout(self)
        self._dress_card()
        theme.changed.connect(self._dress_card)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 2 if self.hasFocus() else 1
        painter.setPen(QPen(self._theme.color("accent" if self.hasFocus() else "line"), width))
        painter.setBrush(self._theme.color("surface"))
        radius = self._theme.px(12)
        inset = width / 2
        painter.drawRoundedRect(self.rect().toRectF().adjusted(inset, inset, -inset, -inset), radius, radius)
        painter.end()

    def _dress_card(self) -> None:
        edge = self._theme.px(16)
        self.body.setContentsMargins(edge, self._theme.px(12), edge, self._theme.px(12))
        self.body.setSpacing(self._theme.px(8))
        self.update()


class ScrollToFocus(QObject):
    """Keeps what has the focus in sight of its column, whichever key brought it there."""

    def __init__(self, column: PageColumn) -> None:
        super().__init__(column)
        self._column = column

    def watch(self, widget: QWidget) -> None:
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            self._column.show_widget(watched)
        return super().eventFilter(watched, event)
