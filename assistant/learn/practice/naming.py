"""How a practice database is spelt: every database of people has its own habits, so each draw gets some.

Knows words and the abbreviations that can be read back; no worlds and no rows.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.names import SHORT, plural_of, words_of


@dataclass(frozen=True, slots=True)
class Habits:
    """What one database does throughout."""

    case: str  # snake, camel, upper
    is_short: bool  # words are abbreviated
    is_plural: bool  # tables are called by several
    key: str  # id, own (patient_id), number (patient_no)
    is_prefixed: bool  # a name is patient_name
    money: str  # what amounts end with: "", eur, usd
    is_coded: bool  # groups are letters, which a comment tells
    is_yes_no: bool  # flags are Y and N
    has_comments: bool

    def table(self, words: tuple[str, ...]) -> str:
        head, last = words[:-1], words[-1]
        return self._spelt((*head, plural_of(last) if self.is_plural and not self.is_short else last), is_table=True)

    def column(self, words: tuple[str, ...], table: tuple[str, ...]) -> str:
        own = self.is_prefixed and len(words) == 1 and words[0] in ("name", "title", "code", "number", "status", "type")
        return self._spelt((*table, *words) if own else words)

    def key_of(self, table: tuple[str, ...]) -> str:
        if self.key == "id":
            return self._spelt(("id",))
        return self.reference(table)

    def reference(self, role: tuple[str, ...]) -> str:
        """The column that names a row of another table."""
        return self._spelt((*role, "number" if self.key == "number" else "id"), is_key=True)

    def _spelt(self, words: tuple[str, ...], *, is_table: bool = False, is_key: bool = False) -> str:
        parts = [short_of(word) if self.is_short else word for word in words]
        if is_key and not self.is_short and parts[-1] == "number":
            parts[-1] = "no"
        if self.case == "camel":
            return "".join(part[:1].upper() + part[1:] for part in parts)
        joined = "_".join(parts)
        return joined.upper() if self.case == "upper" or (is_table and self.is_short) else joined


def drawn_habits(chance: Chance) -> Habits:
    is_short = chance.coin(0.3)
    return Habits(
        case=chance.weighed((("snake", 5.0), ("camel", 2.0), ("upper", 2.5 if is_short else 0.3))),
        is_short=is_short,
        is_plural=chance.coin(),
        key=chance.weighed((("id", 2.0), ("own", 3.0), ("number", 1.0))),
        is_prefixed=chance.coin(0.35),
        money=chance.weighed((("", 3.0), ("eur", 1.0), ("usd", 0.6))),
        is_coded=chance.coin(0.6 if is_short else 0.15),
        is_yes_no=chance.coin(0.15),
        has_comments=chance.coin(0.7),
    )


@cache
def short_of(word: str) -> str:
    """An abbreviation that is read as this word again; the word where there is none."""
    for short in sorted(_shorter().get(word, ()), key=len):
        if len(short) < len(word) and words_of(short) == [word]:
            return short
    if len(word) <= 4:
        return word
    bones = word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")
    return bones if len(bones) > 1 and words_of(bones) == [word] else word


@cache
def _shorter() -> dict[str, list[str]]:
    found = defaultdict(list)
    for short, word in SHORT.items():
        found[word].append(short)
    return dict(found)
