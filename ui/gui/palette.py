"""The palette (Ctrl+K): one field that finds actions, settings, conversations, messages and models.

Knows the finder and what taking a find does to the window. Finds are listed by kind, the kind of the best one first.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.actions import action, actions
from rushlight.ui.desk.finder import Finder, Found
from rushlight.ui.gui.overlay import Overlay
from rushlight.ui.gui.overlay_lines import Line, native_keys
from rushlight.ui.gui.pages.showing import show_item
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.page import Frame


class Palette(Overlay):
    """A child of the window; made once, opened as often as wanted."""

    def __init__(self, frame: "Frame", parent: QWidget, finder: Finder | None = None) -> None:
        super().__init__(
            frame.theme,
            parent,
            name=text("Search everything"),
            placeholder=text("Search chats, actions, settings and models"),
        )
        self._frame = frame
        self._finder = finder or Finder(frame.background)
        self._asked = 0
        self.on_text = self._find
        self.on_chosen = self._do

    def open(self, text: str = "") -> None:
        self._finder.prepare()
        super().open(text)

    def _find(self, query: str) -> None:
        self._asked += 1
        asked = self._asked

        def then(found: Sequence[Found]) -> None:
            if asked == self._asked and self.isVisible():
                self.show_lines(lines_of(found), _nothing(query))

        if not query.strip():
            self.show_lines(_first_lines(), "")  # at once; what the finder knows of an empty query comes after it
        self.expect_lines()
        self._finder.find(query, then)

    def _do(self, line: Line) -> None:
        frame = self._frame
        if line.kind == "action":
            frame.run_action(line.id)
        elif line.kind == "conversation":
            frame.open_conversation(line.id)
        elif line.kind == "message":
            frame.open_conversation(line.id, line.place)
        elif line.kind == "model":
            show_item(frame, "models", line.id)
        elif line.kind == "setting":
            show_item(frame, "settings", line.id)


def lines_of(found: Sequence[Found]) -> tuple[Line, ...]:
    """Finds as lines under a heading per kind; the order of kinds is that of the best find of each."""
    kinds: dict[str, list[Line]] = {}
    for one in found:
        keys = native_keys(action(one.id).window_keys[:1]) if one.kind == "action" else ()
        detail = one.detail if one.kind in ("setting", "message") else ""  # of the others it is the heading again
        kinds.setdefault(one.kind, []).append(Line(one.title, detail, keys, one.kind, one.id, one.message_id))
    titles = {
        "action": text("Actions"),
        "setting": text("Settings"),
        "conversation": text("Chats"),
        "message": text("Messages"),
        "model": text("Models"),
    }
    lines: list[Line] = []
    for kind, members in kinds.items():
        lines += [Line(titles.get(kind, kind), is_heading=True), *members]
    return tuple(lines)


def _first_lines() -> tuple[Line, ...]:
    """What is shown before anything is typed: the actions that have a key."""
    known = [one for one in actions() if one.window_keys and one.scope == "app" and one.id != "app.palette"]
    lines = [Line(one.title, "", native_keys(one.window_keys[:1]), "action", one.id) for one in known]
    return (Line(text("Actions"), is_heading=True), *lines)


def _nothing(query: str) -> str:
    return text("Nothing fits “{query}”. Fewer or other words may.", query=query) if query.strip() else ""
