"""The column at the left: search, then folders and conversations by day. Draws what `ConversationList` says."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.conversation_list import ListState, Row
from rushlight.ui.tui.panel import ChoicePanel, LinePanel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, heading, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame

_MORE = "more"


class SideList(Vertical):
    """A `ConversationListView`."""

    DEFAULT_CSS = """
    SideList { width: 30; background: $side; border-right: vkey $line; }
    SideList > Input { border: none; height: 1; background: $raised; margin: 0 1 0 1; padding: 0 1; }
    SideList > Input:focus { border: none; }
    SideList > #side-foot { height: auto; max-height: 4; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "order('rename')", show=False),
        Binding("p", "order('pin')", show=False),
        Binding("m", "order('move')", show=False),
        Binding("x,delete", "order('delete')", show=False),
        Binding("slash", "search", show=False),
        Binding("right_square_bracket", "widen(2)", show=False),
        Binding("left_square_bracket", "widen(-2)", show=False),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="side")
        self.frame = frame
        self.current: str | None = None
        self._search = Input(placeholder=text("Search the chats"), id="side-search")
        self._search.cursor_blink = False
        self._list = RowList(id="side-list", ground="side")
        self._foot = Static(id="side-foot")
        self._rows: dict[str, Row] = {}

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._list
        yield self._foot

    def show(self, state: ListState) -> None:
        """The list, as the desk has it."""
        self._rows = {}
        rows: list[ListRow] = []
        for number, one in enumerate(state.rows):
            key = "" if one.kind == "group" else f"{number}:{one.kind}:{one.id}"
            self._rows[key] = one
            rows.append(self._drawn(key, one))
        if state.has_more:
            rows.append(row(_MORE, text("Show more"), meaning="accent"))
        if not rows and not state.is_loading:
            said = text("Nothing found.") if state.query else text("No chat yet.")
            rows = [heading(said)]
        chosen = self._list.chosen
        kept = next((key for key in self._rows if key and _tail(key) == _tail(chosen)), "")
        self._list.show_rows(rows, choose=kept)
        self._say(state)

    def show_current(self, conversation_id: str | None) -> None:
        """Mark the conversation that is shown."""
        self.current = conversation_id
        self.show(self.frame.conversations.state)

    def focus_search(self) -> None:
        self._search.focus()

    def take_focus(self) -> None:
        self._list.focus()

    def _drawn(self, key: str, one: Row) -> ListRow:
        if one.kind == "group":
            return heading(one.title)
        indent = "  " * one.depth
        if one.kind == "folder":
            line = RowLine(
                ((f"{indent}{'▾' if one.is_open else '▸'} {one.title}", "page"),), ((str(one.count), "faint"),)
            )
            return ListRow(key, (line,))
        pin = (("⚑ ", "accent"),) if one.pinned else ()
        lines = [RowLine(((indent, "page"), *pin, (one.title, "page")))]
        if one.snippet:
            lines.append(RowLine(((f"{indent}  {plain_line(one.snippet)}", "muted"),)))
        return ListRow(key, tuple(lines), is_current=one.id == self.current and not one.snippet)

    def _say(self, state: ListState) -> None:
        said = ""
        if state.undo:
            said = f"{plain(state.undo)} {text('Alt+Z: undo')}"
        elif state.is_trash:
            said = text("The trash. Enter: bring back · X: remove for ever")
        self._foot.update(Content(said))
        self._foot.display = bool(said)

    # --- what is done -------------------------------------------------------------------------------------------
    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.frame.conversations.search(event.value)

    @on(Input.Submitted)
    def _search_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._list.focus()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.key == _MORE:
            self.frame.conversations.more()
            return
        one = self._rows.get(event.key)
        if one is None:
            return
        if one.kind == "folder":
            self.frame.conversations.toggle_folder(one.id)
        elif self.frame.conversations.state.is_trash:
            self.frame.conversations.restore(one.id)
        else:
            self.frame.open_conversation(one.id, one.message_id)

    def action_search(self) -> None:
        self._search.focus()

    def action_widen(self, cells: int) -> None:
        self.frame.widen_side(cells)

    def action_order(self, order: str) -> None:
        one = self._rows.get(self._list.chosen)
        if one is None or self._search.has_focus:
            return
        conversations = self.frame.conversations
        is_folder = one.kind == "folder"
        match order:
            case "rename":
                rename = conversations.rename_folder if is_folder else conversations.rename
                panel = LinePanel(text("Another name"), lambda name: rename(one.id, name), value=one.title)
                self.frame.ask(panel)
            case "pin" if not is_folder:
                conversations.pin(one.id, not one.pinned)
            case "move":
                move = conversations.move_folder if is_folder else conversations.move
                rows = [row("-", text("No folder"))]
                rows += [row(f"+{key}", path) for key, path in conversations.state.folders if key != one.id]
                panel_title = text("Move “{title}” to which folder?", title=one.title)
                self.frame.ask(
                    ChoicePanel(panel_title, rows, lambda key: move(one.id, None if key == "-" else key[1:]))
                )
            case "delete" if is_folder:
                conversations.delete_folder(one.id)
            case "delete" if conversations.state.is_trash:
                rows = [row("no", text("Keep it")), row("yes", text("Remove it for ever"), meaning="bad")]
                title = text("Remove “{title}” for ever? This cannot be undone.", title=one.title)
                self.frame.ask(
                    ChoicePanel(title, rows, lambda key: conversations.purge(one.id) if key == "yes" else None)
                )
            case "delete":
                conversations.delete(one.id)


def _tail(key: str) -> str:
    """A row's key without its number, which changes with the rows above it."""
    return key.partition(":")[2]
