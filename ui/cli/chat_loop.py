"""A conversation in the terminal: reads messages, streams replies, stores everything as it happens.

Ctrl+C stops the reply, not the conversation. What the commands do is the business of `chat_actions`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rushlight import Error, Progress, Stop
from rushlight.assistant.events import Event, Notice
from rushlight.ui.cli import chat_commands
from rushlight.ui.cli.answer import Answer
from rushlight.ui.cli.chat_input import PROMPT, Reader, no_echo
from rushlight.ui.cli.chat_views import meter, print_last_exchange, say_faint, short_id, title_of
from rushlight.ui.cli.find_conversation import find_conversation
from rushlight.ui.cli.interrupt import InterruptStops
from rushlight.ui.cli.output import ProgressLine, say, tell_error
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation, Message, NewAttachment
    from rushlight.assistant.chat.session import ChatSession

_TITLE_LIMIT_S = 3.0  # who leaves does not want to wait
_TITLE_TOKENS_PER_S = 8.0  # a slower model would not be ready by then


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a conversation that is not begun yet shall be: nothing is stored before the first message."""

    model: str = ""
    system: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    title: str = ""


def run_chat(
    wishes: Wishes | None = None,
    *,
    preset: str | None = None,
    continued: str | None = None,
    files: Sequence[Path] = (),
    show_reasoning: bool = False,
) -> int:
    """Open the app, load the model, talk until /bye or Ctrl+D. Returns the exit code."""
    from rushlight.assistant.app import open_app
    from rushlight.assistant.ask_options import parse_options

    wishes = wishes or Wishes()
    parse_options(wishes.options.items())
    with open_app() as app:
        app.begin()
        if preset is not None:
            from rushlight.ui.cli.chat_options import with_preset

            system, options = with_preset(app.presets, preset, wishes.system, wishes.options)
            wishes = replace(wishes, system=system, options=options)
        conversation = find_conversation(app.conversations, continued) if continued is not None else None
        loop = ChatLoop(app, wishes, show_reasoning=show_reasoning)
        loop.attach(files)
        if conversation is not None:
            loop.open(conversation)
        if not loop.begin(wishes):
            return 130
        loop.greet()
        return loop.run()


class ChatLoop:
    """One person, one terminal, one conversation at a time. `session` is None until something was said."""

    def __init__(self, app: "App", wishes: Wishes, *, show_reasoning: bool = False) -> None:
        self.app = app
        self.first_wishes = wishes
        self.wishes = wishes
        self.session: ChatSession | None = None
        self.files: list[NewAttachment] = []  # to go with the next message
        self.last: Answer | None = None
        self.show_reasoning = show_reasoning
        self.is_leaving = False
        self._left_out: tuple[str, ...] = ()
        self._has_failed = False
        self._line = ProgressLine()
        self.reader = Reader(app.paths.data / "chat_history", is_whole=_is_command, complete=chat_commands.completions)

    # --- the conversation at hand -----------------------------------------------------------------------------------
    @property
    def path(self) -> "list[Message]":
        """The messages that are shown, root first."""
        return self.session.messages if self.session else []

    @property
    def now(self) -> Wishes:
        """Model, system prompt and options that hold at the moment."""
        if self.session is None:
            return self.wishes
        stored = self.session.conversation
        return Wishes(stored.model, stored.system, dict(stored.options), stored.title)

    def open(self, conversation: "Conversation") -> None:
        """Go on with a stored conversation."""
        self.session = self.app.session(conversation.id, on_progress=self._on_progress)
        self.last, self._left_out = None, ()

    def begin_new(self, wishes: Wishes) -> None:
        """Nothing said yet; what was is kept."""
        self.session, self.wishes = None, replace(wishes, title="")
        self.last, self._left_out = None, ()

    def change(self, wishes: Wishes) -> None:
        """Other settings from now on, stored with the conversation if there is one."""
        if self.session is None:
            self.wishes = wishes
            return
        self.app.conversations.configure(
            self.session.conversation_id, model=wishes.model, system=wishes.system, options=wishes.options
        )
        if wishes.title != self.session.conversation.title:
            self.app.conversations.rename(self.session.conversation_id, wishes.title)

    def begin(self, wishes: Wishes) -> bool:
        """Load the model; what was given at the start goes before what is stored, and stays if that works.

        False: stopped by Ctrl+C.
        """
        before = self.now
        model = self.app.model(wishes.model).id if wishes.model else before.model
        system = before.system if wishes.system is None else wishes.system
        self.change(replace(before, model=model, system=system, options={**before.options, **wishes.options}))
        is_loaded = False
        try:
            is_loaded = self.load_model()
        finally:
            if not is_loaded:
                self.change(before)
        return is_loaded

    def attach(self, files: Iterable[Path]) -> None:
        """Read files for the next message; one that cannot be read refuses all."""
        files = list(files)
        if not files:
            return
        from rushlight.assistant.chat.attachments import read_attachments

        self.files += read_attachments(files)

    def load_model(self) -> bool:
        """Load what answers now, with a line of progress. False: stopped by Ctrl+C."""
        from rushlight.assistant.ask_options import parse_options

        now = self.now
        model, options = self.app.model(now.model), parse_options(now.options.items())
        with InterruptStops(Stop()) as stop, no_echo():
            try:
                self.app.engine(model, options=options, stop=stop, on_progress=self._on_progress)
            except Error as err:
                if err.kind != "stopped":
                    raise
            finally:
                self._line.clear()
            return not stop.is_set()

    # --- talking ----------------------------------------------------------------------------------------------------
    def greet(self) -> None:
        if not self.reader.is_terminal:
            return
        if self.session is not None:
            self.show_opened()
        model = self.app.model(self.now.model)
        say(text("{model} is ready. Ask anything; /? lists the commands, /bye leaves.", model=model.id))
        live = self.app.chat_adapter(model, self.now.options.get("adapter", ""))
        if live is not None and self.now.options.get("adapter_strength") != "0":
            say_faint(text("{adapter} works in this chat; -o adapter_strength 0 leaves it out.", adapter=live.name))

    def show_opened(self) -> None:
        """Where the conversation that was opened had been left."""
        if self.session is None:
            return
        conversation, path = self.session.conversation, self.path
        say(
            plural(
                "“{title}”, {count} message:", "“{title}”, {count} messages:", len(path), title=title_of(conversation)
            )
        )
        print_last_exchange(path)

    def run(self) -> int:
        """Until the person leaves."""
        while not self.is_leaving:
            try:
                typed = self.reader.read(PROMPT)
            except EOFError:
                if self.reader.is_terminal:
                    say()
                break
            except KeyboardInterrupt:
                if not self.reader.is_terminal:
                    raise
                say()
                say(text("Ctrl+D or /bye leaves. Ctrl+C stops a reply."))
                continue
            try:
                self._take(typed)
            except Error as err:
                if err.kind == "stopped":
                    if not self.reader.is_terminal:
                        raise
                    say_faint(text("(stopped; /regenerate answers after all)"))
                else:
                    self._has_failed = True
                    tell_error(err)
            except EOFError:  # where a command reads on: /edit, /correct
                if self.reader.is_terminal:
                    say()
                self._has_failed = True
                say(text("Nothing was changed."))
            except KeyboardInterrupt:  # the second one, before the engine had stopped
                if not self.reader.is_terminal:
                    raise
                say()
            if self.last is not None and self.last.was_cancelled and not self.reader.is_terminal:
                return 130
        self._leave()
        return 1 if self._has_failed and not self.reader.is_terminal else 0

    def answer(self, events: Iterator[Event]) -> None:
        """Stream one reply; what was said before an error or Ctrl+C is stored."""
        answer = Answer(show_reasoning=self.show_reasoning)
        self.last = answer
        with no_echo():
            try:
                answer.take(self._without_repeated_notice(events))
            finally:
                self._line.clear()
        use = self.session.context if self.session else None
        if answer.was_cancelled:
            say_faint(text("(stopped; /continue goes on with it, /regenerate tries again)"))
        elif answer.finished and answer.finished.reason == "length":
            say_faint(text("(cut at the length limit; /continue goes on with it)"))
        if use is not None:
            say_faint(meter(use, answer.usage.tokens_per_second if answer.usage else 0.0))

    def send(self, message: str) -> None:
        """What the person wrote, with the files that wait; it is stored before the model sees it."""
        session = self._begun()
        with InterruptStops(Stop()) as stop:
            events = session.send(message, self.files, stop)
            self.files = []  # stored with the message
            self.answer(events)

    @property
    def started(self) -> "ChatSession":
        """The session, where something was said. Raises `Error` otherwise."""
        if self.session is None or not self.session.messages:
            raise Error(text("Nothing was said yet."), hint=text("Write a message first."), kind="empty-conversation")
        return self.session

    # --- inside -----------------------------------------------------------------------------------------------------
    def _take(self, typed: str) -> None:
        # A text of several lines is a message even if it begins like a command: it was pasted.
        command = chat_commands.parse(typed) if typed.startswith("/") and "\n" not in typed else None
        if command is not None:
            from rushlight.ui.cli.chat_actions import act

            act(self, command)
        elif typed.strip():
            self.send(typed)

    def _begun(self) -> "ChatSession":
        """The first message makes the conversation."""
        if self.session is None:
            wishes = self.wishes
            self.open(
                self.app.conversations.create(
                    wishes.title, model=wishes.model, system=wishes.system, options=wishes.options
                )
            )
        assert self.session is not None
        return self.session

    def _without_repeated_notice(self, events: Iterable[Event]) -> Iterator[Event]:
        """The notice of what was left out, when it is news; afterwards the meter goes on saying how much it is."""
        for event in events:
            if isinstance(event, Notice) and event.kind == "left-out":
                left_out = self.session.left_out if self.session else None
                ids = left_out.ids if left_out else ()
                if ids == self._left_out:
                    continue
                self._left_out = ids
                yield Notice(event.kind, event.text + " " + text("/show left-out lists them."))
            else:
                yield event

    def _on_progress(self, progress: Progress) -> None:
        self._line.show(text(progress.what), progress.fraction)

    def _leave(self) -> None:
        """Give the conversation a title, and say how to go on with it."""
        if self.session is None or not self.reader.is_terminal:
            return
        title = self._titled()
        conversation = self.session.conversation
        say(
            text(
                "“{title}” is kept as {id}. Go on with: rushlight chat -c {short}",
                title=title or title_of(conversation),
                id=conversation.id,
                short=short_id(conversation.id),
            )
        )

    def _titled(self) -> str:
        """The model's title for it, if that does not take long. Ctrl+C ends the wait."""
        from threading import Timer

        assert self.session is not None
        usage = self.last.usage if self.last is not None else None
        if usage is None or (usage.n_completion_tokens > 1 and usage.tokens_per_second < _TITLE_TOKENS_PER_S):
            return self.session.conversation.title  # nothing was said in this sitting, or too slowly
        with InterruptStops(Stop()) as stop, no_echo():
            timer = Timer(_TITLE_LIMIT_S, stop.set)
            timer.daemon = True
            timer.start()
            try:
                self._line.show(text("Finding a title"))
                return self.session.make_title(stop)
            except (Error, KeyboardInterrupt):
                return ""
            finally:
                timer.cancel()
                self._line.clear()


def _is_command(line: str) -> bool:
    """Nothing is joined to a command, however fast it follows."""
    try:
        return line.startswith("/") and chat_commands.parse(line) is not None
    except Error:
        return True
