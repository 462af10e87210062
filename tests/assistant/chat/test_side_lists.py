"""What a face asks for beside the list itself: counts of folders, titles to match as one types."""

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.search import all_titles


def test_folders_count_what_lies_in_them_and_not_in_the_trash(conversations: Conversations) -> None:
    work = conversations.folders.create("Work")
    inner = conversations.folders.create("Inner", work.id)
    conversations.folders.create("Empty")
    conversations.create("loose")
    for _ in range(2):
        conversations.create("filed", folder_id=work.id)
    conversations.create("deep", folder_id=inner.id)
    conversations.delete(conversations.create("gone", folder_id=work.id).id)
    assert conversations.folders.counts() == {work.id: 2, inner.id: 1}


def test_titles_come_newest_first_without_the_trash(conversations: Conversations) -> None:
    for number, title in enumerate(("old", "middle", "new")):
        conversations.create(title, updated_at=float(number), pinned=title == "old")
    conversations.delete(conversations.create("gone", updated_at=9.0).id)
    assert [title for _, title, _ in all_titles(conversations)] == ["new", "middle", "old"]
    assert [title for _, title, _ in all_titles(conversations, limit=1)] == ["new"]
