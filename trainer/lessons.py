"""Files of examples to learn from: chats, prompts with their completions, or plain texts, one JSON object a line.

Everything that is wrong with the files is told at once, by file and line; nothing is left out silently.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from rushlight import Error, Stop

Chat: TypeAlias = list[dict[str, Any]]
_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_MOST_TOLD: Final = 10
_MOST_LINE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example: a chat, or a text."""

    chat: Chat | None
    tools: list[Any] | None
    text: str
    share: float  # between 0 and 1 by its content: which side of a split it falls on


def read_lessons(paths: Sequence[Path], stop: Stop | None = None) -> list[Lesson]:
    """All examples of the files, in order. Raises `Error(kind="bad-data")` that lists what is wrong."""
    found: list[Lesson] = []
    problems: list[str] = []
    n_problems = 0
    for path in paths:
        for number, line in _lines(path):
            if stop is not None and number % 1000 == 0:
                stop.check()
            if not line.strip():
                continue
            lesson = _lesson(line)
            if isinstance(lesson, Lesson):
                found.append(lesson)
                continue
            n_problems += 1
            if len(problems) < _MOST_TOLD:
                problems.append(f"{path.name} line {number}: {lesson}")
    if n_problems:
        more = f"; and {n_problems - len(problems):,} more" if n_problems > len(problems) else ""
        raise Error(
            f"Cannot learn from these lines: {'; '.join(problems)}{more}.",
            'Each line is one object: {"messages": [{"role", "content"}, ...]}, {"prompt", "completion"} or {"text"}.',
            kind="bad-data",
        )
    if not found:
        raise Error(
            f"There is nothing to learn from: {', '.join(path.name for path in paths)} hold no example.",
            "Give JSONL files with one example a line.",
            kind="bad-data",
        )
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MOST_LINE_BYTES):
                number += 1
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except OSError as error:
        raise Error(f"Cannot read {path}: {error.strerror}.", "Check data.train and data.validate.",
                    kind="bad-file") from None  # fmt: skip


def _lesson(line: bytes) -> Lesson | str:
    """The example in a line, or what is wrong with it."""
    try:
        said = json.loads(line)
    except UnicodeDecodeError:
        return "it is no UTF-8 text"
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({str(error)[:80]})"
    if not isinstance(said, dict):
        return "it is no object"
    share = int.from_bytes(hashlib.sha256(line.strip()).digest()[:8], "big") / 2**64
    if "messages" in said:
        problem = _chat_problem(said["messages"])
        tools = said.get("tools")
        if problem is None and tools is not None and not isinstance(tools, list):
            problem = "tools must be a list"
        return problem or Lesson(said["messages"], tools or None, "", share)
    if "prompt" in said and "completion" in said:
        prompt, completion = said["prompt"], said["completion"]
        before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        after = [{"role": "assistant", "content": completion}] if isinstance(completion, str) else completion
        if not isinstance(before, list) or not isinstance(after, list):
            return "prompt and completion must be texts or lists of messages"
        return _chat_problem([*before, *after]) or Lesson([*before, *after], None, "", share)
    if "text" in said:
        if not isinstance(said["text"], str) or not said["text"].strip():
            return "text must be a text that is not empty"
        return Lesson(None, None, said["text"], share)
    keys = ", ".join(str(key)[:40] for key in list(said)[:5])
    return f"it has none of messages, prompt and completion, text; it has {keys or 'nothing'}"


def _chat_problem(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return "messages must be a list of messages"
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            return f"message {number} must have a role: {', '.join(_ROLES)}"
        if not isinstance(message.get("content"), str) and not (
            message["role"] == "assistant" and message.get("tool_calls")
        ):
            return f"the content of message {number} must be a text"
    if messages[0]["role"] == "assistant":
        return "a chat must not begin with the assistant"
    if all(message["role"] != "assistant" for message in messages):
        return "no message is the assistant's: there is nothing to learn"
    return None
