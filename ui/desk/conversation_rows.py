"""The rows of a conversation list, made from what the store holds: groups by day, folders, hits, the trash.

Plain values, cleaned of what could disturb a face. Knows no widget and asks the store nothing by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from rushlight.assistant.chat.conversation import Conversation, Folder
from rushlight.assistant.chat.search import Hit
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.words import text

RowKind: TypeAlias = Literal["group", "folder", "conversation"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. A conversation that is pinned and lies in a folder has two; `id` is the same in both."""

    kind: RowKind
    id: str  # of the conversation or folder; of a group: pinned, today, yesterday, week, folders, earlier
    title: str
    depth: int = 0
    count: int = 0  # of a folder: conversations in it and below
    is_open: bool = True  # of a folder
    pinned: bool = False
    snippet: str = ""  # of a hit: the passage that matched
    ranges: tuple[tuple[int, int], ...] = ()  # of a hit: the places in `snippet`, or in `title` without a snippet
    message_id: str | None = None  # of a hit: the message to open the conversation at
    folder_id: str | None = None
    updated_at: float = 0.0  # seconds since 1970


def title_of(conversation: Conversation) -> str:
    """As faces show it."""
    return plain_line(conversation.title).strip() or text("New chat")


def grouped_rows(
    pinned: Sequence[Conversation],
    loose: Sequence[Conversation],
    folders: Sequence[Folder],
    inside: Mapping[str, Sequence[Conversation]],
    counts: Mapping[str, int],
    open_folders: Collection[str],
    now: datetime,
) -> tuple[Row, ...]:
    """The whole list. `loose` are those in no folder, by last use; `inside` those of the open folders."""
    rows: list[Row] = []
    if pinned:
        rows.append(Row("group", "pinned", text("Pinned")))
        rows += [conversation_row(one) for one in pinned]
    by_group: dict[str, list[Conversation]] = {}
    for one in loose:
        if not one.pinned:
            by_group.setdefault(_group_of(one.updated_at, now), []).append(one)
    for group, title in (
        ("today", text("Today")),
        ("yesterday", text("Yesterday")),
        ("week", text("This week")),
        ("folders", text("Folders")),
        ("earlier", text("Earlier")),
    ):
        if group == "folders":
            if folders:
                rows.append(Row("group", group, title))
                rows += _folder_rows(None, 0, folders, inside, counts, open_folders)
        elif group in by_group:
            rows.append(Row("group", group, title))
            rows += [conversation_row(one) for one in by_group[group]]
    return tuple(rows)


def conversation_row(conversation: Conversation, depth: int = 0) -> Row:
    return Row(
        "conversation",
        conversation.id,
        title_of(conversation),
        depth,
        pinned=conversation.pinned,
        folder_id=conversation.folder_id,
        updated_at=conversation.updated_at,
    )


def hit_row(hit: Hit) -> Row:
    """A title that matches has its places in the title, a message its passage as the snippet."""
    row = conversation_row(hit.conversation)
    passage, ranges = cleaned_passage(hit.snippet, hit.ranges)
    is_title = hit.message_id is None
    return Row(
        "conversation",
        row.id,
        passage.strip() or row.title if is_title else row.title,
        pinned=row.pinned,
        snippet="" if is_title else passage,
        ranges=ranges,
        message_id=hit.message_id,
        folder_id=row.folder_id,
        updated_at=row.updated_at,
    )


def cleaned_passage(passage: str, ranges: Sequence[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The passage without anything that a face would obey, and where the places lie in it then."""
    pieces: list[str] = []
    found: list[tuple[int, int]] = []
    position = length = 0
    for start, end in ranges:
        before, match = plain_line(passage[position:start]), plain_line(passage[start:end])
        pieces += [before, match]
        found.append((length + len(before), length + len(before) + len(match)))
        length += len(before) + len(match)
        position = end
    pieces.append(plain_line(passage[position:]))
    return "".join(pieces), tuple(found)


def _folder_rows(
    parent_id: str | None,
    depth: int,
    folders: Sequence[Folder],
    inside: Mapping[str, Sequence[Conversation]],
    counts: Mapping[str, int],
    open_folders: Collection[str],
) -> list[Row]:
    rows: list[Row] = []
    for folder in folders:
        if folder.parent_id != parent_id:
            continue
        is_open = folder.id in open_folders
        below = [one for one in folders if one.path == folder.path or one.path.startswith(folder.path + "/")]
        rows.append(
            Row(
                "folder",
                folder.id,
                plain_line(folder.name),
                depth,
                count=sum(counts.get(one.id, 0) for one in below),
                is_open=is_open,
                folder_id=folder.parent_id,
            )
        )
        if is_open:
            rows += _folder_rows(folder.id, depth + 1, folders, inside, counts, open_folders)
            rows += [conversation_row(one, depth + 1) for one in inside.get(folder.id, ())]
    return rows


def _group_of(updated_at: float, now: datetime) -> str:
    """By the days of the user's calendar."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if updated_at >= midnight.timestamp():
        return "today"
    if updated_at >= (midnight - timedelta(days=1)).timestamp():
        return "yesterday"
    if updated_at >= (midnight - timedelta(days=6)).timestamp():
        return "week"
    return "earlier"
