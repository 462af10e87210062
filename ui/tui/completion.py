"""What the composer offers while one types: `/` commands, `@` models and files, and what `#` will be for.

Knows texts and places in them; the lists come from whoever asks. Knows no widget.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rushlight.assistant.paths import with_home

TriggerKind: TypeAlias = Literal["/", "@", "#"]

_COMMAND = re.compile(r"/[A-Za-z-]*")
_WORD = re.compile(r'(?:^|(?<=\s))([@#])("[^"\n]*|[^\s"]*)$')
MAX_SHOWN = 50
_MAX_ENTRIES = 2000


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is being typed: `word` without its sign, from `start` (of the sign) to the cursor."""

    kind: TriggerKind
    word: str
    start: int


def trigger_at(text: str, cursor: int) -> Trigger | None:
    """What stands before the cursor, if it is the beginning of something that can be completed."""
    before = text[:cursor]
    if _COMMAND.fullmatch(before) and not text[cursor:].strip():
        return Trigger("/", before[1:], 0)
    line_start = before.rfind("\n") + 1
    found = _WORD.search(before, line_start)
    if found is None:
        return None
    kind: TriggerKind = "@" if found.group(1) == "@" else "#"
    return Trigger(kind, found.group(2).removeprefix('"'), found.start(1))


def files_for(word: str, folder: Path) -> list[str]:
    """Files and folders that `word` may become, folders with a slash; seen from `folder`. Never fails."""
    head, tail = os.path.split(word)
    where = with_home(head) if head else folder
    if not where.is_absolute():
        where = folder / where
    found = []
    try:
        with os.scandir(where) as entries:
            for number, entry in enumerate(entries):
                if number >= _MAX_ENTRIES:
                    break
                if entry.name.startswith(".") and not tail.startswith("."):
                    continue
                if entry.name.casefold().startswith(tail.casefold()):
                    found.append(os.path.join(head, entry.name) + ("/" if entry.is_dir() else ""))  # noqa: PTH118
    except OSError:
        return []
    return sorted(found, key=lambda one: (not one.endswith("/"), one.casefold()))[:MAX_SHOWN]


def matching(word: str, names: Iterable[str]) -> list[str]:
    """Names that hold `word`, those that begin with it first."""
    wanted = word.casefold()
    there = [one for one in names if wanted in one.casefold()]
    return sorted(there, key=lambda one: not one.casefold().startswith(wanted))[:MAX_SHOWN]
