"""Panels below a page that ask for something: one of a list, a line, a longer text. Never a box over the page.

Escape closes; the answer goes to the function that the panel was made with. Knows no desk.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.tui.row_list import ListRow, RowList, row
from rushlight.ui.tui.steady import Area
from rushlight.ui.words import text

_SHORT = 8  # rows that are seen at once and need no narrowing


class Panel(Vertical):
    """A heading, what is asked, and a line that says which keys do what."""

    is_written_in: ClassVar[bool] = False  # words would be lost if another panel came in its place
    DEFAULT_CSS = """
    Panel { height: auto; max-height: 60%; background: $side; border-top: solid $accent; padding: 0 1; }
    Panel > .panel-title { color: $accent; text-style: bold; height: auto; max-height: 4; }
    Panel > .panel-hint { color: $muted; height: auto; max-height: 3; }
    Panel Input { border: none; height: 1; background: $raised; color: $foreground; padding: 0 1; }
    Panel Input:focus, Panel TextArea:focus { border: none; }
    Panel TextArea { border: none; height: auto; min-height: 3; max-height: 14; background: $raised;
                     color: $foreground; padding: 0 1; }
    Panel RowList { height: auto; max-height: 14; background: $side; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    class Closed(Message):
        """The panel is done, or was left."""

        def __init__(self, panel: "Panel") -> None:
            super().__init__()
            self.panel = panel

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__()
        self.panel_title = plain(title)
        self.hint = plain(hint)
        self.on_closed: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield Static(Content(self.panel_title), classes="panel-title")
        yield from self.asked()
        if self.hint:
            yield Static(Content(self.hint), classes="panel-hint")

    def asked(self) -> ComposeResult:
        """What the panel is for."""
        yield from ()

    def take_focus(self) -> None:
        """Begin."""

    @property
    def has_words(self) -> bool:
        """Whether a text was written in it that is used nowhere yet: another panel covers it then, and when that is
        left it is there again."""
        return False

    def action_close(self) -> None:
        self.on_closed()
        self.post_message(self.Closed(self))


class LinePanel(Panel):
    """One line is asked for. `on_change` hears it as it is typed."""

    is_written_in = True

    def __init__(
        self,
        title: str,
        on_done: Callable[[str], None],
        *,
        value: str = "",
        placeholder: str = "",
        hint: str = "",
        stays: bool = False,
        on_change: Callable[[str], None] = lambda _typed: None,
    ) -> None:
        super().__init__(title, hint or text("Enter: done · Esc: leave"))
        self._on_done = on_done
        self._on_change = on_change
        self._stays = stays  # Enter does it and asks on, as a search does
        self._input = Input(value=plain_line(value), placeholder=placeholder, select_on_focus=False)
        self._input.cursor_blink = False

    def asked(self) -> ComposeResult:
        yield self._input

    def take_focus(self) -> None:
        self._input.focus()
        self._input.cursor_position = len(self._input.value)

    def say(self, hint: str) -> None:
        """Another line below."""
        self.query_one(".panel-hint", Static).update(Content(plain(hint)))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._on_change(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._on_done(event.value)
        if not self._stays:
            self.action_close()


def path_panel(title: str, on_path: Callable[[Path], None], *, placeholder: str = "", hint: str = "") -> LinePanel:
    """Asks for a file. Quotes around it go, as terminals put them when a file is dropped on them."""

    def done(named: str) -> None:
        named = named.strip().strip("'\"")
        if named:
            on_path(with_home(named))

    return LinePanel(title, done, placeholder=placeholder, hint=hint)


class TextPanel(Panel):
    """A text of several lines is asked for."""

    is_written_in = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f10", "done", show=False, priority=True),
    ]

    def __init__(self, title: str, on_done: Callable[[str], None], *, value: str = "", hint: str = "") -> None:
        super().__init__(title, hint or text("Ctrl+S: done · Esc: leave"))
        self._on_done = on_done
        self._area = Area(plain(value), soft_wrap=True, highlight_cursor_line=False)
        self._area.cursor_blink = False
        self._given = self._area.text

    @property
    def has_words(self) -> bool:
        return self._area.text != self._given

    def asked(self) -> ComposeResult:
        yield self._area

    def take_focus(self) -> None:
        self._area.focus()
        self._area.move_cursor(self._area.document.end)

    def action_done(self) -> None:
        self._on_done(self._area.text)
        self.action_close()


class ChoicePanel(Panel):
    """One of several is asked for; typing narrows the list."""

    def __init__(
        self,
        title: str,
        rows: Sequence[ListRow],
        on_done: Callable[[str], None],
        *,
        hint: str = "",
        choose: str = "",
        stays: bool = False,
    ) -> None:
        self._all = tuple(rows)
        self._is_long = len(self._all) > _SHORT
        usual = (
            text("Type to narrow · Enter: choose · Esc: leave") if self._is_long else text("Enter: choose · Esc: leave")
        )
        super().__init__(title, hint or usual)
        self._on_done = on_done
        self._choose = choose
        self._stays = stays
        self._input = Input(placeholder=text("Type to narrow the list"))
        self._input.cursor_blink = False
        self._list = RowList(ground="side", is_led=True)

    def asked(self) -> ComposeResult:
        if self._is_long:
            yield self._input
        yield self._list

    def on_mount(self) -> None:
        self._show(self._all)

    def show_rows(self, rows: Sequence[ListRow]) -> None:
        """Other rows to choose from."""
        self._all = tuple(rows)
        if self.is_mounted:
            self._show(self._matching(self._input.value))

    def take_focus(self) -> None:
        (self._input if self._input.is_attached else self._list).focus()

    def on_key(self, event: events.Key) -> None:
        if self._input.has_focus and event.key in ("up", "down", "pageup", "pagedown"):
            self._list.action_step({"up": -1, "down": 1, "pageup": -10, "pagedown": 10}[event.key])
            event.stop()
            event.prevent_default()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(self._matching(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._list.action_choose()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._on_done(event.key)
        if not self._stays:
            self.action_close()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    def _matching(self, typed: str) -> tuple[ListRow, ...]:
        wanted = typed.casefold().split()
        return tuple(
            one
            for one in self._all
            if not wanted
            or all(word in " ".join(said for line in one.lines for said, _ in line.left).casefold() for word in wanted)
        )

    def _show(self, rows: Sequence[ListRow]) -> None:
        room = max(3, self.app.size.height * 6 // 10 - 6)  # heading, input, keys and frame have their lines too
        self._list.styles.height = max(1, min(14, room, sum(len(one.lines) for one in rows)))
        choose, self._choose = self._choose, ""  # once: from then on the cursor is where the user moves it
        self._list.show_rows(rows, choose=choose)


class ReadPanel(Panel):
    """A longer text to be read: a log, a message that was left out."""

    DEFAULT_CSS = "ReadPanel TextArea { max-height: 20; }"

    def __init__(self, title: str, shown: str) -> None:
        super().__init__(title, text("Esc: leave"))
        self._area = Area(plain(shown), read_only=True, soft_wrap=True, highlight_cursor_line=False)

    def asked(self) -> ComposeResult:
        yield self._area

    def take_focus(self) -> None:
        self._area.focus()
        self._area.move_cursor(self._area.document.end)


def is_there(path: Path) -> bool:
    """Whether a file would be written over. What cannot be a name, or is a folder, is not: writing it says why."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # too long, or in a folder that is not to be looked into
        return False


def replace_panel(path: Path, write: Callable[[], None]) -> ChoicePanel:
    """Asks whether a file may be written over, and writes where it may."""
    rows = [row("no", text("Leave it")), row("yes", text("Replace {file}", file=plain_line(path.name)))]
    return ChoicePanel(text("The file is there already."), rows, lambda key: write() if key == "yes" else None)
