"""Ctrl+P: one search over actions, settings, models, chats and messages; and the list of all keys.

What is found comes from `Finder`; what is chosen is done by the frame. Panels, as all else that asks.
"""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import action, groups
from rushlight.ui.tui.keys import key_text
from rushlight.ui.tui.panel import ChoicePanel
from rushlight.ui.tui.row_list import ListRow, RowLine, heading
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.finder import Finder, Found
    from rushlight.ui.tui.frame import Frame


class Palette(ChoicePanel):
    """The search over everything."""

    is_written_in = True
    DEFAULT_CSS = "Palette { max-height: 80%; } Palette RowList { max-height: 30; }"

    def __init__(self, frame: "Frame", finder: "Finder") -> None:
        super().__init__(text("Search everything"), (), self._take, hint=text("Enter: go there, or do it · Esc: leave"))
        self._frame = frame
        self._finder = finder
        self._found: dict[str, Found] = {}
        self._most_rows = 14

    def asked(self) -> ComposeResult:
        yield self._input
        yield self._list

    def on_mount(self) -> None:
        self._most_rows = max(4, self.app.size.height - 12)
        self._finder.prepare()
        self._finder.find("", self._show_found)

    def take_focus(self) -> None:
        self._input.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        event.prevent_default()  # the base narrows what is shown; here the finder does
        self._finder.find(event.value, self._show_found)

    def _show_found(self, found: "list[Found]") -> None:
        if not self.is_attached:
            return
        found = [one for one in found if one.kind != "action" or self._frame.knows(one.id)]
        self._found = {f"{one.kind}:{one.id}:{one.message_id or ''}": one for one in found}
        rows = [_found_row(key, one) for key, one in self._found.items()]
        if not rows:
            rows = [heading(text("Nothing found."))]
        self._list.styles.height = max(1, min(self._most_rows, len(rows)))
        self._list.show_rows(rows, choose=rows[0].key)

    def _take(self, key: str) -> None:
        one = self._found.get(key)
        if one is None:
            return
        match one.kind:
            case "action":
                self.call_later(self._frame.do, one.id)
            case "setting":
                self._frame.go_to_setting(one.id)
            case "conversation" | "message":
                self._frame.open_conversation(one.id, one.message_id)
            case "model":
                self._frame.choose_model(one.id)


def _found_row(key: str, one: "Found") -> ListRow:
    kinds = {
        "action": text("action"),
        "setting": text("setting"),
        "conversation": text("chat"),
        "message": text("message"),
        "model": text("model"),
    }
    right = kinds[one.kind]
    if one.kind == "action":
        keys = action(one.id).terminal_keys
        right = f"{key_text(keys[0])}  {right}" if keys else right
    left = ((plain_line(one.title), "page"), (f"  {plain_line(one.detail)}", "faint"))
    return ListRow(key, (RowLine(left, ((right, "muted"),)),))


def help_panel(frame: "Frame") -> ChoicePanel:
    """All actions with their keys; choosing one does it."""
    rows: list[ListRow] = []
    for title, members in groups():
        listed = [one for one in members if frame.knows(one.id)]
        if listed:
            rows.append(heading(title))
        for one in listed:
            keys = " / ".join(key_text(key) for key in one.terminal_keys)
            rows.append(ListRow(one.id, (RowLine(((f"  {one.title}", "page"),), ((keys, "accent"),)),)))
    rows.append(heading(text("On a message (Shift+Tab or ↑ goes to the messages)")))
    for keys, title in (
        ("↑ ↓", text("The message above or below")),
        ("U  D", text("Good reply, bad reply")),
        ("C", text("Correct the reply")),
        ("R", text("Answer again")),
        ("E", text("Edit your message")),
        ("← →", text("Other versions")),
        ("K", text("Keep this version")),
        ("Y", text("Copy")),
        ("B", text("Branch into a new chat")),
        ("O", text("Open a link of the message")),
        ("T", text("Show or hide the model's thoughts")),
    ):
        rows.append(ListRow("", (RowLine(((f"  {title}", "page"),), ((keys, "accent"),)),)))
    rows.append(heading(text("In the list of chats")))
    for keys, title in (
        ("R  P  M  X", text("Rename, pin, move, into the trash")),
        ("/", text("Search")),
        ("[  ]", text("Narrower, wider")),
    ):
        rows.append(ListRow("", (RowLine(((f"  {title}", "page"),), ((keys, "accent"),)),)))
    return ChoicePanel(text("Keys"), rows, frame.do, hint=text("Enter: do it · Esc: leave"))
