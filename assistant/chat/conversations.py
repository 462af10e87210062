"""The conversations of a store: made, listed, found, put into folders, configured, thrown away and brought back.

Their messages are the business of `message_tree`, of which this is the whole. Knows the tables; knows no engine.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from rushlight import Error
from rushlight.assistant.chat.conversation import Conversation, NewAttachment
from rushlight.assistant.chat.folders import Folders
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.message_rows import LINE, read_conversations, read_messages
from rushlight.assistant.chat.message_tree import MessageTree, no_conversation
from rushlight.assistant.chat.text_rules import one_line, storable
from rushlight.assistant.store.database import Store, Value

_NEWEST_FIRST = "ORDER BY c.pinned DESC, c.updated_at DESC, c.number DESC"
_MIN_FRAGMENT = 4
# Inside the class `list` is the method.
_Conversations: TypeAlias = list[Conversation]
_Bindings: TypeAlias = list[Value]


class Unchanged:
    """The mark of an argument that was not given, where None has a meaning."""


UNCHANGED = Unchanged()


class Conversations(MessageTree):
    """Every method that writes is one transaction and is on the disk when it returns. Unknown ids are an `Error`.

    with conversations.together():       # several writes as one: all of them, or none
        chat = conversations.create("Lamps")
        conversations.append(chat.id, None, "user", "How do they work?")
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.folders = Folders(store)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is one transaction, or a part of the one that is open and undone by itself."""
        with self.store.writing():
            yield

    # --- reading ------------------------------------------------------------------------------------------------
    def get(self, conversation_id: str) -> Conversation:
        """The conversation of that id, also from the trash."""
        found = read_conversations(self.store, "WHERE c.id = ?", (conversation_id,))
        if not found:
            raise no_conversation(conversation_id)
        return found[0]

    def find(self, name: str) -> Conversation:
        """By id, by a beginning or end of an id (4 characters or more), or by the whole title; not from the trash."""
        found = read_conversations(self.store, "WHERE c.id = ? AND c.deleted_at IS NULL", (name,))
        if not found and len(name) >= _MIN_FRAGMENT:
            fragment = name.lower()
            found = read_conversations(
                self.store,
                "WHERE c.deleted_at IS NULL AND (substr(c.id, 1, ?2) = ?1 OR substr(c.id, -?2) = ?1) LIMIT 2",
                (fragment, len(fragment)),
            )
        if not found and name.strip():
            found = read_conversations(
                self.store, "WHERE c.deleted_at IS NULL AND c.title = ? LIMIT 2", (one_line(name),)
            )
        if len(found) > 1:
            raise Error(
                f"Several conversations match {name[:60]!r}.",
                hint="Give more characters of the id; see: rushlight conversations list",
                kind="conversation-ambiguous",
            )
        if not found:
            raise no_conversation(name)
        return found[0]

    def latest(self) -> Conversation | None:
        """The one that was used last, pinned or not."""
        found = read_conversations(
            self.store, "WHERE c.deleted_at IS NULL ORDER BY c.updated_at DESC, c.number DESC LIMIT 1"
        )
        return found[0] if found else None

    def list(
        self, folder_id: str | None = None, *, limit: int = 50, before: Conversation | None = None, below: bool = False
    ) -> _Conversations:
        """Pinned ones first, then by last use. `before`: those that follow the last one of an earlier page.

        `folder_id` None is everywhere, "" is in no folder; with `below`, folders inside the folder count too.
        """
        where, bindings = self.in_folder(folder_id, below)
        if before is not None:
            where += " AND (c.pinned, c.updated_at, c.number) < (?, ?, (SELECT number FROM conversations WHERE id = ?))"
            bindings += [int(before.pinned), before.updated_at, before.id]
        # Picked first, so that messages are counted for those of this page only.
        return read_conversations(
            self.store,
            f"WHERE c.number IN (SELECT c.number FROM conversations c WHERE c.deleted_at IS NULL{where} "
            f"{_NEWEST_FIRST} LIMIT ?) {_NEWEST_FIRST}",
            [*bindings, limit],
        )

    def trash(self, *, limit: int = 50, before: Conversation | None = None) -> _Conversations:
        """What was thrown away, the latest first."""
        where, bindings = "WHERE c.deleted_at IS NOT NULL", _Bindings()
        if before is not None:
            where += " AND (c.deleted_at, c.number) < (?, (SELECT number FROM conversations WHERE id = ?))"
            bindings = [before.deleted_at, before.id]
        return read_conversations(
            self.store, f"{where} ORDER BY c.deleted_at DESC, c.number DESC LIMIT ?", [*bindings, limit]
        )

    # --- writing ------------------------------------------------------------------------------------------------
    def create(
        self,
        title: str = "",
        *,
        folder_id: str | None = None,
        model: str = "",
        system: str | None = None,
        options: Mapping[str, str] | None = None,
        created_at: float | None = None,
        updated_at: float | None = None,
        pinned: bool = False,
    ) -> Conversation:
        """A conversation without messages."""
        created_at = time.time() if created_at is None else created_at
        with self.store.writing():
            conversation_id = new_id()
            self.store.execute(
                "INSERT INTO conversations (id, title, folder, model, system, options, created_at, updated_at, pinned) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    conversation_id,
                    one_line(title),
                    self._folder(folder_id),
                    model,
                    _prompt(system),
                    _json_of(options or {}),
                    created_at,
                    created_at if updated_at is None else updated_at,
                    int(pinned),
                ),
            )
            return self.get(conversation_id)

    def rename(self, conversation_id: str, title: str, *, only_if: str | None = None) -> bool:
        """Another title. With `only_if`, one that was changed meanwhile stays; whether the new one was set."""
        with self.store.writing():
            conversation = self._conversation(conversation_id)
            return bool(
                self.store.rows(
                    "UPDATE conversations SET title = ?1 WHERE number = ?2 AND (?3 IS NULL OR title = ?3) "
                    "RETURNING number",
                    (one_line(title), conversation, only_if),
                )
            )

    def move(self, conversation_id: str, folder_id: str | None) -> None:
        """Put it into a folder; None takes it out of any."""
        with self.store.writing():
            self.store.execute(
                "UPDATE conversations SET folder = ? WHERE number = ?",
                (self._folder(folder_id), self._conversation(conversation_id)),
            )

    def configure(
        self,
        conversation_id: str,
        *,
        model: str | Unchanged = UNCHANGED,
        system: str | Unchanged | None = UNCHANGED,
        options: Mapping[str, str] | Unchanged = UNCHANGED,
        pinned: bool | Unchanged = UNCHANGED,
    ) -> Conversation:
        """Change what is given and leave the rest."""
        changes: dict[str, Value] = {}
        if not isinstance(model, Unchanged):
            changes["model"] = model
        if not isinstance(system, Unchanged):
            changes["system"] = _prompt(system)
        if not isinstance(options, Unchanged):
            changes["options"] = _json_of(options)
        if not isinstance(pinned, Unchanged):
            changes["pinned"] = int(pinned)
        with self.store.writing():
            number = self._conversation(conversation_id)
            for column, value in changes.items():
                self.store.execute(f"UPDATE conversations SET {column} = ? WHERE number = ?", (value, number))
            return self.get(conversation_id)

    def branch(self, message_id: str, title: str = "") -> Conversation:
        """A new conversation with a copy of the path up to the message, configured and filed as the old one."""
        with self.store.writing():
            number = self._number(message_id)[0]
            old = self.get(self.message(message_id).conversation_id)
            new = self.create(
                title or old.title, folder_id=old.folder_id, model=old.model, system=old.system, options=old.options
            )
            new_number, parent = self._conversation(new.id), None
            for message in read_messages(self.store, LINE, (number,)):
                parent = self._copy(message.id, new_number, parent)
            self._touch(new_number, new.updated_at, parent)
            return self.get(new.id)

    def delete(self, conversation_id: str) -> None:
        """Into the trash; `restore` brings it back. Twice is once."""
        with self.store.writing():
            self.store.execute(
                "UPDATE conversations SET deleted_at = ifnull(deleted_at, ?) WHERE number = ?",
                (time.time(), self._conversation(conversation_id)),
            )

    def restore(self, conversation_id: str) -> None:
        """Out of the trash, back to where it lay."""
        with self.store.writing():
            self.store.execute(
                "UPDATE conversations SET deleted_at = NULL WHERE number = ?", (self._conversation(conversation_id),)
            )

    def purge(self, conversation_id: str) -> None:
        """Remove it from the trash for ever, with its messages, attachments and feedback."""
        with self.store.writing():
            number = self._conversation(conversation_id)
            if self.get(conversation_id).deleted_at is None:
                raise Error(
                    "Only what lies in the trash can be removed for ever.",
                    hint="Delete the conversation first.",
                    kind="not-in-trash",
                )
            self.store.execute("DELETE FROM conversations WHERE number = ?", (number,))

    def purge_trash(self, older_than_s: float = 0.0) -> int:
        """Remove for ever what has lain in the trash for that long. How many."""
        with self.store.writing():
            return len(
                self.store.rows(
                    "DELETE FROM conversations WHERE deleted_at <= ? RETURNING number", (time.time() - older_than_s,)
                )
            )

    # --- drafts -------------------------------------------------------------------------------------------------
    def draft(self, conversation_id: str | None) -> str:
        """What was typed and not sent; None is the conversation that is not begun yet."""
        rows = self.store.rows(
            "SELECT text FROM drafts WHERE ifnull(conversation, 0) = ?",
            (0 if conversation_id is None else self._conversation(conversation_id),),
        )
        return str(rows[0][0]) if rows else ""

    def save_draft(self, conversation_id: str | None, text: str) -> None:
        """Keep what is typed; "" forgets it."""
        with self.store.writing():
            number = None if conversation_id is None else self._conversation(conversation_id)
            self.store.execute("DELETE FROM drafts WHERE ifnull(conversation, 0) = ?", (number or 0,))
            if text:
                self.store.execute(
                    "INSERT INTO drafts (conversation, text, saved_at) VALUES (?, ?, ?)",
                    (number, storable(text, "The draft"), time.time()),
                )

    def draft_attachments(self, conversation_id: str | None) -> tuple[NewAttachment, ...]:
        """The files that wait beside the draft, in the order in which they were given."""
        rows = self.store.rows(
            "SELECT name, text, media_type FROM draft_attachments WHERE ifnull(conversation, 0) = ? ORDER BY position",
            (0 if conversation_id is None else self._conversation(conversation_id),),
        )
        return tuple(NewAttachment(str(name), str(text), str(media_type)) for name, text, media_type in rows)

    def save_draft_attachments(self, conversation_id: str | None, attachments: Sequence[NewAttachment]) -> None:
        """Keep these in the place of those before; none forgets them."""
        with self.store.writing():
            number = None if conversation_id is None else self._conversation(conversation_id)
            self.store.execute("DELETE FROM draft_attachments WHERE ifnull(conversation, 0) = ?", (number or 0,))
            for position, one in enumerate(attachments):
                self.store.execute(
                    "INSERT INTO draft_attachments (conversation, position, name, media_type, text) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (
                        number,
                        position,
                        storable(one.name, "The file's name"),
                        one.media_type,
                        storable(one.text, f"The file {one.name}"),
                    ),
                )

    # --- inside -------------------------------------------------------------------------------------------------
    def _folder(self, folder_id: str | None) -> int | None:
        if folder_id is None:
            return None
        rows = self.store.rows("SELECT number FROM folders WHERE id = ?", (self.folders.get(folder_id).id,))
        return int(str(rows[0][0]))

    def in_folder(self, folder_id: str | None, below: bool) -> tuple[str, _Bindings]:
        """A condition on the table c of conversations, to be put behind another, and its values."""
        if folder_id is None:
            return "", []
        if not folder_id:
            return " AND c.folder IS NULL", []
        if not below:
            return " AND c.folder = ?", [self._folder(folder_id)]
        folder = self.folders.get(folder_id)
        inside = [
            one.id for one in self.folders.list() if one.path == folder.path or one.path.startswith(folder.path + "/")
        ]
        return (
            " AND c.folder IN (SELECT number FROM folders WHERE id IN (SELECT value FROM json_each(?)))",
            [json.dumps(inside)],
        )

    def _copy(self, message_id: str, conversation: int, parent: int | None) -> int:
        """A copy of one message with its attachments; nobody writes the copy."""
        rows: list[Sequence[Any]] = list(
            self.store.rows(
                "INSERT INTO messages (id, conversation, parent, role, content, reasoning, model, adapter, state, "
                "finish_reason, writer, created_at, n_prompt_tokens, n_cached_tokens, n_completion_tokens, queue_s, "
                "prompt_s, decode_s, first_token_s) SELECT ?, ?, ?, role, content, reasoning, model, adapter, state, "
                "finish_reason, '', created_at, n_prompt_tokens, n_cached_tokens, n_completion_tokens, "
                "queue_s, prompt_s, "
                "decode_s, first_token_s FROM messages WHERE id = ? RETURNING number",
                (new_id(), conversation, parent, message_id),
            )
        )
        number: int = rows[0][0]
        attached: list[Sequence[Any]] = list(
            self.store.rows(
                "SELECT a.name, a.media_type, a.sha256 FROM attachments a CROSS JOIN messages m ON "
                "m.number = a.message "
                "WHERE m.id = ? ORDER BY a.number",
                (message_id,),
            )
        )
        for name, media_type, sha256 in attached:
            self.store.execute(
                "INSERT INTO attachments (id, message, name, media_type, sha256) VALUES (?, ?, ?, ?, ?)",
                (new_id(), number, name, media_type, sha256),
            )
        return number


def _prompt(system: str | None) -> str | None:
    return None if system is None else storable(system, "The system prompt")


def _json_of(options: Mapping[str, str]) -> str:
    return json.dumps({storable(name): storable(str(value)) for name, value in options.items()}, ensure_ascii=False)
