"""The chat page: head, messages, what waits, what went wrong, composer. Draws what `ChatDesk` says.

The page is the desk's view; what the user can do with it is in `chat_deeds`. Knows Textual and the desk's values.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.chat_adapters import chip_text, rivals_text
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.sql_mention import mention_of
from rushlight.ui.desk.sql_recent import Recent
from rushlight.ui.desk.turn import Turn
from rushlight.ui.tui.chat_commands import commands
from rushlight.ui.tui.completion import Trigger, files_for, matching
from rushlight.ui.tui.composer import Composer
from rushlight.ui.tui.keys import key_text
from rushlight.ui.tui.message_list import MessageList
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, row
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.ui.desk.background import Background
    from rushlight.ui.tui.chat_deeds import ChatDeeds

OFFER_KEYS = ("f6", "f7", "f8", "f9")  # what a problem offers; Alt and digits are letters on some keyboards


class ChatPage(Vertical):
    """A `ChatView`. `desk` and `deeds` are set by the frame before it is shown."""

    DEFAULT_CSS = """
    ChatPage { background: $background; }
    ChatPage > #head { height: 1; padding: 0 2; color: $muted; background: $background; text-wrap: nowrap;
                       text-overflow: ellipsis; }
    ChatPage > #empty { height: 1fr; content-align: center middle; text-align: center; color: $muted; }
    ChatPage > #problem { height: auto; max-height: 8; padding: 0 2; background: $bad-soft; color: $foreground; }
    ChatPage > #waiting { height: auto; max-height: 5; padding: 0 2; background: $background; color: $muted; }
    ChatPage > #doing { height: 1; padding: 0 2; color: $accent; background: $background; text-wrap: nowrap;
                        text-overflow: ellipsis; }
    ChatPage > #offers { background: $raised; height: 1; }
    ChatPage > #input-line { height: auto; background: $raised; border-left: thick $accent; margin: 0 1; }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.deeds: ChatDeeds
        self.background: Background
        self.state = ChatState()
        self.messages = MessageList(id="messages")
        self._head = Static(id="head")
        self._empty = Static(id="empty")
        self._problem = Static(id="problem")
        self._waiting = Static(id="waiting")
        self._doing = Static(id="doing")
        self._offers = RowList(id="offers", ground="raised", is_led=True)
        self.composer = Composer(
            self._offers, text("Ask, or type / for commands, @ for a model or a file"), id="composer"
        )
        self._is_filling = self._was_filled = False

    def compose(self) -> ComposeResult:
        yield self._head
        yield self.messages
        yield self._empty
        yield self._problem
        yield self._waiting
        yield self._doing
        yield self._offers
        with Vertical(id="input-line"):
            yield self.composer

    def on_mount(self) -> None:
        for one in (self._problem, self._waiting, self._doing, self._offers, self.messages):
            one.display = False
        self._draw_empty()

    # --- ChatView -----------------------------------------------------------------------------------------------
    def show_turns(self, turns: Sequence[Turn]) -> None:
        self.messages.end_find()
        self.messages.show_turns(turns)
        self._show_or_hide()

    def add_turn(self, turn: Turn) -> None:
        self.messages.add_turn(turn)
        self._show_or_hide()

    def change_turn(self, turn: Turn) -> None:
        self.messages.change_turn(turn)

    def grow_turn(self, turn_id: str, text: str, reasoning: str) -> None:
        self.messages.grow_turn(turn_id, text, reasoning)

    def show_state(self, state: ChatState) -> None:
        before, self.state = self.state, state
        self.messages.set_notice(_left_out(state))
        if _head_of(state) != _head_of(before):
            self._draw_head()
        shown, blind = before.blind, state.blind
        if (blind.is_voting, blind.a, blind.b) != (shown.is_voting, shown.a, shown.b):
            answers = [("A", blind.a), ("B", blind.b)] if blind.is_voting else []
            self.messages.show_answers([(name, said or text("(nothing)")) for name, said in answers])
        self._draw_problem()
        self._draw_waiting()
        self._draw_doing()
        self._draw_empty()
        self.deeds.state_changed(state)
        self.deeds.comparing.state_changed(state)

    def set_composer(self, text: str) -> None:
        self.deeds.filled()
        typed = "" if self._was_filled else self.composer.text  # by somebody quick, before the first chat was there
        self._was_filled = True
        if typed and not text:
            return
        self._is_filling = True
        self.composer.write(text + typed)

    # --- drawing ------------------------------------------------------------------------------------------------
    def _show_or_hide(self) -> None:
        has_turns = bool(self.messages.turns)
        self.messages.display = has_turns
        self._empty.display = not has_turns

    def _draw_head(self) -> None:
        state = self.state
        title = plain_line(state.title) or text("New chat")
        parts: list[tuple[str, str]] = [(title, "bold $foreground")]
        if state.model_label:
            parts.append((f"   {plain_line(state.model_label)}", "$muted"))
        if adapter := chip_text(state):
            parts.append((f"  ✦ {plain_line(adapter)}", "$accent" if state.adapter else "$muted"))
        if state.blind.rivals is not None:
            parts.append((f"  ⇄ {text('blind')}", "$accent"))
        if state.system:
            parts.append((f"  ¶ {text('system prompt')}", "$muted"))
        if options := _options_of(state):
            listed = " ".join(f"{name}={value}" for name, value in options)
            parts.append((f"  ⚙ {plain_line(listed)}", "$muted"))
        self._head.update(Content.assemble(*parts))

    def _draw_empty(self) -> None:
        if self.messages.turns:
            return
        if self.state.model:
            said = text("What would you like to know? Nothing leaves this machine.")
        else:
            said = text("There is no model yet. F2 shows the models and finds those on this disk.")
        self._empty.update(Content(f"{said}\n\n{_keys_line()}"))

    def _draw_problem(self) -> None:
        problem, notice = self.state.problem, self.state.notice
        self._problem.display = problem is not None or bool(notice)
        self._problem.set_class(problem is None, "notice")
        if problem is None:
            if notice:
                dismiss = text("Esc: dismiss")
                self._problem.update(Content.assemble((plain(notice), "$foreground"), (f"   {dismiss}", "$muted")))
            return
        lines: list[tuple[str, str]] = [(f"✗ {plain(problem.message)}", "bold $bad")]
        if problem.hint:
            lines.append((f"\n{plain(problem.hint)}", "$foreground"))
        keys = [
            f"{key_text(key)}: {self.deeds.title_of(one)}"
            for key, one in zip(OFFER_KEYS, problem.actions, strict=False)
        ]
        lines.append(("\n" + " · ".join([*keys, text("Esc: dismiss")]), "$muted"))
        self._problem.update(Content.assemble(*lines))

    def _draw_waiting(self) -> None:
        state = self.state
        lines = []
        if state.attachments:
            listed = ", ".join(f"▤ {plain_line(one.name)} ({size_text(len(one.text))})" for one in state.attachments)
            lines.append(text("With the next message: {files}   /attach removes", files=listed))
        for queued in state.queue[:3]:
            lines.append(text("Waiting: {words}", words=plain_line(queued.text)[:200]))
        if len(state.queue) > 3:
            lines.append(plural("and {count} more", "and {count} more", len(state.queue) - 3))
        if state.queue:
            lines[-1] += "   " + text("Alt+Q takes one back")
        self._waiting.display = bool(lines)
        self._waiting.update(Content("\n".join(lines)))

    def _draw_doing(self) -> None:
        state = self.state
        said = ""
        match state.activity:
            case "loading" | "reading":
                what = text("Loading the model") if state.activity == "loading" else text("Reading")
                done = f" {state.progress_fraction:.0%}" if state.progress_fraction is not None else ""
                said = f"{what}{done} …"
            case "stopping":
                said = text("Stopping …")
            case "busy":
                said = text("Another window writes a reply into this chat.")
            case "answering" if state.blind.stage:
                said = text("Both answer. You see them at the same moment, without names.")
            case "answering":
                said = text("Answering")
            case "voting":
                said = text("Two answers wait for your vote: Alt+H")
            case "idle" if state.blind.rivals is not None and not state.can_continue:
                both = plain_line(rivals_text(state.blind.rivals))
                said = text("Compared blind, Alt+H ends it: {both}", both=both)
            case "idle":
                said = text("Alt+C continues the reply.") if state.can_continue and not state.problem else ""
        if state.activity in ("loading", "reading", "answering"):
            said += "   " + text("Esc stops")
        self._doing.display = bool(said)
        self._doing.update(Content(said))

    # --- what the composer says ---------------------------------------------------------------------------------
    @on(Composer.Typed)
    def _typed(self, event: Composer.Typed) -> None:
        event.stop()
        if self._is_filling:
            self._is_filling = False
        else:
            self.deeds.typed(event.written)
        trigger = event.trigger
        if trigger is None:
            return
        if trigger.kind == "/":
            rows = [
                ListRow(name, (RowLine(((f"/{name}", "accent"), (f"  {meaning}", "muted"))),))
                for name, meaning in commands()
                if name.startswith(trigger.word.lower())
            ]
            self.composer.offer(trigger, rows)
        elif trigger.kind == "#":
            said = text("Libraries to ask come with documents, in a later version.")
            self.composer.offer(trigger, [ListRow("", (RowLine(((said, "muted"),)),))])
        else:
            self._offer_models_and_files(trigger)

    def _offer_models_and_files(self, trigger: Trigger) -> None:
        models = self.deeds.models
        near = matching(trigger.word, models)[:8]
        databases = matching(trigger.word, map(mention_of, Recent(self.deeds.frame.remembered).rows(())))[:4]

        def found(files: list[str]) -> None:
            rows = [row(f"database:{one}", plain_line(one), right=text("database")) for one in databases]
            rows += [row(f"model:{one}", one, right=text("model")) for one in near]
            rows += [row(f"file:{one}", plain_line(one), right=text("file")) for one in files]
            self.composer.offer(trigger, rows)

        self.background.read(lambda _app: files_for(trigger.word, Path.cwd()), found, lambda _err: None)

    @on(Composer.Completed)
    def _completed(self, event: Composer.Completed) -> None:
        event.stop()
        trigger = event.trigger
        if trigger.kind == "/":
            self.composer.replace_trigger(trigger, f"/{event.key} ")
            self.deeds.command_taken(event.key)
        elif event.key.startswith("database:"):
            self.composer.replace_trigger(trigger, f"@{event.key.removeprefix('database:')} ")
        elif event.key.startswith("model:"):
            self.composer.replace_trigger(trigger, "")
            self.deeds.desk.set_model(event.key.removeprefix("model:"))
        elif event.key.endswith("/"):
            name = event.key.removeprefix("file:")
            self.composer.replace_trigger(trigger, f'@"{name}' if " " in name else f"@{name}")
        elif event.key.startswith("file:"):
            self.composer.replace_trigger(trigger, "")
            self.deeds.desk.attach([with_home(event.key.removeprefix("file:"))])

    @on(Composer.Sent)
    def _sent(self, event: Composer.Sent) -> None:
        event.stop()
        self.deeds.send(event.written)

    @on(Composer.Moved)
    def _moved(self, event: Composer.Moved) -> None:
        event.stop()
        match event.where:
            case "edit-last":
                self.deeds.do("chat.edit-last")
            case "up":
                if self.messages.turns:
                    self.messages.focus()
                    self.messages.choose(len(self.messages.turns) - 1)
            case "page-up" | "page-down":
                self.messages.action_page(-1 if event.where == "page-up" else 1)

    @on(MessageList.Wanted)
    def _wanted(self, event: MessageList.Wanted) -> None:
        event.stop()
        if event.name == "leave":
            self.composer.focus()
        else:
            self.deeds.want(event.name, event.turn_id)


def _options_of(state: ChatState) -> tuple[tuple[str, str], ...]:
    """Those of sampler and engine: the adapter stands for itself."""
    return tuple(one for one in state.options if not one[0].startswith("adapter"))


def _head_of(state: ChatState) -> tuple[object, ...]:
    """What the head shows."""
    return (state.title, state.system, state.options, state.model_label, chip_text(state), state.blind.rivals)


def _left_out(state: ChatState) -> str:
    if not state.n_left_out:
        return ""
    said = plural(
        "{count} earlier message no longer fits and was left out of the last answer.",
        "{count} earlier messages no longer fit and were left out of the last answer.",
        state.n_left_out,
    )
    return f"{said} " + text("Alt+L: see which")


def _keys_line() -> str:
    wanted = ("app.palette", "chat.model", "app.search", "app.shortcuts")
    shown = [(one.terminal_keys, one.title) for one in map(action, wanted) if one.terminal_keys]
    wide = max(len(key_text(keys[0])) for keys, _ in shown)
    lines = [f"{key_text(keys[0]).rjust(wide)}  {title}" for keys, title in shown]
    return "\n".join(line.ljust(max(map(len, lines))) for line in lines)
