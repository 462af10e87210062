"""How fast each model has answered here: tokens a second, from the figures stored with its newest replies.

Knows the table of messages; measures nothing itself.
"""

from collections.abc import Sequence
from typing import Any

from rushlight.assistant.store.database import Store

_NEWEST_MESSAGES = 3000  # looked through; older ones tell of another machine or engine
_REPLIES = 5  # of one model, taken together
_MIN_TOKENS = 8  # a word or two tell nothing


def measured_speeds(store: Store) -> dict[str, float]:
    """Tokens a second by the model's id; models that have not answered lately are left out."""
    rows: list[Sequence[Any]] = list(
        store.rows(
            "SELECT model, n_completion_tokens, decode_s FROM messages "
            "WHERE number > (SELECT ifnull(max(number), 0) FROM messages) - ?1 AND role = 'assistant' "
            "AND n_completion_tokens >= ?2 AND decode_s > 0 AND model <> '' ORDER BY number DESC",
            (_NEWEST_MESSAGES, _MIN_TOKENS),
        )
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for model, n_tokens, decode_s in rows:
        replies = found.setdefault(model, [])
        if len(replies) < _REPLIES:
            replies.append((n_tokens, decode_s))
    return {
        model: sum(n_tokens for n_tokens, _ in replies) / sum(decode_s for _, decode_s in replies)
        for model, replies in found.items()
    }
