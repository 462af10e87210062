"""Suites: files of items with a prompt, a scorer's name and what is right. JSON lines, the first of them the head.

    {"suite": "clinic", "scope": "sql:clinic-1a2b3c4d", "answerer": "sql", "databases": ["/data/clinic.db"]}
    {"id": "q1", "cluster": "c7", "prompt": "How many doctors are there?", "scorer": "sql-execution",
     "reference": {"sql": "SELECT count(*) FROM doctor"}}

Items of one cluster ask the same in other words; intervals count them as one. Knows the shape, asks no model.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rushlight import Error

_MOST_BYTES: Final = 64 << 20
_MOST_ITEMS: Final = 100_000
_MOST_PROBLEMS: Final = 20


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of a prompt."""

    role: str
    content: str


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an answer must match: a grammar of the engine's."""

    kind: str  # json_schema, gbnf, lark, regex, json
    text: str = ""


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One task. `prompt` is what the user says, or the whole conversation up to the answer."""

    id: str
    prompt: str | tuple[Turn, ...]
    scorer: str
    reference: Any = None
    cluster: str = ""  # "" = alone
    grammar: Rule | None = None
    max_tokens: int = 200
    choices: tuple[str, ...] = ()  # of a choice by likelihood

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("user", self.prompt),) if isinstance(self.prompt, str) else self.prompt

    @property
    def asked(self) -> str:
        """The last thing that was said before the answer."""
        turns = self.turns
        return turns[-1].content if turns else ""


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Items under a head. What `more` holds is for whoever answers."""

    name: str
    items: tuple[Item, ...]
    sha256: str
    scope: str = ""  # "" = any
    answerer: str = "chat"
    more: dict[str, Any] = {}


def read_suite(path: Path) -> Suite:
    """The suite in a file; an `Error` that lists everything that is wrong with it."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MOST_BYTES else b""
    except OSError as failure:
        raise Error(f"Cannot read {path}: {failure.strerror}.", "Check the path.", kind="bad-file") from None
    if size > _MOST_BYTES:
        raise Error(f"{path.name} has {size >> 20} MiB; a suite has at most {_MOST_BYTES >> 20}.", kind="bad-suite")
    return parse_suite(data, path.name)


def parse_suite(data: bytes, where: str) -> Suite:
    """A suite out of the bytes of its file."""
    problems: list[str] = []
    head: dict[str, Any] = {}
    items: list[Item] = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            if not head:
                head = _head(msgspec.json.decode(line, type=dict[str, Any]))
            else:
                items.append(_checked(msgspec.json.decode(line, type=Item)))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as problem:
            problems.append(f"line {number}: {str(problem)[:160]}")
    if not head:
        problems.append('there is no head, such as {"suite": "name"}')
    elif not items and not problems:
        problems.append("there are no items")
    if len(items) > _MOST_ITEMS:
        problems.append(f"there are {len(items):,} items, at most {_MOST_ITEMS:,} are possible")
    doubled = sorted({one.id for one in items} & _seen_twice(items))
    if doubled:
        problems.append(f"the id {doubled[0][:60]!r} is there twice")
    if problems:
        more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        raise Error(
            f"Cannot use the suite {where}: {'; '.join(problems[:_MOST_PROBLEMS])}{more}.",
            "See docs/learn.md for what a suite is.",
            kind="bad-suite",
        )
    known = {"suite", "scope", "answerer"}
    return Suite(
        name=head["suite"], scope=head.get("scope", ""), answerer=head.get("answerer", "chat"), items=tuple(items),
        more={key: value for key, value in head.items() if key not in known}, sha256=hashlib.sha256(data).hexdigest(),
    )  # fmt: skip


def suite_bytes(name: str, items: Iterable[Item], *, scope: str = "", answerer: str = "chat", **more: Any) -> bytes:
    """A suite as its file."""
    head = {"suite": name, "scope": scope, "answerer": answerer, **more}
    lines = [json.dumps(head, ensure_ascii=False)]
    for one in items:
        said = msgspec.to_builtins(one)
        defaults: dict[str, Any] = {"cluster": "", "grammar": None, "max_tokens": 200, "choices": [], "reference": None}
        kept = {key: value for key, value in said.items() if key not in defaults or value != defaults[key]}
        lines.append(json.dumps(kept, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def clusters(items: Sequence[Item]) -> list[str]:
    """The cluster of each item; one that names none is alone."""
    return [one.cluster or f"\0{one.id}" for one in items]


def _head(said: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(said.get("suite"), str) or not said["suite"].strip():
        raise ValueError('the first line must be the head, such as {"suite": "name"}')
    for key in ("scope", "answerer"):
        if not isinstance(said.get(key, ""), str):
            raise ValueError(f"{key} must be text")
    return said


def _checked(item: Item) -> Item:
    if not item.id or not item.turns or not item.scorer:
        raise ValueError("an item needs an id, a prompt and a scorer")
    if not 1 <= item.max_tokens <= 16_384:
        raise ValueError(f"max_tokens must lie between 1 and 16384, found {item.max_tokens}")
    if item.scorer == "choice" and len(item.choices) < 2:
        raise ValueError("a choice needs at least two choices")
    if item.scorer == "choice":
        right = item.reference if isinstance(item.reference, list | tuple) else [item.reference]
        if not {str(one) for one in right} & set(item.choices):
            raise ValueError("the reference of a choice must be one of its choices, letter by letter")
    return item


def _seen_twice(items: Sequence[Item]) -> set[str]:
    seen: set[str] = set()
    return {one.id for one in items if one.id in seen or seen.add(one.id)}  # type: ignore[func-returns-value]
