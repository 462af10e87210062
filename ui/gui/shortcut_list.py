"""The list of keyboard shortcuts (Ctrl+/): every action with its keys, by group, searched by words or by a key.

Knows the table of actions; Enter does the marked one.
"""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.actions import Action, groups
from rushlight.ui.gui.overlay import Overlay
from rushlight.ui.gui.overlay_lines import Line, native_keys
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.page import Frame


class ShortcutList(Overlay):
    """A child of the window; made once, opened as often as wanted."""

    def __init__(self, frame: "Frame", parent: QWidget) -> None:
        super().__init__(
            frame.theme, parent, name=text("Keyboard shortcuts"), placeholder=text("Search the keyboard shortcuts")
        )
        self._frame = frame
        self.on_text = self._find
        self.on_chosen = self._do

    def _find(self, query: str) -> None:
        self.show_lines(
            shortcut_lines(query), text("No shortcut fits “{query}”. Every action is in the menus too.", query=query)
        )

    def _do(self, line: Line) -> None:
        self._frame.run_action(line.id)


def shortcut_lines(query: str = "") -> tuple[Line, ...]:
    """The actions that have a key and fit every word of `query` by title, group or key."""
    words = query.casefold().split()
    lines: list[Line] = []
    for title, members in groups():
        fitting = [
            Line(one.title, "", native_keys(one.window_keys), "action", one.id)
            for one in members
            if one.window_keys and all(word in _searched(one) for word in words)
        ]
        if fitting:
            lines += [Line(title, is_heading=True), *fitting]
    return tuple(lines)


def _searched(one: Action) -> str:
    return " ".join((one.title, one.group, *one.window_keys, *native_keys(one.window_keys))).casefold()
