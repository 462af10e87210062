"""Which conversation a person means: `last`, an id or its beginning or end, a title; from the trash too."""

from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.chat.conversation import Conversation
    from rushlight.assistant.chat.conversations import Conversations

LAST = "last"
_PAGE = 200


def find_conversation(conversations: "Conversations", name: str) -> "Conversation":
    """The conversation of that name, not from the trash. Raises `Error`."""
    if name != LAST:
        return conversations.find(name)
    found = conversations.latest()
    if found is None:
        raise Error(
            text("There is no conversation yet."),
            hint=text("Begin one with: rushlight chat"),
            kind="conversation-not-found",
        )
    return found


def find_in_trash(conversations: "Conversations", name: str) -> "Conversation":
    """The one in the trash of that id, part of an id or title; `last` is the one thrown away last."""
    page = conversations.trash(limit=_PAGE)
    found: list[Conversation] = []
    while page:
        if name == LAST:
            return page[0]
        for one in page:
            if one.id == name:
                return one
            is_part = len(name) >= 4 and (one.id.startswith(name) or one.id.endswith(name))
            if is_part or one.title == name:
                found.append(one)
        page = conversations.trash(limit=_PAGE, before=page[-1])
    if len(found) > 1:
        raise Error(
            text("Several conversations in the trash match {name!r}.", name=name[:60]),
            hint=text("Give the whole id; see: rushlight conversations list --trash --json"),
            kind="conversation-ambiguous",
        )
    if not found:
        raise Error(
            text("There is no conversation {name!r} in the trash.", name=name[:60]),
            hint=text("See: rushlight conversations list --trash"),
            kind="conversation-not-found",
        )
    return found[0]
