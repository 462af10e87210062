"""What the user thinks of replies: thumbs, corrections, which of two was kept. The lineage of later training.

Nothing is overwritten: a change of mind withdraws the earlier judgement and adds a new one. It goes with its
conversation only when that is removed from the trash for ever.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rushlight import Error
from rushlight.assistant.chat.conversation import Message
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.text_rules import storable

Kind: TypeAlias = Literal["up", "down", "correction", "kept"]
KINDS: tuple[Kind, ...] = ("up", "down", "correction", "kept")
_MIN_FRAGMENT = 4
_COLUMNS = """SELECT f.id, f.kind, m.id, c.id, (SELECT r.id FROM messages r WHERE r.number = f.rejected), f.text,
    f.note, f.created_at, f.withdrawn_at
    FROM feedback f CROSS JOIN messages m ON m.number = f.message
    CROSS JOIN conversations c ON c.number = m.conversation """


@dataclass(frozen=True, slots=True)
class Feedback:
    """One judgement about the reply `message_id`."""

    id: str
    kind: Kind
    message_id: str
    conversation_id: str
    rejected_id: str | None  # of "kept": the other version of the reply
    text: str  # of "correction": how the reply should have been
    note: str
    created_at: float
    withdrawn_at: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """A judgement with all that training needs: the messages before the reply, the reply, the rejected one."""

    feedback: Feedback
    prompt: tuple[Message, ...]
    reply: Message
    rejected: Message | None


class FeedbackBook:
    """Every method that writes is one transaction and is on the disk when it returns. Unknown ids are an `Error`."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._store = conversations.store

    def thumb(self, message_id: str, kind: Literal["up", "down"], note: str = "") -> Feedback:
        """Good or bad. An earlier thumb of the same reply is withdrawn."""
        if kind not in ("up", "down"):
            raise Error(f"A thumb is up or down, not {str(kind)[:40]!r}.", kind="bad-feedback")
        with self._store.writing():
            number = self._reply(message_id)
            self._withdraw("f.message = ? AND f.kind IN ('up', 'down')", (number,))
            return self._add(number, kind, None, "", note)

    def correct(self, message_id: str, text: str, note: str = "") -> Feedback:
        """How the reply should have been. An earlier correction of it is withdrawn."""
        if not text.strip():
            raise Error(
                "The corrected reply is empty.", hint="Write the reply as it should have been.", kind="bad-feedback"
            )
        with self._store.writing():
            number = self._reply(message_id)
            self._withdraw("f.message = ? AND f.kind = 'correction'", (number,))
            return self._add(number, "correction", None, storable(text, "The corrected reply"), note)

    def keep(self, message_id: str, rejected_id: str | None = None, note: str = "") -> list[Feedback]:
        """This version of the reply is better than that one; without `rejected_id` than all its other versions."""
        with self._store.writing():
            chosen = self._reply(message_id)
            others = [
                one
                for one in self._conversations.siblings(message_id)
                if one.id != message_id
                and one.role == "assistant"
                and (one.id == rejected_id or (rejected_id is None and one.content and not one.is_being_written))
            ]
            if not others:
                what = "is no other version of it" if rejected_id else "has no other version"
                raise Error(
                    f"The reply {message_id[:60]} cannot be kept over another: "
                    f"{'the other message ' if rejected_id else 'it '}{what}.",
                    hint="Regenerate the reply first.",
                    kind="bad-feedback",
                )
            kept = []
            for other in others:
                rejected = self._reply(other.id)
                self._withdraw(
                    "f.kind = 'kept' AND f.message IN (?1, ?2) AND f.rejected IN (?1, ?2)", (chosen, rejected)
                )
                kept.append(self._add(chosen, "kept", rejected, "", note))
            return kept

    def withdraw(self, feedback_id: str) -> None:
        """Not meant any more; it stays in the history. Twice is once."""
        with self._store.writing():
            if not self._store.rows("SELECT 1 FROM feedback WHERE id = ?", (feedback_id,)):
                raise Error(f"There is no feedback with the id {feedback_id[:60]!r}.", kind="feedback-not-found")
            self._withdraw("f.id = ?", (feedback_id,))

    def of(self, message_id: str) -> list[Feedback]:
        """What holds about one message, oldest first; as a rejected version too."""
        return self._read(
            "WHERE f.withdrawn_at IS NULL AND f.number IN ("
            "SELECT a.number FROM feedback a WHERE a.message = (SELECT number FROM messages WHERE id = ?1) UNION "
            "SELECT b.number FROM feedback b WHERE b.rejected = (SELECT number FROM messages WHERE id = ?1)) "
            "ORDER BY f.number",
            (message_id,),
        )

    def of_conversation(self, conversation_id: str) -> list[Feedback]:
        """What holds about the messages of one conversation, oldest first."""
        return self._read(
            "WHERE f.withdrawn_at IS NULL AND f.number IN (SELECT a.number FROM messages m CROSS JOIN feedback a "
            "ON a.message = m.number WHERE m.conversation = (SELECT number FROM conversations WHERE id = ?)) "
            "ORDER BY f.number",
            (conversation_id,),
        )

    def list(
        self, *, kind: Kind | None = None, limit: int = 50, offset: int = 0, withdrawn: bool = False
    ) -> list[Feedback]:
        """The newest first; those of conversations in the trash are left out."""
        where = "WHERE c.deleted_at IS NULL AND (?1 IS NULL OR f.kind = ?1) AND (?2 OR f.withdrawn_at IS NULL) "
        return self._read(where + "ORDER BY f.number DESC LIMIT ?3 OFFSET ?4", (kind, int(withdrawn), limit, offset))

    def find(self, name: str) -> Feedback:
        """By id, or by a beginning or end of an id (4 characters or more) that only one has; withdrawn ones too."""
        found = self._read("WHERE f.id = ?", (name,))
        if not found and len(name) >= _MIN_FRAGMENT:
            fragment = name.lower()
            found = self._read(
                "WHERE substr(f.id, 1, ?2) = ?1 OR substr(f.id, -?2) = ?1 LIMIT 2", (fragment, len(fragment))
            )
        if len(found) > 1:
            raise Error(
                f"Several judgements match {name[:60]!r}.",
                hint="Give more characters of the id; see: rushlight feedback list",
                kind="feedback-ambiguous",
            )
        if not found:
            raise Error(
                f"There is no feedback {name[:60]!r}.",
                hint="See: rushlight feedback list",
                kind="feedback-not-found",
            )
        return found[0]

    def examples(self, *, kind: Kind | None = None) -> Iterator[Example]:
        """What can be learned from, oldest first, one at a time."""
        last = ""
        while True:
            page = self._read(
                "WHERE c.deleted_at IS NULL AND f.withdrawn_at IS NULL AND (?1 IS NULL OR f.kind = ?1) "
                "AND f.number > ifnull((SELECT number FROM feedback WHERE id = ?2), 0) ORDER BY f.number LIMIT 100",
                (kind, last),
            )
            if not page:
                return
            last = page[-1].id
            for one in page:
                *prompt, reply = self._conversations.path(one.conversation_id, one.message_id)
                rejected = self._conversations.message(one.rejected_id) if one.rejected_id else None
                yield Example(one, tuple(prompt), reply, rejected)

    def _reply(self, message_id: str) -> int:
        """The number of a message, which must be a finished reply."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            "SELECT number, role, writer FROM messages WHERE id = ?", (message_id,)
        )
        if not rows:
            raise Error(f"There is no message with the id {message_id[:60]!r}.", kind="message-not-found")
        number, role, writer = rows[0]
        if role != "assistant":
            raise Error("Feedback is about replies of the model; this is another message.", kind="bad-feedback")
        if writer:
            raise Error(
                "This reply is still being written.", hint="Wait until it is finished, or stop it.", kind="reply-busy"
            )
        return int(number)

    def _withdraw(self, where: str, bindings: Sequence[int | str]) -> None:
        self._store.execute(
            f"UPDATE feedback AS f SET withdrawn_at = {time.time()!r} WHERE f.withdrawn_at IS NULL AND {where}",
            bindings,
        )

    def _add(self, message: int, kind: Kind, rejected: int | None, text: str, note: str) -> Feedback:
        feedback_id = new_id()
        self._store.execute(
            "INSERT INTO feedback (id, message, kind, rejected, text, note, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (feedback_id, message, kind, rejected, text, storable(note, "The note"), time.time()),
        )
        return self._read("WHERE f.id = ?", (feedback_id,))[0]

    def _read(self, rest: str, bindings: Sequence[int | str | None]) -> "_Feedbacks":
        rows: Sequence[Sequence[Any]] = self._store.rows(_COLUMNS + rest, bindings)
        return [Feedback(*row) for row in rows]


_Feedbacks: TypeAlias = list[Feedback]
