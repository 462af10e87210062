"""Search over titles and messages: what was typed becomes a query that cannot fail, hits come with marked snippets.

Words are looked for all together, in any case and with or without accents; the last one counts as a beginning too.
Letters that are written without spaces are found wherever they stand (`chat.search_within`). Knows the search tables
and that common words match most messages: it ranks the newest matches, not all of them.
"""

import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight import Error
from rushlight.assistant.chat.conversation import Conversation
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.message_rows import read_conversations
from rushlight.assistant.chat.search_within import (
    holds_unspaced,
    is_unspaced,
    messages_with,
    places,
    titles_with,
    touching,
    within,
)
from rushlight.assistant.store.database import Value

_CANDIDATES = 120  # matches that are looked at for a page; a page further back looks at more
_MAX_WORDS = 32
_MAX_WORD_CHARS = 100
_FEW_CONVERSATIONS = 500  # a folder of fewer is part of the query, of more is checked match by match
_MIN_PREFIX_CHARS = 2  # one letter begins most messages: it is a word, not a beginning
_SNIPPET_CHARS = 160
_LEAD_CHARS = 40  # shown before the first match
_MONTH_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One match. `ranges` are the (start, end) places in `snippet` that matched; `message_id` None is a title."""

    conversation: Conversation
    message_id: str | None
    role: str
    created_at: float
    snippet: str  # plain text, not sanitized for a terminal
    ranges: tuple[tuple[int, int], ...]
    rank: float  # higher is better


def search(
    conversations: Conversations,
    text: str,
    *,
    folder_id: str | None = None,
    below: bool = True,
    limit: int = 20,
    offset: int = 0,
) -> list[Hit]:
    """The best hits, titles before messages. `folder_id` keeps to a folder, "" to what is in none."""
    words = query_words(text)
    if not words:
        return []
    try:
        conversations.settle()  # what a crash left behind is found too
    except Error:
        pass  # a full disk is no reason not to search
    where, bindings = conversations.in_folder(folder_id, below)
    wanted = offset + limit
    title_hits = _title_hits(conversations, words, where, bindings, wanted)
    hits = title_hits
    if len(title_hits) < wanted:
        hits = title_hits + _message_hits(conversations, words, where, bindings, wanted - len(title_hits))
    return hits[offset:wanted]


def all_titles(conversations: Conversations, limit: int = 20_000) -> list[tuple[str, str, float]]:
    """(id, title, last use) of what is not in the trash, the newest first: for a face that matches as one types."""
    rows: list[Sequence[Any]] = list(
        conversations.store.rows(
            "SELECT id, title, updated_at FROM conversations WHERE deleted_at IS NULL "
            "ORDER BY updated_at DESC, number DESC LIMIT ?",
            (limit,),
        )
    )
    return [(row[0], row[1], row[2]) for row in rows]


def query_words(text: str) -> list[str]:
    """The words that are looked for. What holds no letter and no digit is not among them."""
    parts = text.replace("\0", " ").encode(errors="replace").decode().split()
    return [part[:_MAX_WORD_CHARS] for part in parts if any(char.isalnum() for char in part)][:_MAX_WORDS]


def match_query(words: Sequence[str], *, prefix: bool) -> str:
    """The words in the index's language, each quoted: nothing that was typed is an operator."""
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return " ".join(quoted) + ("*" if prefix else "")


def _is_prefix(words: Sequence[str]) -> bool:
    return len(words[-1]) >= _MIN_PREFIX_CHARS


def _title_hits(
    conversations: Conversations, words: Sequence[str], where: str, bindings: Sequence[Value], limit: int
) -> list[Hit]:
    n_candidates = max(_CANDIDATES, limit)
    rows: dict[int, tuple[str, tuple[tuple[int, int], ...]]] = {}
    is_inside = any(is_unspaced(word) for word in words)
    if not is_inside:
        rows = _titles_in_index(conversations, words, where, bindings, n_candidates)
    if is_inside or (len(rows) < limit and holds_unspaced(conversations.store)):
        condition = within("c.title", words) if is_inside else touching("c.title", words)
        for number, title in titles_with(conversations.store, condition, where, bindings, n_candidates):
            rows.setdefault(number, (title, places(title, words)))
    now = time.time()
    found = _conversations(conversations, list(rows))
    hits = []
    for number, (title, ranges) in rows.items():
        conversation = found[number]
        rank = _rank(title, ranges, len(words), now - conversation.updated_at)
        hits.append(Hit(conversation, None, "", conversation.created_at, *_cut(title, ranges), rank))
    return _best(hits)[:limit]


def _titles_in_index(
    conversations: Conversations, words: Sequence[str], where: str, bindings: Sequence[Value], limit: int
) -> dict[int, tuple[str, tuple[tuple[int, int], ...]]]:
    """Of the newest, by their number: the title, and where it matched."""
    mark = _new_mark()
    rows: list[Sequence[Any]] = list(
        conversations.store.rows(
            "SELECT c.number, highlight(title_search, 0, ?, ?) FROM title_search s "
            f"CROSS JOIN conversations c ON c.number = s.rowid WHERE title_search MATCH ? AND "
            f"c.deleted_at IS NULL{where} "
            "ORDER BY s.rowid DESC LIMIT ?",
            [mark, mark, match_query(words, prefix=_is_prefix(words)), *bindings, limit],
        )
    )
    return {number: _unmarked(marked, mark) for number, marked in rows}


def _message_hits(
    conversations: Conversations, words: Sequence[str], where: str, bindings: Sequence[Value], limit: int
) -> list[Hit]:
    """Whole words first; only when these are too few, the last one as a beginning, which costs more, and then what
    letters without spaces touch."""
    n_candidates = max(_CANDIDATES, limit)
    exact: set[str] = set()
    if any(is_unspaced(word) for word in words):
        rows = _read_through(conversations, words, within("m.content", words), where, bindings, n_candidates)
    else:
        rows = _candidates(conversations, words, False, where, bindings, n_candidates)
        exact = {row[1] for row in rows}
        if len(rows) < n_candidates and _is_prefix(words):
            rows = _candidates(conversations, words, True, where, bindings, n_candidates)
        if len(rows) < limit and holds_unspaced(conversations.store):
            more = _read_through(conversations, words, touching("m.content", words), where, bindings, n_candidates)
            known = {row[1] for row in rows}
            rows += [row for row in more if row[1] not in known]
    now = time.time()
    scored = []
    for number, message_id, role, created_at, text, ranges in rows:
        rank = _rank(text, ranges, len(words), now - created_at) + (message_id in exact)
        scored.append((rank, created_at, number, message_id, role, *_cut(text, ranges)))
    scored.sort(key=lambda hit: (hit[0], hit[1]), reverse=True)
    del scored[limit:]
    found = _conversations(conversations, [hit[2] for hit in scored])
    return [
        Hit(found[number], message_id, role, created_at, snippet, ranges, rank)
        for rank, created_at, number, message_id, role, snippet, ranges in scored
    ]


def _candidates(
    conversations: Conversations, words: Sequence[str], prefix: bool, where: str, bindings: Sequence[Value], limit: int
) -> list[Sequence[Any]]:
    """The newest matches: (number of the conversation, message id, role, created at, text, where it matched)."""
    mark = _new_mark()
    query = "{content} : (" + match_query(words, prefix=prefix) + ")"
    if where:
        picked = [
            str(row[0])
            for row in conversations.store.rows(
                f"SELECT c.number FROM conversations c WHERE c.deleted_at IS NULL{where} LIMIT ?",
                [*bindings, _FEW_CONVERSATIONS + 1],
            )
        ]
        if not picked:
            return []
        if len(picked) <= _FEW_CONVERSATIONS:
            query += " AND {conversation} : (" + " OR ".join(f'"{number}"' for number in picked) + ")"
            where, bindings = "", ()
    rows: list[Sequence[Any]] = list(
        conversations.store.rows(
            "SELECT c.number, m.id, m.role, m.created_at, highlight(message_search, 0, ?, ?) FROM message_search s "
            "CROSS JOIN messages m ON m.number = s.rowid CROSS JOIN conversations c ON c.number = m.conversation "
            f"WHERE message_search MATCH ? AND c.deleted_at IS NULL{where} ORDER BY s.rowid DESC LIMIT ?",
            [mark, mark, query, *bindings, limit],
        )
    )
    return [(*row[:4], *_unmarked(row[4], mark)) for row in rows]


def _read_through(
    conversations: Conversations,
    words: Sequence[str],
    condition: tuple[str, Sequence[Value]],
    where: str,
    bindings: Sequence[Value],
    limit: int,
) -> list[Sequence[Any]]:
    """The same without the index."""
    rows = messages_with(conversations.store, condition, where, bindings, limit)
    return [(*row, places(row[4], words)) for row in rows]


def _conversations(conversations: Conversations, numbers: Sequence[int]) -> dict[int, Conversation]:
    """Conversations by their numbers."""
    wanted = sorted(set(numbers))
    found = read_conversations(
        conversations.store,
        "WHERE c.number IN (SELECT value FROM json_each(?)) ORDER BY c.number",
        (json.dumps(wanted),),
    )
    return dict(zip(wanted, found, strict=True))


def _new_mark() -> str:
    """What stands around matches: random, so that no stored text can pretend to it."""
    return f"\x01{os.urandom(8).hex()}\x02"


def _unmarked(marked: str, mark: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text and the places between marks."""
    parts = marked.split(mark)
    ranges, position = [], 0
    for index, part in enumerate(parts):
        if index % 2:
            ranges.append((position, position + len(part)))
        position += len(part)
    return "".join(parts), tuple(ranges)


def _cut(text: str, ranges: Sequence[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """About one line of the text around its first match, without line breaks, and the places in it."""
    first = ranges[0][0] if ranges else 0
    start = max(0, min(first - _LEAD_CHARS, len(text) - _SNIPPET_CHARS))
    if start:
        blank = text.find(" ", start, first)
        start = blank + 1 if blank >= 0 else start
    end = min(len(text), start + _SNIPPET_CHARS)
    lead = "…" if start else ""
    snippet = lead + "".join(" " if char in "\n\r\t" else char for char in text[start:end])
    snippet += "…" if end < len(text) else ""
    shift = len(lead) - start
    return snippet, tuple((max(a, start) + shift, min(b, end) + shift) for a, b in ranges if b > start and a < end)


def _rank(text: str, ranges: Sequence[tuple[int, int]], n_words: int, age_s: float) -> float:
    """Between 0 and 3: how much of the text matches, whether the words stand together, how new it is."""
    matched = sum(b - a for a, b in ranges)
    share = matched / (matched + 200.0 + 0.2 * len(text))  # grows with every match, saturates
    together = any(b - a > 0 and " " in text[a:b] for a, b in ranges)
    if n_words > 1 and not together:
        gaps = [right[0] - left[1] for left, right in itertools.pairwise(ranges)]
        together = sum(gap <= 2 for gap in gaps) >= n_words - 1
    return share + (1.0 if together and n_words > 1 else 0.0) + 1.0 / (1.0 + max(0.0, age_s) / _MONTH_S)


def _best(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (hit.rank, hit.created_at), reverse=True)
