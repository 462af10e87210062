"""Importing an export file of ChatGPT, Open WebUI, ShareGPT or Rushlight itself: all of it, or nothing.

The file is read and checked to its end first; only then one transaction writes what is new. A kill at any moment
leaves the store as it was or with the whole file. The format is told from each object of the file.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.disk_failure import disk_failure
from rushlight.assistant.chat.import_chatgpt import is_chatgpt, read_chatgpt
from rushlight.assistant.chat.import_json import is_rushlight, read_rushlight
from rushlight.assistant.chat.import_openwebui import is_openwebui, read_openwebui
from rushlight.assistant.chat.import_sharegpt import is_sharegpt, read_sharegpt
from rushlight.assistant.chat.transfer import OWN_SOURCE, TransferConversation, TreeFault, checked, digest, quote
from rushlight.assistant.chat.transfer_field import Field, Place
from rushlight.assistant.chat.transfer_reading import OnProgress, read_pieces
from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.paths import with_home

_FORMATS: tuple[tuple[str, Callable[[dict[str, Any]], bool], Callable[[Field], TransferConversation]], ...] = (
    ("Rushlight", is_rushlight, read_rushlight),
    ("ChatGPT", is_chatgpt, read_chatgpt),
    ("Open WebUI", is_openwebui, read_openwebui),
    ("ShareGPT", is_sharegpt, read_sharegpt),
)
_LENGTH_BYTES = 8
SEARCH_LATER_MESSAGES = 5_000  # from so many on, the full-text index is not kept up while the store is locked


@dataclass(frozen=True, slots=True)
class Skipped:
    """A conversation of the file that could not be read, and why."""

    number: int  # in the file, from 1
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `conversation_ids` are those that are new or were continued."""

    formats: tuple[str, ...]  # of what the file held, by the names people know
    n_conversations: int  # new here
    n_continued: int  # here before, with more messages in this export
    n_messages: int  # written
    n_known: int  # left alone: nothing new in them
    n_empty: int  # left out: nobody said anything in them
    n_missing_files: int  # pictures and the like that the export names and does not hold
    skipped: tuple[Skipped, ...]
    conversation_ids: tuple[str, ...]


def import_file(
    conversations: Conversations,
    path: Path,
    *,
    folder: str = "",
    again: bool = False,
    skip_broken: bool = False,
    stop: Stop | None = None,
    on_progress: OnProgress | None = None,
) -> ImportReport:
    """Import every conversation of the file. Raises `Error` naming the place, and has then changed nothing.

    `folder`: the path of a folder for those whose export names none. What was imported before is recognised and only
    continued; with `again` it is imported a second time. `skip_broken` leaves out, and reports, what cannot be read.
    """
    return _Import(
        TransferStore(conversations.store),
        with_home(path),
        folder,
        again,
        skip_broken,
        stop or Stop(),
        on_progress or _ignore,
    ).run()


def read_file(
    path: Path, *, stop: Stop | None = None, on_progress: OnProgress | None = None
) -> Iterator[TransferConversation]:
    """What the file holds, checked, one conversation at a time, without a store. Raises `Error` at the first fault."""
    for _, field in _conversations(path, stop or Stop(), on_progress or _ignore):
        if isinstance(field, Error):
            raise field
        yield _read(field)[1]


class _Import:
    """One import; `run` is its two steps."""

    def __init__(
        self,
        target: TransferStore,
        path: Path,
        folder: str,
        again: bool,
        skip_broken: bool,
        stop: Stop,
        on_progress: OnProgress,
    ) -> None:
        self.target, self.path, self.folder = target, path, folder
        self.again, self.skip_broken, self.stop, self.on_progress = again, skip_broken, stop, on_progress
        self.formats: dict[str, None] = {}
        self.skipped: list[Skipped] = []
        self.ids: list[str] = []
        self.n_read = self.n_messages_read = self.n_new = self.n_continued = self.n_messages = 0
        self.n_known = self.n_empty = self.n_missing_files = 0

    def run(self) -> ImportReport:
        try:
            # Without a name from the start, so that a kill leaves no copy of private chats behind.
            with tempfile.TemporaryFile(dir=self.target.store.path.parent) as spool:
                self._read_all(spool)
                spool.seek(0)
                if self.n_messages_read >= SEARCH_LATER_MESSAGES:
                    self.target = TransferStore(self.target.store, search_later=True)
                with self.target.together():
                    first = self.target.last_number() + 1
                    self._write_all(spool)
                    last = self.target.last_number()
            if self.n_messages_read >= SEARCH_LATER_MESSAGES:
                self._make_searchable(first, last)
        except OSError as failure:
            raise disk_failure(
                failure,
                f"{self.path.name} could not be imported",
                f"Check the disks of {self.path} and of {self.target.store.path.parent}; nothing was imported.",
            ) from failure
        return ImportReport(
            tuple(self.formats),
            self.n_new,
            self.n_continued,
            self.n_messages,
            self.n_known,
            self.n_empty,
            self.n_missing_files,
            tuple(self.skipped),
            tuple(self.ids),
        )

    def _read_all(self, spool: IO[bytes]) -> None:
        """Check every conversation and put it aside."""
        import msgspec

        encoder = msgspec.msgpack.Encoder()
        for place, field in _conversations(self.path, self.stop, self.on_progress):
            try:
                if isinstance(field, Error):
                    raise field
                name, conversation = _read(field)
            except Error as failure:
                if not self.skip_broken or failure.kind != "bad-import":
                    raise
                self.skipped.append(Skipped(place.number, place.title, failure.message))
                continue
            self.formats[name] = None
            if not conversation.messages and conversation.source != OWN_SOURCE:
                self.n_empty += 1
                continue
            packed = encoder.encode(conversation)
            spool.write(len(packed).to_bytes(_LENGTH_BYTES, "little") + packed)
            self.n_read += 1
            self.n_messages_read += len(conversation.messages)

    def _write_all(self, spool: IO[bytes]) -> None:
        """Within one transaction: add what is not there yet."""
        import msgspec

        decoder = msgspec.msgpack.Decoder(TransferConversation)
        folder_ids: dict[str, str] = {}
        for number in range(self.n_read):
            self.stop.check()
            self.on_progress(Progress("Importing", number, self.n_read, "conversations"))
            length = int.from_bytes(spool.read(_LENGTH_BYTES), "little")
            conversation = decoder.decode(spool.read(length))
            known = None if self.again else self.target.known(conversation)
            if known is not None:
                self._continue(known[0], known[1], conversation)
                continue
            folder = conversation.folder or self.folder
            if folder and folder not in folder_ids:
                folder_ids[folder] = self._folder(folder, conversation)
            self.ids.append(self.target.insert(conversation, folder_ids.get(folder)))
            self.n_new += 1
            self.n_messages += len(conversation.messages)
            self.n_missing_files += conversation.n_missing_files
        self.on_progress(Progress("Importing", self.n_read, self.n_read, "conversations"))

    def _make_searchable(self, first: int, last: int) -> None:
        """The import is done and stays; where this is stopped or fails, the first search does the rest."""
        try:
            for number in self.target.make_searchable(first, last):
                self.on_progress(Progress("Indexing", number - first + 1, last - first + 1, "messages"))
                if self.stop.is_set():
                    return
        except Error:
            return

    def _folder(self, path: str, conversation: TransferConversation) -> str:
        try:
            return self.target.folders.at(path, create=True).id
        except Error as failure:
            if failure.kind != "bad-folder" or not conversation.folder:  # or the caller's own folder
                raise
            raise Error(
                f"{self.path.name}, conversation {quote(conversation.title)}: the folder {quote(path)} cannot "
                f"be made. {failure.message}",
                hint="Change the folder in the file; nothing was imported.",
                kind="bad-import",
            ) from failure

    def _continue(self, conversation_id: str, is_unchanged: bool, conversation: TransferConversation) -> None:
        n_added = 0 if is_unchanged else self.target.merge(conversation_id, conversation)
        if n_added:
            self.n_continued += 1
            self.n_messages += n_added
            self.ids.append(conversation_id)
        else:
            self.n_known += 1


def _conversations(path: Path, stop: Stop, on_progress: OnProgress) -> Iterator[tuple[Place, Field | Error]]:
    """The object of each conversation, not yet looked into, or why it cannot be parsed."""
    number = 0
    for piece in read_pieces(path, stop=stop, on_progress=on_progress):
        found: list[Field] | list[Error]
        try:
            found = _unwrapped(piece.parse())
        except Error as failure:
            found = [failure]
        for one in found:
            number += 1
            piece.place.number = number
            piece.place.title = piece.place.message_id = ""
            yield piece.place, one


def _unwrapped(field: Field) -> list[Field]:
    """Some ChatGPT exports are one object around the list."""
    inside = field.value.get("conversations")
    if (
        isinstance(inside, list)
        and inside
        and isinstance(inside[0], dict)
        and ("mapping" in inside[0] or "chat" in inside[0])
    ):
        return field.need("conversations").elements()
    return [field]


def _read(field: Field) -> tuple[str, TransferConversation]:
    """(name of the format, the conversation), checked. Raises `Error(kind="bad-import")` with the place."""
    value = field.value
    if not isinstance(value, dict):
        raise field.expected("an object")
    title = value.get("title")
    field.place.title = title[:200] if isinstance(title, str) else ""
    for name, recognises, read in _FORMATS:
        if not recognises(value):
            continue
        try:
            conversation = checked(read(field))
            sha256 = digest(conversation)
            return name, replace(conversation, sha256=sha256, source_id=conversation.source_id or f"sha256:{sha256}")
        except TreeFault as fault:
            field.place.message_id = fault.message_id
            raise field.place.wrong(fault.what) from fault
    members = ", ".join(quote(key) for key in list(value)[:6]) or "no members"
    raise Error(
        f"{field.place}: not a conversation that Rushlight can read; expected an export of ChatGPT (mapping), "
        f"Open WebUI (chat), ShareGPT (conversations, messages) or Rushlight (format), found {members}.",
        hint="Choose another file, or leave unreadable conversations out (--skip-broken).",
        kind="bad-import",
    )


def _ignore(progress: Progress) -> None:
    """Nobody listens."""
