"""Files of examples to learn from: chats, prompts with their completions, or plain texts; one JSON object a line, or
the rows of a Parquet, CSV or JSON file.

Everything that is wrong with the files is told at once, by file and line; nothing is left out silently.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from rushlight import Error, Stop
from rushlight.trainer.data.read import read_records

Chat: TypeAlias = list[dict[str, Any]]
T = TypeVar("T")
_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_MOST_TOLD: Final = 10
_TABLES: Final = (".json", ".csv", ".tsv", ".parquet")
_MOST_LINE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example: a chat, or a text."""

    chat: Chat | None
    tools: list[Any] | None
    text: str
    share: float  # between 0 and 1 by its content: which side of a split it falls on
    n_before: int = 0  # answers at its beginning that are read and not learned: those of a prompt


def read_lessons(paths: Sequence[Path], stop: Stop | None = None) -> list[Lesson]:
    """All examples of the files, in order. Raises `Error(kind="bad-data")` that lists what is wrong."""
    forms = '{"messages": [{"role", "content"}, ...]}, {"prompt", "completion"} or {"text"}'
    return read_lines(paths, _lesson, forms, stop)


def read_lines(
    paths: Sequence[Path], parse: Callable[[dict[str, Any], float], T | str], forms: str, stop: Stop | None = None
) -> list[T]:
    """What `parse` makes of each object and of its share of a split; a text is what is wrong with it."""
    found: list[T] = []
    problems: list[str] = []
    n_problems = 0
    for path in paths:
        for number, (place, said, share) in enumerate(_objects(path)):
            if stop is not None and number % 1000 == 0:
                stop.check()
            one = said if isinstance(said, str) else parse(said, share)
            if not isinstance(one, str):
                found.append(one)
                continue
            n_problems += 1
            if len(problems) < _MOST_TOLD:
                problems.append(f"{place}: {one}")
    if n_problems:
        more = f"; and {n_problems - len(problems):,} more" if n_problems > len(problems) else ""
        raise Error(
            f"Cannot learn from these lines: {'; '.join(problems)}{more}.",
            f"Each line or row is one object: {forms}.",
            kind="bad-data",
        )
    if not found:
        raise Error(
            f"There is nothing to learn from: {', '.join(path.name for path in paths)} hold no example.",
            "Give JSONL files with one example a line, or Parquet, CSV or JSON files with one a row.",
            kind="bad-data",
        )
    return found


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any] | str, float]]:
    """(where it stands, the object or what is wrong with it, its share of a split)."""
    if path.suffix.lower() not in _TABLES:
        for number, line in _lines(path):
            if line.strip():
                yield f"{path.name} line {number}", _object(line), _share(line)
        return
    for record, _ in read_records([path]):
        said = {key: value for key, value in record.row.items() if value is not None}  # a column that a row leaves out
        yield record.place, said, _share(json.dumps(said, sort_keys=True, default=str).encode())


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


def _object(line: bytes) -> dict[str, Any] | str:
    """The object in a line, or what is wrong with it."""
    try:
        said = json.loads(line)
    except UnicodeDecodeError:
        return "it is no UTF-8 text"
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({str(error)[:80]})"
    if b"\\u" in line:
        try:
            json.dumps(said, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "it holds half a character (a lone surrogate)"
    return said if isinstance(said, dict) else "it is no object"


def _share(line: bytes) -> float:
    return int.from_bytes(hashlib.sha256(line.strip()).digest()[:8], "big") / 2**64


def _lesson(said: dict[str, Any], share: float) -> Lesson | str:
    """The example in a line, or what is wrong with it."""
    tools = said.get("tools") or None
    if "messages" in said:
        messages = without_nulls(said["messages"])
        problem = chat_problem(messages) or tools_problem(said)
        return problem or Lesson(messages, tools, "", share)
    if "prompt" in said and "completion" in said:
        prompt, completion = said["prompt"], said["completion"]
        before, after = as_messages(prompt, "user"), as_messages(completion, "assistant")
        if not isinstance(before, list) or not isinstance(after, list):
            return "prompt and completion must be texts or lists of messages"
        problem = chat_problem([*before, *after])
        if problem is None and not n_answers(after):
            problem = "completion has no message of the assistant: there is nothing to learn"
        problem = problem or tools_problem(said)
        return problem or Lesson([*before, *after], tools, "", share, n_answers(before))
    if "text" in said:
        if not isinstance(said["text"], str) or not said["text"].strip():
            return "text must be a text that is not empty"
        return Lesson(None, None, said["text"], share)
    return f"it has none of messages, prompt and completion, text; it has {keys_of(said)}"


def keys_of(said: dict[str, Any]) -> str:
    return ", ".join(str(key)[:40] for key in list(said)[:5]) or "nothing"


def as_messages(value: Any, role: str) -> Any:
    """A text as a message of that role; anything else as it is, but for keys of messages that are null."""
    return [{"role": role, "content": value}] if isinstance(value, str) else without_nulls(value)


def without_nulls(messages: Any) -> Any:
    """Messages without keys that are null, but for `content`: templates ask whether a key is there, and tables have
    every key in every message."""
    if not isinstance(messages, list):
        return messages
    return [
        {key: value for key, value in one.items() if value is not None or key == "content"}
        if isinstance(one, dict)
        else one
        for one in messages
    ]


def tools_problem(said: dict[str, Any]) -> str | None:
    """What is wrong with the tools of a line, if anything is."""
    return None if isinstance(said.get("tools"), list | None) else "tools must be a list"


def n_answers(messages: Sequence[dict[str, Any]]) -> int:
    """How many of the messages are the assistant's."""
    return sum(1 for one in messages if one["role"] == "assistant")


def chat_problem(messages: Any) -> str | None:
    """What is wrong with a chat, if anything is."""
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
