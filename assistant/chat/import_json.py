"""Conversations out of Rushlight's own JSON, as `export_json` writes it: nothing of them is lost on the way.

Knows neither files nor the store.
"""

from typing import Any, TypeVar

from rushlight.assistant.chat.conversation import ROLES, STATES
from rushlight.assistant.chat.export_json import FORMAT, VERSION
from rushlight.assistant.chat.transfer import (
    FEEDBACK_KINDS,
    OWN_SOURCE,
    TransferAttachment,
    TransferConversation,
    TransferFeedback,
    TransferMessage,
    TransferUsage,
)
from rushlight.assistant.chat.transfer_field import Field

Word = TypeVar("Word", bound=str)


def is_rushlight(value: dict[str, Any]) -> bool:
    """Whether an object is a conversation of this format, of whatever version."""
    return value.get("format") == FORMAT


def read_rushlight(field: Field) -> TransferConversation:
    """One conversation. Raises `Error` with its place; also for one that a newer Rushlight wrote."""
    version = field.need("version")
    if version.value != VERSION or isinstance(version.value, bool):
        raise version.expected(f"the version {VERSION}, which this Rushlight knows")
    messages = []
    for message in field.need("messages").elements():
        field.place.message_id = message.need("id").as_text()
        messages.append(_message(field.place.message_id, message))
    field.place.message_id = ""
    options = field.get("options")
    return TransferConversation(
        source=OWN_SOURCE,
        source_id=field.text("id"),
        title=field.text("title"),
        messages=tuple(messages),
        head_id=field.identifier("head"),
        created_at=field.time("created_at"),
        updated_at=field.time("updated_at"),
        folder=field.text("folder"),
        model=field.text("model"),
        system=field.text("system") if field.get("system") else None,
        options=tuple((name, value.as_text()) for name, value in options.members()) if options else (),
        pinned=field.flag("pinned"),
    )


def _message(message_id: str, field: Field) -> TransferMessage:
    return TransferMessage(
        message_id,
        field.text("parent") if field.get("parent") else None,
        _word(field.need("role"), ROLES),
        field.text("content"),
        reasoning=field.text("reasoning"),
        created_at=field.time("created_at"),
        model=field.text("model"),
        adapter=field.text("adapter"),
        state=_word(state, STATES) if (state := field.get("state")) else "complete",
        finish_reason=field.text("finish_reason"),
        usage=_usage(field.get("usage")),
        attachments=tuple(
            TransferAttachment(one.text("name"), one.text("text"), one.text("media_type", "text/plain"))
            for one in _list(field, "attachments")
        ),
        feedback=tuple(
            TransferFeedback(
                _word(one.need("kind"), FEEDBACK_KINDS),
                one.text("text"),
                one.text("note"),
                one.text("rejected") if one.get("rejected") else None,
                one.time("created_at"),
            )
            for one in _list(field, "feedback")
        ),
    )


def _usage(field: Field | None) -> TransferUsage:
    if field is None:
        return TransferUsage()
    return TransferUsage(
        field.count("n_prompt_tokens"),
        field.count("n_cached_tokens"),
        field.count("n_completion_tokens"),
        queue_s=field.number("queue_s"),
        prompt_s=field.number("prompt_s"),
        decode_s=field.number("decode_s"),
        first_token_s=field.number("first_token_s"),
    )


def _list(field: Field, key: str) -> list[Field]:
    found = field.get(key)
    return found.elements() if found else []


def _word(field: Field, words: tuple[Word, ...]) -> Word:
    for word in words:
        if field.value == word:
            return word
    raise field.expected(f"one of {', '.join(words)}")
