"""The rail at the edge of the window: one button per page, the sign of the program above them.

Knows the registered pages and their keys; the window decides what showing one means.
"""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QVBoxLayout, QWidget

from rushlight.ui.desk.actions import actions
from rushlight.ui.gui.icons import sign
from rushlight.ui.gui.page import PageInfo
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton
from rushlight.ui.words import plural, text

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class Rail(QFrame):
    """`on_page` hears the id of the page that was asked for."""

    def __init__(self, theme: Theme, pages: tuple[PageInfo, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.on_page: Callable[[str], None] = lambda _page_id: None
        self._theme = theme
        self.setProperty("role", "side")
        self.setAccessibleName(text("Pages"))
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, IconButton] = {}
        self._titles = {page.id: page.title for page in pages}
        self._above = {page.id: page.under for page in pages if page.under}
        self._keys = {one.id.removeprefix("page."): one.window_keys[:1] for one in actions() if one.id[:5] == "page."}
        self._column = QVBoxLayout(self)
        self._column.addWidget(self._sign)
        for place in ("top", "bottom"):
            for page in pages:
                if page.place == place:
                    self._column.addWidget(self._button(page), 0, Qt.AlignmentFlag.AlignHCenter)
            if place == "top":
                self._column.addStretch(1)
        self._dress()
        theme.changed.connect(self._dress)

    def show_current(self, page_id: str) -> None:
        """Mark that page's button, or that of the page it belongs to; none for a page that has no button."""
        button = self.buttons.get(self._above.get(page_id, page_id))
        if button is not None:
            button.setChecked(True)
            return
        checked = self._group.checkedButton()
        if checked is not None:  # an exclusive group lets go of its last one only so
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)

    def show_count(self, page_id: str, count: int) -> None:
        """Say that so many jobs are at work behind that page."""
        button = self.buttons.get(page_id)
        if button is not None:
            busy = plural("{count} at work", "{count} at work", count) if count else ""
            title = self._titles[page_id]
            button.set_name(f"{title}: {busy}" if busy else title, "".join(self._keys.get(page_id, ())))
            button.set_dot(bool(count))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down walk over the buttons."""
        step = _STEPS.get(Qt.Key(event.key()))
        focused = [one for one in self.buttons.values() if one.hasFocus()]
        if step is None or not focused:
            super().keyPressEvent(event)
            return
        all_buttons = list(self.buttons.values())
        there = all_buttons[(all_buttons.index(focused[0]) + step) % len(all_buttons)]
        there.setFocus(Qt.FocusReason.TabFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The buttons, smaller where the window is too low for all of them: large letters on a small screen."""
        theme, n = self._theme, len(self.buttons)
        ends = theme.px(12) + theme.px(14)
        spacing, whole = theme.px(6), theme.px(44)
        room = self.height() - ends - theme.px(48) - n * spacing
        if room < n * whole:
            spacing = theme.px(2)
            room = self.height() - ends - theme.px(48) - n * spacing
        has_sign = room >= n * theme.px(24)
        side = min(whole, max(theme.px(20), (room + (0 if has_sign else theme.px(48))) // max(1, n)))
        self._sign.setVisible(has_sign)
        self._column.setSpacing(spacing)
        for button in self.buttons.values():
            button.setFixedSize(QSize(side, side))

    def _button(self, page: PageInfo) -> IconButton:
        keys = "".join(self._keys.get(page.id, ()))
        button = IconButton(self._theme, page.icon, page.title, keys=keys, checkable=True)
        button.clicked.connect(lambda _checked=False: self.on_page(page.id))
        self._group.addButton(button)
        self.buttons[page.id] = button
        return button

    def _dress(self) -> None:
        theme = self._theme
        self.setFixedWidth(theme.px(64))
        self._column.setContentsMargins(0, theme.px(12), 0, theme.px(14))
        self._sign.setPixmap(sign(theme.tokens.ink, theme.tokens.flame, theme.px(34), self.devicePixelRatioF()))
        self._sign.setFixedHeight(theme.px(48))
        self._fit()
