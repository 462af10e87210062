"""A reply while it is written: what has come is stored every second or 64 tokens, the end in any case.

Knows the store's messages; knows no engine.
"""

import time
from collections.abc import Iterator
from types import TracebackType

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.chat.conversation import Message, State
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.events import Notice, Usage

FLUSH_S = 1.0
FLUSH_TOKENS = 64
_CHARS_PER_TOKEN = 3  # a frame may hold several tokens and does not say how many; rather too often


class Reply:
    """A context manager: leaving it without `finish` stores the reply as stopped (closed early) or failed."""

    def __init__(
        self, conversations: Conversations, message: Message, started_s: float, before: Message | None = None
    ) -> None:
        self.message = message
        self.usage: Usage | None = None
        self._conversations = conversations
        self._started_s = started_s
        self._before = before
        self._pieces = [before.content] if before else []
        self._thoughts = [before.reasoning] if before else []
        self._first_token_s = before.first_token_s if before else 0.0
        self._n_unsaved_chars = 0
        self._saved_s = time.monotonic()
        self._is_over = False
        self._has_warned = False

    @classmethod
    def begin(
        cls,
        conversations: Conversations,
        conversation_id: str,
        question_id: str,
        model: str,
        adapter: str,
        continued: Message | None,
        started_s: float,
    ) -> "Reply":
        """A new reply below the question, or one that is taken up again; stored as partial from now on."""
        if continued is None:
            message = conversations.append(
                conversation_id, question_id, "assistant", "", model=model, adapter=adapter, state="partial"
            )
            return cls(conversations, message, started_s)
        return cls(conversations, conversations.resume_partial(continued.id), started_s, continued)

    def __enter__(self) -> "Reply":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._is_over:
            return
        if isinstance(raised, Error):
            state: State = "stopped" if raised.kind == "stopped" else "failed"
            reason = raised.kind
        elif kind is None or kind in (GeneratorExit, KeyboardInterrupt):
            state, reason = "stopped", "cancelled"
        else:
            state, reason = "failed", "error"
        try:
            self.finish(state, reason)
        except Error:
            # The first failure is the one to be told of. What was flushed is there, as of a crash.
            if raised is None:
                raise

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def add(self, text: str, reasoning: str = "") -> None:
        """A piece of the reply, or of the reasoning before it."""
        if not self._first_token_s:
            self._first_token_s = time.monotonic() - self._started_s
        if text:
            self._pieces.append(text)
        if reasoning:
            self._thoughts.append(reasoning)
        self._n_unsaved_chars += len(text) + len(reasoning)

    def flush_if_due(self) -> Iterator[Notice]:
        """Store what has come, when it is time. A disk that fails now may be well at the end: told once, goes on."""
        now = time.monotonic()
        is_due = now - self._saved_s >= FLUSH_S or self._n_unsaved_chars >= FLUSH_TOKENS * _CHARS_PER_TOKEN
        if self._is_over or not self._n_unsaved_chars or not is_due:
            return
        self._saved_s = now  # also after a failure: not at every token again
        try:
            self._conversations.update_partial(self.message.id, self.text, "".join(self._thoughts))
        except Error as err:
            if not self._has_warned:
                self._has_warned = True
                yield Notice("not-saved", f"The reply is not being saved: {err.message}")
            return
        self._n_unsaved_chars = 0

    def finish(self, state: State, reason: str) -> Message:
        """Store the end. Raises `Error` when it cannot be stored."""
        usage, before = self.usage, self._before
        if before is not None:  # both parts are one reply
            usage = usage or Usage(before.n_prompt_tokens, before.n_cached_tokens, 0)
            usage = replace(
                usage,
                n_completion_tokens=before.n_completion_tokens + usage.n_completion_tokens,
                decode_s=before.decode_s + usage.decode_s,
            )
        self.message = self._conversations.finish(
            self.message.id,
            state,
            self.text,
            "".join(self._thoughts),
            finish_reason=reason,
            usage=usage,
            first_token_s=self._first_token_s,
        )
        self._is_over = True
        return self.message
