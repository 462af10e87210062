"""Databases named in the composer of a chat: `/sql QUESTION`, `@clinic.db QUESTION`. Text in, plain values out.

Only what was open before is a database; every other @ is left to the chat. Knows no widget.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rushlight.ui.desk.sql_values import RecentRow

_MENTION = re.compile(r'(?:^|(?<=\s))@(?:"([^"\n]+)"|(\S+))')
_COMMAND = re.compile(r"/sql\s+(\S.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to databases; without `paths` to those that were open last."""

    question: str
    paths: tuple[str, ...] = ()


def asked_of(written: str, recent: Sequence[RecentRow]) -> Asked | None:
    """The question, where the message is one to a database: it begins with /sql, or names one of `recent`."""
    command = _COMMAND.fullmatch(written.strip())
    rest = command.group(1) if command else written.strip()
    by_title = {one.title.casefold(): one for one in reversed(recent)}
    for match in _MENTION.finditer(rest):
        row = by_title.get((match.group(1) or match.group(2)).casefold())
        if row is not None:
            question = " ".join(f"{rest[: match.start()]} {rest[match.end() :]}".split())
            return Asked(question, row.paths) if question else None
    return Asked(" ".join(rest.split())) if command else None


def mention_of(row: RecentRow) -> str:
    """How it is written behind the @."""
    return f'"{row.title}"' if re.search(r"\s", row.title) else row.title
