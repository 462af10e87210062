"""A conversation on its way between programs: plain values, checked to be a tree.

Readers of foreign formats make these, writers of exports take them. Knows neither store nor file formats.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from rushlight.assistant.chat.conversation import ROLES, STATES, Role, State
from rushlight.assistant.chat.text_rules import MAX_TEXT_CHARS, one_line, storable

FeedbackKind: TypeAlias = Literal["up", "down", "correction", "kept"]
OWN_SOURCE = "rushlight"  # of what a Rushlight exported
FEEDBACK_KINDS: tuple[FeedbackKind, ...] = ("up", "down", "correction", "kept")


@dataclass(frozen=True, slots=True)
class TransferAttachment:
    """A text file given with a message. What an export only names (images, sounds) is a line in the content."""

    name: str
    text: str
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class TransferFeedback:
    """What the user thought of a reply. `text`: how it should have been; `rejected_id`: the reply given up for it."""

    kind: FeedbackKind
    text: str = ""
    note: str = ""
    rejected_id: str | None = None
    created_at: float | None = None


@dataclass(frozen=True, slots=True)
class TransferUsage:
    """What a reply cost, as in `Message`; 0 where it is unknown."""

    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0
    n_completion_tokens: int = 0
    queue_s: float = 0.0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    first_token_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TransferMessage:
    """One turn. Ids are the source's, unique within their conversation; times are seconds since 1970 or unknown."""

    id: str
    parent_id: str | None
    role: Role
    content: str
    reasoning: str = ""
    created_at: float | None = None
    model: str = ""
    adapter: str = ""
    state: State = "complete"
    finish_reason: str = ""
    usage: TransferUsage = TransferUsage()
    attachments: tuple[TransferAttachment, ...] = ()
    feedback: tuple[TransferFeedback, ...] = ()


@dataclass(frozen=True, slots=True)
class TransferConversation:
    """A tree of messages, parents before children and siblings in their order. `head_id`: the leaf that is shown.

    `source` and `source_id` recognise it when the same export is imported again; `folder` is a path with "/".
    `n_missing_files`: pictures and other files that the export names and does not hold.
    """

    source: str
    source_id: str
    title: str
    messages: tuple[TransferMessage, ...]
    head_id: str | None = None
    created_at: float | None = None
    updated_at: float | None = None
    folder: str = ""
    model: str = ""
    system: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    pinned: bool = False
    n_missing_files: int = 0
    sha256: str = ""  # its `digest` where that was taken already

    @property
    def path(self) -> tuple[TransferMessage, ...]:
        """The line that is shown: root to head."""
        return path_to(self.messages, self.head_id)

    @property
    def leaves(self) -> tuple[TransferMessage, ...]:
        """Messages without children, in order."""
        parents = {message.parent_id for message in self.messages}
        return tuple(message for message in self.messages if message.id not in parents)


class TreeFault(Exception):
    """What is wrong with a tree and at which message; readers turn it into an `Error` that names the place."""

    def __init__(self, message_id: str, what: str) -> None:
        super().__init__(what)
        self.message_id = message_id
        self.what = what


def ordered_ids(parents: dict[str, str | None], children: Mapping[str, Sequence[str]]) -> list[str]:
    """Each line of the tree from its root on, siblings as `children` lists them, then as `parents` does.

    `parents` is the tree; raises `TreeFault` where it is none or where `children` contradicts it.
    """
    below: dict[str, list[str]] = {}
    for node_id, parent in parents.items():
        if parent is not None and parent not in parents:
            raise TreeFault(node_id, f"its parent {quote(parent)} is missing")
    for node_id in parents:
        listed = dict.fromkeys(children.get(node_id, ()))
        if len(listed) < len(children.get(node_id, ())):
            raise TreeFault(node_id, "it lists a child twice")
        for child in listed:
            if child not in parents:
                raise TreeFault(node_id, f"its child {quote(child)} is missing")
            if parents[child] != node_id:
                raise TreeFault(node_id, f"its child {quote(child)} names another parent")
        below[node_id] = list(listed)
    listed_anywhere = {child for listed_here in below.values() for child in listed_here}
    for node_id, parent in parents.items():
        if parent is not None and node_id not in listed_anywhere:
            below[parent].append(node_id)  # it is there, though its parent does not list it
    ordered: list[str] = []
    waiting = [node_id for node_id in reversed(parents) if parents[node_id] is None]
    while waiting:
        node_id = waiting.pop()
        ordered.append(node_id)
        waiting.extend(reversed(below[node_id]))
    if len(ordered) < len(parents):
        reached = set(ordered)
        raise TreeFault(next(node_id for node_id in parents if node_id not in reached), "its parents run in a circle")
    return ordered


def in_tree_order(messages: Sequence[TransferMessage]) -> tuple[TransferMessage, ...]:
    """Each line of the tree from its root on, siblings as given. Raises `TreeFault` when it is no tree."""
    by_id: dict[str, TransferMessage] = {}
    for message in messages:
        if message.id in by_id:
            raise TreeFault(message.id, "two messages have this id")
        by_id[message.id] = message
    order = ordered_ids({message.id: message.parent_id for message in messages}, {})
    return tuple(by_id[message_id] for message_id in order)


def digest(conversation: TransferConversation) -> str:
    """A hash of what was said and where in the tree: the same for the same conversation, whatever its ids."""
    if conversation.sha256:
        return conversation.sha256
    numbers = {message.id: number for number, message in enumerate(conversation.messages)}
    said = hashlib.sha256(json.dumps([conversation.source, conversation.system]).encode())
    for message in conversation.messages:
        parent = -1 if message.parent_id is None else numbers[message.parent_id]
        attached = [(attachment.name, attachment.text) for attachment in message.attachments]
        turn = [parent, message.role, message.content, message.reasoning, attached]
        said.update(json.dumps(turn).encode())
    return said.hexdigest()


def path_to(messages: Sequence[TransferMessage], message_id: str | None) -> tuple[TransferMessage, ...]:
    """Root to the message of this id; empty for None."""
    by_id = {message.id: message for message in messages}
    line: list[TransferMessage] = []
    while message_id is not None:
        message = by_id[message_id]
        line.append(message)
        message_id = message.parent_id
    return tuple(reversed(line))


def checked(conversation: TransferConversation) -> TransferConversation:
    """The same with messages in order, a head that is there, and texts that can be stored. Raises `TreeFault`."""
    messages = in_tree_order(conversation.messages)
    known = {message.id for message in messages}
    for message in messages:
        if message.role not in ROLES:
            raise TreeFault(message.id, f"the role {quote(message.role)} is none of {', '.join(ROLES)}")
        if message.state not in STATES:
            raise TreeFault(message.id, f"the state {quote(message.state)} is none of {', '.join(STATES)}")
        for what, text in _texts(message):
            if len(text) > MAX_TEXT_CHARS:
                raise TreeFault(message.id, f"{what} is {len(text):,} characters long; {MAX_TEXT_CHARS:,} are kept")
        for feedback in message.feedback:
            _check_feedback(message, feedback, known)
    head_id = conversation.head_id
    if head_id is None and messages:
        head_id = messages[-1].id  # the newest line: last child of the last child
    if head_id is not None and head_id not in known:
        raise TreeFault(head_id, "the message that is shown last is not in the conversation")
    return replace(conversation, title=one_line(conversation.title), messages=messages, head_id=head_id)


def _texts(message: TransferMessage) -> list[tuple[str, str]]:
    return [
        ("its content", message.content),
        ("its reasoning", message.reasoning),
        *(("an attachment of it", attachment.text) for attachment in message.attachments),
        *(("feedback on it", feedback.text + feedback.note) for feedback in message.feedback),
    ]


def _check_feedback(message: TransferMessage, feedback: TransferFeedback, known: set[str]) -> None:
    if feedback.kind not in FEEDBACK_KINDS:
        raise TreeFault(message.id, f"the feedback {quote(feedback.kind)} is none of {', '.join(FEEDBACK_KINDS)}")
    if (feedback.kind == "kept") != (feedback.rejected_id is not None):
        raise TreeFault(message.id, 'feedback of the kind "kept", and no other, names the reply that was given up')
    if feedback.rejected_id is not None and feedback.rejected_id not in known:
        raise TreeFault(
            message.id, f"the reply {quote(feedback.rejected_id)} given up for it is not in the conversation"
        )
    if (feedback.kind == "correction") != bool(feedback.text):
        raise TreeFault(message.id, 'feedback of the kind "correction", and no other, has a text')


def quote(text: str, limit: int = 60) -> str:
    """A foreign text inside a sentence: one line, at most `limit` characters, in quotation marks."""
    line = " ".join(storable(text[: 10 * limit]).split())
    return f'"{line}"' if len(line) <= limit else f'"{line[: limit - 1]}…"'
