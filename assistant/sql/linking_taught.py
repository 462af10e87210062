"""Linking for a model that was taught a database: all of its tables, in the order of the schema.

Whoever learned a database may name any table, whatever words the question has; and always joins them in one order. A
table that alone holds a text of the question, or its plural, is needed: in 64 of 64 such questions of the SQL suite and
866 of 866 generated ones the right query reads it. Of a large database the tables that the question is about are taken,
in the same order; so are ways of joining them where a grammar cannot hold all.

A text that the question does not speak of cannot be compared with: a small model adds conditions that nobody asked for.
In the right queries of the SQL suite 83 of 84 texts are spoken of, in those of questions by hand 621 of 621.
"""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from rushlight.assistant.sql.cues import compared_words
from rushlight.assistant.sql.linking import (
    COMMON,
    WORD,
    Linked,
    all_numbers,
    direction_of,
    link,
    named_values,
    stem,
    table_points,
)
from rushlight.assistant.sql.numbers_said import row_numbers_in
from rushlight.assistant.sql.protocol import Profiled

MAX_TABLES = 12
MAX_COLUMNS = 100
_PART_TABLES = 8
_PART_COLUMNS = 80
_MAX_FOUND = 200
_LEFT_OUT_WORDS = (
    "no not never none nobody nothing without except but neither nor other than contain contains containing"
)
_LEFT_OUT = frozenset(_LEFT_OUT_WORDS.split())
# Words that stand in any question: new money is none whose condition is new.
_ANYWHERE_WORDS = """
 new old good bad open free full high low large small big first last best long short early late next other single in out
 on off up down right left state offer use work part time day home own low medium
"""
_ANYWHERE = frozenset(_ANYWHERE_WORDS.split())
_SAME_LETTERS = 4  # at the beginning of words that are akin: Chile and Chilean, write and writer
_SHORT_WORD = 3
_MAX_CODE = 4
# Texts are English where the question is, so far as anybody can tell: "gelbe Karten" speak of yellow in other letters.
_ENGLISH_WORDS = "the of are is how which what who many does did do has have with each there were list"
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_FLAGS = frozenset(("yes", "no", "true", "false", "none", "unknown", "other"))
_MEASURES = frozenset(("unit", "units", "uom", "currency"))
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def fits_whole(known: Profiled) -> bool:
    """Whether a grammar can hold all of it."""
    tables = known.schema.tables
    return len(tables) <= MAX_TABLES and sum(len(table.columns) for table in tables) <= MAX_COLUMNS


def link_taught(known: Profiled, question: str) -> Linked:
    """What of the database the grammar knows for this question, and the values that the question names."""
    from rushlight.assistant.learn.database.called import names_written_out

    called = names_written_out(known)
    if not fits_whole(known):
        part = link(known, question, max_tables=_PART_TABLES, max_columns=_PART_COLUMNS)
        order = {table.name: place for place, table in enumerate(known.schema.tables)}
        points = {table.name: float(len(part.tables) - place) for place, table in enumerate(part.tables)}
        tables = tuple(sorted(part.tables, key=lambda table: order.get(table.name, 0)))
        return replace(
            part, must=_certain(known, question, part), tables=tables, points=points, one_way=True,
            row_numbers=row_numbers_in(question), compared=compared_words(question), called=called,
        )  # fmt: skip
    whole = link(known, question, whole=True, max_columns=MAX_COLUMNS)
    found = named_values(known, question)[:_MAX_FOUND]
    values: dict[str, tuple[str, ...]] = {}
    for place, value in found:
        values[place] = (*values.get(place, ()), value)
    words = WORD.findall(question.casefold())
    may_tell = not _ENGLISH.isdisjoint(words)
    for place, held in whole.values.items():
        own = values.get(place, ())
        more = tuple(value for value in held if value not in own and (is_spoken_of(value, words) or not may_tell))
        if own or more:
            values[place] = own + more
    named = table_points(known, question)
    points = {table.name: named.get(f"{table.source}.{table.name}", 0.0) for table in whole.tables}
    return replace(
        whole, must=_certain(known, question, whole),
        values=values, found=tuple(found), points=points, one_way=True, numbers=all_numbers(known, question),
        row_numbers=row_numbers_in(question), compared=compared_words(question),
        direction=direction_of(question), called=called,
    )  # fmt: skip


def is_spoken_of(value: str, words: Sequence[str]) -> bool:
    """Whether a word of the question is akin to one of a text; of codes and of yes and no nobody can say."""
    if len(value) <= 2 or (value.isupper() and len(value) <= _MAX_CODE) or value.casefold() in _FLAGS:
        return True
    parts = [part for part in WORD.findall(value.casefold()) if part not in COMMON]
    return not parts or any(_are_akin(part, word) for part in parts for word in words)


def _are_akin(part: str, word: str) -> bool:
    if len(part) <= _SHORT_WORD:
        return word.startswith(part) and len(word) <= len(part) + 2
    return word[:_SAME_LETTERS] == part[:_SAME_LETTERS]


def _certain(known: Profiled, question: str, whole: Linked) -> frozenset[str]:
    """The tables that alone hold a text of the question, letter by letter; none where something is left out or need
    only be there: that is looked for in a query inside; or where a text is a part of another one."""
    words, folded = WORD.findall(question.casefold()), question.casefold().replace("’", "'")
    if _LEFT_OUT & set(words) or "n't" in folded or "at least one" in folded:
        return frozenset()
    tables: dict[str, set[str]] = {}
    heads = _heads(known)
    for place, value in named_values(known, question, codes=False):
        table, _, column = place.partition(".")
        plain = " ".join(WORD.findall(value.casefold()))
        # Pieces are counted, not rows whose unit is a piece; a stage may be one, not the task of whom helps there.
        is_vague = plain in _ANYWHERE or stem(plain) in heads
        if not _MEASURES & set(_PARTS.findall(column.lower())) and not is_vague:
            tables.setdefault(plain, set()).add(table)
    for plain, names in tables.items():  # "reptiles" may be the section reptiles, and the class reptile
        for other in (several(plain), *(one for one in tables if several(one) == plain)):
            names |= tables.get(other, set())
    left = f" {' '.join(words)} "
    for name in names_of_several_words(known):  # no vehicle is meant by "car capacity"
        left = left.replace(f" {name} ", " | ").replace(f" {several(name)} ", " | ")
    for plain in sorted(tables, key=len, reverse=True):  # breakfast is not meant by "breakfast was cold"
        said = next((form for form in (plain, several(plain)) if _stands(form, left)), "")
        if said:
            left = left.replace(f" {said} ", " | ")
        else:
            del tables[plain]
    there = {table.name for table in whole.tables}
    found = frozenset(next(iter(names)) for names in tables.values() if len(names) == 1)
    return found & there


def _stands(said: str, text: str) -> bool:
    """Whether it stands there by itself: 30 kg is no row whose unit is kg."""
    return f" {said} " in text and not re.search(rf"\d {re.escape(said)} ", text)


def several(name: str) -> str:
    """The plural of its last word."""
    if name.endswith("y") and name[-2:-1] not in ("a", "e", "o", "u"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"


def names_of_several_words(known: Profiled) -> list[str]:
    """Those of tables and columns, as they are said, the longest first."""
    names = {" ".join(_PARTS.findall(name)).casefold() for name in _names(known)}
    return sorted((name for name in names if " " in name), key=lambda name: (-len(name), name))


def _heads(known: Profiled) -> set[str]:
    """What tables and columns are: the temperature of max_temperature_c, and not the car of car_capacity; by stems."""
    parts = ([part.casefold() for part in _PARTS.findall(name) if len(part) > 2] for name in _names(known))
    return {stem(words[-1]) for words in parts if words}


def _names(known: Profiled) -> list[str]:
    """Of tables and columns, as they are written."""
    return [name for table in known.schema.tables for name in (table.name, *(one.name for one in table.columns))]
