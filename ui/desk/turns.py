"""A stored conversation as a page shows it: its path as turns, and how one path becomes another.

Knows the store's conversations and feedback; knows no thread and no widget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushlight.ui.desk.chat_adapters import AdapterRow, row_of
from rushlight.ui.desk.turn import Statistics, Thumb, Turn

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation, Message, NewAttachment
    from rushlight.assistant.chat.feedback import Feedback
    from rushlight.assistant.events import Usage


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation as it is stored now, and what would answer in it."""

    conversation: "Conversation"
    turns: tuple[Turn, ...]
    draft: str
    attachments: "tuple[NewAttachment, ...]"  # that wait beside it
    chosen: "Chosen"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model that answers, and how much it would hold; `model` "" with a `problem`: none can."""

    model: str = ""
    label: str = ""
    n_context: int = 0
    problem: str = ""
    hint: str = ""
    problem_kind: str = ""
    adapter: str = ""  # the one that is live in this chat
    adapter_percent: int = 100
    adapters: "tuple[AdapterRow, ...]" = ()  # all that may answer with it


def read_turns(app: "App", conversation_id: str) -> tuple[Turn, ...]:
    """The path that the conversation shows."""
    conversations = app.conversations
    with_versions = conversations.versions(conversation_id)
    judged: dict[str, list[Feedback]] = {}
    for one in app.feedback.of_conversation(conversation_id):
        judged.setdefault(one.message_id, []).append(one)
    return tuple(
        turn_from(message, with_versions.get(message.id, (1, 1)), judged.get(message.id, ()))
        for message in conversations.path(conversation_id)
    )


def read_opened(app: "App", conversation_id: str) -> Opened:
    """All that a page needs to show it."""
    conversation = app.conversations.get(conversation_id)
    return Opened(
        conversation,
        read_turns(app, conversation_id),
        app.conversations.draft(conversation_id),
        app.conversations.draft_attachments(conversation_id),
        read_chosen(app, conversation.model, conversation.options),
    )


def read_chosen(app: "App", model: str, options: "dict[str, str]") -> Chosen:
    """Which model answers under these wishes. What cannot be is said, not raised: the page shows it."""
    from rushlight import Error
    from rushlight.assistant.ask_options import parse_options

    try:
        found, asked = app.model(model), parse_options(options.items())
        n_context = app.load_settings(found, asked).n_ctx
        live = app.chat_adapter(found, asked.adapter or "") if asked.strength else None
        adapters = tuple(map(row_of, app.chat_adapters(found)))
    except Error as err:
        return Chosen(problem=err.message, hint=err.hint, problem_kind=err.kind)
    return Chosen(
        found.id,
        label_of(found.id, found.quantization),
        n_context,
        adapter="" if live is None else live.name,
        adapter_percent=round(100 * asked.strength),
        adapters=adapters,
    )


def label_of(model_id: str, quantization: str) -> str:
    """A model on a chip: without its publisher, with its number type once."""
    name = model_id.rsplit("/", 1)[-1].partition("@")[0]
    return f"{name} · {quantization}" if quantization and quantization not in name else name


def turn_from(message: "Message", version: tuple[int, int], feedback: "Sequence[Feedback]") -> Turn:
    """One stored message as it is drawn."""
    thumb: Thumb = ""
    correction: str | None = None
    is_kept = False
    for one in feedback:
        if one.kind == "up" or one.kind == "down":
            thumb = one.kind
        elif one.kind == "correction":
            correction = one.text
        else:
            is_kept = True
    return Turn(
        id=message.id,
        role=message.role,
        text=message.content,
        reasoning=message.reasoning,
        state=message.state,
        finish_reason=message.finish_reason,
        is_being_written=message.is_being_written,
        model=message.model,
        adapter=message.adapter,
        attachments=tuple((one.name, one.size_bytes) for one in message.attachments),
        version=version[0],
        n_versions=version[1],
        thumb=thumb,
        correction=correction,
        is_kept=is_kept,
        statistics=statistics_from(message.usage, message.first_token_s),
        created_at=message.created_at,
    )


def statistics_from(usage: "Usage", first_token_s: float = 0.0) -> Statistics:
    """The figures of a reply as they stand under it."""
    return Statistics(
        usage.tokens_per_second, first_token_s, usage.n_completion_tokens, usage.n_prompt_tokens, usage.n_cached_tokens
    )


def ended_early(turn: Turn) -> bool:
    """Whether it is a reply that one may go on with: stopped, failed, or cut."""
    return (
        turn.role == "assistant"
        and not turn.is_being_written
        and (turn.state != "complete" or turn.finish_reason == "length")
    )


def n_used_of(turns: Sequence[Turn]) -> int | None:
    """What the last answer says that the context holds; None where nothing was answered yet."""
    for turn in reversed(turns):
        if turn.role == "assistant" and turn.statistics.n_prompt_tokens:
            return turn.statistics.n_prompt_tokens + turn.statistics.n_tokens
    return None
