"""A chat page without a widget: what it shows, and what happens when the user does something.

What the user writes is stored before the model is asked; answers go on when another conversation is shown, and are
there when the user comes back. Knows the background, the store's conversations and the page's Protocol.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rushlight import Error
from rushlight.ui.desk import chat_judgements as judgements
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.chat_answer import Context, context_of
from rushlight.ui.desk.chat_comparing import Comparing
from rushlight.ui.desk.chat_draft import Draft
from rushlight.ui.desk.chat_line import Line
from rushlight.ui.desk.chat_problems import problem_from
from rushlight.ui.desk.chat_state import state_of
from rushlight.ui.desk.chat_view import ChatState, ChatView, GoneChatView, Queued
from rushlight.ui.desk.chat_wishes import WishKeeper
from rushlight.ui.desk.turn import Thumb, Turn
from rushlight.ui.desk.turns import Chosen, Opened, read_chosen, read_opened, read_turns
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation, NewAttachment

_Found: TypeAlias = "tuple[Opened | None, Chosen, str, tuple[NewAttachment, ...]]"  # draft, and files beside it
_CODE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)^(?P=fence)[`~]*\s*$", re.MULTILINE | re.DOTALL)


class ChatDesk(Comparing):
    """One per chat page. Everything is called on the face's thread, and nothing here waits."""

    def __init__(self, background: Background, view: ChatView) -> None:
        self.state = ChatState()
        self.turns: tuple[Turn, ...] = ()
        self.on_opened: Callable[[str | None], None] = lambda _id: None
        self.on_list_changed: Callable[[], None] = lambda: None
        self._background = background
        self._view = view
        self._line = Line(background, self, None)
        self._lines = [self._line]  # the one that is shown, and those in which something is on its way
        self._wishes = WishKeeper(background, self._wished, self._fail)
        self._undo: tuple[str, judgements.Undo] | None = None
        self._draft = Draft(background, self._fail)
        self._opening: Running | None = None
        self._typed_ahead: list[str] = []  # sent into the conversation that is being opened
        self._end_watch = background.watch(self._on_change)
        self._end_keeping = background.at_end(self._keep_queues)
        self._is_closed = False

    def close(self) -> None:
        """The page goes: keep the draft. Answers go on, and what waits is sent, until the background's own end."""
        self._end_watch()
        self._draft.save()
        self._view = GoneChatView()
        self.on_opened = lambda _id: None
        self.on_list_changed = lambda: None
        self._is_closed = True
        self._forget_if_done()

    # --- what is shown ------------------------------------------------------------------------------------------
    def open(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Show a conversation, None for a new one; with `message_id` the path through that message."""
        self._draft.save()
        self._wanted = None
        if self._opening is not None:
            self._opening.drop()

        def read(app: "App") -> "_Found":
            if conversation_id is None:
                waiting = app.conversations.draft_attachments(None)
                return None, read_chosen(app, "", {}), app.conversations.draft(None), waiting
            app.conversations.settle()
            if message_id is not None:
                app.conversations.set_head(conversation_id, app.conversations.leaf(message_id).id)
            opened = read_opened(app, conversation_id)
            return opened, opened.chosen, opened.draft, opened.attachments

        def show(found: "_Found") -> None:
            opened, chosen, draft, waiting = found
            self._show_line(conversation_id, waiting)
            self._undo = None
            self.state = ChatState()
            self._wishes.belongs_to(opened.conversation if opened else None, chosen)
            answer = self._line.answer
            turns = opened.turns if opened else ()
            self.turns = turns = answer.within(turns) if answer is not None else turns
            self._view.show_turns(turns)
            self._draft.belongs_to(conversation_id, draft)
            self._view.set_composer(draft)
            self._tell(title=opened.conversation.title if opened else "", context=context_of(answer, turns))
            self.on_opened(conversation_id)
            self._begin_wanted()
            ahead, self._typed_ahead = self._typed_ahead, []
            for written in ahead:
                self.send(written)

        def failed(err: Error) -> None:
            if self._typed_ahead:
                self._view.set_composer("\n".join(self._typed_ahead))
                self._typed_ahead = []
            self._fail(err)
            if err.kind == "conversation-not-found" and self._id == conversation_id:
                self.open(None)

        self._opening = self._background.read(read, show, failed)

    # --- what is said -------------------------------------------------------------------------------------------
    def send(self, written: str) -> None:
        """Store it with the waiting attachments and let the model answer; while it answers, queue it."""
        line = self._line
        if not written.strip() and not line.attachments:
            return
        if self._opening is not None and not self._opening.is_over:
            self._typed_ahead.append(written)
            return
        queued, line.attachments, self._undo = Queued(written, line.attachments), (), None
        if line.is_busy:
            self._draft.clear()
            if queued.attachments:
                line.keep_attachments()
        else:
            self._draft.forget()
        self.state = replace(self.state, problem=None, notice="")
        line.send(queued, self._wishes.wishes)
        self._tell()

    def edit(self, turn_id: str, written: str) -> bool:
        """Another version of what the user wrote, and its answer. False: it cannot be changed now."""
        if not written.strip() or not self._may_change():
            return False
        self._line.edit(turn_id, written)
        return True

    def regenerate(self, turn_id: str | None = None) -> None:
        """Another version of a reply (None: of the last one), or an answer to a message that has none."""
        turn = self._turn(turn_id)
        if turn is None or not self._may_change():
            return
        place = self.turns.index(turn) - (turn.role == "assistant")
        if place < 0:
            self._fail(Error(text("This message answers nothing."), kind="bad-message"))
            return
        self._show(self.turns[: place + 1])
        self._line.ask(self.turns[-1].id)

    def continue_reply(self) -> None:
        """Go on with the last reply where it ended early."""
        if not self.state.can_continue or not self._may_change():
            return
        last = self.turns[-1]
        if last.text.strip():
            self._line.ask(last.id, "continue")
        else:
            self.regenerate(last.id)

    def stop(self) -> None:
        """Stop the answer that is shown; what has come of it is kept."""
        self._line.stop()

    def retry(self) -> None:
        """What failed, again."""
        again = self._line.again
        if again is None and ((self.turns and self.turns[-1].role == "user") or self.state.can_continue):
            again = self.regenerate
        self._tell(problem=None)
        if again is not None:
            again()

    def dismiss_problem(self) -> None:
        """Seen."""
        self._tell(problem=None, notice="")

    # --- versions and judgements --------------------------------------------------------------------------------
    def show_version(self, turn_id: str, step: int) -> None:
        """The version before (-1) or after (+1) that one."""
        if self._may_change():
            conversation_id = self._line.known_id()
            self._judge(
                text("another version is shown"),
                lambda app: judgements.show_version(app, conversation_id, turn_id, step),
            )

    def branch(self, turn_id: str) -> None:
        """A new conversation with a copy of the path up to there, opened."""

        def opened(conversation: "Conversation") -> None:
            self.on_list_changed()
            self.open(conversation.id)

        self._background.read(lambda app: app.conversations.branch(turn_id), opened, self._fail)

    def rate(self, turn_id: str, thumb: Thumb) -> None:
        """A thumb; the same one again takes it back."""
        turn = self._turn(turn_id)
        if turn is None:
            return
        wanted: Thumb = "" if turn.thumb == thumb else thumb
        what = {"up": text("rated good"), "down": text("rated bad"), "": text("rating taken back")}[wanted]
        self._judge(what, lambda app: judgements.set_thumb(app, turn_id, wanted))

    def correct(self, turn_id: str, better: str) -> None:
        """How the reply should have been; nothing, or the reply as it is, takes a correction back. The reply may be
        one that is not shown any more: something else was opened while the correction was written."""
        turn = self._turn(turn_id)
        if turn is None:
            self._background.read(lambda app: judgements.correct_hidden(app, turn_id, better), failed=self._fail)
            return
        wanted = None if not better.strip() or better == turn.text else better
        if wanted == turn.correction:
            return
        what = text("corrected") if wanted is not None else text("correction taken back")
        self._judge(what, lambda app: judgements.set_correction(app, turn_id, wanted))

    def keep(self, turn_id: str) -> None:
        """This version rather than its siblings."""
        self._judge(text("kept as the better version"), lambda app: judgements.keep(app, turn_id))

    def undo(self) -> None:
        """Take back the last of these."""
        if self._undo is None:
            return
        (_, work), self._undo = self._undo, None
        line = self._line

        def undone(app: "App") -> tuple[Turn, ...]:
            work(app)
            return read_turns(app, line.known_id())

        self._background.read(undone, lambda turns: self.line_shows(line, turns), self._fail)
        self._tell()

    # --- what goes with a message -------------------------------------------------------------------------------
    def attach(self, paths: Sequence[Path]) -> None:
        """Text files for the next message of this conversation, also where another one is shown by then."""
        line = self._line

        def attached(err: Error | None) -> None:
            if err is not None:
                self._fail(err)
            elif line is self._line:
                self._tell(problem=None)

        line.attach(paths, attached)

    def detach(self, index: int) -> None:
        """Not that one."""
        kept = self._line.attachments
        self._line.attachments = (*kept[:index], *kept[index + 1 :])
        self._line.keep_attachments()
        self._tell()

    def unqueue(self, index: int) -> None:
        """Back into the composer, with its attachments."""
        if 0 <= index < len(self._line.queue):
            queued = self._line.queue.pop(index)
            self._line.attachments = (*queued.attachments, *self._line.attachments)
            if queued.attachments:
                self._line.keep_attachments()
            written = queued.text if not self._draft.text.strip() else f"{queued.text}\n{self._draft.text}"
            self._view.set_composer(written)
            self.set_draft(written)
            self._tell()

    def set_draft(self, written: str) -> None:
        """What stands in the composer; kept in the store half a second later."""
        self._draft.type(written)

    # --- who answers, and how -----------------------------------------------------------------------------------
    def set_model(self, model_id: str) -> None:
        """From the next answer on; "" is the default one."""
        self._wishes.set_model(model_id)

    def look_again(self) -> None:
        """Another default model, another setting: who would answer in a new chat; what was chosen for it stays."""
        if self._id is None:
            self._wishes.look_again()

    def set_system(self, system: str | None, of: str | None = None) -> None:
        """What the model is told first; None is the setting. `of`: in that conversation, shown or not."""
        self._wishes.set_system(system, of)

    def set_option(self, name: str, value: str | None) -> None:
        """An option by its name in `ask -o`; None takes it back."""
        self._wishes.set_option(name, value)

    def use_preset(self, name: str) -> None:
        """System prompt and options of that name."""
        self._wishes.use_preset(name)

    def save_preset(self, name: str) -> None:
        """The system prompt and options that hold now, under that name."""
        self._wishes.save_preset(name, lambda kept: self._tell(notice=text("Kept as the preset {name}.", name=kept)))

    def measure(self) -> None:
        """Fill the context meter; loads the model if nobody has."""
        conversation_id = self._id
        if conversation_id is None or self._line.is_busy:
            return

        def measured(context: Context) -> None:
            if self._id == conversation_id:
                self._tell(context=context)

        def work(app: "App", stop: object) -> Context:
            use = app.session(conversation_id).measure()
            return Context(use.n_used, use.n_total)

        self._background.task(work, measured, self._fail)

    # --- the conversation as a whole ----------------------------------------------------------------------------
    def rename(self, title: str) -> None:
        """Another title."""
        conversation_id = self._id
        if conversation_id is None or not title.strip():
            return

        def renamed(stored: str) -> None:
            if self._id == conversation_id:
                self._tell(title=stored)
            self.on_list_changed()

        def work(app: "App") -> str:
            app.conversations.rename(conversation_id, title)
            return app.conversations.get(conversation_id).title

        self._background.read(work, renamed, self._fail)

    def export(self, path: Path, form: str, *, replace_it: bool = True) -> None:
        """Write the conversation to a file: markdown, json or sharegpt. `replace_it`: over one of that name, which the
        user was asked."""
        conversation_id = self._id
        if conversation_id is None:
            return

        def work(app: "App", stop: object) -> Path:
            from rushlight.assistant.chat.exporting import EXPORT_FORMATS, export_file

            (chosen,) = [one for one in EXPORT_FORMATS if one == form]
            return export_file(app.conversations, path, [conversation_id], chosen, overwrite=replace_it).path

        self._background.task(
            work, lambda written: self._tell(notice=text("Exported to {path}.", path=str(written))), self._fail
        )

    def copy_text(self, turn_id: str | None) -> str:
        """What is copied of a turn (None: of the last reply): its Markdown."""
        if turn_id is not None:
            turn = self._turn(turn_id)
        else:
            turn = next((one for one in reversed(self.turns) if one.role == "assistant"), None)
        return turn.text if turn is not None else ""

    def last_code(self) -> str:
        """The last code block of the conversation."""
        for turn in reversed(self.turns):
            found = list(_CODE.finditer(turn.text))
            if found:
                return found[-1]["code"]
        return ""

    # --- what a line has to say (LinePage) ----------------------------------------------------------------------
    def line_shows(self, line: Line, turns: tuple[Turn, ...]) -> None:
        if line is self._line:
            self._show(turns if line.answer is None else line.answer.within(turns))

    def line_has_begun(self, line: Line) -> None:
        self.on_list_changed()
        if line is self._line:
            self._draft.move_to(line.known_id())
            self._wishes.has_begun(line.known_id())
            self.on_opened(line.conversation_id)

    def line_answers(self, line: Line, begun: Turn | None, text: str, reasoning: str) -> None:
        answer = line.answer
        if line is not self._line or answer is None:
            return
        if begun is not None:
            if self.turns and self.turns[-1].id == begun.id:
                self.turns = (*self.turns[:-1], begun)
                self._view.change_turn(begun)
            else:
                self.turns = (*self.turns, begun)
                self._view.add_turn(begun)
        if answer.reply is not None and (text or reasoning):
            self.turns = (*self.turns[:-1], answer.reply)
            self._view.grow_turn(answer.reply.id, text, reasoning)
        self._tell(context=answer.context, notice=answer.notice)

    def line_changed(self, line: Line, *, title: str | None = None) -> None:
        if title is not None or not line.is_busy:
            self.on_list_changed()
        if line is not self._line:
            if line.is_quiet and not line.rivals and line in self._lines:
                self._lines.remove(line)
        elif title is not None:
            self._tell(title=title)
        else:
            self._tell()
        self._forget_if_done()

    def line_failed(self, line: Line, err: Error) -> None:
        if line is self._line:
            self._fail(err)
        self._forget_if_done()

    def line_notes(self, line: Line, said: str, turns: tuple[Turn, ...] = ()) -> None:
        if line is self._line:
            self._tell(notice=said, context=context_of(None, turns))

    def line_returns(self, line: Line, queued: Queued) -> None:
        line.attachments = (*queued.attachments, *line.attachments)
        if queued.attachments:
            line.keep_attachments()
        if line is self._line:
            self._view.set_composer(queued.text)
            self._draft.type(queued.text)
        else:  # nobody looks at it: it is there as the draft when somebody does
            conversation_id = line.conversation_id
            self._background.read(lambda app: app.conversations.save_draft(conversation_id, queued.text))

    # --- inside -------------------------------------------------------------------------------------------------
    @property
    def _id(self) -> str | None:
        return self._line.conversation_id

    def _show_line(self, conversation_id: str | None, waiting: "tuple[NewAttachment, ...]") -> None:
        """The line of that conversation, if something is on its way in it or waits; else a quiet one, with the files
        that the store has waiting for it."""
        self._lines = [
            one for one in self._lines if not one.is_quiet or (one.rivals and one.conversation_id is not None)
        ]
        found = [one for one in self._lines if one.conversation_id == conversation_id]
        if conversation_id is None:  # what is on its way becomes a conversation of its own
            found = [one for one in found if not one.is_busy and not one.queue]
        if found:
            self._line = found[0]
        else:
            self._line = Line(self._background, self, conversation_id)
            self._line.attachments = waiting
            self._lines.append(self._line)
        if conversation_id is None:
            self._line.rivals = None

    def _turn(self, turn_id: str | None) -> Turn | None:
        if turn_id is None:
            return self.turns[-1] if self.turns else None
        return next((one for one in self.turns if one.id == turn_id), None)

    def _may_change(self) -> bool:
        """Whether the path may be changed now; while an answer is written it may not."""
        if self._line.is_busy:
            is_voting = self.state.activity == "voting"
            self._tell(
                notice=text("Vote first, or end the comparison.")
                if is_voting
                else text("Wait for the answer, or stop it first.")
            )
            return False
        if self._id is not None:
            self._undo = None
            self.state = replace(self.state, problem=None, notice="")
        return self._id is not None

    def _show(self, turns: tuple[Turn, ...]) -> None:
        """The path as it is now; only what is different is told to the page."""
        before, self.turns = self.turns, turns
        n_same = min(len(before), len(turns))
        if [one.id for one in before[:n_same]] != [one.id for one in turns[:n_same]] or len(turns) < len(before):
            self._view.show_turns(turns)
        else:
            for old, new in zip(before, turns, strict=False):
                if old != new:
                    self._view.change_turn(new)
            for new in turns[n_same:]:
                self._view.add_turn(new)
        self._tell()

    def _on_change(self) -> None:
        """The store was changed: by us, or by another face."""
        conversation_id = self._id
        if self._line.is_busy:
            return
        if conversation_id is None:
            self._wishes.look_again()  # a model was imported, an adapter was promoted
            return

        def changed(opened: Opened) -> None:
            if self._id != conversation_id or self._line.is_busy:
                return
            self._wishes.belongs_to(opened.conversation, opened.chosen)
            self._check_rivals()
            self._show(opened.turns)
            self._tell(title=opened.conversation.title)

        def failed(err: Error) -> None:
            if err.kind == "conversation-not-found" and self._id == conversation_id:
                self.open(None)

        self._background.read(lambda app: read_opened(app, conversation_id), changed, failed)

    def _forget_if_done(self) -> None:
        """Of a page that is gone nothing is kept at the end, where nothing of it waits any more."""
        if self._is_closed and not self._typed_ahead and not any(one.is_busy or one.queue for one in self._lines):
            self._end_keeping()

    def _keep_queues(self) -> None:
        """The program ends."""
        self._draft.save()
        for line in self._lines:
            line.keep_queue()

    def _judge(self, what: str, work: "Callable[[App], judgements.Undo | None]") -> None:
        line = self._line
        conversation_id = line.known_id()

        def do(app: "App") -> "tuple[judgements.Undo | None, tuple[Turn, ...]]":
            return work(app), read_turns(app, conversation_id)

        def done(found: "tuple[judgements.Undo | None, tuple[Turn, ...]]") -> None:
            undo, turns = found
            if undo is not None and line is self._line:
                self._undo = (what, undo)
            self.line_shows(line, turns)

        self._background.read(do, done, self._fail)

    def _wished(self) -> None:
        """Another model, other options: kept."""
        self._check_rivals()
        self._tell(problem=None)
        self._begin_wanted()

    def _fail(self, err: Error) -> None:
        self._tell(problem=problem_from(err, can_retry=self._line.again is not None))

    def _tell(self, context: Context | None = None, **changes: Any) -> None:
        """Show what is around the turns, if anything of it has changed."""
        state = state_of(
            replace(self.state, **changes, undo=self._undo[0] if self._undo else ""),
            self._line,
            self._wishes,
            self.turns[-1] if self.turns else None,
            context,
        )
        if state != self.state:
            self.state = state
            self._view.show_state(state)
