"""One answer that is being written: what its thread says on the way, and what a page shows of it at any moment.

Knows the app's session and the events of an answer; knows no widget.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from rushlight import Progress
from rushlight.assistant.events import (
    Event,
    Failed,
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from rushlight.ui.desk.chat_view import Activity
from rushlight.ui.desk.turn import Turn
from rushlight.ui.desk.turns import n_used_of, read_turns, statistics_from

if TYPE_CHECKING:
    from rushlight import Stop
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.context import ContextUse
    from rushlight.ui.desk.background import Running

Report: TypeAlias = "Callable[[Progress], None]"
Kind: TypeAlias = Literal["answer", "continue"]
_CHARS_PER_TOKEN = 4.0  # until the engine says how many there were
_FIRST_WORDS_CHARS = 60


@dataclass(frozen=True, slots=True)
class Begun:
    """The reply has its place in the store."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Context:
    """What the context holds now, and which messages it does not."""

    n_used: int
    n_total: int
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The path as it is stored at the end."""

    turns: tuple[Turn, ...]
    title: str


Item: TypeAlias = Begun | Context | Ended | Event


def write_answer(
    app: "App", stop: "Stop", report: Report, conversation_id: str, message_id: str, kind: Kind
) -> Iterator[Item]:
    """Answer the stored message `message_id`, or go on with the reply of that id; on a thread that may wait."""
    session = app.session(conversation_id, on_progress=report)
    events = session.continue_reply(stop) if kind == "continue" else session.regenerate(message_id, stop)
    is_begun = False
    try:
        for event in events:
            if not is_begun and not isinstance(event, Notice):
                is_begun = True
                (*_, reply) = read_turns(app, conversation_id)
                if session.context is not None:
                    yield _context_from(session.context)
                yield Begun(reply)
            yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    if session.context is not None:
        yield _context_from(session.context)
    yield Ended(read_turns(app, conversation_id), session.conversation.title)


def _context_from(use: "ContextUse") -> Context:
    left_out = use.left_out.messages if use.left_out else ()
    shown = tuple((one.id, " ".join(one.content[:200].split())[:_FIRST_WORDS_CHARS]) for one in left_out)
    return Context(use.n_used, use.n_total, shown)


def context_of(answer: "Answer | None", turns: Sequence[Turn]) -> Context | None:
    """What the context holds as far as it is known: what the answer says, else the last one of the path."""
    if answer is not None and answer.context is not None:
        return answer.context
    n_used = n_used_of(turns)
    return None if n_used is None else Context(n_used, 0)


@dataclass
class Answer:
    """What has come of an answer. `take` puts in what its thread said and returns what is new to draw."""

    running: "Running | None" = None
    reply: Turn | None = None  # as it is now, once it is begun
    activity: Activity = "reading"
    progress_what: str = ""
    progress_fraction: float | None = None
    context: Context | None = None
    tokens_per_s: float = 0.0
    notice: str = ""
    ended: Ended | None = None
    _first_s: float = 0.0
    _n_chars: int = 0

    def take(self, items: list[Item]) -> tuple[Turn | None, str, str]:
        """(the reply, if it has just begun; text and reasoning that came after that)."""
        begun: Turn | None = None
        text: list[str] = []
        thoughts: list[str] = []
        for item in items:
            match item:
                case Begun():
                    self.reply = begun = replace(item.turn, is_being_written=True)
                case Context():
                    self.context = item
                case Ended():
                    self.ended = item
                case TextDelta():
                    text.append(item.text)
                case ReasoningDelta():
                    thoughts.append(item.text)
                case Notice():
                    if item.kind != "left-out":  # the page draws that one from the context
                        self.notice = item.text
                case Progress():
                    self.progress(item)
                case Usage():
                    if self.reply is not None:
                        self.reply = replace(self.reply, statistics=statistics_from(item))
                    self.tokens_per_s = item.tokens_per_second or self.tokens_per_s
                case Finished() | Failed():
                    pass  # the stored reply says it
                case _:
                    assert_never(item)
        grown, thought = "".join(text), "".join(thoughts)
        if grown or thought:
            self._count(len(grown) + len(thought))
        if self.reply is not None:
            self.reply = replace(self.reply, text=self.reply.text + grown, reasoning=self.reply.reasoning + thought)
        return begun, grown, thought

    def within(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """The stored path with the reply as it is here, which the store has a moment later; thumb and correction are
        the store's."""
        live = self.reply
        if live is None or not turns or turns[-1].id != live.id:
            return turns
        self.reply = replace(
            turns[-1],
            text=live.text,
            reasoning=live.reasoning,
            is_being_written=live.is_being_written,
            statistics=live.statistics,
        )
        return (*turns[:-1], self.reply)

    def progress(self, progress: Progress) -> None:
        """Loading the model, or reading the prompt."""
        if self.activity in ("answering", "stopping"):
            return
        self.activity = "reading" if progress.unit == "tokens" else "loading"
        self.progress_what, self.progress_fraction = progress.what, progress.fraction

    def _count(self, n_chars: int) -> None:
        now = time.monotonic()
        if self.activity != "stopping":
            self.activity = "answering"
        self.progress_what, self.progress_fraction = "", None
        if not self._first_s:
            self._first_s = now
            return
        self._n_chars += n_chars
        if now > self._first_s:
            self.tokens_per_s = self._n_chars / _CHARS_PER_TOKEN / (now - self._first_s)
