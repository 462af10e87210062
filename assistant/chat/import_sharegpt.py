"""Conversations out of data sets: ShareGPT's turns of `from` and `value`, OpenAI's of `role` and `content`.

One object a line or a list of them. They know no branches. Knows neither files nor the store.
"""

import json
from typing import Any

from rushlight.assistant.chat.conversation import Role
from rushlight.assistant.chat.text_rules import storable
from rushlight.assistant.chat.transfer import TransferConversation, TransferMessage
from rushlight.assistant.chat.transfer_field import Field, text_decoration
from rushlight.assistant.chat.transfer_markup import fenced, missing_file

SOURCE = "sharegpt"

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "observation": "tool",
}
_LISTS = ("conversations", "conversation", "messages")


def is_sharegpt(value: dict[str, Any]) -> bool:
    """Whether an object is a conversation of this format."""
    return any(key in value for key in _LISTS)


def read_sharegpt(field: Field) -> TransferConversation:
    """One conversation. Raises `Error` with its place."""
    turns = field.need(next(key for key in _LISTS if key in field.value)).elements()
    system = field.text("system") or None
    messages: list[TransferMessage] = []
    n_missing_files = 0
    for number, turn in enumerate(turns):
        role = _role(turn)
        content, n_files = _content(turn)
        n_missing_files += n_files
        if role == "system" and not messages and system is None:
            system = content
            continue
        reasoning = turn.text("reasoning_content") or turn.text("reasoning")
        messages.append(
            TransferMessage(
                f"turn {number + 1}",
                messages[-1].id if messages else None,
                role,
                content,
                reasoning=reasoning if role == "assistant" else "",
                model=text_decoration(turn, "model"),
            )
        )
    return TransferConversation(
        source=SOURCE,
        source_id="",  # ids of data sets are numbers that the next set uses again
        title=text_decoration(field, "title"),
        messages=tuple(messages),
        model=text_decoration(field, "model"),
        system=system,
        n_missing_files=n_missing_files,
    )


def _role(turn: Field) -> Role:
    name = turn.get("from") or turn.get("role")
    if name is None:
        raise turn.wrong('expected a member "from" or "role", found neither')
    role = _ROLES.get(name.as_text().strip().lower())
    if role is None:
        raise name.expected(f"one of the roles {', '.join(_ROLES)}")
    return role


def _content(turn: Field) -> tuple[str, int]:
    """(what was said, how many files it only names)."""
    value = turn.get("value") or turn.get("content") or turn.get("text")
    texts: list[str] = []
    n_files = 0
    if value is not None and isinstance(value.value, list):
        for part in value.elements():
            if isinstance(part.value, str):
                texts.append(part.as_text())
            elif part.get("text") is not None:
                texts.append(part.text("text"))
            else:
                texts.append(missing_file(part.text("type") or "file"))
                n_files += 1
    elif value is not None:
        texts.append(value.as_text())
    for key in ("tool_calls", "function_call"):
        calls = turn.get(key)
        if calls is not None and calls.value:
            texts.append(fenced(storable(json.dumps(calls.value, ensure_ascii=False, indent=1)), "json"))
    if value is None and not texts and not any(key in turn.value for key in ("value", "content", "text")):
        raise turn.wrong('expected a member "value" or "content", found neither')
    return "\n\n".join(filter(None, texts)), n_files
