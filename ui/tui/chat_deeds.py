"""What the user can do on the chat page: actions, commands, letters on a message, each with the panel it needs.

Turns keys into calls of `ChatDesk` and `ConversationList`; draws nothing itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.turn import Turn
from rushlight.ui.tui.chat_answering import ChatAnswering
from rushlight.ui.tui.chat_commands import Typed, asked_database, looks_like_command, parse
from rushlight.ui.tui.chat_comparing import ChatComparing
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, TextPanel, is_there, path_panel, replace_panel
from rushlight.ui.tui.row_list import ListRow, RowLine, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.chat_desk import ChatDesk
    from rushlight.ui.desk.chat_view import ChatState
    from rushlight.ui.tui.chat_page import ChatPage
    from rushlight.ui.tui.frame import Frame

Deed = Callable[[], None]


class ChatDeeds:
    """For one chat page and its desk."""

    def __init__(self, frame: "Frame", page: "ChatPage", desk: "ChatDesk") -> None:
        self.frame = frame
        self.page = page
        self.desk = desk
        self._answering = ChatAnswering(frame, desk)
        self.comparing = ChatComparing(frame, page, desk)
        self._editing = ""  # the message that the composer holds for editing
        self._kept = ""  # what stood in the composer before that
        self._deeds: dict[str, Deed] = {
            "chat.new": lambda: frame.open_conversation(None),
            "chat.rename": self._rename,
            "chat.pin": self._pin,
            "chat.move": self._move,
            "chat.delete": self._delete,
            "chat.export": self._export,
            "chat.find": lambda: self.find(""),
            "chat.attach": self._attach,
            "chat.model": self._answering.choose_model,
            **self.comparing.deeds(),
            "chat.sampler": self._answering.sampler,
            "chat.system": self._answering.system,
            "chat.left-out": self._left_out,
            "chat.stop": self._escape,
            "chat.regenerate": lambda: self._on_reply(lambda turn: desk.regenerate(turn.id)),
            "chat.continue": desk.continue_reply,
            "chat.retry": desk.retry,
            "chat.edit-last": self._edit_last,
            "chat.copy-reply": self._copy_reply,
            "chat.copy-code": self._copy_code,
            "chat.rate-up": lambda: self._on_reply(lambda turn: desk.rate(turn.id, "up")),
            "chat.rate-down": lambda: self._on_reply(lambda turn: desk.rate(turn.id, "down")),
            "chat.correct": lambda: self._on_reply(self._correct),
            "chat.keep": lambda: self._on_reply(lambda turn: desk.keep(turn.id)),
            "chat.previous-version": lambda: self._version(-1),
            "chat.next-version": lambda: self._version(1),
            "chat.branch": self._branch,
            "chat.undo": self._undo,
            "chat.unqueue": self._unqueue,
            "app.focus-input": self._focus_input,
        }

    @property
    def models(self) -> list[str]:
        """Ids of the models that can be chosen."""
        return [one.id for one in self.frame.models.state.rows if one.purpose == "chat"]

    def title_of(self, action_id: str) -> str:
        """The title of an action, for the keys of a problem."""
        try:
            return action(action_id).title
        except Error:
            return action_id

    def can(self, action_id: str) -> bool:
        return action_id in self._deeds

    def do(self, action_id: str) -> None:
        """An action of the chat page."""
        self._deeds[action_id]()

    def state_changed(self, state: "ChatState") -> None:
        """The frame draws its lowest line from it."""

    def typed(self, written: str) -> None:
        if not self._editing:
            self.desk.set_draft(written)

    def filled(self) -> None:
        """The desk puts another text into the composer: nothing is edited there any more."""
        self._editing = self._kept = ""

    def end_edit(self) -> None:
        """What stood in the composer before the edit stands there again."""
        if self._editing:
            kept, self._editing, self._kept = self._kept, "", ""
            self.page.composer.write(kept)

    def problem_action(self, number: int) -> None:
        """F6, F7 ...: what the shown problem offers."""
        problem = self.desk.state.problem
        if problem is not None and number <= len(problem.actions):
            self.frame.do(problem.actions[number - 1])

    # --- sending ------------------------------------------------------------------------------------------------
    def send(self, written: str) -> None:
        """Enter in the composer: a message, an edited one, or a command."""
        if self._editing:
            if not written.strip() or self.desk.edit(self._editing, written):
                self.end_edit()
            return
        asked, command = asked_database(written, self.frame.remembered), parse(written)
        if asked is not None or command is not None:
            self.page.composer.write("")
            self.desk.set_draft("")
            if asked is not None:
                self.frame.ask_database(asked.question, asked.paths)
            elif command is not None:
                self.command(command)
            return
        if looks_like_command(written):
            said = text("There is no command {name}. A blank before it sends it as it is.", name=written.strip()[:40])
            self.frame.tell(said, "bad")
            return
        self.page.composer.write("")
        self.desk.send(written)

    def command_taken(self, name: str) -> None:
        """A command was completed; one that takes nothing is done at once."""
        command = parse(f"/{name}")
        if command is not None and command.action and name not in ("sql", "title", "find", "export", "attach", "set"):
            self.page.composer.write("")
            self.command(command)

    def command(self, command: Typed) -> None:
        """A `/` command."""
        words = command.argument
        if words and command.name == "title":
            self.desk.rename(words)
        elif words and command.name in ("find", "search"):
            self.find(words) if command.name == "find" else self.frame.conversations.search(words)
        elif words and command.name == "system":
            self.desk.set_system(words)
        elif words and command.name == "attach":
            self.desk.attach([with_home(words.strip('"'))])
        elif words and command.name == "export":
            self._export_to(words)
        elif words and command.name == "model":
            self.desk.set_model(words)
        elif words and command.name == "set":
            name, _, value = words.partition(" ")
            self.desk.set_option(name, value.strip() or None)
        elif command.name == "preset":
            self.desk.use_preset(words) if words else self._answering.presets()
        elif command.name == "save-preset":
            self.desk.save_preset(words) if words else self._answering.save_preset()
        else:
            self.frame.do(command.action)

    # --- on a message -------------------------------------------------------------------------------------------
    def want(self, name: str, turn_id: str) -> None:
        """A letter on the chosen message."""
        turn = next((one for one in self.page.messages.turns if one.id == turn_id), None)
        if turn is None:
            return
        is_reply = turn.role == "assistant"
        match name:
            case "rate-up" | "rate-down" if is_reply:
                self.desk.rate(turn.id, "up" if name == "rate-up" else "down")
            case "correct" if is_reply:
                self._correct(turn)
            case "regenerate":
                self.desk.regenerate(turn.id)
            case "edit" if turn.role == "user":
                self._edit(turn)
            case "copy":
                self.frame.copy(self.desk.copy_text(turn.id), text("message"))
            case "branch":
                self.desk.branch(turn.id)
            case "keep" if is_reply:
                self.desk.keep(turn.id)
            case "links":
                self._links(turn)
            case "previous" | "next":
                self.desk.show_version(turn.id, -1 if name == "previous" else 1)

    def _on_reply(self, work: Callable[[Turn], None]) -> None:
        """With the chosen reply, else with the last one."""
        chosen = self.page.messages.selected
        if chosen is None or chosen.role != "assistant":
            chosen = next((one for one in reversed(self.page.messages.turns) if one.role == "assistant"), None)
        if chosen is not None:
            work(chosen)
        elif self.page.messages.turns:
            self.desk.retry()

    def _version(self, step: int) -> None:
        turns = self.page.messages.turns
        chosen = self.page.messages.selected
        if chosen is None:
            chosen = next((one for one in reversed(turns) if one.n_versions > 1), None)
        if chosen is not None:
            self.desk.show_version(chosen.id, step)

    def _branch(self) -> None:
        chosen = self.page.messages.selected or next(iter(reversed(self.page.messages.turns)), None)
        if chosen is not None:
            self.desk.branch(chosen.id)

    def _correct(self, turn: Turn) -> None:
        panel = TextPanel(
            text("How should the reply have been?"),
            lambda better: self.desk.correct(turn.id, better),
            value=turn.correction if turn.correction is not None else turn.text,
            hint=text("Ctrl+S: keep it for learning · Esc: leave. An empty text takes a correction back."),
        )
        self.frame.ask(panel)

    def _edit_last(self) -> None:
        mine = next((one for one in reversed(self.page.messages.turns) if one.role == "user"), None)
        if mine is not None:
            self._edit(mine)

    def _edit(self, turn: Turn) -> None:
        kept = self._kept if self._editing else self.page.composer.text
        self.page.set_composer(turn.text)
        self._editing, self._kept = turn.id, kept
        self.page.composer.focus()
        self.frame.tell(text("Editing your message: Enter sends another version of it, Esc leaves it as it was."))

    def _links(self, turn: Turn) -> None:
        from rushlight.ui.tui.markdown_lines import links_in

        links = links_in(turn.text)
        if not links:
            self.frame.tell(text("There is no link in this message."))
            return
        rows = [
            ListRow(address, (RowLine(((plain_line(label) or address, "info"),)), RowLine(((address, "muted"),))))
            for label, address in links
        ]
        panel = ChoicePanel(text("Open which address? The browser will go there."), rows, self._open_link)
        self.frame.ask(panel)

    def _open_link(self, address: str) -> None:
        import webbrowser

        if not webbrowser.open(address):
            self.frame.copy(address, text("address"))

    # --- leaving, taking back -----------------------------------------------------------------------------------
    def _escape(self) -> None:
        """Escape: what is nearest to be left, stopped or dismissed."""
        page, state = self.page, self.desk.state
        if page.composer.close_offers():
            return
        if self._editing:
            self.end_edit()
        elif state.activity in ("loading", "reading", "answering"):
            self.desk.stop()
        elif state.problem is not None or state.notice:
            self.desk.dismiss_problem()
        else:
            self._focus_input()

    def _focus_input(self) -> None:
        self.page.messages.choose(None)
        self.page.composer.focus()

    def _undo(self) -> None:
        if self.desk.state.undo:
            self.frame.tell(text("Taken back: {what}.", what=plain_line(self.desk.state.undo)))
            self.desk.undo()
        elif self.frame.conversations.state.undo:
            self.frame.conversations.undo()
        else:
            self.frame.tell(text("There is nothing to take back."))

    def _unqueue(self) -> None:
        if self.desk.state.queue:
            self.desk.unqueue(len(self.desk.state.queue) - 1)
            self.page.composer.focus()

    # --- the conversation ---------------------------------------------------------------------------------------
    def _known(self) -> str | None:
        if self.desk.state.conversation_id is None:
            self.frame.tell(text("This chat is new: say something first."))
        return self.desk.state.conversation_id

    def _rename(self) -> None:
        known = self._known()
        if known is not None:

            def rename(title: str) -> None:
                if self.desk.state.conversation_id == known:
                    self.desk.rename(title)
                else:  # another chat is shown by now
                    self.frame.conversations.rename(known, title)

            self.frame.ask(LinePanel(text("The title of this chat"), rename, value=self.desk.state.title))

    def _pin(self) -> None:
        known = self._known()
        if known is not None:
            rows = self.frame.conversations.state.rows
            is_pinned = any(one.id == known and one.pinned for one in rows)
            self.frame.conversations.pin(known, not is_pinned)

    def _move(self) -> None:
        known = self._known()
        if known is None:
            return
        conversations = self.frame.conversations
        rows = [row("-", text("No folder")), *(row(f"+{one}", path) for one, path in conversations.state.folders)]
        panel = ChoicePanel(
            text("Move this chat to which folder?"),
            rows,
            lambda key: conversations.move(known, None if key == "-" else key[1:]),
        )
        self.frame.ask(panel)

    def _delete(self) -> None:
        known = self._known()
        if known is not None:
            self.frame.conversations.delete(known)

    def _export(self) -> None:
        if self._known() is None:
            return
        named = "".join(char if char.isalnum() else "-" for char in self.desk.state.title.lower()).strip("-")[:50]
        panel = LinePanel(
            text("Export this chat to which file?"),
            self._export_to,
            value=f"{named or 'chat'}.md",
            hint=text(".md: to read · .json: everything · .jsonl: lines to train on (ShareGPT) · Enter · Esc"),
        )
        self.frame.ask(panel)

    def _export_to(self, named: str) -> None:
        if self._known() is None or not named.strip():
            return
        path = with_home(named.strip()).absolute()
        form = {".json": "json", ".jsonl": "sharegpt"}.get(path.suffix.lower(), "markdown")
        if is_there(path):
            self.frame.ask(replace_panel(path, lambda: self.desk.export(path, form)))
        else:
            self.desk.export(path, form, replace_it=False)

    def find(self, needle: str) -> None:
        """Look for words in this chat, the newest place first."""
        messages = self.page.messages

        def look(wanted: str, step: int) -> None:
            at, of = messages.find(wanted, step)
            said = text("{at} of {of}", at=at, of=of) if of else text("Not found") if wanted else ""
            panel.say(f"{said}   " + text("Enter: the one before · Esc: leave"))

        panel = LinePanel(
            text("Find in this chat"),
            lambda wanted: look(wanted, -1),
            value=needle,
            hint=text("Enter: the one before · Esc: leave"),
            stays=True,
            on_change=lambda wanted: look(wanted, 1),
        )
        panel.on_closed = messages.end_find
        self.frame.ask(panel)

    def _attach(self) -> None:
        state = self.desk.state
        if state.attachments:
            rows = [
                row(str(at), plain_line(one.name), right=text("remove")) for at, one in enumerate(state.attachments)
            ]
            rows.append(row("+", text("Attach another file")))
            panel = ChoicePanel(
                text("Attached to the next message"),
                rows,
                lambda key: self._ask_file() if key == "+" else self.desk.detach(int(key)),
            )
            self.frame.ask(panel)
        else:
            self._ask_file()

    def _ask_file(self) -> None:
        panel = path_panel(
            text("Attach which text file?"),
            lambda path: self.desk.attach([path]),
            placeholder=text("path of a file; in the composer, @ completes it"),
        )
        self.frame.ask(panel)

    def _copy_reply(self) -> None:
        chosen = self.page.messages.selected
        self.frame.copy(self.desk.copy_text(chosen.id if chosen else None), text("reply"))

    def _copy_code(self) -> None:
        self.frame.copy(self.desk.last_code(), text("code"))

    def _left_out(self) -> None:
        left_out = self.desk.state.left_out
        if not left_out:
            self.frame.tell(text("Nothing was left out of the last answer."))
            return
        rows = [row(message_id, plain_line(words)) for message_id, words in left_out]
        panel = ChoicePanel(
            text("The model did not read these for the last answer, the oldest first"),
            rows,
            self.page.messages.show_turn,
            hint=text("Enter: go there · Esc: leave. A model with a longer context reads more."),
        )
        self.frame.ask(panel)
