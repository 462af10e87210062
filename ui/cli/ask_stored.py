"""`ask -c` and `ask --save`: the question and its answer as a part of a stored conversation.

Knows the app's sessions; knows no options of the command line beyond the values it is given.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rushlight import Error
from rushlight.ui.cli.chat_views import short_id
from rushlight.ui.cli.find_conversation import LAST, find_conversation
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation
    from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoraUse

_MIN_LONE_ID_CHARS = 6


def told_apart(app: "App", continued: str, question: str | None) -> "tuple[str, str | None]":
    """What stands behind -c is an id or, where no other TEXT is, the text: (conversation, TEXT).

    Alone, only (a part of) an id names a conversation: `ask -c "And of Italy?"` goes on with the last one.
    """
    if question is not None or continued == LAST:
        return continued, question
    if len(continued) >= _MIN_LONE_ID_CHARS and continued.isalnum():
        try:
            found = app.conversations.find(continued)
        except Error as err:
            if err.kind != "conversation-not-found":
                raise
        else:
            if found.title != continued:
                return found.id, None
    return LAST, continued


def opened(app: "App", continued: str | None, model: str, system: str | None) -> "Conversation":
    """The conversation to go on with, or a new one. A model or system prompt that is given holds from now on."""
    conversations = app.conversations
    model_id = app.model(model).id if model else ""
    if continued is None:
        return conversations.create(model=model_id, system=system)
    found = find_conversation(conversations, continued)
    if model_id:
        found = conversations.configure(found.id, model=model_id)
    if system is not None:
        found = conversations.configure(found.id, system=system)
    return found


def adjusted(
    *,
    seed: int | None,
    max_tokens: int | None,
    grammar: "Grammar | None",
    stop_strings: Sequence[str],
    logprobs: int,
    lora: "Sequence[LoraUse]",
) -> "Callable[[GenerateRequest], GenerateRequest]":
    """What the options of one `ask` change in a session's request."""

    def adjust(request: "GenerateRequest") -> "GenerateRequest":
        if seed is not None and request.sampling.seed < 0:
            request = replace(request, sampling=replace(request.sampling, seed=seed))
        if max_tokens is not None:
            request = replace(request, max_tokens=max_tokens)
        return replace(request, grammar=grammar, stop=tuple(stop_strings), logprobs=logprobs, lora=tuple(lora))

    return adjust


def kept_line(conversation: "Conversation") -> str:
    """How to go on."""
    return text(
        'Kept as {id}. Go on with: rushlight ask -c {short} "…"', id=conversation.id, short=short_id(conversation.id)
    )
