"""What the comments of a schema say: the word that a code stands for, other names, what an empty place means.

    status TEXT -- A active, X cancelled           {"A": "active", "X": "cancelled"}
    paid_on TEXT -- day of payment, empty until it is settled      named "day of payment"; filled: "settled"

Read by form, and held against the values that the column has: a word is a code's only where the code is there. Knows no
database; understands English alone.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

_MAX_COMMENT: Final = 400
_MAX_CODES: Final = 40
_MOST_WORDS: Final = 5  # of a name
_SIGN: Final = r"\s*(?:=>|->|→|=|:|\u2013|-(?=\s)|\bis\b|\bfor\b|\bmeans\b|\bstands for\b|\))?\s*"
_MEANT: Final = r"((?:(?!\b(?:or|and)\b)[^\W\d_][\w'’-]*)(?:\s+(?:(?!\b(?:or|and)\b)[\w'’-]+)){0,3})"
_END: Final = r"(?=\s*(?:[,;/|.()]|\bor\b|\band\b|$))"
_NO_MEANING_WORDS: Final = """
 to or and of the a an is in on for from until yes no true false only if where when otherwise else others
"""
_NO_MEANING: Final = frozenset(_NO_MEANING_WORDS.split())
_PARTS: Final = re.compile(r"[;,()]|\.\s|\s[\u2013-]\s")
_EMPTY: Final = re.compile(
    r"^(?:it is |is )?(?:empty|null|nothing|blank|missing|not set|unset|none)"
    r"\s+(until|till|before|while|as long as|when|if|where|without)\s+(.+)$"
)
_ONLY: Final = re.compile(r"^(?:only|set|filled)(?: in)?\s+(?:for|when|if|once|where)\s+(.+)$")
_SUBJECT: Final = re.compile(
    r"^(?:(?:it|they|this|he|she|the [a-z]+|there)\s+)?(?:is|are|was|were|has been|have been|gets)\s+(?:still |yet )?"
)
_UNKNOWN_WORDS: Final = """
 unknown none known told given it nothing nobody recorded there empty missing no not needed applicable any such so
 then never now always yes
"""
_UNKNOWN: Final = frozenset(_UNKNOWN_WORDS.split())
_NO_START_WORDS: Final = """
 or if empty for how is per when where what as by only not with and one either usually mostly see e.g eg i.e millions
 million thousands thousand number in from to at without null optional required unique foreign primary key whole
 references always never can may must should within between among about after before
"""
_NO_START: Final = frozenset(_NO_START_WORDS.split())
_NO_NAME_WORDS: Final = """
 date day time datetime timestamp text integer minutes hours days seconds weeks months years euros euro dollars cents
 percent year yes no true false metres meters kilometres kilometers kilograms grams litres liters iso utc json flag
 boolean code codes number name value values unit units and
"""
_NO_NAME: Final = frozenset(_NO_NAME_WORDS.split())
_UNIT: Final = re.compile(
    r"\s+in\s+(?:whole |millions of |thousands of |square |cubic )?(?:euros?|eur|dollars?|usd|pounds|francs|cents|"
    r"metres|meters|kilomet(?:re|er)s|km|centimet(?:re|er)s|cm|mm|kilograms?|kilos?|kg|grams?|tonnes|tons|lit(?:re|er)s|seconds|"
    r"minutes|hours|days|weeks|months|years|percent|degrees|celsius|kwh?|watts|pieces|points|bytes|mb|gb)"
    r"(?:\s+(?:a|an|per)\s+\w+)?$"
)
_LAST_WORDS: Final = """
 since until from to of in on at for by with the a an and or
"""
_LAST: Final = frozenset(_LAST_WORDS.split())


_HAPPENS: Final = re.compile(
    r"^(?:the )?(?:date|day|time|year|when)(?: on which| when)? (?:it|they) (?:was|were) ([a-z]+)$"
)


class Note(Struct, frozen=True):
    """What a comment says of a column, or of a table (then it has names alone)."""

    codes: dict[str, str] = {}  # a value that is held -> the words that it stands for
    names: tuple[str, ...] = ()  # what else it is called
    unset: str = ""  # what rows are that have nothing there: cancelled, unpaid
    filled: str = ""  # what rows are that have something there: sold, settled
    happens: str = ""  # what was done to rows on that day: reported


@lru_cache(maxsize=4096)
def read_note(comment: str, values: tuple[str, ...] = ()) -> Note:
    """Of a comment, and of the texts (or whole numbers, as texts) that the column holds."""
    text = " ".join(comment[:_MAX_COMMENT].split())
    if not text:
        return Note()
    codes = _codes(text, values)
    held = {value.casefold() for value in values} | {word.casefold() for word in codes.values()}
    names: list[str] = []
    unset = filled = happens = ""
    for part in _PARTS.split(text):
        low = part.strip().rstrip(".").lower()
        if match := _EMPTY.match(low):
            unset, filled = _state(match[1], match[2], unset, filled)
        elif match := _ONLY.match(low):
            filled = filled or _words(re.sub(r"\s+ones?$", "", match[1]))
        elif match := _HAPPENS.match(low):
            happens = match[1]
        elif not codes or not _holds_a_code(part, codes):
            name = _name(low)
            if name and name not in held and not any(word in held for word in name.split(" or ")):
                names.append(name)
    if _is_list(text, held):  # its values, one after the other
        names = []
    return Note(codes, tuple(dict.fromkeys(names))[:3], unset, filled, happens)


def _codes(text: str, values: Sequence[str]) -> dict[str, str]:
    """The words behind each value that stands in the text, where most of the values have some."""
    found: dict[str, str] = {}
    for value in values[:_MAX_CODES]:
        if not value or len(value) > 12 or not value.isprintable():
            continue
        place = re.search(rf"(?<![\w'’]){re.escape(value)}(?![\w'’]){_SIGN}{_MEANT}{_END}", text)
        if place is None:
            continue
        meant = place[1].strip(" '’\"").lower()
        first = meant.partition(" ")[0]
        if first in _NO_MEANING or meant == value.lower() or meant in {one.lower() for one in values}:
            continue
        found[value] = meant
    is_whole = len(found) >= 2 and len(found) >= 0.5 * min(len(values), _MAX_CODES)
    return found if is_whole and len(set(found.values())) == len(found) else {}


def _holds_a_code(part: str, codes: dict[str, str]) -> bool:
    words = part.split()
    return bool(words) and (words[0].strip("=:'\"") in codes or any(meant in part.lower() for meant in codes.values()))


def _state(how: str, said: str, unset: str, filled: str) -> tuple[str, str]:
    """What "empty until it is sold" says: (of rows that have nothing there, of those that have something)."""
    if how == "without":
        return unset or f"without {said}" if len(said.split()) <= 3 else unset, filled
    word = _words(_SUBJECT.sub("", said))
    if not word:
        return unset, filled
    if how in ("until", "till", "before"):
        return unset, filled or word
    if word.startswith("un") and len(word) > 5:
        filled = filled or word[2:]
    return unset or word, filled


def _words(said: str) -> str:
    """One word, or two, that say what something is: sold, still open."""
    words = re.sub(r"^(?:it |they )", "", said.strip()).split()
    if not 1 <= len(words) <= 2 or set(words) & _UNKNOWN or not all(word.isalpha() for word in words):
        return ""
    return " ".join(words)


def _name(low: str) -> str:
    """A part of a comment as the name of something; "" where it is none."""
    if re.fullmatch(r"an? \w+", low):  # of money: a month
        return ""
    low = _UNIT.sub("", re.sub(r"^(?:the|a|an|its|his|her|their) ", "", low)).strip(" '\"")
    words = low.split()
    if not words or len(words) > _MOST_WORDS or words[0] in _NO_START or words[-1] in _LAST:
        return ""
    if not all(word.replace("'", "").replace("-", "").isalpha() for word in words):
        return ""
    if set(words) <= _NO_NAME or (words[0] in _NO_NAME and words[-1] in _NO_NAME) or {"if", "empty", "or"} & set(words):
        return ""
    if any(word in ("is", "are", "was", "were", "has", "have", "it", "they") for word in words):
        return ""
    return low


def _is_list(text: str, held: set[str]) -> bool:
    """Whether the comment lists what the column holds: laser, digital or film."""
    parts = [part.strip().casefold() for part in re.split(r"[,;/]|\bor\b|\band\b", text) if part.strip()]
    return len(parts) >= 2 and sum(part in held for part in parts) >= 2
