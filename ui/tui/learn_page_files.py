"""Asks for a file by typing its path, with what it may become listed below: Tab completes, Enter takes it.

Folders are read on another thread. Knows no desk.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.tui.completion import files_for
from rushlight.ui.tui.panel import Panel
from rushlight.ui.tui.row_list import RowList, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.background import Background

_MOST_ROWS = 8


class FilePanel(Panel):
    """on_file gets a path that is a file."""

    is_written_in = True
    DEFAULT_CSS = "FilePanel RowList { max-height: 8; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False, priority=True)]

    def __init__(self, title: str, background: "Background", on_file: Callable[[Path], None], value: str = "") -> None:
        super().__init__(title, _keys())
        self._background = background
        self._on_file = on_file
        self._input = Input(value=plain_line(value), select_on_focus=False)
        self._input.cursor_blink = False
        self._offers = RowList(ground="side", is_led=True)
        self._offered: tuple[str, ...] = ()
        self._has_stepped = False  # with the arrows: Enter means the row then

    def asked(self) -> ComposeResult:
        yield self._input
        yield self._offers

    def on_mount(self) -> None:
        self._offers.can_focus = False
        self._look()

    def take_focus(self) -> None:
        self._input.focus()
        self._input.cursor_position = len(self._input.value)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down", "pageup", "pagedown"):
            self._has_stepped = True
            self._offers.action_step({"up": -1, "down": 1, "pageup": -8, "pagedown": 8}[event.key])
            event.stop()
            event.prevent_default()

    def action_complete(self) -> None:
        """The row under the cursor in place of what is typed."""
        if self._offers.chosen:
            self._input.value = self._offers.chosen.removeprefix("=")
            self._input.cursor_position = len(self._input.value)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._look()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._take(self._offers.chosen.removeprefix("=") if self._has_stepped else _unquoted(event.value))

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._take(event.key.removeprefix("="))

    def _look(self) -> None:
        self._has_stepped = False
        self._say(_keys())
        typed = self._input.value
        word = _unquoted(typed)

        def found(files: list[str]) -> None:
            if self.is_attached and self._input.value == typed:
                self._offered = tuple(files)
                self._offers.styles.height = max(1, min(_MOST_ROWS, len(files)))
                self._offers.show_rows([row(f"={one}", plain_line(one)) for one in files])
                self._offers.action_edge(-1)

        self._background.read(lambda _app: _offers_for(word), found, lambda _err: None)

    def _say(self, hint: str) -> None:
        self.query_one(".panel-hint", Static).update(Content(hint))

    def _take(self, named: str) -> None:
        """A file ends it; of a folder its files are offered; what is neither is completed where it can be."""

        def found(seen: tuple[str, Path]) -> None:
            kind, path = seen
            if not self.is_attached:
                return
            offered = self._offers.chosen.removeprefix("=")
            if kind == "file":
                self._on_file(path)
                self.action_close()
            elif kind == "folder":
                self._input.value = named if named.endswith("/") else f"{named}/"
                self._input.cursor_position = len(self._input.value)
            elif offered and offered != named:
                self._take(offered)
            else:
                said = text("There is no file {name}.", name=repr(plain_line(named[-60:])))
                self._say(said)

        if named:
            self._background.read(lambda _app: _kind(named), found, lambda _err: None)


def _keys() -> str:
    return text("Tab: complete · ↑ ↓ · Enter: take it · Esc: leave")


def _kind(named: str) -> tuple[str, Path]:
    """What it is, "" for nothing, and where."""
    try:
        path = with_home(named).absolute()
        return ("file" if path.is_file() else "folder" if path.is_dir() else ""), path
    except (OSError, ValueError):  # no name at all
        return "", Path(named)


def _offers_for(word: str) -> list[str]:
    try:
        return files_for(word, Path.cwd())
    except (OSError, ValueError):
        return []


def _unquoted(typed: str) -> str:
    """Without the quotes that terminals put around a file that is dropped on them."""
    return typed.strip().strip("'\"")
