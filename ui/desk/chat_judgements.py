"""Thumbs, corrections and choices of versions: each done in the store, and the way to take it back.

Every function is short work for `Background.read`: it does what it says and returns what undoes it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from rushlight.ui.desk.turn import Thumb

if TYPE_CHECKING:
    from rushlight.assistant.app import App

Undo: TypeAlias = "Callable[[App], None]"


def set_thumb(app: "App", message_id: str, thumb: Thumb) -> Undo:
    """Up, down, or none."""
    book = app.feedback
    before: Thumb = ""
    for one in book.of(message_id):
        if one.message_id == message_id and (one.kind == "up" or one.kind == "down"):
            before = one.kind
            if thumb == "":
                book.withdraw(one.id)
    if thumb != "":
        book.thumb(message_id, thumb)

    def undo(app: "App") -> None:
        set_thumb(app, message_id, before)

    return undo


def set_correction(app: "App", message_id: str, better: str | None) -> Undo:
    """How the reply should have been; None takes back what was said."""
    book = app.feedback
    before: str | None = None
    for one in book.of(message_id):
        if one.message_id == message_id and one.kind == "correction":
            before = one.text
            if better is None:
                book.withdraw(one.id)
    if better is not None:
        book.correct(message_id, better)

    def undo(app: "App") -> None:
        set_correction(app, message_id, before)

    return undo


def correct_hidden(app: "App", message_id: str, better: str) -> Undo:
    """The same for a reply that no page shows: what it says is read here. Nothing, or what it says, takes it back."""
    is_same = app.conversations.message(message_id).content == better
    return set_correction(app, message_id, better if better.strip() and not is_same else None)


def keep(app: "App", message_id: str) -> Undo:
    """This version rather than all its siblings."""
    made = [one.id for one in app.feedback.keep(message_id)]

    def undo(app: "App") -> None:
        for feedback_id in made:
            app.feedback.withdraw(feedback_id)

    return undo


def show_version(app: "App", conversation_id: str, message_id: str, step: int) -> "Undo | None":
    """The version before or after this one, with what followed it; None where there is none on that side."""
    conversations = app.conversations
    versions = [one.id for one in conversations.siblings(message_id)]
    wanted = versions.index(message_id) + step
    if not 0 <= wanted < len(versions):
        return None
    before = conversations.get(conversation_id).head_id
    conversations.set_head(conversation_id, conversations.leaf(versions[wanted]).id)

    def undo(app: "App") -> None:
        if before is not None:
            app.conversations.set_head(conversation_id, before)

    return undo
