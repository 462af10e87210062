"""Words inside of text that is written without spaces: Chinese, Japanese, Thai, Lao, Khmer and Burmese.

The index takes a whole run of such letters for one word (`unicode61` of SQLite's FTS5), so that it finds only what the
run begins with, and a Latin word that such letters touch not at all. Both are looked for in the texts themselves, the
newest first, so the time grows with the messages. Knows the tables of conversations; knows no rank.
"""

import re
from collections.abc import Sequence
from typing import Any

from rushlight.assistant.store.database import Store, Value

# Blocks of Unicode: Thai and Lao; Burmese; Khmer; radicals; marks of repetition; kana; ideographs; kana of half width.
_BLOCKS = (
    ("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"), ("\u2e80", "\u2fdf"), ("\u3005", "\u3007"),
    ("\u3040", "\u30ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\uf900", "\ufaff"), ("\uff66", "\uff9f"),
    ("\U00020000", "\U0003ffff"),
)  # fmt: skip
_CLASS = "[" + "".join(f"{first}-{last}" for first, last in _BLOCKS) + "]"
_UNSPACED = re.compile(_CLASS)


def is_unspaced(word: str) -> bool:
    """Whether it holds letters that are written without spaces: the index cannot look for it."""
    return _UNSPACED.search(word) is not None


def holds_unspaced(store: Store) -> bool:
    """Whether words of any message begin with such letters. Asks the index, so it costs next to nothing."""
    store.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.message_words USING fts5vocab ('main', 'message_search', 'row')"
    )
    return any(
        store.rows("SELECT 1 FROM temp.message_words WHERE term BETWEEN ? AND ? LIMIT 1", (first, f"{last}\U0010ffff"))
        for first, last in _BLOCKS
    )


def within(column: str, words: Sequence[str]) -> tuple[str, list[Value]]:
    """A condition on a text: every word is in it, wherever; A is a."""
    condition = " AND ".join([f"instr(lower({column}), ?) > 0"] * len(words))
    return f"({condition})", [_folded(word) for word in words]


def touching(column: str, words: Sequence[str]) -> tuple[str, list[Value]]:
    """The same, and one of the words touches letters that are written without spaces."""
    condition, bindings = within(column, words)
    patterns: list[Value] = []
    for word in words:
        literal = re.sub(r"[\[*?]", r"[\g<0>]", _folded(word))
        patterns += [f"*{_CLASS}{literal}*", f"*{literal}{_CLASS}*"]
    either = " OR ".join([f"lower({column}) GLOB ?"] * len(patterns))
    return f"({condition} AND ({either}))", [*bindings, *patterns]


def messages_with(
    store: Store, condition: tuple[str, Sequence[Value]], where: str, bindings: Sequence[Value], limit: int
) -> list[Sequence[Any]]:
    """The newest messages `m` for which a condition holds: (conversation's number, id, role, created at, text).

    `where` with its bindings is one more condition, on the conversation `c`.
    """
    sql, values = condition
    rows: list[Sequence[Any]] = list(
        store.rows(
            "SELECT c.number, m.id, m.role, m.created_at, m.content FROM messages m "
            "CROSS JOIN conversations c ON c.number = m.conversation "
            f"WHERE m.writer = '' AND {sql} AND c.deleted_at IS NULL{where} ORDER BY m.number DESC LIMIT ?",
            [*values, *bindings, limit],
        )
    )
    return rows


def titles_with(
    store: Store, condition: tuple[str, Sequence[Value]], where: str, bindings: Sequence[Value], limit: int
) -> list[Sequence[Any]]:
    """The newest conversations `c` for whose title a condition holds: (number, title)."""
    sql, values = condition
    rows: list[Sequence[Any]] = list(
        store.rows(
            f"SELECT c.number, c.title FROM conversations c WHERE {sql} AND c.deleted_at IS NULL{where} "
            "ORDER BY c.number DESC LIMIT ?",
            [*values, *bindings, limit],
        )
    )
    return rows


def places(text: str, words: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Where the words stand in the text, from left to right."""
    longest_first = sorted({_folded(word) for word in words}, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(word) for word in longest_first), re.IGNORECASE | re.ASCII)
    return tuple(match.span() for match in pattern.finditer(text))


def _folded(word: str) -> str:
    """As SQLite's `lower`: the letters of ASCII alone."""
    return "".join(char.lower() if char.isascii() else char for char in word)
