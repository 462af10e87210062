"""The server page: begin and end it, where it is reached, what is asked of it. Draws what `ServerDesk` says."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.server_desk import ServerDesk
from rushlight.ui.desk.server_values import RequestRow, ServerState
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, ReadPanel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, row
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight import Error
    from rushlight.ui.tui.frame import Frame

_LOOK_EVERY_S = 1.0
_MOST_NAMES = 4


class ServerPage(Vertical):
    """Has a `ServerDesk` of its own."""

    DEFAULT_CSS = """
    ServerPage { padding: 0 1; background: $background; }
    ServerPage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    ServerPage > #server-state { height: auto; max-height: 14; padding: 0 1; color: $muted; }
    ServerPage > #server-keys { height: auto; max-height: 4; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(one.terminal_keys), f"order('{one.id}')", show=False)
            for one in actions()
            if one.scope == "server" and one.terminal_keys
        ),
        Binding("p", "order('plan')", show=False),
        Binding("x", "order('dismiss')", show=False),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="server")
        self.frame = frame
        self.desk = ServerDesk(frame.background, frame.remembered, Later(self.draw))
        self.desk.on_ended = self._ended
        self._head = Static(id="server-state")
        self._list = RowList(id="request-list")
        self._keys = Static(id="server-keys")
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content(text("Server")), classes="page-title")
        yield self._head
        yield self._list
        yield self._keys

    def on_mount(self) -> None:
        self._timer = self.set_interval(_LOOK_EVERY_S, self._look)
        self.draw(self.desk.state)

    def on_unmount(self) -> None:
        self.desk.close()

    def take_focus(self) -> None:
        self._list.focus()
        self.desk.refresh()

    def _look(self) -> None:
        if self.display:
            self.desk.refresh()

    # --- what is shown ------------------------------------------------------------------------------------------
    def draw(self, state: ServerState) -> None:
        """The state of the desk."""
        self._head.update(Content("\n").join([Content.assemble(*line) for line in state_lines(state)]))
        rows = [request_row(one) for one in state.requests]
        if not rows and not state.is_loading:
            said = text("No request yet.") if state.server is not None else ""
            rows = [ListRow("", (RowLine(((said, "muted"),)),))]
        self._list.show_rows(rows)
        keys = [
            text("S: start") if state.phase == "stopped" else text("S: stop"),
            text("P: port, socket, when it ends"),
        ]
        if state.server is not None:
            keys += [text("Y: copy the address"), text("E: copy an example"), text("R: begin it again")]
        keys += [text("T: see the token"), text("K: copy the token"), text("N: new token")]
        if state.problem:
            keys.append(text("X: dismiss the problem"))
        self._keys.update(Content(" · ".join(keys)))

    # --- what is done -------------------------------------------------------------------------------------------
    def action_order(self, order: str) -> None:
        self.do(order)

    def do(self, action_id: str) -> None:
        """An action of the server page."""
        desk = self.desk
        order = action_id.removeprefix("server.")
        if order in ("restart", "copy-address", "copy-example") and desk.state.server is None:
            self.frame.tell(text("No server is running."))
            return
        match order:
            case "toggle":
                if desk.state.phase == "stopped":
                    desk.start()
                else:
                    desk.stop()
            case "restart":
                desk.restart()
            case "copy-address":
                self.frame.copy(desk.state.base_url, text("the server's address"))
            case "copy-example":
                desk.example(lambda line: self.frame.copy(line, text("a line for the shell")))
            case "token":
                desk.token(lambda token: self.frame.ask_later(ReadPanel(text("The server's token"), token)))
            case "copy-token":
                desk.token(lambda token: self.frame.copy(token, text("the server's token")))
            case "renew-token":
                desk.renew_token()
                self.frame.tell(text("The server has a new token; clients need it."))
            case "plan":
                self._ask_plan()
            case "dismiss":
                desk.dismiss()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        """A request in full."""
        event.stop()
        one = next((one for one in self.desk.state.requests if str(one.number) == event.key), None)
        if one is not None:
            facts = [
                (text("Time"), one.time), (text("Path"), one.path), (text("Model"), one.model),
                (text("Answer"), one.status), (text("Took"), one.duration), (text("Tokens"), one.tokens),
                (text("Note"), one.detail),
            ]  # fmt: skip
            shown = "\n".join(f"{name}: {value}" for name, value in facts if value)
            self.frame.ask(ReadPanel(text("Request {number}", number=one.number), shown))

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    def _ask_plan(self) -> None:
        plan = self.desk.state.plan
        rows = [
            row("port", text("Port: {port}", port=plan.port), meaning="muted" if plan.uses_socket else "page"),
            row("host", text("Address: {host}", host=plan.host), meaning="muted" if plan.uses_socket else "page"),
            row("socket", text("UNIX socket: {path}", path=plain_line(plan.socket_path)),
                meaning="page" if plan.uses_socket else "muted"),
            row("way", text("Serve on the port") if plan.uses_socket else text("Serve on the UNIX socket")),
            row("stays", text("End it when this program ends") if plan.stays
                else text("Let it go on when this program ends")),
        ]  # fmt: skip
        if len(self.desk.state.servers) > 1:
            rows.append(row("others", text("Look at another of the servers that run")))
        self.frame.ask(ChoicePanel(text("How the server is begun"), rows, self._change_plan))

    def _change_plan(self, what: str) -> None:
        desk, plan = self.desk, self.desk.state.plan
        match what:
            case "port":
                self.frame.ask(LinePanel(text("Port, 0 for any that is free"), self._set_port, value=str(plan.port)))
            case "host":
                said = text("Address. Others than loopback need a token of your own in RUSHLIGHT_TOKEN.")
                self.frame.ask(LinePanel(said, desk.set_host, value=plan.host))
            case "socket":
                self.frame.ask(LinePanel(text("Path of the socket"), desk.set_socket, value=plan.socket_path))
            case "way":
                desk.use_socket(not plan.uses_socket)
            case "stays":
                desk.set_stays(not plan.stays)
            case "others":
                rows = [row(one.key, one.title, right=one.origin) for one in desk.state.servers]
                self.frame.ask(ChoicePanel(text("Look at which server?"), rows, desk.choose))

    def _set_port(self, typed: str) -> None:
        if typed.strip().isdecimal() and int(typed) <= 65_535:
            self.desk.set_port(int(typed))
        else:
            self.frame.tell(text("A port is a number from 0 to 65535; {typed} is none.", typed=repr(typed[:20])), "bad")

    def _ended(self, err: "Error") -> None:
        self.frame.tell(f"✗ {plain_line(err.message)} {plain_line(err.hint or '')}", "bad")


def state_lines(state: ServerState) -> list[list[tuple[str, str]]]:
    """(words, style) pairs of the lines above the requests."""
    said = {
        "stopped": ("○ " + text("stopped"), "$muted"),
        "starting": ("◌ " + text("starting"), "$accent"),
        "running": ("● " + text("serving"), "$good"),
        "ending": ("◌ " + text("ending"), "$accent"),
    }
    lines: list[list[tuple[str, str]]] = [[said[state.phase]]]
    found = state.server
    plan = state.plan
    if found is not None:
        lines[0].append((f"  {state.base_url}", "$foreground"))
        lines[0].append((f"  {found.origin}", "$muted"))
        names = [one.id for one in state.models[:_MOST_NAMES]]
        rest = len(state.models) - len(names)
        if rest > 0:
            names.append(plural("{count} more", "{count} more", rest))
        lines.append([(text("Models: {names}", names=", ".join(names) or text("none yet")), "$muted")])
    else:
        place = plain_line(plan.socket_path) if plan.uses_socket else f"{plan.host}:{plan.port}"
        lines[0].append((f"  {text('It would serve on {place}.', place=place)}", "$muted"))
    ends = text("It goes on when this program ends.") if plan.stays else text("It ends with this program.")
    lines.append([(f"{state.token_text} {ends if found is None or found.is_own else ''}".strip(), "$muted")])
    if found is not None:
        figures = state.figures
        busy = "$accent" if figures.n_generating else "$muted"
        lines.append([
            (text("{count} being answered", count=figures.n_generating), busy),
            (" · " + text("{count} waiting", count=figures.n_waiting), "$muted"),
            (" · " + text("{count} refused", count=figures.n_refused), "$warning" if figures.n_refused else "$muted"),
            (" · " + text("{count} answered", count=f"{figures.n_answered:,}"), "$muted"),
            (" · " + text("{count} failed", count=figures.n_failed), "$muted"),
            (" · " + text("{count} tokens written", count=f"{figures.n_tokens_written:,}"), "$muted"),
        ])  # fmt: skip
    elif state.phase == "stopped" and not state.is_loading:
        said_at_rest = text(
            "It lets other programs use the models of this machine, through the interfaces of OpenAI and Anthropic. "
            "Only this machine reaches it, and only with the token."
        )
        lines.append([(said_at_rest, "$foreground")])
    if state.problem:
        lines.append([(f"✗ {state.problem}", "$bad"), (f" {state.hint}" if state.hint else "", "$muted")])
    return lines


def request_row(one: RequestRow) -> ListRow:
    """A request in one line, with a second one where there is something to note."""
    meaning = {"good": "good", "bad": "bad", "running": "accent", "muted": "muted"}[one.meaning]
    left = ((f"{one.time}  ", "muted"), (one.path, "page"), (f"  {one.model}" if one.model else "", "muted"))
    right = ((f"{one.tokens}  " if one.tokens else "", "muted"), (f"{one.duration}  " if one.duration else "", "muted"),
             (one.status, meaning))  # fmt: skip
    lines = [RowLine(left, right)]
    if one.detail:
        lines.append(RowLine(((f"          {one.detail}", "muted"),)))
    return ListRow(str(one.number), tuple(lines))
