"""What a face draws of one message: plain values, made from the stored message by `chat_desk`.

Knows no widget and no store.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rushlight.assistant.chat.conversation import Role, State

Thumb: TypeAlias = Literal["", "up", "down"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of a reply; 0 where nothing is known."""

    tokens_per_s: float = 0.0
    first_token_s: float = 0.0
    n_tokens: int = 0
    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the shown path. `version` counts from 1 among its siblings, the other versions of it."""

    id: str
    role: Role
    text: str
    reasoning: str = ""
    state: State = "complete"
    finish_reason: str = ""
    is_being_written: bool = False  # by this face or by another one
    model: str = ""
    adapter: str = ""
    attachments: tuple[tuple[str, int], ...] = ()  # (name, bytes)
    version: int = 1
    n_versions: int = 1
    thumb: Thumb = ""
    correction: str | None = None  # how the user said the reply should have been
    is_kept: bool = False  # chosen over another version
    statistics: Statistics = Statistics()
    created_at: float = 0.0
