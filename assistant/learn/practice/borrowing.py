"""Questions that were written by hand for one world, asked of another database that has such columns too.

"Which boat is the longest?" is asked of rivers where they have a length. Of questions to one table, whose columns mean
the same as ones here: by the last word of what they are called, by what happens on a day, by a name. The noun of the
table, values and numbers are changed to those of this database; what cannot be changed for certain is left alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.events import event_of
from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, TableFacts
from rushlight.assistant.learn.database.names import plural_of, singular_of, without_unit
from rushlight.assistant.learn.database.number_conditions import number_in, plain_number
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.learn.practice.handwritten import Pair, pairs_of
from rushlight.assistant.learn.practice.worlds import Kind, Thing, worlds
from rushlight.assistant.sql.explain import tables_of
from rushlight.assistant.sql.grammar import literal
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.respelling import Spelling, respelt
from rushlight.assistant.sql.values import Schema

Meaning = tuple[str, str]  # of a column: its kind, and a word

_KINDS: Final = {
    "money": "number", "whole": "number", "real": "number", "number": "number", "count": "number", "year": "year",
    "date": "day", "moment": "day", "flag": "flag", "group": "group", "note": "text", "text": "text",
}  # fmt: skip
_SAME: Final = {
    "cost": "price", "fee": "price", "fare": "price", "rate": "price", "wage": "salary", "pay": "salary",
    "town": "city", "genre": "kind", "type": "kind", "category": "kind", "score": "rating", "stars": "rating",
    "distance": "length", "surname": "name", "colour": "color", "seats": "capacity", "mobile": "phone",
}  # fmt: skip
_BEGUN: Final = {"found": "begin", "open": "begin", "establish": "begin", "start": "begin", "build": "build",
                 "make": "build", "manufacture": "build", "construct": "build", "hire": "join", "employ": "join",
                 "begin": "begin", "buy": "buy", "purchase": "buy", "order": "buy"}  # fmt: skip
_VAGUE: Final = {"number", "id", "value", "amount", "total", "count", "level", "status", "percent", "time", "note"}
_SLOT: Final = re.compile(r"\{[a-z_]+\.([a-z_0-9]+)(#\d)?\}")
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMBER: Final = re.compile(r"(?<![\w.'-])\d+(?:\.\d+)?(?![\w.'-])")
_WORD: Final = re.compile(r"[^\W\d_]+")
_KIND_OF: Final = re.compile(r"\b(?:kind|sort|type|category)s? of (?:an? )?[a-z]")
_COMMON: Final = 4  # worlds in whose questions a word stands that belongs to none
_A_YEAR: Final = re.compile(r"'(\d{4})-%'")


@dataclass(frozen=True, slots=True)
class _Template:
    """A question to one table, with what its columns mean."""

    pair: Pair
    kind: Kind
    columns: Mapping[str, Meaning]  # by their names in the world
    is_person: bool
    is_bare: bool  # "who earns most": nothing says which people, where there are several kinds


def borrowed(facts: Facts, schema: Schema, chance: Chance) -> Iterator[Asked]:
    """Those that fit, in an order of chance; nothing was run."""
    tables = [one for one in facts.tables.values() if one.table.n_rows and not one.is_link]
    is_clear = sum(one.is_person for one in tables) == 1
    found = [(table, one) for table in tables for one in _templates()
             if _fits(table, one) and (is_clear or not one.is_bare)]  # fmt: skip
    for table, template in chance.some(found, len(found)):
        made = _changed(table, template, schema, chance)
        if made is not None:
            yield made


@cache
def _templates() -> tuple[_Template, ...]:
    found = []
    for world in worlds():
        for pair in pairs_of(world.name):
            template = _read(pair, {kind.name: kind for kind in world.kinds})
            if template is not None:
                found.append(template)
    return tuple(found)


def _read(pair: Pair, kinds: Mapping[str, Kind]) -> _Template | None:
    """None for a question to several tables, by keys, or about a column whose word says too little."""
    tables, columns = tables_of(pair.sql)
    if len(tables) != 1 or tables[0] not in kinds:
        return None
    kind = kinds[tables[0]]
    things = {"_".join(thing.words): thing for thing in kind.things}
    meanings = {}
    for name in {name for _, name in columns}:
        if name not in things:
            return None
        meaning = _of_thing(things[name], kind)
        if meaning is None:
            return None
        meanings[name] = meaning
    noun = " ".join(kind.name.split("_"))
    is_named = bool(_noun_pattern(noun).search(pair.question)) or bool(_SLOT.search(pair.question))
    is_person, is_who = thing_of(noun) == "person", pair.question.lower().startswith(("who ", "whose ", "whom "))
    if is_who != is_person and (is_who or not is_named):
        return None  # who inspected the bridge
    if (
        not (is_named or is_who)
        or len(set(meanings.values())) < max(1, len(meanings))
        or _is_special(pair, kind, meanings)
    ):
        return None
    return _Template(pair, kind, meanings, is_person, not is_named)


def _is_special(pair: Pair, kind: Kind, columns: Mapping[str, Meaning]) -> bool:
    """Whether a word of the question belongs to its world: timber, goals, to brew."""
    own = {kind.name, *columns, *(value for thing in kind.things for value in thing.values)}
    left = _SLOT.sub(" ", pair.question.lower())
    for said in sorted({form for name in own for form in _forms(name)}, key=len, reverse=True):
        left = re.sub(rf"\b{re.escape(said)}\b", " ", left)
    if _KIND_OF.search(left):
        return True  # what kind of vehicle: of its own things the words are gone
    n_worlds = _n_worlds()
    return any(n_worlds.get(word, 0) < _COMMON for word in _WORD.findall(left))


def _forms(name: str) -> tuple[str, str]:
    plain = name.replace("_", " ").lower()
    return plain, plural_of(plain)


@cache
def _n_worlds() -> Counter[str]:
    """In how many worlds each word is used."""
    found: Counter[str] = Counter()
    for world in worlds():
        found.update({word for pair in pairs_of(world.name) for word in _WORD.findall(pair.question.lower())})
    return found


def _of_thing(thing: Thing, kind: Kind) -> Meaning | None:
    if thing.holds in ("people", "places", "titles", "labels", "code"):
        names = [one for one in kind.things if one.holds in ("people", "places", "titles", "labels", "code")]
        return ("name", "") if names[0] is thing else None
    return _meaning(list(thing.words), _KINDS[thing.holds])


def _of_column(column: ColumnFacts, facts: TableFacts) -> Meaning | None:
    if column in facts.label:
        return ("name", "") if len(facts.label) == 1 else None
    return _meaning(column.phrase.split(), _KINDS[column.sort]) if column.sort in _KINDS else None


def _meaning(words: list[str], kind: str) -> Meaning | None:
    if kind in ("day", "year"):
        event = event_of(words)
        return (kind, _BEGUN.get(event.base, event.base)) if event is not None else None
    if words[-1] == "percent":
        return None  # a fee in percent is no fee
    plain = without_unit(words)[0]
    if "per" in plain[1:]:
        plain = plain[: plain.index("per")]
    if kind == "flag":
        plain = [word for word in plain if word not in ("is", "has", "was", "with", "in")]
    word = singular_of(plain[-1]) if plain else ""
    word = _SAME.get(word, _SAME.get(plain[-1] if plain else "", word))
    return (kind, word) if len(word) > 2 and word not in _VAGUE else None


def _fits(table: TableFacts, template: _Template) -> bool:
    if template.is_person != table.is_person:
        return False
    own = {meaning for one in table.columns.values() if (meaning := _of_column(one, table)) is not None}
    return set(template.columns.values()) <= own


def _changed(table: TableFacts, template: _Template, schema: Schema, chance: Chance) -> Asked | None:
    meant: dict[Meaning, list[ColumnFacts]] = defaultdict(list)
    for one in table.columns.values():
        meaning = _of_column(one, table)
        if meaning is not None:
            meant[meaning].append(one)
    if any(len(meant[meaning]) != 1 for meaning in template.columns.values()):
        return None  # which price?
    columns = {name: meant[meaning][0] for name, meaning in template.columns.items()}
    filled = _filled(template, columns, chance)
    if filled is None:
        return None
    question, sql = filled
    noun = chance.weighed([(one, one.weight) for one in table.nouns])
    question = _noun_changed(question, " ".join(template.kind.name.split("_")), noun.one, noun.many)
    for name, column in columns.items():
        question = _word_changed(question, " ".join(name.split("_")), column)
    kind = template.kind.name
    spelling = Spelling({kind: table.name}, {f"{kind}.{name}": one.column.name for name, one in columns.items()}, {})
    written = respelt(sql, spelling)
    if written is None:
        return None
    return Asked(question, plain_form(written, schema), "borrowed", (table.name,))


def _filled(template: _Template, columns: Mapping[str, ColumnFacts], chance: Chance) -> tuple[str, str] | None:
    """The question and its query with values of this table; None where one of them cannot be changed."""
    question, sql, taken = template.pair.question, template.pair.sql, set[str]()
    for slot in {match.group(): match.group(1) for match in _SLOT.finditer(sql)}.items():
        column = columns.get(slot[1])
        left = [one for one in column.values if one not in taken] if column is not None else []
        if not left:
            return None
        value = chance.pick(left)
        taken.add(value)
        question, sql = question.replace(slot[0], value), sql.replace(slot[0], value.replace("'", "''"))
    things = {"_".join(thing.words): thing for thing in template.kind.things}
    for name, column in columns.items():
        of_world = [value for value in things[name].values if f"'{value}'" in template.pair.sql]
        for value in of_world:
            left = [one for one in column.values if one not in taken]
            said = re.compile(rf"\b{re.escape(value)}\b", re.IGNORECASE)
            if not left or said.search(question) is None or column.note.codes:
                return None
            new = chance.pick(left)
            taken.add(new)
            question = said.sub(new.replace("\\", r"\\"), question)
            sql = sql.replace(f"'{value}'", literal(new))
    texts = set(_TEXT.findall(sql)) - {one.replace("'", "''") for one in taken}
    days = [one for one in columns.values() if one.sort == "date"]
    if texts:
        years = {f"{year}-%" for year in _A_YEAR.findall(sql)}
        if texts != years or len(years) != 1 or len(days) != 1:
            return None
        return _year_changed(question, sql, years.pop()[:4], days[0], chance)
    return _numbers_changed(question, sql, columns, chance)


def _year_changed(question: str, sql: str, year: str, column: ColumnFacts, chance: Chance) -> tuple[str, str] | None:
    low, high = str(column.column.low)[:4], str(column.column.high)[:4]
    if not (low.isdigit() and high.isdigit() and year in question and not _NUMBER.search(sql)):
        return None
    new = str(int(low) + chance.below(int(high) - int(low) + 1))
    return question.replace(year, new), sql.replace(f"'{year}-%'", f"'{new}-%'")


def _numbers_changed(
    question: str, sql: str, columns: Mapping[str, ColumnFacts], chance: Chance
) -> tuple[str, str] | None:  # fmt: skip
    """A number that a column is compared with becomes one that the column may have; others stay."""
    for name, column in columns.items():
        compared = re.findall(rf"\b{name} (?:=|<>|<=?|>=?) (\d+(?:\.\d+)?)", sql)
        if f"{name} BETWEEN" in sql or len(compared) > 1:
            return None
        if compared and column.sort != "flag":
            new = number_in(column, chance)
            if new is None or len(re.findall(rf"(?<![\w.]){re.escape(compared[0])}(?![\w.])", question)) != 1:
                return None
            said = plain_number(new)
            sql = re.sub(rf"(\b{name} (?:=|<>|<=?|>=?) ){re.escape(compared[0])}", rf"\g<1>{said}", sql)
            question = re.sub(rf"(?<![\w.]){re.escape(compared[0])}(?![\w.])", said, question)
    return question, sql


@cache
def _noun_pattern(noun: str) -> re.Pattern[str]:
    return re.compile(rf"\b({re.escape(plural_of(noun))}|{re.escape(noun)})\b", re.IGNORECASE)


def _noun_changed(question: str, noun: str, one: str, many: str) -> str:
    def changed(match: re.Match[str]) -> str:
        new = many if match.group().lower() == plural_of(noun) else one
        return new[:1].upper() + new[1:] if match.group()[:1].isupper() else new

    text = _noun_pattern(noun).sub(changed, question)
    text = re.sub(rf"\ba(?= {re.escape(one)}\b)", "an" if one[:1] in "aeio" else "a", text)
    return re.sub(rf"\ban(?= {re.escape(one)}\b)", "an" if one[:1] in "aeio" else "a", text)


def _word_changed(question: str, said: str, column: ColumnFacts) -> str:
    """The column's own words, where they stand there: a fee is a fare here."""
    plain = " ".join(without_unit(said.split())[0])
    if column.phrase == plain or column.sort in ("date", "year", "flag") or len(plain) < 4:
        return question
    text = re.sub(rf"\b{re.escape(plural_of(plain))}\b", plural_of(column.phrase), question, flags=re.IGNORECASE)
    return re.sub(rf"\b{re.escape(plain)}\b", column.phrase, text, flags=re.IGNORECASE)
