"""Whole conversations into the store and out of it, as transfer values.

Writing is quick, for it holds the store's lock: one insert a message, nothing read back, and for large imports without
the full-text index, whose upkeep takes most of the time. Such messages carry the mark of a message that is being
written; `make_searchable` takes it off in small steps, and `settle` does where a kill came between. Knows the tables;
knows no file format.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.assistant.chat.conversation import Message, NewAttachment
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.transfer import (
    OWN_SOURCE,
    TransferAttachment,
    TransferConversation,
    TransferFeedback,
    TransferMessage,
    TransferUsage,
    digest,
    in_tree_order,
)
from rushlight.assistant.chat.writer import this_writer
from rushlight.assistant.store.database import Store

_STEP_MESSAGES = 500  # made searchable in one transaction: others wait some hundredths of a second
_INSERT = (
    "INSERT INTO messages (number, id, conversation, parent, role, content, reasoning, model, adapter, state, "
    "finish_reason, writer, created_at, n_prompt_tokens, n_cached_tokens, n_completion_tokens, queue_s, "
    "prompt_s, decode_s, first_token_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class TransferStore(Conversations):
    """The conversations of a store as something to import into and export from.

    `search_later`: what is inserted cannot be found by its words before `make_searchable`.
    """

    def __init__(self, store: Store, *, search_later: bool = False) -> None:
        super().__init__(store)
        self._writer = this_writer() if search_later else ""

    # --- out ----------------------------------------------------------------------------------------------------
    def read(self, conversation_id: str) -> TransferConversation:
        """The conversation with everything that is kept of it."""
        conversation = self.get(conversation_id)
        folder = self.folders.get(conversation.folder_id).path if conversation.folder_id else ""
        feedback = self._feedback(conversation_id)
        messages = [_outward(message, feedback.get(message.id, ())) for message in self.messages(conversation_id)]
        return TransferConversation(
            source=OWN_SOURCE,
            source_id=conversation.id,
            title=conversation.title,
            messages=in_tree_order(messages),
            head_id=conversation.head_id,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
            folder=folder,
            model=conversation.model,
            system=conversation.system,
            options=tuple(conversation.options.items()),
            pinned=conversation.pinned,
        )

    def all_ids(self) -> list[str]:
        """Every conversation that is not in the trash, the oldest first."""
        rows = self.store.rows("SELECT id FROM conversations WHERE deleted_at IS NULL ORDER BY created_at, number")
        return [str(row[0]) for row in rows]

    # --- in -----------------------------------------------------------------------------------------------------
    def known(self, conversation: TransferConversation) -> tuple[str, bool] | None:
        """The conversation this one was imported as, or which it was exported from, and whether it is unchanged since.

        One that lies in the trash is as good as gone.
        """
        rows: list[Sequence[Any]] = list(
            self.store.rows(
                "SELECT c.id, i.sha256 FROM imported_conversations i CROSS JOIN conversations c "
                "ON c.number = i.conversation WHERE i.source = ? AND i.source_id = ? AND c.deleted_at IS NULL "
                "ORDER BY i.conversation DESC LIMIT 1",
                (conversation.source, conversation.source_id),
            )
        )
        if rows:
            return rows[0][0], rows[0][1] == digest(conversation)
        if conversation.source == OWN_SOURCE and self.store.rows(
            "SELECT 1 FROM conversations WHERE id = ? AND deleted_at IS NULL", (conversation.source_id,)
        ):
            return conversation.source_id, False
        return None

    def insert(self, conversation: TransferConversation, folder_id: str | None) -> str:
        """A new conversation with all its messages; its id. Only within `together`."""
        moments = [message.created_at for message in conversation.messages if message.created_at is not None]
        created_at = conversation.created_at
        if created_at is None:
            created_at = min(moments, default=time.time())
        updated_at = max([created_at, *moments] if conversation.updated_at is None else [conversation.updated_at])
        new = self.create(
            conversation.title,
            folder_id=folder_id,
            model=conversation.model,
            system=conversation.system,
            options=dict(conversation.options),
            created_at=created_at,
            updated_at=updated_at,
            pinned=conversation.pinned,
        )
        number = self._conversation(new.id)
        numbers: dict[str, int] = {}
        self._insert_messages(number, conversation.messages, numbers, created_at)
        head = numbers[conversation.head_id] if conversation.head_id is not None else None
        self.store.execute("UPDATE conversations SET head = ? WHERE number = ?", (head, number))
        self._remember(number, conversation)
        return new.id

    def merge(self, conversation_id: str, conversation: TransferConversation) -> int:
        """Add what the conversation was continued by elsewhere since its import; how many messages that is.

        Turns are the same where what they follow is the same and so is what they say. What was added here stays.
        """
        number = self._conversation(conversation_id)
        there: dict[tuple[int | None, str, str], list[int]] = {}
        rows: list[Sequence[Any]] = list(
            self.store.rows(
                "SELECT number, parent, role, content FROM messages WHERE conversation = ? ORDER BY number DESC",
                (number,),
            )
        )
        for message_number, parent, role, content in rows:
            there.setdefault((parent, role, content), []).append(message_number)
        numbers: dict[str, int] = {}
        missing: list[TransferMessage] = []
        for message in conversation.messages:
            parent = numbers.get(message.parent_id) if message.parent_id is not None else None
            same = there.get((parent, message.role, message.content))
            if same and (message.parent_id is None or parent is not None):
                numbers[message.id] = same.pop()
            else:
                missing.append(message)
        self._remember(number, conversation)
        if not missing:
            return 0
        found = set(numbers.values())
        self._insert_messages(number, missing, numbers, time.time())
        head = numbers[conversation.head_id] if conversation.head_id is not None else None
        old: list[Sequence[Any]] = list(self.store.rows("SELECT head FROM conversations WHERE number = ?", (number,)))
        # Whoever went on here keeps what is shown; else it is shown as it went on there.
        if head is not None and (old[0][0] is None or (old[0][0] in found and head not in found)):
            self._touch(number, conversation.updated_at or 0.0, head)
        return len(missing)

    def last_number(self) -> int:
        """Of the newest message: what is inserted from now on has higher ones, in a row."""
        rows: list[Sequence[Any]] = list(self.store.rows("SELECT ifnull(max(number), 0) FROM messages"))
        return int(rows[0][0])

    def make_searchable(self, first: int, last: int) -> Iterator[int]:
        """Put the messages of these numbers into the full-text index, step by step; where it has come.

        Between the steps others may write.
        """
        while first <= last:
            end = min(first + _STEP_MESSAGES - 1, last)
            with self.store.writing():
                # The mark says who: a reply of this process that is really being written has another number.
                self.store.execute(
                    "UPDATE messages SET writer = '' WHERE number BETWEEN ? AND ? AND writer = ?",
                    (first, end, self._writer),
                )
            first = end + 1
            yield end

    # --- inside -------------------------------------------------------------------------------------------------
    def _insert_messages(
        self, conversation: int, messages: Sequence[TransferMessage], numbers: dict[str, int], created_at: float
    ) -> None:
        """Insert messages, parents first; `numbers` (id in the source -> number here) grows by them."""
        moments: dict[str | None, float] = {None: created_at}
        number = self.last_number()
        for message in messages:
            at = message.created_at
            if at is None:
                at = moments.get(message.parent_id, created_at)
            moments[message.id] = at
            number += 1
            numbers[message.id] = number
            usage = message.usage
            self.store.execute(
                _INSERT,
                (
                    number,
                    new_id(),
                    conversation,
                    numbers[message.parent_id] if message.parent_id is not None else None,
                    message.role,
                    message.content,
                    message.reasoning,
                    message.model,
                    message.adapter,
                    message.state,
                    message.finish_reason,
                    self._writer,
                    at,
                    usage.n_prompt_tokens,
                    usage.n_cached_tokens,
                    usage.n_completion_tokens,
                    usage.queue_s,
                    usage.prompt_s,
                    usage.decode_s,
                    usage.first_token_s,
                ),
            )
            for attachment in message.attachments:
                self._attach(number, NewAttachment(attachment.name, attachment.text, attachment.media_type))
        for message in messages:
            for one in message.feedback:
                self.store.execute(
                    "INSERT INTO feedback (id, message, kind, rejected, text, note, created_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        new_id(),
                        numbers[message.id],
                        one.kind,
                        numbers[one.rejected_id] if one.rejected_id is not None else None,
                        one.text,
                        one.note,
                        moments[message.id] if one.created_at is None else one.created_at,
                    ),
                )

    def _remember(self, number: int, conversation: TransferConversation) -> None:
        self.store.execute(
            "INSERT INTO imported_conversations (source, source_id, conversation, sha256, imported_at) "
            "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET sha256 = ?4, imported_at = ?5",
            (conversation.source, conversation.source_id, number, digest(conversation), time.time()),
        )

    def _feedback(self, conversation_id: str) -> dict[str, list[TransferFeedback]]:
        """Message id -> what is thought of it and was not withdrawn, the oldest first."""
        rows: list[Sequence[Any]] = list(
            self.store.rows(
                "SELECT m.id, f.kind, f.text, f.note, r.id, f.created_at FROM messages m CROSS JOIN feedback f "
                "ON f.message = m.number LEFT JOIN messages r ON r.number = f.rejected "
                "WHERE m.conversation = ? AND f.withdrawn_at IS NULL ORDER BY f.number",
                (self._conversation(conversation_id),),
            )
        )
        found: dict[str, list[TransferFeedback]] = {}
        for message_id, kind, text, note, rejected_id, created_at in rows:
            found.setdefault(message_id, []).append(TransferFeedback(kind, text, note, rejected_id, created_at))
        return found


def _outward(message: Message, feedback: Sequence[TransferFeedback]) -> TransferMessage:
    return TransferMessage(
        message.id,
        message.parent_id,
        message.role,
        message.content,
        reasoning=message.reasoning,
        created_at=message.created_at,
        model=message.model,
        adapter=message.adapter,
        state=message.state,
        finish_reason=message.finish_reason,
        usage=TransferUsage(
            message.n_prompt_tokens,
            message.n_cached_tokens,
            message.n_completion_tokens,
            message.queue_s,
            message.prompt_s,
            message.decode_s,
            message.first_token_s,
        ),
        attachments=tuple(TransferAttachment(one.name, one.text, one.media_type) for one in message.attachments),
        feedback=tuple(feedback),
    )
