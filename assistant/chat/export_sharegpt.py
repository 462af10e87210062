"""A conversation as ShareGPT lines: what training programs read.

One line for the path that is shown, or one for every branch. Reasoning is a field of its own in the turn; the texts of
attached files stand before what was asked about them. Knows neither files nor the store.
"""

import json
from collections.abc import Iterator

from rushlight.assistant.chat.conversation import Role
from rushlight.assistant.chat.transfer import TransferConversation, TransferMessage, path_to
from rushlight.assistant.chat.transfer_markup import fenced

_NAMES: dict[Role, str] = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def sharegpt_lines(conversation: TransferConversation, *, all_branches: bool = False) -> Iterator[str]:
    """JSON without line ends. Replies that failed, or stopped before their first word, teach nothing and end a line."""
    heads = [message.id for message in conversation.leaves] if all_branches else [conversation.head_id]
    written: set[tuple[str, ...]] = set()
    for number, head_id in enumerate(heads, start=1):
        line = _worth_learning(path_to(conversation.messages, head_id))
        key = tuple(message.id for message in line)
        if not line or key in written:  # two branches may differ in a failed reply only
            continue
        written.add(key)
        turns = [_turn(message) for message in line]
        if conversation.system:
            turns.insert(0, {"from": "system", "value": conversation.system})
        line_id = f"{conversation.source_id}#{number}" if len(heads) > 1 else conversation.source_id
        yield json.dumps({"id": line_id, "title": conversation.title, "conversations": turns}, ensure_ascii=False)


def _worth_learning(path: tuple[TransferMessage, ...]) -> tuple[TransferMessage, ...]:
    for number, message in enumerate(path):
        if message.role == "assistant" and (message.state == "failed" or not message.content):
            return path[:number]
    return path


def _turn(message: TransferMessage) -> dict[str, str]:
    texts = [f"{attachment.name}:\n{fenced(attachment.text)}" for attachment in message.attachments]
    turn = {"from": _NAMES[message.role], "value": "\n\n".join([*texts, message.content])}
    if message.reasoning:
        turn["reasoning"] = message.reasoning
    return turn
