"""Conversations out of Open WebUI's export: `chat.history.messages`, a tree by parentId and childrenIds.

Its reasoning stands inside the content as a <details> block and becomes the message's reasoning; texts of attached
files are kept, ratings become feedback. Knows neither files nor the store.
"""

import html
import re
from dataclasses import dataclass
from typing import Any

from rushlight.assistant.chat.conversation import Role, State
from rushlight.assistant.chat.text_rules import MAX_TEXT_CHARS
from rushlight.assistant.chat.transfer import (
    TransferAttachment,
    TransferConversation,
    TransferFeedback,
    TransferMessage,
    TransferUsage,
    ordered_ids,
)
from rushlight.assistant.chat.transfer_field import Field, decoration, text_decoration
from rushlight.assistant.chat.transfer_markup import missing_file

SOURCE = "openwebui"

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_REASONING = re.compile(
    r'<details type="reasoning"[^>]*>\s*(?:<summary>[^<]*</summary>\s*)?(.*?)\s*</details>\s*', re.DOTALL
)


def is_openwebui(value: dict[str, Any]) -> bool:
    """Whether an object is a conversation of this format: the database's row, or the chat inside it alone."""
    chat = value.get("chat", value)
    if not isinstance(chat, dict):
        return "chat" in value
    return "history" in chat or ("chat" in value and "messages" in chat)


def read_openwebui(field: Field) -> TransferConversation:
    """One conversation. Raises `Error` with its place, or `TreeFault`."""
    chat = field.need("chat") if "chat" in field.value else field
    history = chat.get("history")
    if history is not None and history.get("messages") is not None:
        nodes = dict(history.need("messages").members())
        order = _order(nodes)
        head_id = history.identifier("currentId")
        if head_id is not None and head_id not in nodes:
            raise history.need("currentId").wrong("this message is not in the history")
    else:
        listed = chat.need("messages").elements()  # its first versions knew no branches
        order = [(str(number), str(number - 1) if number else None, node) for number, node in enumerate(listed)]
        head_id = None
    n_missing_files = 0
    messages = []
    for message_id, parent_id, node in order:
        field.place.message_id = message_id
        files = _files(node)
        n_missing_files += len(files.missing)
        messages.append(_message(message_id, parent_id, node, files))
    field.place.message_id = ""
    models = decoration(chat, "models")
    system = text_decoration(chat, "params", "system") or text_decoration(chat, "system")
    created_at = field.time("created_at") or chat.time("timestamp")
    return TransferConversation(
        source=SOURCE,
        source_id=field.identifier("id") or chat.identifier("id") or "",
        title=field.text("title") or chat.text("title"),
        messages=tuple(messages),
        head_id=head_id,
        created_at=created_at,
        updated_at=field.time("updated_at"),
        model=models[0] if isinstance(models, list) and models and isinstance(models[0], str) else "",
        system=system or None,
        pinned=decoration(field, "pinned") is True,
        n_missing_files=n_missing_files,
    )


def _order(nodes: dict[str, Field]) -> list[tuple[str, str | None, Field]]:
    """(id, parent, message), parents before children, siblings in the order of childrenIds."""
    parents: dict[str, str | None] = {}
    children: dict[str, list[str]] = {}
    for message_id, node in nodes.items():
        node.place.message_id = message_id
        parents[message_id] = node.identifier("parentId")
        listed = node.get("childrenIds")
        children[message_id] = [child.as_text() for child in listed.elements()] if listed else []
    return [(message_id, parents[message_id], nodes[message_id]) for message_id in ordered_ids(parents, children)]


@dataclass(frozen=True, slots=True)
class _Files:
    attachments: tuple[TransferAttachment, ...]
    missing: tuple[str, ...]


def _message(message_id: str, parent_id: str | None, node: Field, files: _Files) -> TransferMessage:
    name = node.need("role")
    role = _ROLES.get(name.as_text())
    if role is None:
        raise name.expected(f"one of the roles {', '.join(_ROLES)}")
    content, reasoning = _content(node), ""
    if role == "assistant":
        content, reasoning = split_reasoning(content)
    state: State = "complete"
    error = decoration(node, "error")
    if role == "assistant" and error:
        state = "failed"
        content = content or text_decoration(node, "error", "content")
    elif role == "assistant" and decoration(node, "done") is False:
        state = "stopped"
    content = "\n\n".join([*filter(None, [content]), *(missing_file(missing) for missing in files.missing)])
    return TransferMessage(
        message_id,
        parent_id,
        role,
        content,
        reasoning=reasoning,
        created_at=node.time("timestamp"),
        model=text_decoration(node, "model") if role == "assistant" else "",
        state=state,
        usage=_usage(node),
        attachments=files.attachments,
        feedback=_feedback(node),
    )


def _content(node: Field) -> str:
    """A text, or for pictures and text together a list of parts."""
    content = node.get("content")
    if content is None:
        return ""
    if isinstance(content.value, list):
        texts = [part.as_text() if isinstance(part.value, str) else part.text("text") for part in content.elements()]
        return "\n\n".join(filter(None, texts))
    return content.as_text()


def split_reasoning(content: str) -> tuple[str, str]:
    """(content, reasoning): the blocks in which the reasoning is shown folded, taken out and unquoted."""
    if '<details type="reasoning"' not in content:
        return content, ""
    blocks = []
    for block in _REASONING.findall(content):
        lines = html.unescape(block).split("\n")  # newer versions escape the quotation marks too
        blocks.append("\n".join("" if line == ">" else line.removeprefix("> ") for line in lines))
    return _REASONING.sub("", content), "\n\n".join(filter(None, blocks))


def _files(node: Field) -> _Files:
    """Files given with a message: their texts where the export holds them, else the names."""
    files = decoration(node, "files")
    if not isinstance(files, list):
        return _Files((), ())
    attachments, missing = [], []
    for number, value in enumerate(files):
        file = Field(value, node.place, node, number)
        name = text_decoration(file, "name") or text_decoration(file, "file", "filename") or "file"
        text = text_decoration(file, "file", "data", "content") or text_decoration(file, "content")
        if text and len(text) <= MAX_TEXT_CHARS:
            kind = text_decoration(file, "file", "meta", "content_type")
            # The text of a PDF is no PDF.
            kind = kind if kind.startswith("text/") else "text/plain"
            attachments.append(TransferAttachment(name, text, kind))
        else:
            missing.append("image" if text_decoration(file, "type") == "image" and name == "file" else name)
    return _Files(tuple(attachments), tuple(missing))


def _usage(node: Field) -> TransferUsage:
    """Token counts in the words of Ollama and of OpenAI, whichever there are."""
    for key in ("usage", "info"):
        figures = decoration(node, key)
        if isinstance(figures, dict):
            about = Field(figures, node.place, node, key)
            return TransferUsage(
                n_prompt_tokens=_count(about, "prompt_tokens") or _count(about, "prompt_eval_count"),
                n_completion_tokens=_count(about, "completion_tokens") or _count(about, "eval_count"),
                prompt_s=_count(about, "prompt_eval_duration") / 1e9,
                decode_s=_count(about, "eval_duration") / 1e9,
            )
    return TransferUsage()


def _count(about: Field, key: str) -> int:
    value = decoration(about, key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0


def _feedback(node: Field) -> tuple[TransferFeedback, ...]:
    rating = decoration(node, "annotation", "rating")
    if isinstance(rating, bool) or rating not in (1, -1) or decoration(node, "role") != "assistant":
        return ()
    note = text_decoration(node, "annotation", "comment") or text_decoration(node, "annotation", "reason")
    return (TransferFeedback("up" if rating == 1 else "down", note=note),)
