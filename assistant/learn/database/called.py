"""Which columns a question names, by the words that lessons use for them: sea view is room.sea_view, also where that is
written RM.SEA_VW. For whoever answers: a query that leaves out what was named is wrong nearly always.

Only sure ones: the words of a column's own name or of its comment, none that many things are called by. A date is named
by two words ("arrival date") or by a state that few rows have ("cancelled"), never by what happens to all ("ordered").
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rushlight.assistant.learn.database.facts import ColumnFacts, read_names
from rushlight.assistant.learn.database.names import is_short, singular_of
from rushlight.assistant.sql.linking import COMMON
from rushlight.assistant.sql.protocol import Profiled

_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_MOST_WORDS: Final = 5
_VAGUE_WORDS: Final = """
 name number total amount count date day year month time hour minute type kind title value note id code no rate sum
 average share list order first last text description comment label size level place position thing item one
 cost price percent unit piece rank ranking ratio
"""
_VAGUE: Final = frozenset(_VAGUE_WORDS.split())
_STATE_WORDS: Final = """
 cancelled canceled returned discontinued terminated retired archived expired withdrawn renovated refunded revoked
 suspended resigned graduated repaid recalled
"""
_STATES: Final = frozenset(_STATE_WORDS.split())
_DAYS: Final = ("date", "year")
_A_NUMBER: Final = "#"
_COUNTED: Final = (_A_NUMBER, "many", "most", "fewest", "more", "fewer", "of", "total", "average", "all")
# Before a word that is a verb then: how much did it make, how many do we stock.
_DOING: Final = frozenset(("we", "they", "you", "i", "it", "to", "did", "do", "can", "must", "he", "she"))
# Before tax, excluding tips: the column is what is not wanted. By phone is a way, whatever the number.
_NOT_MEANT: Final = frozenset(("before", "excluding", "counting"))
_WAYS: Final = frozenset((("by", "phone"), ("by", "mail"), ("by", "email"), ("by", "post"), ("by", "telephone")))
_UNIT_WORDS: Final = """
 kilo kilogram gram ton tonne litre liter second minute hour metre meter mile kilometre kilometer hectare degree piece
 people person
"""
_UNITS: Final = frozenset(_UNIT_WORDS.split())  # of what is counted in them; a price per kilo is of none
# What was done to all rows, as the days above: a batch was roasted, whatever its roasted_kg.
_DONE: Final = re.compile(r"[a-z]{2,}ed|paid|sold|bought|held|built|made|sent|won|lost|taken|given|driven")
_NOUNS: Final = ("group", "text", "name")

Named = dict[tuple[str, ...], tuple[str, ...]]  # words -> what they name: room.sea_view, or a table


def columns_named(known: Profiled, question: str) -> tuple[str, ...]:
    """Columns, as table.column, in the order of the question. Where several have the same name, the one whose table is
    named as well; none if that leaves several."""
    named = _names(known)
    raw = _WORD.findall(question.casefold())
    words = [singular_of(word) for word in raw]
    hits = [hit for hit in _hits(words, named) if _is_meant(words, hit[0])]
    tables = {place for _, places in hits for place in places if "." not in place}
    found = []
    for at, places in sorted(hits):
        if not all("." in place for place in places):
            continue  # a table is called so as well
        near = [place for place in places if len(places) == 1 or place.partition(".")[0] in tables]
        if len(near) == 1 and not _is_counted(raw, at, known, near[0]):
            found += near
    return tuple(dict.fromkeys(found))


def _is_meant(words: list[str], at: int) -> bool:
    """Whether a word names a column where it stands, and is no verb and nothing that is left out."""
    before = words[at - 1] if at else ""
    return not (before in _DOING or before in _NOT_MEANT or (before, words[at]) in _WAYS)


def _is_counted(raw: list[str], at: int, known: Profiled, place: str) -> bool:
    """How many documents: rows that are documents, whatever the column document holds."""
    table, _, column = place.partition(".")
    is_several = raw[at] != singular_of(raw[at]) and at > 0 and raw[at - 1] in ("many", "most")
    return is_several and read_names(known)[table].columns[column].sort in _NOUNS


@lru_cache(maxsize=8)
def names_written_out(known: Profiled) -> dict[str, str]:
    """What is called otherwise than it is written, since that is abbreviated: EMP -> employee, EMP.DPT_NO -> ..."""
    found = {}
    for name, table in read_names(known).items():
        if is_short(name):
            found[name] = table.nouns[0].one
        for column in table.columns.values():
            if is_short(column.column.name):
                found[f"{name}.{column.column.name}"] = column.phrase
    return found


def _hits(words: list[str], named: Named) -> Iterator[tuple[int, tuple[str, ...]]]:
    """What is named and where, the longest names first; no word is taken twice."""
    taken = [False] * len(words)
    for n in range(min(_MOST_WORDS, len(words)), 0, -1):
        for at in range(len(words) - n + 1):
            places = named.get(tuple(_A_NUMBER if word.isdigit() else word for word in words[at : at + n]), ())
            if places and not any(taken[at : at + n]):
                taken[at : at + n] = [True] * n
                yield at, places


@lru_cache(maxsize=8)
def _names(known: Profiled) -> Named:
    found: dict[tuple[str, ...], list[str]] = {}
    for name, table in read_names(known).items():
        for noun in table.nouns:
            _add(found, noun.one, name)
        for column in table.columns.values():
            for phrase in _phrases(column):
                _add(found, phrase, f"{name}.{column.column.name}")
    for places in list(found.values()):
        for place in places:
            _add_endings(found, place)
    return {words: tuple(places) for words, places in found.items()}


def _add_endings(found: dict[tuple[str, ...], list[str]], place: str) -> None:
    """A species may be the main species, too, where both are columns."""
    column = place.partition(".")[2]
    for words, places in found.items():
        if len(words) > 1 and place in places and words[-1:] in found and column:
            short = found[words[-1:]]
            if all("." in one for one in short) and place not in short:
                short.append(place)


def _add(found: dict[tuple[str, ...], list[str]], phrase: str, place: str) -> None:
    words = tuple(_words(phrase.removeprefix(_A_NUMBER)))
    words = (_A_NUMBER, *words) if phrase.startswith(_A_NUMBER) else words
    if words and place not in found.setdefault(words, []):
        found[words].append(place)


def _words(text: str) -> list[str]:
    """Its words in the singular."""
    return [singular_of(word) for word in _WORD.findall(text.casefold())]


def _phrases(column: ColumnFacts) -> Iterator[str]:
    if column.sort == "key":
        return
    own = (*column.own, *column.note.names)
    for phrase in own:
        n = len(phrase.split())
        if column.sort in _DAYS:
            if n > 1:
                yield phrase
        elif n == 1 and column.sort != "flag" and _DONE.fullmatch(phrase):
            continue
        elif n == 1 and (column.sort == "count" or singular_of(phrase) in _UNITS):
            yield from (f"{before} {phrase}" for before in _COUNTED)  # trees are no tree_count unless they are counted
        elif n > 1 or (singular_of(phrase) not in _VAGUE and phrase not in COMMON):
            yield phrase
    happens = column.event
    if column.sort in _DAYS and not column.column.not_null and happens is not None and happens.participle in _STATES:
        yield happens.participle
