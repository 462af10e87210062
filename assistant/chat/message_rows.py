"""How conversations, messages and attachments are read out of their tables: the columns and what is made of them.

Knows the SQL of reading; writing is the business of `conversations`.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rushlight.assistant.chat.conversation import Attachment, Conversation, Message
from rushlight.assistant.store.database import Store, Value

CONVERSATIONS = """
    SELECT c.number, c.id, c.title, (SELECT f.id FROM folders f WHERE f.number = c.folder), c.model, c.system,
        c.options, c.created_at, c.updated_at, c.pinned, (SELECT h.id FROM messages h WHERE h.number = c.head),
        (SELECT count(*) FROM messages n WHERE n.conversation = c.number), c.deleted_at
    FROM conversations c """

_MESSAGE_COLUMNS = """
    m.number, m.id, c.id, (SELECT p.id FROM messages p WHERE p.number = m.parent), m.role, m.content, m.created_at,
    m.reasoning, m.model, m.adapter, m.state, m.finish_reason, m.writer, m.n_prompt_tokens, m.n_cached_tokens,
    m.n_completion_tokens, m.queue_s, m.prompt_s, m.decode_s, m.first_token_s """
MESSAGES = f"SELECT {_MESSAGE_COLUMNS} FROM messages m CROSS JOIN conversations c ON c.number = m.conversation "
# From the message of a number up to its root; parents have smaller numbers, so the order is the path's.
LINE = f"""
    WITH RECURSIVE line (number, parent) AS (
        SELECT number, parent FROM messages WHERE number = ?
        UNION ALL
        SELECT up.number, up.parent FROM line CROSS JOIN messages up ON up.number = line.parent)
    SELECT {_MESSAGE_COLUMNS} FROM line CROSS JOIN messages m ON m.number = line.number
        CROSS JOIN conversations c ON c.number = m.conversation
    ORDER BY m.number """


def conversation_from(row: Sequence[Any]) -> Conversation:
    """One row of `CONVERSATIONS`."""
    (
        _number,
        conversation_id,
        title,
        folder_id,
        model,
        system,
        options,
        created_at,
        updated_at,
        pinned,
        head_id,
        n_messages,
        deleted_at,
    ) = row
    return Conversation(
        id=conversation_id,
        title=title,
        folder_id=folder_id,
        model=model,
        system=system,
        options=json.loads(options),
        created_at=created_at,
        updated_at=updated_at,
        pinned=bool(pinned),
        head_id=head_id,
        n_messages=n_messages,
        deleted_at=deleted_at,
    )


def read_conversations(store: Store, rest: str, bindings: Sequence[Value] = ()) -> list[Conversation]:
    """The conversations that `rest` (WHERE, ORDER BY, LIMIT) picks."""
    return [conversation_from(row) for row in store.rows(CONVERSATIONS + rest, bindings)]


def read_messages(store: Store, sql: str, bindings: Sequence[Value] = ()) -> list[Message]:
    """The messages of a query that begins with `MESSAGES` or is `LINE`, with their attachments."""
    rows: list[Sequence[Any]] = list(store.rows(sql, bindings))
    attached = _attachments(store, (row[0] for row in rows))
    return [_message_from(row, tuple(attached.get(row[0], ()))) for row in rows]


def _message_from(row: Sequence[Any], attachments: tuple[Attachment, ...]) -> Message:
    (
        _number,
        message_id,
        conversation_id,
        parent_id,
        role,
        content,
        created_at,
        reasoning,
        model,
        adapter,
        state,
        finish_reason,
        writer,
        n_prompt,
        n_cached,
        n_completion,
        queue_s,
        prompt_s,
        decode_s,
        first_token_s,
    ) = row
    return Message(
        id=message_id,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=role,
        content=content,
        created_at=created_at,
        reasoning=reasoning,
        model=model,
        adapter=adapter,
        state=state,
        finish_reason=finish_reason,
        is_being_written=bool(writer),
        n_prompt_tokens=n_prompt,
        n_cached_tokens=n_cached,
        n_completion_tokens=n_completion,
        queue_s=queue_s,
        prompt_s=prompt_s,
        decode_s=decode_s,
        first_token_s=first_token_s,
        attachments=attachments,
    )


def _attachments(store: Store, numbers: Iterable[int]) -> dict[int, list[Attachment]]:
    """The attachments of messages by the messages' numbers, in the order in which they were given."""
    rows: list[Sequence[Any]] = list(
        store.rows(
            "SELECT a.message, a.id, a.name, a.media_type, a.sha256, t.size_bytes, t.text "
            "FROM json_each(?) wanted CROSS JOIN attachments a ON a.message = wanted.value "
            "CROSS JOIN attachment_texts t ON t.sha256 = a.sha256 ORDER BY a.number",
            (json.dumps(list(numbers)),),
        )
    )
    found: dict[int, list[Attachment]] = {}
    for message, attachment_id, name, media_type, sha256, size_bytes, text in rows:
        found.setdefault(message, []).append(
            Attachment(
                id=attachment_id, name=name, media_type=media_type, sha256=sha256, size_bytes=size_bytes, text=text
            )
        )
    return found
