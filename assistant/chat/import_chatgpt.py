"""Conversations out of ChatGPT's export: `mapping`, a tree of nodes, some of which hold what nobody said.

Left out of the tree: empty nodes, hidden system messages and memory. Thoughts become the reasoning of the reply they
led to, custom instructions the system prompt. Knows neither files nor the store.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from rushlight.assistant.chat.conversation import Role
from rushlight.assistant.chat.transfer import TransferConversation, TransferMessage, ordered_ids, quote
from rushlight.assistant.chat.transfer_field import Field, decoration, text_decoration
from rushlight.assistant.chat.transfer_markup import fenced, missing_file

SOURCE = "chatgpt"

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "critic": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TEXT_KEYS = ("text", "result", "content")


def is_chatgpt(value: dict[str, Any]) -> bool:
    """Whether an object is a conversation of this format."""
    return "mapping" in value


def read_chatgpt(field: Field) -> TransferConversation:
    """One conversation. Raises `Error` with its place, or `TreeFault`."""
    nodes = {node_id: _Node(node_id, node) for node_id, node in field.need("mapping").members()}
    order = ordered_ids(
        {node.id: node.parent for node in nodes.values()}, {node.id: node.children for node in nodes.values()}
    )
    tree = _Tree()
    for node_id in order:
        field.place.message_id = node_id
        tree.add(nodes[node_id])
    field.place.message_id = ""
    current = field.identifier("current_node")
    if current is not None and current not in nodes:
        raise field.need("current_node").wrong(f"the node {quote(current)} is not in the mapping")
    messages = tree.finished()
    model = field.text("default_model_slug")
    return TransferConversation(
        source=SOURCE,
        source_id=field.identifier("conversation_id") or field.identifier("id") or "",
        title=field.text("title"),
        messages=messages,
        head_id=tree.stands_for(current),
        created_at=field.time("create_time"),
        updated_at=field.time("update_time"),
        model="" if model == "auto" else model,
        system=tree.system,
        pinned=decoration(field, "is_starred") is True,
        n_missing_files=tree.n_missing_files,
    )


class _Node:
    """A node of the mapping: its place in the tree and what is said there."""

    def __init__(self, node_id: str, field: Field) -> None:
        self.id = node_id
        field.place.message_id = node_id
        self.parent = field.identifier("parent")
        children = field.get("children")
        self.children = [child.as_text() for child in children.elements()] if children else []
        self.message = field.get("message")


@dataclass(frozen=True, slots=True)
class _Spot:
    """What a node amounts to for those below: the message that stands for it, and thoughts that led here."""

    message_id: str | None
    thoughts: tuple[str, ...] = ()
    thinker_id: str | None = None  # the last node of these thoughts


class _Tree:
    """The messages that were said, joined over the nodes that are left out."""

    def __init__(self) -> None:
        self.system: str | None = None
        self.n_missing_files = 0
        self._messages: dict[str, TransferMessage] = {}
        self._spots: dict[str, _Spot] = {}
        self._lost_thoughts: dict[str, tuple[_Spot, _Said]] = {}

    def add(self, node: _Node) -> None:
        above = self._spots[node.parent] if node.parent is not None else _Spot(None)
        said = _said(node) if node.message is not None else None
        if said is None or said.kind == "nothing":
            self._spots[node.id] = above
            return
        if said.kind == "instructions":
            self.system = said.text if self.system is None else self.system
            self._spots[node.id] = above
            return
        if said.kind == "thoughts":
            spot = _Spot(above.message_id, (*above.thoughts, said.text), node.id)
            self._spots[node.id] = spot
            # Until an answer follows: a reply that was stopped while it thought has nothing else.
            self._lost_thoughts[node.id] = (spot, said)
            self._answered(above)
            return
        reasoning = ""
        if said.role == "assistant":
            reasoning = "\n\n".join(above.thoughts)
            self._answered(above)
        self.n_missing_files += said.n_missing_files
        self._messages[node.id] = TransferMessage(
            node.id,
            above.message_id,
            said.role,
            said.text,
            reasoning=reasoning,
            created_at=said.created_at,
            model=said.model,
            state=said.state,
        )
        # Thoughts go past what tools say to the answer that ends the turn.
        kept = above if said.role == "tool" else _Spot(None)
        self._spots[node.id] = _Spot(node.id, kept.thoughts, kept.thinker_id)

    def _answered(self, spot: _Spot) -> None:
        if spot.thinker_id is not None:
            self._lost_thoughts.pop(spot.thinker_id, None)

    def finished(self) -> tuple[TransferMessage, ...]:
        """The messages. Thoughts that no answer followed become a reply without content."""
        for node_id, (spot, said) in self._lost_thoughts.items():
            self._messages[node_id] = TransferMessage(
                node_id,
                spot.message_id,
                "assistant",
                "",
                reasoning="\n\n".join(spot.thoughts),
                created_at=said.created_at,
                model=said.model,
                state="stopped",
            )
        return tuple(self._messages.values())

    def stands_for(self, node_id: str | None) -> str | None:
        """The message that is shown where the export shows this node."""
        if node_id is None or node_id in self._messages:
            return node_id
        spot = self._spots[node_id]
        return spot.thinker_id if spot.thinker_id in self._messages else spot.message_id


@dataclass(frozen=True, slots=True)
class _Said:
    kind: Literal["message", "thoughts", "instructions", "nothing"]
    role: Role = "assistant"
    text: str = ""
    created_at: float | None = None
    model: str = ""
    state: Literal["complete", "stopped"] = "complete"
    n_missing_files: int = 0


_NOTHING = _Said("nothing")


def _said(node: _Node) -> _Said:
    message = node.message
    assert message is not None
    name = message.need("author").need("role")
    role = _ROLES.get(name.as_text())
    if role is None:
        raise name.expected(f"one of the roles {', '.join(_ROLES)}")
    content = message.get("content")
    if content is None:
        return _NOTHING
    content_type = content.text("content_type", "text")
    if content_type == "user_editable_context":
        return _instructions(content)
    if content_type == "model_editable_context":
        return _NOTHING  # memory: facts about the user, not said here
    metadata = message.get("metadata")
    hidden = metadata is not None and decoration(metadata, "is_visually_hidden_from_conversation") is True
    created_at = message.time("create_time")
    model = text_decoration(metadata, "model_slug") if metadata else ""
    if content_type in ("thoughts", "reasoning_recap"):
        text = _thoughts(content) if content_type == "thoughts" else ""  # the recap is "Thought for 8 seconds"
        return _Said("thoughts", text=text, created_at=created_at, model=model) if text else _NOTHING
    if role == "system" and metadata is not None and decoration(metadata, "is_user_system_message") is True:
        return _Said("instructions", text=_instructions_of(metadata) or _text(content, content_type).text)
    if hidden or (role in ("system", "tool") and decoration(message, "weight") == 0):
        return _NOTHING
    said = _text(content, content_type)
    files = list(_attached(metadata)) if metadata else []
    text = "\n\n".join([*filter(None, [said.text]), *(missing_file(name) for name in files)])
    if not text.strip():
        return _NOTHING
    recipient = message.text("recipient", "all")
    if role == "assistant" and recipient not in ("all", "") and content_type != "code":
        text = f"`{recipient}`\n\n{text}"
    stopped = (
        message.text("status") in ("in_progress", "error")
        or decoration(message, "metadata", "finish_details", "type") == "interrupted"
    )
    return replace(
        said,
        role=role,
        text=text,
        created_at=created_at,
        model=model,
        state="stopped" if stopped and role == "assistant" else "complete",
        n_missing_files=said.n_missing_files + len(files),
    )


def _instructions(content: Field) -> _Said:
    texts = [content.text("user_profile"), content.text("user_instructions")]
    text = "\n\n".join(part for part in texts if part.strip())
    return _Said("instructions", text=text) if text else _NOTHING


def _instructions_of(metadata: Field) -> str:
    data = decoration(metadata, "user_context_message_data")
    if not isinstance(data, dict):
        return ""
    about = Field(data, metadata.place, metadata, "user_context_message_data")
    texts = [text_decoration(about, "about_user_message"), text_decoration(about, "about_model_message")]
    return "\n\n".join(part for part in texts if part.strip())


def _thoughts(content: Field) -> str:
    thoughts = content.get("thoughts")
    if thoughts is None:
        return ""
    if isinstance(thoughts.value, str):
        return thoughts.as_text()
    texts = []
    for thought in thoughts.elements():
        if isinstance(thought.value, str):
            texts.append(thought.as_text())
            continue
        summary, detail = thought.text("summary"), thought.text("content")
        texts.append("\n\n".join(filter(None, [f"**{summary}**" if summary else "", detail])))
    return "\n\n".join(filter(None, texts))


def _text(content: Field, content_type: str) -> _Said:
    """What a message says. A kind of content that is not known is read by the fields all kinds have."""
    parts = content.get("parts")
    texts: list[str] = []
    n_missing_files = 0
    if parts is not None:
        for part in parts.elements():
            text, is_file = _part(part)
            texts.append(text)
            n_missing_files += is_file
    else:
        texts += [content.text(key) for key in _TEXT_KEYS if isinstance(decoration(content, key), str)][:1]
        if not texts and content.get("text") is not None:
            raise content.need("text").expected("a text")
    text = "\n\n".join(filter(None, texts)) if content_type == "multimodal_text" else "\n".join(texts)
    if content_type == "code" and text:
        language = text_decoration(content, "language")
        text = fenced(text, "" if language == "unknown" else language)
    elif content_type in ("execution_output", "computer_output", "system_error") and text:
        text = fenced(text, "")
    elif content_type == "tether_quote" and text:
        source = " ".join(filter(None, [text_decoration(content, "title"), text_decoration(content, "url")]))
        text = "\n\n".join(filter(None, [source, text]))
    return _Said("message", text=text, n_missing_files=n_missing_files)


def _part(part: Field) -> tuple[str, bool]:
    """(text, whether it stands for a file) of one part of a content."""
    if isinstance(part.value, str):
        return part.as_text(), False
    if part.value is None:
        return "", False
    kind = part.text("content_type")
    if kind in ("audio_transcription", "text"):
        return part.text("text"), False
    if kind == "image_asset_pointer":
        return missing_file(_asset(part), text_decoration(part, "metadata", "dalle", "prompt")), True
    if kind.endswith("asset_pointer"):
        return missing_file(_asset(part)), True
    return part.text("text"), False


def _asset(part: Field) -> str:
    """sediment://file_0000abcd -> file_0000abcd; sound and picture together have theirs a member deeper."""
    pointer = text_decoration(part, "asset_pointer") or text_decoration(part, "audio_asset_pointer", "asset_pointer")
    return pointer.rpartition("//")[2] or "file"


def _attached(metadata: Field) -> Iterator[str]:
    """Names of the files that were given with a message, but for pictures, which have a part of their own."""
    attachments = decoration(metadata, "attachments")
    if not isinstance(attachments, list):
        return
    for number, value in enumerate(attachments):
        attachment = Field(value, metadata.place, metadata, number)
        name = text_decoration(attachment, "name")
        kind = text_decoration(attachment, "mime_type") or text_decoration(attachment, "mimeType")
        if name and not kind.startswith("image/"):
            yield name
