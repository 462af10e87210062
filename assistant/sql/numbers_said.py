"""The numbers of a question, in digits or words, as SQL writes them: 20 million, half a dozen, minus 20, the nineties.

Knows English, and the small numbers in German. Numbers that are said in another unit than a column has (an hour, of
minutes) are not turned into it.
"""

import re
from collections.abc import Iterator
from typing import Final

_NUMBER: Final = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d{1,4})?(?!\w)|(?<![\d.])\d{1,9}(?:\.\d{1,4})?(?!\d)")
_NEGATIVE: Final = re.compile(r"(?:(?<![\w.\-–])[-–−]|\bminus )(\d{1,9}(?:\.\d{1,4})?)(?![\w-])")
NUMBER_WORDS: Final = {
    "one": "1", "once": "1", "two": "2", "twice": "2", "double": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "dozen": "12",
    "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18",
    "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70",
    "eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000",
    "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "zehn": "10",
}  # fmt: skip
_SCALES: Final = {"dozen": 12, "hundred": 100, "thousand": 1_000, "k": 1_000, "million": 1_000_000, "m": 1_000_000,
                  "billion": 1_000_000_000}  # fmt: skip
_SCALED: Final = re.compile(
    rf"(?<![\w.])(\d{{1,6}}(?:\.\d{{1,4}})?|half an?|an?|{'|'.join(NUMBER_WORDS)})[ -]?"
    rf"({'|'.join(_SCALES)})\b"
)
_TENS: Final = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
_DECADE: Final = re.compile(rf"\b(1[6-9]|20)(\d)0['’]?s\b|['’](\d)0s\b|\b({'|'.join(_TENS)})\b")
_WORD: Final = re.compile(r"[^\W_]+")
_ONES: Final = "one|two|three|four|five|six|seven|eight|nine"
_JOINED: Final = re.compile(rf"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ]({_ONES})\b")


def numbers_in(text: str) -> tuple[str, ...]:
    """All of them, each once; of a decade its first and its last year."""
    found = [number.replace(",", "") for number in _NUMBER.findall(text)]
    found += [f"-{number.lstrip('0') or '0'}" for number in _NEGATIVE.findall(text)]
    plain = text.lower()
    found += [NUMBER_WORDS[word] for word in _WORD.findall(plain) if word in NUMBER_WORDS]
    found += [str(int(NUMBER_WORDS[tens]) + int(NUMBER_WORDS[ones])) for tens, ones in _JOINED.findall(plain)]
    found += [*_scaled(plain), *_decades(plain)]
    return tuple(dict.fromkeys(number.lstrip("0") or "0" if "." not in number else number for number in found))


def _scaled(text: str) -> Iterator[str]:
    for times, scale in _SCALED.findall(text):
        factor = 0.5 if times.startswith("half") else 1.0 if times in ("a", "an") else float(
            NUMBER_WORDS.get(times, times))  # fmt: skip
        value = factor * _SCALES[scale]
        if value == int(value) and value < 1e12:
            yield str(int(value))


def _decades(text: str) -> Iterator[str]:
    for century, ten, short, word in _DECADE.findall(text):
        first = f"{century or '19'}{ten or short or _TENS.index(word) + 2}"
        yield from (f"{first}0", f"{first}9")


_ROW_NUMBER: Final = re.compile(
    r"(?:([^\W\d_]+|#)[.:'’]{0,2}\s*)?#?(?<![\d.,€$£-])(\d{1,9})(?![\d.,]*\d)(?!\s*(?:%|€|\$|£|EUR|USD))"
)
_NUMBERED: Final = frozenset(("number", "no", "nr", "id", "code", "#", "nummer"))
_COUNTED_WORDS: Final = """
 than least most over under above below between and to top last first exactly in of on since before after until till
 which what who show list give find me these those any some newest oldest from by with the has have had about around
 cost costs earn earns is are was were up only or at for having bottom next both all january february march april may
 june july august september october november december equals equal
"""
_COUNTED: Final = frozenset(_COUNTED_WORDS.split())


def row_numbers_in(text: str) -> tuple[str, ...]:
    """The whole numbers of a text that may be the number of a row: those of no amount, date or count of things."""
    found = []
    for before, number in _ROW_NUMBER.findall(text):
        word = before.lower()
        is_year = len(number) == 4 and number[:2] in ("19", "20")
        if word in _NUMBERED or not (word in _COUNTED or is_year):
            found.append(number.lstrip("0") or "0")
    return tuple(dict.fromkeys(found))
