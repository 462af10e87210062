"""The list of conversations: groups, folders, search, the trash, and taking things back."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.conversation_list import PAGE, ConversationList, ListState
from rushlight.ui.desk.conversation_rows import cleaned_passage
from rushlight.ui.desk.remembered import Remembered


class View:
    """Writes down what it is shown."""

    def __init__(self) -> None:
        self.states: list[ListState] = []

    def show(self, state: ListState) -> None:
        self.states.append(state)


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def listing(background: Background, view: View) -> Iterator[ConversationList]:
    made = ConversationList(background, view)
    yield made
    made.close()


@pytest.fixture
def loaded(listing: ConversationList, pump: Any) -> Any:
    """loaded() looks again and waits until that is shown."""

    def wait() -> tuple[Any, ...]:
        listing.refresh()
        pump(lambda: not listing.state.is_loading and not listing._is_reading)
        return listing.state.rows

    return wait


def outline(listing: ConversationList) -> list[str]:
    marks = {"group": "# ", "folder": "/ ", "conversation": "- "}
    return ["  " * row.depth + marks[row.kind] + row.title for row in listing.state.rows]


def ago(**time_ago: float) -> float:
    return (datetime.now().replace(hour=12) - timedelta(**time_ago)).timestamp()


def test_groups_by_day_then_folders_then_what_is_older(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any
) -> None:
    conversations = desk_app.conversations
    for title, days in (("month", 31), ("five days", 5), ("yesterday", 1), ("now", 0)):
        conversations.create(title, updated_at=ago(days=days))
    pinned = conversations.create("kept", updated_at=ago(days=300), pinned=True)
    work = conversations.folders.create("Work")
    inner = conversations.folders.create("Inner", work.id)
    conversations.create("filed", folder_id=work.id)
    conversations.create("deep", folder_id=inner.id)
    loaded()
    assert outline(listing) == [
        "# Pinned", "- kept", "# Today", "- now", "# Yesterday", "- yesterday", "# This week", "- five days",
        "# Folders", "/ Work", "# Earlier", "- month",
    ]  # fmt: skip
    folder = next(row for row in listing.state.rows if row.kind == "folder")
    assert folder.count == 2 and not folder.is_open
    listing.toggle_folder(work.id)
    listing.toggle_folder(inner.id)
    pump(lambda: "    - deep" in outline(listing))
    assert outline(listing)[8:13] == ["# Folders", "/ Work", "  / Inner", "    - deep", "  - filed"]
    assert listing.state.folders == ((work.id, "Work"), (inner.id, "Work/Inner"))
    assert listing.state.rows[1].id == pinned.id and listing.state.rows[1].pinned


def test_a_pinned_one_in_a_folder_is_in_both_places(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any
) -> None:
    work = desk_app.conversations.folders.create("Work")
    one = desk_app.conversations.create("kept", folder_id=work.id, pinned=True)
    loaded()
    listing.toggle_folder(work.id)
    pump(lambda: len([row for row in listing.state.rows if row.id == one.id]) == 2)
    assert outline(listing) == ["# Pinned", "- kept", "# Folders", "/ Work", "  - kept"]


def test_it_follows_what_others_write(listing: ConversationList, loaded: Any, desk_app: App, pump: Any) -> None:
    loaded()
    desk_app.conversations.create("from another face")
    pump(lambda: "- from another face" in outline(listing))


def test_pages(listing: ConversationList, loaded: Any, desk_app: App, pump: Any) -> None:
    with desk_app.conversations.together():
        for number in range(PAGE + 5):
            desk_app.conversations.create(f"chat {number}", updated_at=time.time() - number)
    loaded()
    assert len(listing.state.rows) == 1 + PAGE and listing.state.has_more
    listing.more()
    pump(lambda: len(listing.state.rows) == 1 + PAGE + 5)
    assert not listing.state.has_more
    listing.more()
    assert len(listing.state.rows) == 1 + PAGE + 5


def test_search_shows_titles_and_passages_with_their_places(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any
) -> None:
    title = desk_app.conversations.create("The brass lamp")
    other = desk_app.conversations.create("Something else")
    message = desk_app.conversations.append(other.id, None, "user", "Where is\nthe \x1b[1m lamp \x1b[0m now?")
    loaded()
    listing.search("lamp")
    pump(lambda: listing.state.query == "lamp" and len(listing.state.rows) == 2)
    first, second = listing.state.rows
    assert (first.id, first.message_id, first.snippet) == (title.id, None, "")
    assert [first.title[a:b] for a, b in first.ranges] == ["lamp"]
    assert (second.id, second.message_id) == (other.id, message.id)
    assert [second.snippet[a:b] for a, b in second.ranges] == ["lamp"] and "\x1b" not in second.snippet
    listing.search("")
    pump(lambda: outline(listing)[0] == "# Today")


def test_only_the_last_of_several_searches_is_shown(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any, view: View
) -> None:
    desk_app.conversations.create("lamp")
    desk_app.conversations.create("oil")
    loaded()
    for query in ("l", "la", "lam", "oil"):
        listing.search(query)
    pump(lambda: outline(listing) == ["- oil"])
    assert not any(state.query == "oil" and "lamp" in str(state.rows) for state in view.states[-1:])


def test_nothing_is_shown_twice(loaded: Any, view: View, desk_app: App) -> None:
    desk_app.conversations.create("one")
    loaded()
    loaded()
    loaded()
    assert len(view.states) == len({id(state) for state in view.states}) == 1


def test_delete_undo_trash_restore_purge(listing: ConversationList, loaded: Any, desk_app: App, pump: Any) -> None:
    one = desk_app.conversations.create("one")
    gone: list[str] = []
    listing.on_gone = gone.append
    loaded()
    listing.delete(one.id)
    pump(lambda: not listing.state.rows and listing.state.undo)
    assert listing.state.undo == "“one” is in the trash." and gone == [one.id]
    listing.undo()
    pump(lambda: outline(listing) == ["# Today", "- one"])
    assert not listing.state.undo
    listing.delete(one.id)
    listing.show_trash(True)
    pump(lambda: listing.state.is_trash and outline(listing) == ["- one"])
    listing.restore(one.id)
    pump(lambda: not listing.state.rows)
    listing.show_trash(False)
    pump(lambda: outline(listing) == ["# Today", "- one"])
    listing.delete(one.id)
    listing.show_trash(True)
    pump(lambda: outline(listing) == ["- one"])
    listing.purge(one.id)
    pump(lambda: not listing.state.rows)
    assert desk_app.store.rows("SELECT count(*) FROM conversations") == [(0,)]


def test_the_trash_is_searched_and_emptied(listing: ConversationList, loaded: Any, desk_app: App, pump: Any) -> None:
    for title in ("red lamp", "blue lamp", "oil"):
        desk_app.conversations.delete(desk_app.conversations.create(title).id)
    loaded()
    listing.show_trash(True)
    pump(lambda: len(listing.state.rows) == 3)
    listing.search("LAMP")
    pump(lambda: sorted(outline(listing)) == ["- blue lamp", "- red lamp"])
    listing.empty_trash()
    pump(lambda: not listing.state.rows and listing.state.undo)
    assert listing.state.undo == "3 chats were removed for ever."
    listing.undo()  # nothing: that cannot be taken back
    assert desk_app.conversations.trash() == []


def test_folders_are_made_filled_renamed_and_removed(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any
) -> None:
    one = desk_app.conversations.create("one")
    loaded()
    made: list[str] = []
    listing.create_folder(then=made.append)
    listing.create_folder(then=made.append)
    pump(lambda: len(made) == 2 and outline(listing)[-2:] == ["/ New folder", "/ New folder (2)"])
    listing.rename_folder(made[0], "Work")
    listing.move_folder(made[1], made[0])
    listing.move(one.id, made[0])
    pump(lambda: outline(listing) == ["# Folders", "/ Work", "  / New folder (2)", "  - one"])
    listing.undo()
    pump(lambda: outline(listing)[:2] == ["# Today", "- one"])
    listing.move(one.id, made[0])
    pump(lambda: "  - one" in outline(listing))
    listing.delete_folder(made[0])
    pump(lambda: outline(listing) == ["# Today", "- one", "# Folders", "/ New folder (2)"])
    assert listing.state.undo == "The folder “Work” was removed; its chats stay."
    listing.undo()
    pump(lambda: "/ Work" in outline(listing))
    work = next(row for row in listing.state.rows if row.title == "Work")
    assert work.count == 1 and desk_app.conversations.get(one.id).folder_id == work.id
    assert [one.path for one in desk_app.conversations.folders.list()] == ["Work", "Work/New folder (2)"]


def test_rename_and_pin(listing: ConversationList, loaded: Any, desk_app: App, pump: Any) -> None:
    one = desk_app.conversations.create("one")
    loaded()
    listing.rename(one.id, "   ")
    listing.rename(one.id, "two")
    pump(lambda: "- two" in outline(listing))
    listing.undo()
    pump(lambda: "- one" in outline(listing))
    listing.pin(one.id, True)
    pump(lambda: outline(listing) == ["# Pinned", "- one"])


def test_neighbours_go_round(listing: ConversationList, loaded: Any, desk_app: App) -> None:
    assert listing.neighbour(None, 1) is None
    ids = [desk_app.conversations.create(str(n), updated_at=time.time() - n).id for n in range(3)]
    loaded()
    assert listing.neighbour(ids[0], 1) == ids[1] and listing.neighbour(ids[0], -1) == ids[2]
    assert listing.neighbour(ids[2], 1) == ids[0]
    assert listing.neighbour(None, 1) == ids[0] and listing.neighbour("another", -1) == ids[2]


def test_what_fails_is_told_and_the_list_goes_on(
    listing: ConversationList, loaded: Any, desk_app: App, pump: Any, background: Background, monkeypatch: Any
) -> None:
    errors: list[Any] = []
    monkeypatch.setattr(background, "on_error", errors.append)
    loaded()
    listing.delete("0" * 26)
    listing.rename_folder("0" * 26, "name")
    pump(lambda: len(errors) == 2)
    desk_app.conversations.create("still here")
    pump(lambda: "- still here" in outline(listing))


def test_open_folders_are_remembered(
    background: Background, view: View, desk_app: App, tmp_path: Path, pump: Any
) -> None:
    folder = desk_app.conversations.folders.create("Work")
    path = tmp_path / "window.json"
    first = ConversationList(background, view, Remembered(path))
    first.toggle_folder(folder.id)
    first.close()
    second = ConversationList(background, view, Remembered(path))
    second.refresh()
    pump(lambda: second.state.rows)
    assert second.state.rows[1].is_open
    second.close()


def test_a_closed_list_shows_nothing_more(
    background: Background, view: View, desk_app: App, mailbox: Any, pump: Any
) -> None:
    listing = ConversationList(background, view)
    listing.refresh()
    listing.close()
    done: list[int] = []
    background.read(lambda _app: 1, done.append)
    pump(lambda: done)
    assert view.states == []


@pytest.mark.parametrize(
    ("passage", "ranges", "cleaned"),
    [
        ("", (), ""),
        ("lamp", ((0, 4),), "[lamp]"),
        ("a\nb \x1b[31mred\x1b[0m oil", ((9, 12), (17, 20)), "a b [red] [oil]"),
        ("\u202elamp\x1b]0;owned\x07 oil", ((1, 5),), "[lamp] oil"),
        ("the \x1b[31m lamp", ((6, 12),), "the [31m la]mp"),  # a place that begins inside a sequence shows it
    ],
)
def test_a_passage_keeps_its_places_when_it_is_cleaned(
    passage: str, ranges: tuple[tuple[int, int], ...], cleaned: str
) -> None:
    text, places = cleaned_passage(passage, ranges)
    assert text.isprintable()
    for start, end in reversed(places):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    assert text == cleaned


@pytest.mark.slow
def test_ten_thousand_conversations_are_listed_at_once(loaded: Any, desk_app: App, view: View) -> None:
    with desk_app.conversations.together():
        for number in range(10_000):
            chat = desk_app.conversations.create(f"chat {number}", updated_at=time.time() - number * 600)
            for _ in range(4):
                desk_app.conversations.append(chat.id, None, "user", "hello")
    times_s = []
    for _ in range(5):
        begun_s = time.perf_counter()
        loaded()
        times_s.append(time.perf_counter() - begun_s)
    print([f"{1000 * one:.0f}" for one in times_s])
    assert min(times_s) < 0.1
