"""A conversation as Markdown to read: what was said stands in it word for word.

A code fence that a message leaves open is closed after it, so that it cannot swallow what follows. Other versions of a
turn are noted, and written out at the end if asked for. Knows neither files nor the store.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from rushlight.assistant.chat.conversation import Role
from rushlight.assistant.chat.transfer import TransferConversation, TransferFeedback, TransferMessage
from rushlight.assistant.chat.transfer_markup import fenced, open_fence

_NAMES: dict[Role, str] = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}
_MARKUP = re.compile(r"([\\`*_\[\]<>#&|~])")
_STATES = {"partial": "This reply is incomplete.", "stopped": "This reply was stopped.", "failed": "This reply failed."}
_FEEDBACK = {"up": "thumbs up", "down": "thumbs down", "kept": "kept instead of another reply"}


def markdown(conversation: TransferConversation, *, all_branches: bool = False) -> Iterator[str]:
    """The text in pieces."""
    yield f"# {_plain(conversation.title) or 'Untitled conversation'}\n\n"
    for line in _facts(conversation):
        yield f"- {line}\n"
    if conversation.system:
        yield f"\n## System prompt\n\n{_closed(conversation.system)}\n"
    versions = _versions(conversation)
    shown = conversation.path
    for message in shown:
        yield from _turn(
            message,
            versions[message.id],
            "the others stand at the end" if all_branches else "the others are not in this file",
        )
    n_hidden = len(conversation.messages) - len(shown)
    if not n_hidden:
        return
    if not all_branches:
        yield f"\n---\n\n*{n_hidden} messages on other branches are not in this file.*\n"
        return
    yield "\n---\n\n# Other branches\n"
    ids_shown = {message.id for message in shown}
    by_id = {message.id: message for message in conversation.messages}
    previous = None
    for message in conversation.messages:
        if message.id in ids_shown:
            continue
        if message.parent_id is None or message.parent_id != previous:
            yield f"\n*{_branch_point(by_id, message.parent_id)}*\n"
        yield from _turn(message, versions[message.id], "on another branch than the one shown above")
        previous = message.id


def _facts(conversation: TransferConversation) -> Iterator[str]:
    if conversation.created_at is not None:
        yield f"Begun: {_moment(conversation.created_at)}"
    if conversation.updated_at is not None:
        yield f"Last used: {_moment(conversation.updated_at)}"
    if conversation.model:
        yield f"Model: {_plain(conversation.model)}"
    if conversation.folder:
        yield f"Folder: {_plain(conversation.folder)}"
    yield f"Id: {_plain(conversation.source_id)}"


def _versions(conversation: TransferConversation) -> dict[str, tuple[int, int]]:
    """For each message: which version of its turn it is, and of how many."""
    siblings: dict[str | None, list[str]] = {}
    for message in conversation.messages:
        siblings.setdefault(message.parent_id, []).append(message.id)
    return {
        message_id: (number, len(ids)) for ids in siblings.values() for number, message_id in enumerate(ids, start=1)
    }


def _turn(message: TransferMessage, version: tuple[int, int], where: str) -> Iterator[str]:
    words = [_NAMES[message.role]]
    if message.model:
        words.append(_plain(message.model))
    if message.created_at is not None:
        words.append(_moment(message.created_at))
    yield f"\n## {' · '.join(words)}\n\n"
    number, n_versions = version
    if n_versions > 1:
        yield f"*Version {number} of {n_versions}; {where}.*\n\n"
    if message.state != "complete":
        yield f"*{_STATES[message.state]}*\n\n"
    for attachment in message.attachments:
        yield f"**Attachment: {_plain(attachment.name)}**\n\n{fenced(attachment.text)}\n\n"
    if message.reasoning:
        yield f"**Reasoning**\n\n{fenced(message.reasoning)}\n\n"
    yield f"{_closed(message.content)}\n"
    for feedback in message.feedback:
        yield from _feedback(feedback)


def _feedback(feedback: TransferFeedback) -> Iterator[str]:
    if feedback.kind == "correction":
        yield f"\n**Feedback: it should have been**\n\n{fenced(feedback.text)}\n"
    else:
        yield f"\n**Feedback: {_FEEDBACK[feedback.kind]}**\n"
    if feedback.note:
        yield f"\n{fenced(feedback.note)}\n"


def _branch_point(by_id: dict[str, TransferMessage], parent_id: str | None) -> str:
    if parent_id is None:
        return "Another beginning:"
    parent = by_id[parent_id]
    return f"After {_NAMES[parent.role]}: {_plain(_beginning(parent.content))}"


def _beginning(text: str) -> str:
    line = " ".join(text[:400].split())
    return line if len(line) <= 60 else line[:59] + "…"


def _closed(text: str) -> str:
    """`text` and, if it ends inside a code block, the fence that closes it."""
    fence = open_fence(text)
    if not fence:
        return text
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def _plain(text: str) -> str:
    """A text on one line that no Markdown reader takes for markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
