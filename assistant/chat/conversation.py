"""The values of a conversation: itself, its messages, their attachments, and the folders it lies in.

Plain frozen values, as the store gave them. Knows no SQL and no engine.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rushlight.assistant.events import Usage

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
State: TypeAlias = Literal["complete", "partial", "stopped", "failed"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
STATES: tuple[State, ...] = ("complete", "partial", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Folder:
    """A place for conversations, in another folder or at the top (`parent_id` None)."""

    id: str
    name: str
    parent_id: str | None
    path: str  # names from the top, joined by "/"
    created_at: float  # seconds since 1970, as everywhere


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that was given with a message. The text itself is stored once, under its hash."""

    id: str
    name: str  # the file's name, no folder
    media_type: str
    sha256: str  # of the text in UTF-8
    size_bytes: int  # of the text in UTF-8
    text: str


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A text to be stored with a message."""

    name: str
    text: str
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `parent_id` is the turn it answers or follows, None at the root; siblings are its other versions.

    "partial": it is being written now (`is_being_written`), or whoever wrote it died in the middle.
    Figures are 0 where nothing is known, as for what a person wrote or another program's export.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    content: str
    created_at: float
    reasoning: str = ""
    model: str = ""  # id of the model that wrote it
    adapter: str = ""  # id of the adapter it wrote with
    state: State = "complete"
    finish_reason: str = ""  # stop, length, cancelled; for failed: the kind of the error
    is_being_written: bool = False
    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0
    n_completion_tokens: int = 0
    queue_s: float = 0.0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    first_token_s: float = 0.0  # from sending to the first piece, loading included
    attachments: tuple[Attachment, ...] = field(default=())

    @property
    def usage(self) -> Usage:
        """The figures as the engine reported them."""
        return Usage(
            self.n_prompt_tokens,
            self.n_cached_tokens,
            self.n_completion_tokens,
            queue_s=self.queue_s,
            prompt_s=self.prompt_s,
            decode_s=self.decode_s,
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A tree of messages, of which `head_id` is the leaf that is shown: the path from the root to it."""

    id: str
    title: str  # "" until it has one
    folder_id: str | None
    model: str  # "" = the default one
    system: str | None  # None = the setting chat.system_prompt, "" = none
    options: dict[str, str]  # of the sampler and the engine, by the names and values of `ask -o`
    created_at: float
    updated_at: float
    pinned: bool
    head_id: str | None  # None while it has no message
    n_messages: int
    deleted_at: float | None = None  # in the trash since
