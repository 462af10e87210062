"""Which word an abbreviation stands for: RSV is reservation, GST guest, LYLT loyalty. Knows common words; no database.

Old systems leave out vowels, then the middle, then the end. A word is found where the letters of the abbreviation are
its own in their order, beginning with its first; what leaves out least, and least oddly, wins. Where nothing fits well
the abbreviation stays: a wrong word teaches worse than none.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from rushlight.assistant.learn.database.synonyms import is_known

_WORDS: Final = Path(__file__).with_name("common_words.txt")
_ENGLISH: Final = Path(__file__).with_name("english.txt")
_USUAL_WORDS: Final = """
 account address agent amount appointment branch category city claim code cost country course customer date department
 description doctor employee flag group guest hospital hotel invoice item line location member name number order patient
 payment person policy premium price product project quantity rate reservation review room salary section service status
 store student supplier team teacher type unit user vehicle visit value level state street start end year
"""
_USUAL: Final = frozenset(_USUAL_WORDS.split())
_KEPT_WORDS: Final = """
 id ip url vat gps pdf sku isbn iban bic vin iso uuid guid html xml json api sms dna tv dvd ssn utc
 a an per in on at of to by no for and or not is was are has had have can may do did does from until till via with
 without before after since up out off over under all any each own other new old next last first second third half full
 part main one two tue wed thu fri sat sun jan feb mar apr jun jul aug sep oct nov dec river set run hit bat kit nail
 iron wet dry fat rice corn soy meat oat hop beer ale cap hat tie sock coat suit ring bay oar mast tart bun high low
 held lent sent won dob was bid win die send pay bear sell buy write lend treat create retire depart receive update
 cancel appoint enroll inspect deliver renew publish collect assign install canceled pool lane villa vet dish tram
 tag hose fed bug dam hen pig fun
"""
_KEPT: Final = frozenset(_KEPT_WORDS.split())
_LEAST: Final = 0.6
_VOWELS: Final = "aeiou"


@cache
def expanded(token: str) -> str:
    """The word for it; itself where it is a word, or none fits."""
    low = token.lower()
    if (
        not (2 <= len(low) <= 8 and low.isascii() and low.isalpha())
        or low in _common()
        or low in _KEPT
        or _is_word(low)
    ):
        return low
    best, found = _LEAST, low
    for word in _common():
        if word[0] == low[0] and len(word) > len(low):
            score = _fit(low, word)
            if score > best:
                best, found = score, word
    return found


def _is_word(low: str) -> bool:
    """Short ones are rarely meant as the rare words that they happen to be (pol, res)."""
    return low in _english() or (len(low) > 3 and any(letter in "aeiouy" for letter in low) and is_known(low))


@cache
def _english() -> frozenset[str]:
    """Words that are no nouns (spent, tagged), and short ones (bin, fun). packaging/english.py made the list."""
    return frozenset(_ENGLISH.read_text().split())


@cache
def _common() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_WORDS.read_text().split()))


def _fit(short: str, word: str) -> float:
    """0 = it is none of this word; near 1 = nobody would read it otherwise."""
    bones = _bones(word)
    if short == bones or short == _bones(word, doubled=False):
        score = 1.0
    elif len(short) >= 3 and word.startswith(short):
        score = 0.78 + 0.06 * min(3, len(short) - 3)
    elif len(short) >= 3 and bones.startswith(short):
        score = 0.74 + 0.2 * len(short) / len(bones)
    elif len(short) >= 3 and _is_within(short, word):
        share = len(short) / len(bones)
        score = 0.42 + 0.36 * min(1.0, share) + (0.08 if short[-1] == word[-1] else 0.0)
    else:
        return 0.0
    return score + (0.12 if word in _USUAL else 0.0) - 0.004 * len(word)


def _bones(word: str, *, doubled: bool = True) -> str:
    """Its first letter and the consonants after it, of two alike one."""
    found = word[0]
    for before, letter in pairwise(word):
        if letter not in _VOWELS and (not doubled or letter != before or before in _VOWELS):
            found += letter
    return found


def _is_within(short: str, word: str) -> bool:
    letters = iter(word)
    return all(letter in letters for letter in short)
