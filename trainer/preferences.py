"""Lines of preferences: a better and a worse answer to the same prompt, or one answer that is called good or bad.

    pairs (dpo, orpo)   {"prompt", "chosen", "rejected"}, or two chats that begin alike as {"chosen", "rejected"}
    labels (kto)        {"prompt", "completion", "label": true}, {"messages", "label": false}; and pairs, read as two

A prompt is a text or a list of messages, an answer too. Everything that is wrong is told at once, by file and line.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rushlight import Stop
from rushlight.trainer.lessons import Chat, as_messages, chat_problem, keys_of, read_lines, tools_problem, without_nulls

_PAIRS: Final = '{"prompt", "chosen", "rejected"}, or {"chosen", "rejected"} with two chats that begin alike'
_LABELS: Final = '{"prompt", "completion", "label"} or {"messages", "label"} with true or false; or a pair: '


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with its chosen and its rejected answer, or with one answer and what is thought of it."""

    prompt: Chat
    answers: tuple[Chat, ...]
    good: tuple[bool, ...]  # of each answer
    tools: list[Any] | None
    share: float  # between 0 and 1 by its prompt: all answers to one prompt fall on one side of a split


def read_pairs(paths: Sequence[Path], stop: Stop | None = None) -> list[Preference]:
    """All pairs of the files, in order. Raises `Error(kind="bad-data")` that lists what is wrong."""
    return read_lines(paths, _pair, _PAIRS, stop)


def read_labels(paths: Sequence[Path], stop: Stop | None = None) -> list[Preference]:
    """All answers of the files with what is thought of them, in order; a pair is one good and one bad answer."""
    found = read_lines(paths, _label, _LABELS + _PAIRS, stop)
    return [
        Preference(one.prompt, (answer,), (good,), one.tools, one.share)
        for one in found
        for answer, good in zip(one.answers, one.good, strict=True)
    ]


def _pair(said: dict[str, Any], _: float) -> Preference | str:
    if "chosen" not in said or "rejected" not in said:
        if "label" in said:
            return 'it has a label and no pair of answers: for such lines set recipe = "kto"'
        return f"it has no chosen and rejected; it has {keys_of(said)}"
    chosen, rejected = (as_messages(said[name], "assistant") for name in ("chosen", "rejected"))
    if not isinstance(chosen, list) or not isinstance(rejected, list):
        return "chosen and rejected must be texts or lists of messages"
    if _is_whole(chosen) and _is_whole(rejected):  # whole chats, whatever stands in `prompt`
        n_alike = _n_alike(chosen, rejected)
        prompt, chosen, rejected = chosen[:n_alike], chosen[n_alike:], rejected[n_alike:]
        if not prompt:
            return "the chats of chosen and rejected do not begin alike, and there is no prompt"
    else:
        prompt = as_messages(said.get("prompt"), "user")
    return _checked(said, prompt, {"chosen": chosen, "rejected": rejected}, (True, False))


def _label(said: dict[str, Any], share: float) -> Preference | str:
    if "label" not in said:
        if "chosen" in said and "rejected" in said:
            return _pair(said, share)
        return f"it has no label; it has {keys_of(said)}"
    if not isinstance(said["label"], bool):
        return f"label must be true or false, found {str(said['label'])[:40]}"
    if "messages" in said:
        messages = without_nulls(said["messages"])
        problem = chat_problem(messages)
        if problem is not None:
            return problem
        if messages[-1]["role"] != "assistant":
            return "the last message must be the assistant's: the label is about it"
        prompt, answer = messages[:-1], messages[-1:]
    else:
        prompt, answer = as_messages(said.get("prompt"), "user"), as_messages(said.get("completion"), "assistant")
    return _checked(said, prompt, {"completion": answer}, (said["label"],))


def _checked(said: dict[str, Any], prompt: Any, answers: dict[str, Any], good: tuple[bool, ...]) -> Preference | str:
    if not isinstance(prompt, list) or not prompt:
        return "prompt must be a text or a list of messages"
    for name, answer in answers.items():
        if not isinstance(answer, list) or not answer:
            return f"{name} must be a text or a list of messages"
        problem = chat_problem([*prompt, *answer])
        if problem is not None:
            return f"{name}: {problem}"
        if answer[0]["role"] != "assistant" or answer[-1]["role"] != "assistant":
            return f"{name} must begin and end with a message of the assistant"
    problem = tools_problem(said)
    if problem is not None:
        return problem
    digest = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return Preference(prompt, tuple(answers.values()), good, said.get("tools") or None, share)


def _is_whole(chat: Any) -> bool:
    return isinstance(chat[0], dict) and chat[0].get("role") != "assistant" if chat else False


def _n_alike(one: Chat, other: Chat) -> int:
    """How many messages two chats begin with in common; the last of each is an answer in any case."""
    most = min(len(one), len(other)) - 1
    return next((i for i in range(most) if one[i] != other[i]), most)
