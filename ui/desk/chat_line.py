"""One conversation in which something is sent or answered, whether it is shown or not.

What is sent is stored first, then answered; what is sent meanwhile waits its turn. Nothing of it is lost when another
conversation is shown. Knows the background and the store's conversations; knows no widget.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from rushlight import Error
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.chat_adapters import Rivals
from rushlight.ui.desk.chat_answer import Answer, Item, Kind, write_answer
from rushlight.ui.desk.chat_blind import Pairing, Settled, ask_both, keep_same, vote
from rushlight.ui.desk.chat_view import Queued
from rushlight.ui.desk.turn import Turn
from rushlight.ui.desk.turns import read_turns
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight import Progress
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import NewAttachment
    from rushlight.assistant.registry.blind import Ballot, BlindPair
    from rushlight.ui.desk.chat_wishes import Wishes

_FIRST_EXCHANGE = 2  # turns
_Stored: TypeAlias = "tuple[str, str, tuple[Turn, ...], str | None]"  # conversation, message, path, title


class LinePage(Protocol):
    """Who hears of a line: the desk, which knows whether it is the one that is shown."""

    def line_shows(self, line: "Line", turns: tuple[Turn, ...]) -> None:
        """The path is this now."""

    def line_has_begun(self, line: "Line") -> None:
        """The conversation has its place in the store."""

    def line_answers(self, line: "Line", begun: Turn | None, text: str, reasoning: str) -> None:
        """A reply begins, or grows by that."""

    def line_changed(self, line: "Line", *, title: str | None = None) -> None:
        """What stands around the turns is different."""

    def line_failed(self, line: "Line", err: Error) -> None:
        """To be told."""

    def line_notes(self, line: "Line", said: str, turns: tuple[Turn, ...] = ()) -> None:
        """Something to know that stops nothing; and the path that was measured, if one was."""

    def line_returns(self, line: "Line", queued: Queued) -> None:
        """It could not be stored: back to where it was written."""


class Line:
    """`again` asks for what failed once more; None: nothing failed. While there are `rivals`, both of them answer each
    question, and `pairing` is what has come of it."""

    def __init__(self, background: Background, page: LinePage, conversation_id: str | None) -> None:
        self.conversation_id = conversation_id
        self.queue: list[Queued] = []
        self.attachments: tuple[NewAttachment, ...] = ()  # for the next message
        self.answer: Answer | None = None
        self.again: Callable[[], None] | None = None
        self.rivals: Rivals | None = None
        self.pairing: Pairing | None = None
        self._background = background
        self._page = page
        self._is_storing = False
        self._n_attaching = 0
        self._titling: Running | None = None

    @property
    def is_busy(self) -> bool:
        """Something is on its way: the path may not be changed otherwise."""
        return self._is_storing or self.answer is not None or self.pairing is not None

    @property
    def is_quiet(self) -> bool:
        """Nothing is on its way and nothing waits: what the store has is all of it."""
        return not (self.is_busy or self.queue or self.attachments or self._n_attaching)

    # --- what the user does -------------------------------------------------------------------------------------
    def send(self, queued: Queued, wishes: "Wishes") -> None:
        """Now, or when what is on its way is done."""
        if self.is_busy:
            self.queue.append(queued)
        else:
            self._store(queued, wishes)

    def send_waiting(self) -> None:
        """The next of the queue, if nothing is on its way."""
        if self.queue and not self.is_busy:
            self._store(self.queue.pop(0), None)

    def keep_queue(self) -> None:
        """The program ends: what waits is the draft when somebody looks again, before what was being typed, and so are
        the files that wait with it."""
        conversation_id, words = self.conversation_id, [one.text for one in self.queue if one.text.strip()]
        files = [file for one in self.queue for file in one.attachments]
        self.queue.clear()

        def keep(app: "App") -> None:
            if words:
                typed = app.conversations.draft(conversation_id)
                app.conversations.save_draft(conversation_id, "\n".join([*words, *([typed] if typed else [])]))
            if files:
                waiting = app.conversations.draft_attachments(conversation_id)
                app.conversations.save_draft_attachments(conversation_id, [*files, *waiting])

        if words or files:
            self._background.read(keep, failed=lambda _err: None)

    def keep_attachments(self) -> None:
        """What waits to be sent is in the store too, where the end of the program finds it."""
        conversation_id, waiting = self.conversation_id, self.attachments

        def failed(err: Error) -> None:
            if err.kind != "conversation-not-found":
                self._page.line_failed(self, err)

        self._background.read(
            lambda app: app.conversations.save_draft_attachments(conversation_id, waiting), failed=failed
        )

    def attach(self, paths: Sequence[Path], then: Callable[[Error | None], None]) -> None:
        """Text files for the next message; `then` when they were read, or could not be."""
        from rushlight.assistant.chat.attachments import read_attachments

        def attached(new: "list[NewAttachment]") -> None:
            self._n_attaching -= 1
            self.attachments = (*self.attachments, *new)
            self.keep_attachments()
            then(None)

        def failed(err: Error) -> None:
            self._n_attaching -= 1
            then(err)

        self._n_attaching += 1
        self._background.task(lambda _app, _stop: read_attachments(paths), attached, failed)

    def edit(self, message_id: str, written: str) -> None:
        """Another version of what the user wrote, and its answer."""
        conversation_id = self.known_id()

        def store(app: "App") -> _Stored:
            message = app.conversations.edit(message_id, written)
            return conversation_id, message.id, read_turns(app, conversation_id), None

        def failed(err: Error) -> None:
            self.again = lambda: self.edit(message_id, written)
            self._page.line_failed(self, err)

        self._begin()
        self._background.read(store, self._stored, lambda err: self._not_stored(err, failed))

    def ask(self, message_id: str, kind: Kind = "answer") -> None:
        """Answer the stored message of that id, or go on with that reply."""
        if self.rivals is not None and kind == "answer":
            self._ask_both(message_id, self.rivals)
            return
        conversation_id = self.known_id()
        self._begin_nothing_else()
        answer = self.answer = Answer()
        answer.running = self._background.stream(
            lambda app, stop, add: write_answer(app, stop, add, conversation_id, message_id, kind),
            lambda items: self._hear(answer, items),
            lambda: self._finish(answer, message_id, kind, None),
            lambda err: self._finish(answer, message_id, kind, err),
        )
        self._page.line_changed(self)

    def stop(self) -> None:
        """Stop the answer; what has come of it is kept. Of two without names nothing is."""
        pairing = self.pairing
        if pairing is not None and pairing.stage == "answering" and pairing.running is not None:
            pairing.stage = "stopping"
            pairing.running.stop()
            self._page.line_changed(self)
        if self.answer is not None and self.answer.running is not None:
            self.answer.activity = "stopping"
            self.answer.running.stop()
            self._page.line_changed(self)

    def vote(self, ballot: "Ballot") -> None:
        """Which of the two answers is better; both are stored, and the thread goes on with that one."""
        pairing = self.pairing
        if pairing is None or pairing.pair is None or pairing.stage != "voting":
            return
        pair, rivals = pairing.pair, pairing.rivals
        self._settle(pairing, lambda app: vote(app, rivals, pair, ballot))

    def leave_pair(self) -> None:
        """Neither of the two answers, and no vote; the question stays."""
        pairing = self.pairing
        if pairing is None or pairing.stage == "keeping":
            return
        if pairing.running is not None:
            pairing.running.drop()
        self.pairing = None
        self._read_again(None, pairing.question_id, "answer")
        self._page.line_changed(self)

    def known_id(self) -> str:
        """The conversation's id; there are turns only where it has one."""
        assert self.conversation_id is not None
        return self.conversation_id

    # --- inside -------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        self._is_storing = True
        self._begin_nothing_else()
        self._page.line_changed(self)

    def _begin_nothing_else(self) -> None:
        self.again = None
        if self._titling is not None:
            self._titling.stop()  # the model is wanted for something better
            self._titling = None

    def _store(self, queued: Queued, wishes: "Wishes | None") -> None:
        conversation_id = self.conversation_id

        def store(app: "App") -> _Stored:
            from rushlight.assistant.chat.titles import first_words

            conversations = app.conversations
            with conversations.together():
                if conversation_id is not None:
                    opened = conversations.get(conversation_id)
                elif wishes is not None:
                    opened = conversations.create(
                        first_words(queued.text), model=wishes.model, system=wishes.system, options=wishes.options
                    )
                else:
                    opened = conversations.create()
                message = conversations.append(
                    opened.id, opened.head_id, "user", queued.text, attachments=queued.attachments
                )
                if wishes is not None:  # it comes from the composer, whose draft it was
                    conversations.save_draft(conversation_id, "")
                    conversations.save_draft_attachments(conversation_id, ())
            return opened.id, message.id, read_turns(app, opened.id), opened.title

        def failed(err: Error) -> None:
            if wishes is None:  # one of the queue, where it is safe
                self.queue.insert(0, queued)
                self.again = self.send_waiting
            else:
                self._page.line_returns(self, queued)
            self._page.line_failed(self, err)

        self._begin()
        self._background.read(store, self._stored, lambda err: self._not_stored(err, failed))

    def _stored(self, found: _Stored) -> None:
        conversation_id, message_id, turns, title = found
        self._is_storing = False
        is_new, self.conversation_id = self.conversation_id is None, conversation_id
        if is_new:
            self._page.line_has_begun(self)
            self._page.line_changed(self, title=title)
        self._page.line_shows(self, turns)
        self.ask(message_id)

    def _not_stored(self, err: Error, failed: Callable[[Error], None]) -> None:
        self._is_storing = False
        failed(err)

    def _hear(self, answer: Answer, items: list[Item]) -> None:
        begun, grown, thought = answer.take(items)
        self._page.line_answers(self, begun, grown, thought)

    def _ask_both(self, message_id: str, rivals: Rivals) -> None:
        conversation_id = self.known_id()
        self._begin_nothing_else()
        pairing = self.pairing = Pairing(rivals, message_id)

        def said(pair: "BlindPair") -> None:
            pairing.pair = pair
            if pair.is_same:
                self._settle(pairing, lambda app: keep_same(app, rivals, pair))
            else:
                pairing.stage = "voting"
                self._page.line_changed(self)

        def failed(err: Error) -> None:
            is_stopped = err.kind == "stopped"
            self.pairing = None
            self._read_again(None if is_stopped else err, message_id, "answer")
            if is_stopped:
                self.again = lambda: self._ask_again(message_id, "answer")
                self._page.line_notes(self, text("Stopped: neither answer was kept."))

        def loading(progress: "Progress") -> None:
            pairing.progress = progress
            self._page.line_changed(self)

        pairing.running = self._background.task(
            lambda app, stop, report: ask_both(app, stop, report, rivals, conversation_id, message_id),
            said,
            failed,
            loading,
        )
        self._page.line_changed(self)

    def _settle(self, pairing: Pairing, work: "Callable[[App], Settled]") -> None:
        """Store the answers; where that fails they can be voted on again."""

        def settled(found: Settled) -> None:
            self.pairing = None
            self._page.line_notes(self, found.said, found.turns)
            self._after(found.turns, None, pairing.question_id, "answer")
            self._page.line_changed(self, title=found.title)

        def failed(err: Error) -> None:
            pairing.stage = "voting"
            self._page.line_failed(self, err)

        pairing.stage = "keeping"
        self._background.read(work, settled, failed)
        self._page.line_changed(self)

    def _finish(self, answer: Answer, message_id: str, kind: Kind, err: Error | None) -> None:
        self.answer = None
        is_stopped = answer.activity == "stopping" or (err is not None and err.kind == "stopped")
        if answer.ended is not None:
            self._after(answer.ended.turns, None if is_stopped else err, message_id, kind)
            self._page.line_changed(self, title=answer.ended.title)
        else:
            self._read_again(None if is_stopped else err, message_id, kind)

    def _read_again(self, err: Error | None, message_id: str, kind: Kind) -> None:
        """The path as it is stored, after an answer that came to nothing."""
        conversation_id = self.known_id()
        self._is_storing = True  # the path is on its way
        self._background.read(
            lambda app: read_turns(app, conversation_id),
            lambda turns: self._after(turns, err, message_id, kind),
            lambda second: self._after(None, err or second, message_id, kind),
        )

    def _after(self, turns: tuple[Turn, ...] | None, err: Error | None, message_id: str, kind: Kind) -> None:
        self._is_storing = False
        if turns is not None:
            self._page.line_shows(self, turns)
        if err is not None:
            self.again = lambda: self._ask_again(message_id, kind)
            self._page.line_failed(self, err)
            return
        self._page.line_changed(self)
        if self.queue:
            self.send_waiting()
        elif turns is not None and len(turns) <= _FIRST_EXCHANGE and turns[-1].state == "complete":
            self._make_title()

    def _ask_again(self, message_id: str, kind: Kind) -> None:
        """The same question; what failed stays as another version beside the new reply."""
        conversation_id = self.known_id()

        def ask(turns: Sequence[Turn]) -> None:
            self._is_storing = False
            ids = [turn.id for turn in turns]
            if kind == "answer" and message_id in ids:
                self._page.line_shows(self, tuple(turns[: ids.index(message_id) + 1]))
            self.ask(message_id, kind)

        self._begin()
        self._background.read(
            lambda app: read_turns(app, conversation_id),
            ask,
            lambda err: self._not_stored(err, lambda err: self._page.line_failed(self, err)),
        )

    def _make_title(self) -> None:
        conversation_id = self.known_id()
        self._titling = self._background.task(
            lambda app, stop: app.session(conversation_id).make_title(stop),
            lambda title: self._page.line_changed(self, title=title),
            lambda _err: None,  # the first words stand as a title already
        )
