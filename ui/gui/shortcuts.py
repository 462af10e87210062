"""Menus, keys and the palette lead here: which action is done by whom, in one window.

Knows the table of actions and Qt's menus; knows no page. A page binds a slot, and while the page is shown the action
can be run; an action that nobody would do now is grey in the menu and its key is free for others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QWidget

from rushlight.ui.desk.actions import Action, groups

# Keys of these scopes belong to a widget that has the focus; a window-wide key would take them from text fields.
_LOCAL_SCOPES = ("empty-input", "list")
_REPEATING = ("chat.next", "chat.previous", "view.larger", "view.smaller")


@dataclass(frozen=True, slots=True)
class _Binding:
    slot: Callable[[], None]
    widget: QWidget


class Shortcuts(QObject):
    """Makes the menu bar of `window`. `is_in_sight(widget)` says whether its page is the shown one."""

    def __init__(self, window: QMainWindow, is_in_sight: Callable[[QWidget], bool]) -> None:
        super().__init__(window)
        self._is_in_sight = is_in_sight
        self._bindings: dict[str, list[_Binding]] = {}
        self._titles: dict[str, str] = {}
        self.actions: dict[str, QAction] = {}
        bar = window.menuBar()
        bar.setNativeMenuBar(bar.isNativeMenuBar())
        taken: set[str] = set()
        for title, members in groups():
            menu = bar.addMenu(_with_mnemonic(title, taken))
            menu.setAccessibleName(title)
            menu.aboutToShow.connect(self.refresh)
            for one in members:
                action = self._make(one)
                menu.addAction(action)
                window.addAction(action)
        self.refresh()

    def bind(self, action_id: str, slot: Callable[[], None], widget: QWidget) -> None:
        """The action does this while `widget` is in sight. The last one bound is asked first."""
        assert action_id in self.actions, action_id
        self._bindings.setdefault(action_id, []).append(_Binding(slot, widget))
        self._refresh_one(action_id)

    def can_run(self, action_id: str) -> bool:
        return self._find(action_id) is not None

    def run(self, action_id: str) -> bool:
        """Do it; False where nobody does it now."""
        found = self._find(action_id)
        if found is None:
            return False
        found.slot()
        return True

    def title(self, action_id: str) -> str:
        return self._titles.get(action_id, action_id)

    def keys(self, action_id: str) -> str:
        """The key as this system writes it, "" without one."""
        action = self.actions.get(action_id)
        shown = action.shortcut() if action is not None else QKeySequence()
        return shown.toString(QKeySequence.SequenceFormat.NativeText)

    def refresh(self) -> None:
        """Look again at who would do what; after another page was shown."""
        for action_id in self.actions:
            self._refresh_one(action_id)

    def _refresh_one(self, action_id: str) -> None:
        self.actions[action_id].setEnabled(self._find(action_id) is not None)

    def _find(self, action_id: str) -> _Binding | None:
        bindings = self._bindings.get(action_id, [])
        for one in reversed(bindings):
            if not shiboken6.isValid(one.widget):  # its page is gone
                bindings.remove(one)
            elif self._is_in_sight(one.widget):
                return one
        return None

    def _make(self, one: Action) -> QAction:
        action = QAction(self)
        words = one.title.replace("&", "&&")
        if one.scope in _LOCAL_SCOPES:
            action.setText(f"{words}\t{one.window_keys[0]}" if one.window_keys else words)
        else:
            action.setText(words)
            action.setShortcuts([QKeySequence(key) for key in one.window_keys])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(one.id in _REPEATING)
        action.setMenuRole(QAction.MenuRole.QuitRole if one.id == "app.quit" else QAction.MenuRole.NoRole)
        action.triggered.connect(lambda _checked=False: self.run(one.id))
        self.actions[one.id] = action
        self._titles[one.id] = one.title
        return action


def _with_mnemonic(title: str, taken: set[str]) -> str:
    """`title` with the letter that opens it by Alt: the first one that no other menu has."""
    for at, letter in enumerate(title):
        if letter.isalnum() and letter.casefold() not in taken:
            taken.add(letter.casefold())
            return f"{title[:at]}&{title[at:]}"
    return title
