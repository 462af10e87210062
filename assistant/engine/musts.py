"""Words that an answer must hold: each of some groups, of whose words one is enough.

A grammar says what may be written, and nothing of what may not be left out; so whoever asks can name that beside it,
and the answer does not end before. Knows texts only.
"""

import re
from collections.abc import Sequence
from functools import lru_cache


def lacking(must: Sequence[tuple[str, ...]], said: str) -> tuple[tuple[str, ...], ...]:
    """The groups of which no word stands in `said`: as a whole word, in letters of any case."""
    return tuple(words for words in must if _any_of(words).search(said) is None)


@lru_cache(maxsize=256)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first), re.IGNORECASE)
