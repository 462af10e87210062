"""The list of conversations at the side: shown, searched, filed, thrown away and brought back.

Asks the store through `Background` and tells the view; follows changes made by other faces. Knows no widget.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rushlight import Error
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.conversation_rows import Row, conversation_row, grouped_rows, hit_row, title_of
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation, Folder
    from rushlight.assistant.jobs.job import Job

__all__ = ["ConversationList", "ConversationListView", "ListState", "Row"]

PAGE = 100
_MAX_PINNED = 200


@dataclass(frozen=True, slots=True)
class ListState:
    """All that the list shows."""

    rows: tuple[Row, ...] = ()
    query: str = ""  # what is searched for; "" = the whole list
    is_trash: bool = False
    has_more: bool = False  # `more` shows further ones
    is_loading: bool = True  # nothing has come yet
    undo: str = ""  # what was done last and can be taken back, as a sentence; "" = nothing
    folders: tuple[tuple[str, str], ...] = ()  # (id, path) of all, for a menu "move to"


class ConversationListView(Protocol):
    """Whatever draws the list."""

    def show(self, state: ListState) -> None: ...


class ConversationList:
    """One per window. Call `refresh` once to begin; it follows the store from then on, until `close`."""

    def __init__(
        self, background: Background, view: ConversationListView, remembered: Remembered | None = None
    ) -> None:
        self.state = ListState()
        self.on_gone: Callable[[str], None] = lambda _id: None  # a conversation was thrown away here
        self.on_job: Callable[[Job], None] = lambda _job: None  # an import was started
        self._background = background
        self._view = view
        self._remembered = remembered
        self._open: set[str] = set(remembered.get("open_folders", [])) if remembered is not None else set()
        self._n_pages = 1
        self._undo: tuple[str, Callable[[App], None]] | None = None
        self._is_reading = self._is_stale = False
        self._is_closed = False
        self._end_watch = background.watch(self._follow)
        self._follows = False

    def close(self) -> None:
        """Follow the store no more."""
        self._is_closed = True
        self._end_watch()

    # --- what is shown ------------------------------------------------------------------------------------------
    def refresh(self) -> None:
        """Look again; while one look goes on, one more follows, however often this is called."""
        self._follows = True
        if self._is_closed:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        query, is_trash, limit, opened = self.state.query, self.state.is_trash, self._n_pages * PAGE, set(self._open)

        def read(app: "App") -> ListState:
            if query.strip():
                return _found(app, query, is_trash, limit)
            return _thrown_away(app, limit) if is_trash else _all(app, limit, opened)

        self._background.read(read, self._show_found, self._failed)

    def search(self, query: str) -> None:
        """Only what matches in a title or a message; "" shows the whole list again."""
        if query != self.state.query:
            self._n_pages = 1
            self._show(replace(self.state, query=query))
            self.refresh()

    def more(self) -> None:
        """A page more at the end."""
        if self.state.has_more:
            self._n_pages += 1
            self.refresh()

    def show_trash(self, is_shown: bool) -> None:
        """The trash instead of the list."""
        if is_shown != self.state.is_trash:
            self._n_pages = 1
            self._show(replace(self.state, is_trash=is_shown, rows=(), query="", has_more=False, is_loading=True))
            self.refresh()

    def toggle_folder(self, folder_id: str) -> None:
        """Open it or close it."""
        self._set_open(folder_id, folder_id not in self._open)
        self.refresh()

    def neighbour(self, conversation_id: str | None, step: int) -> str | None:
        """The conversation shown `step` lines below (or above, where negative), going round; None: there is none."""
        shown = list(dict.fromkeys(row.id for row in self.state.rows if row.kind == "conversation"))
        if not shown:
            return None
        if conversation_id not in shown:
            return shown[0 if step > 0 else -1]
        return shown[(shown.index(conversation_id) + step) % len(shown)]

    # --- what is done -------------------------------------------------------------------------------------------
    def create_folder(
        self, name: str = "", parent: str | None = None, then: Callable[[str], None] = lambda _id: None
    ) -> None:
        """A new folder, by a name that is free; `then` gets its id."""

        def create(app: "App") -> str:
            folders = app.conversations.folders
            wanted = name.strip() or text("New folder")
            taken = {one.name for one in folders.list() if one.parent_id == parent}
            for number in range(1, 10_000):
                free = wanted if number == 1 else f"{wanted} ({number})"
                if free not in taken:
                    return folders.create(free, parent).id
            return folders.create(wanted, parent).id  # which says why it cannot be

        def created(folder_id: str) -> None:
            self._set_open(folder_id, True)
            if parent is not None:
                self._set_open(parent, True)
            self.refresh()
            then(folder_id)

        self._background.read(create, created)

    def rename_folder(self, folder_id: str, name: str) -> None:
        self._do(lambda app: _ignored(app.conversations.folders.rename(folder_id, name)))

    def move_folder(self, folder_id: str, parent: str | None) -> None:
        """Into another folder, or to the top."""
        self._do(lambda app: _ignored(app.conversations.folders.move(folder_id, parent)))

    def delete_folder(self, folder_id: str) -> None:
        """The folder only: what lies in it moves up."""

        def delete(app: "App") -> "_Undo":
            conversations = app.conversations
            with conversations.together():
                folder = conversations.folders.get(folder_id)
                inside = conversations.list(folder_id, limit=1_000_000)
                below = [one for one in conversations.folders.list() if one.parent_id == folder_id]
                conversations.folders.delete(folder_id)
            sentence = text("The folder “{name}” was removed; its chats stay.", name=folder.name)
            return _Undo(sentence, lambda again: _bring_folder_back(again, folder, inside, below))

        self._do(delete)

    def move(self, conversation_id: str, folder_id: str | None) -> None:
        """Into a folder; None: out of any."""

        def move(app: "App") -> "_Undo":
            before = app.conversations.get(conversation_id)
            app.conversations.move(conversation_id, folder_id)
            where = app.conversations.folders.get(folder_id).path if folder_id is not None else text("no folder")
            sentence = text("“{title}” was moved to {folder}.", title=title_of(before), folder=where)
            return _Undo(sentence, lambda again: again.conversations.move(conversation_id, before.folder_id))

        self._do(move)

    def rename(self, conversation_id: str, title: str) -> None:
        """Another title; an empty one changes nothing."""

        def rename(app: "App") -> "_Undo":
            before = app.conversations.get(conversation_id)
            app.conversations.rename(conversation_id, title)
            sentence = text("“{title}” has another name.", title=title_of(before))
            return _Undo(sentence, lambda again: _ignored(again.conversations.rename(conversation_id, before.title)))

        if title.strip():
            self._do(rename)

    def pin(self, conversation_id: str, is_pinned: bool) -> None:
        """To the top of the list, or back."""
        self._do(lambda app: _ignored(app.conversations.configure(conversation_id, pinned=is_pinned)))

    def delete(self, conversation_id: str) -> None:
        """Into the trash; `undo` or `restore` brings it back."""

        def delete(app: "App") -> "_Undo":
            title = title_of(app.conversations.get(conversation_id))
            app.conversations.delete(conversation_id)
            sentence = text("“{title}” is in the trash.", title=title)
            return _Undo(sentence, lambda again: again.conversations.restore(conversation_id))

        self._do(delete, lambda: self.on_gone(conversation_id))

    def restore(self, conversation_id: str) -> None:
        """Out of the trash, back to where it lay."""
        self._do(lambda app: app.conversations.restore(conversation_id))

    def purge(self, conversation_id: str) -> None:
        """Out of the trash for ever. The one thing here that cannot be taken back: a face asks first."""
        self._do(lambda app: app.conversations.purge(conversation_id))

    def empty_trash(self) -> None:
        """All that lies in the trash, for ever. A face asks first."""

        def empty(app: "App") -> "_Undo":
            count = app.conversations.purge_trash()
            return _Undo(plural("{count} chat was removed for ever.", "{count} chats were removed for ever.", count))

        self._do(empty)

    def undo(self) -> None:
        """Take back what `state.undo` names."""
        if self._undo is not None:
            take_back = self._undo[1]
            self.dismiss_undo()
            self._do(take_back)

    def dismiss_undo(self) -> None:
        """Speak no more of it."""
        self._undo = None
        if self.state.undo:
            self._show(replace(self.state, undo=""))

    def import_file(self, path: Path) -> None:
        """A job that takes in the conversations of another program's export."""
        # A task: starting a job may have to start the process that runs it.
        self._background.task(
            lambda app, _stop: app.jobs.start(
                "conversation-import",
                {"path": str(path.absolute())},
                title=text("Import {name}", name=path.name),
            ),
            lambda job: self.on_job(job),
        )

    # --- inside -------------------------------------------------------------------------------------------------
    def _do(self, work: "Callable[[App], _Undo | None]", then: Callable[[], None] = lambda: None) -> None:
        def done(undo: "_Undo | None") -> None:
            if undo is not None:
                self._undo = (undo.sentence, undo.work) if undo.work is not None else None
                self._show(replace(self.state, undo=undo.sentence))
            then()
            self.refresh()

        self._background.read(work, done, self._failed_doing)

    def _failed_doing(self, err: Error) -> None:
        self._background.on_error(err)
        self.refresh()

    def _follow(self) -> None:
        if self._follows:
            self.refresh()

    def _show_found(self, found: ListState) -> None:
        self._is_reading = False
        is_wanted = (found.query, found.is_trash) == (self.state.query, self.state.is_trash)
        if is_wanted:
            self._show(replace(found, undo=self.state.undo, folders=found.folders or self.state.folders))
        if self._is_stale or not is_wanted:
            self._is_stale = False
            self.refresh()

    def _failed(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        self._show(replace(self.state, is_loading=False))
        self._background.on_error(err)

    def _show(self, state: ListState) -> None:
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)

    def _set_open(self, folder_id: str, is_open: bool) -> None:
        (self._open.add if is_open else self._open.discard)(folder_id)
        if self._remembered is not None:
            self._remembered.set("open_folders", sorted(self._open))


@dataclass(frozen=True, slots=True)
class _Undo:
    """What was done, and how to take it back; None: it cannot be."""

    sentence: str
    work: "Callable[[App], None] | None" = None


def _ignored(_value: object) -> None:
    """For methods of the store that answer what is not wanted here."""


def _all(app: "App", limit: int, opened: set[str]) -> ListState:
    conversations = app.conversations
    folders = conversations.folders.list()
    pinned = [one for one in conversations.list(limit=_MAX_PINNED) if one.pinned]
    n_loose_pinned = sum(one.folder_id is None for one in pinned)
    loose = conversations.list("", limit=limit + n_loose_pinned + 1)
    inside = {one.id: conversations.list(one.id, limit=limit + 1) for one in folders if one.id in opened}
    has_more = len(loose) > limit + n_loose_pinned or any(len(members) > limit for members in inside.values())
    return ListState(
        rows=grouped_rows(
            pinned,
            loose[: limit + n_loose_pinned],
            folders,
            {folder: members[:limit] for folder, members in inside.items()},
            conversations.folders.counts() if folders else {},
            opened,
            datetime.now(),
        ),
        has_more=has_more,
        is_loading=False,
        folders=tuple((one.id, one.path) for one in folders),
    )


def _thrown_away(app: "App", limit: int) -> ListState:
    found = app.conversations.trash(limit=limit + 1)
    rows = tuple(conversation_row(one) for one in found[:limit])
    return ListState(rows, is_trash=True, has_more=len(found) > limit, is_loading=False)


def _found(app: "App", query: str, is_trash: bool, limit: int) -> ListState:
    """Hits; in the trash, which the index does not know, titles that hold what was typed."""
    if is_trash:
        wanted = query.strip().casefold()
        there = [one for one in app.conversations.trash(limit=10_000) if wanted in one.title.casefold()]
        rows = tuple(conversation_row(one) for one in there[:limit])
        return ListState(rows, query, True, has_more=len(there) > limit, is_loading=False)
    from rushlight.assistant.chat.search import search

    hits = search(app.conversations, query, limit=limit + 1)
    return ListState(tuple(hit_row(one) for one in hits[:limit]), query, has_more=len(hits) > limit, is_loading=False)


def _bring_folder_back(app: "App", folder: "Folder", inside: "list[Conversation]", below: "list[Folder]") -> None:
    conversations = app.conversations
    with conversations.together():
        new = conversations.folders.create(folder.name, folder.parent_id)
        for child in below:
            conversations.folders.move(child.id, new.id)
        for one in inside:
            if conversations.get(one.id).folder_id == folder.parent_id:  # not filed elsewhere meanwhile
                conversations.move(one.id, new.id)
