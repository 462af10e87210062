"""One record of another program's file as an example: the usual forms, told apart by the names of their fields.

Alpaca              instruction, input?, output, system?
ShareGPT            conversations: [{from, value}], system?
OpenAI              messages: [{role, content}]
prompt, completion  texts or lists of messages; with label: a rating (KTO)
preference          prompt?, chosen, rejected; or input, preferred_output, non_preferred_output (OpenAI)
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rushlight.assistant.learn.example import Draft, Turn

# What a column may be mapped to, and by which names each is known.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "messages": ("messages", "conversations", "conversation", "dialogue"),
    "prompt": ("prompt", "instruction", "question", "query"),
    "input": ("input", "context"),
    "answer": ("completion", "output", "response", "answer", "reply"),
    "chosen": ("chosen", "preferred", "preferred_output"),
    "rejected": ("rejected", "non_preferred_output"),
    "label": ("label", "rating"),
    "system": ("system", "system_prompt"),
}
FIELDS: Final = tuple(_NAMES)
_ROLES: Final = {
    "system": "system", "developer": "system", "human": "user", "user": "user", "prompter": "user", "gpt": "assistant",
    "assistant": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant", "bing": "assistant",
}  # fmt: skip
_LABELS: Final = {"true": True, "1": True, "good": True, "up": True, "yes": True, "false": False, "0": False,
                  "bad": False, "down": False, "no": False}  # fmt: skip


class WrongRecord(Exception):
    """What is wrong with a record, as the end of "line 3: ..."."""


def draft_of(record: object, columns: Mapping[str, str]) -> Draft:
    """The example in a record; `columns` names the record's fields where they are called otherwise."""
    if not isinstance(record, dict):
        raise WrongRecord("it is no object")
    found = {field: _taken(record, field, columns) for field in FIELDS}
    system = _system(found["system"])
    if found["chosen"] is not None and found["rejected"] is not None:
        return _pair(found, system)
    if found["messages"] is not None:
        prompt, answer = _parted(_turns(found["messages"], "messages"))
        return Draft(prompt=_with_system(prompt, system), answer=answer)
    if found["prompt"] is not None and found["answer"] is not None:
        prompt = _prompt(found["prompt"], found["input"])
        answer = _answer(found["answer"], "the answer")
        if found["label"] is None:
            return Draft(prompt=_with_system(prompt, system), answer=answer)
        good = _LABELS.get(str(found["label"]).strip().lower())
        if good is None:
            raise WrongRecord(f"its label is {str(found['label'])[:20]!r}, and may be true or false")
        return Draft(prompt=_with_system(prompt, system), answer=answer, shape="rating", good=good)
    keys = ", ".join(str(key)[:40] for key in list(record)[:6])
    raise WrongRecord(
        f"it has none of messages, prompt and completion, prompt with chosen and rejected; it has {keys or 'nothing'}"
    )


def fields_of(names: Collection[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Which column is taken for which field, where records have columns of these names; "" in `columns`: for none."""
    found = {field: _name_of(names, field, columns) for field in FIELDS}
    return {field: name for field, name in found.items() if name}


def _taken(record: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> Any:
    name = _name_of(record, field, columns)
    return record.get(name) if name else None


def _name_of(names: Collection[str], field: str, columns: Mapping[str, str]) -> str:
    if field in columns:
        return columns[field]
    mapped = set(columns.values())
    return next((name for name in _NAMES[field] if name in names and name not in mapped), "")


def _pair(found: Mapping[str, Any], system: str) -> Draft:
    """A better and a worse answer; where they are whole chats, what both begin with is the prompt."""
    chosen, rejected = found["chosen"], found["rejected"]
    said = found["prompt"] if found["prompt"] is not None else found["input"]
    if isinstance(said, dict):
        said = said.get("messages")
    if isinstance(chosen, list) and isinstance(rejected, list):
        good, bad = _turns(chosen, "chosen"), _turns(rejected, "rejected")
        if len(good) > 1:
            before, answer = _parted(good)
            other, worse = _parted(bad)
            if before != other:
                raise WrongRecord("chosen and rejected differ before their last message")
            return Draft(prompt=_with_system(before, system), answer=answer, shape="pair", rejected=worse)
    if said is None:
        raise WrongRecord("it has chosen and rejected, but no prompt")
    return Draft(
        prompt=_with_system(_prompt(said, None), system),
        answer=_answer(chosen, "chosen"),
        shape="pair",
        rejected=_answer(rejected, "rejected"),
    )


def _prompt(said: Any, more: Any) -> tuple[Turn, ...]:
    if isinstance(said, list):
        turns = _turns(said, "prompt")
        if not turns or turns[-1].role != "user":
            raise WrongRecord("its prompt does not end with what the user said")
        return turns
    text = _text(said, "the prompt")
    if isinstance(more, str) and more.strip():
        text = f"{text}\n\n{more}"
    return (Turn("user", text),)


def _answer(said: Any, what: str) -> str:
    if isinstance(said, list):
        turns = _turns(said, what)
        if len(turns) != 1 or turns[0].role != "assistant":
            raise WrongRecord(f"{what} must be one message of the assistant")
        return turns[0].content
    if isinstance(said, dict):
        said = said.get("content", said.get("value"))
    return _text(said, what)


def _turns(said: Any, what: str) -> tuple[Turn, ...]:
    if not isinstance(said, Sequence) or isinstance(said, str) or not said:
        raise WrongRecord(f"{what} must be a list of messages")
    turns = []
    for number, one in enumerate(said, 1):
        if not isinstance(one, dict):
            raise WrongRecord(f"message {number} of {what} is no object")
        name = str(one.get("role", one.get("from", "")))
        role = _ROLES.get(name.lower())
        if role is None:
            raise WrongRecord(f"message {number} of {what} has the role {name[:20]!r}, which is not known")
        turns.append(Turn(role, _text(one.get("content", one.get("value")), f"message {number} of {what}")))
    return tuple(turns)


def _parted(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], str]:
    """What comes before the last answer, and that answer; what the user said after it is left out."""
    last = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=0)
    if last == 0 or all(turn.role != "user" for turn in turns[:last]):
        raise WrongRecord("no message of the assistant answers one of the user")
    return turns[:last], turns[last].content


def _system(said: Any) -> str:
    return said if isinstance(said, str) and said.strip() else ""


def _with_system(prompt: tuple[Turn, ...], system: str) -> tuple[Turn, ...]:
    return (Turn("system", system), *prompt) if system and prompt[0].role != "system" else prompt


def _text(said: Any, what: str) -> str:
    if isinstance(said, list):  # OpenAI's parts
        parts = [one.get("text") for one in said if isinstance(one, dict) and one.get("type") == "text"]
        said = "\n".join(part for part in parts if isinstance(part, str)) if len(parts) == len(said) else None
    if not isinstance(said, str) or not said.strip():
        raise WrongRecord(f"{what} must be a text that is not empty")
    return said
