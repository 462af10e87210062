"""Questions that were written by hand for one world, asked of another database that has such columns too.

"Which boat is the longest?" is asked of rivers where they have a length. Of questions to one table, or to two of which
one belongs to the other, whose columns mean the same as ones here: by the last word of what they are called, by what
happens on a day, by a name. Nouns of tables, values and numbers are changed to those of this database; what cannot be
changed for certain is left alone.
"""

import re
from collections import Counter
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
    """A question to one table or to two, the first of which belongs to the second; with what its columns mean."""

    pair: Pair
    kinds: tuple[Kind, ...]
    columns: Mapping[str, Meaning]  # by kind.column
    keys: Mapping[str, int]  # kind.column of those that join: which table's own key, or -1 for the one that points
    are_people: tuple[bool, ...]
    is_bare: bool  # "who earns most": nothing says which people, where there are several kinds


def borrowed(facts: Facts, schema: Schema, chance: Chance) -> Iterator[Asked]:
    """Those that fit, in an order of chance; nothing was run."""
    tables = [one for one in facts.tables.values() if one.table.n_rows and not one.is_link]
    is_clear = sum(one.is_person for one in tables) == 1
    single = [_Place((one,), "") for one in tables]
    double = [
        _Place((facts.tables[link.owner], facts.tables[link.key.table]), link.key.columns[0])
        for link in facts.links
        if not link.role
        and len(link.key.columns) == 1
        and link.key.table != link.owner
        and facts.tables[link.owner] in tables
        and facts.tables[link.key.table] in tables
    ]
    found = [
        (place, one)
        for place in [*single, *double]
        for one in _templates()
        if len(one.kinds) == len(place.tables) and (is_clear or not one.is_bare) and _fits(place, one)
    ]
    for place, template in chance.some(found, len(found)):
        made = _changed(place, template, schema, chance)
        if made is not None:
            yield made


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it may be asked: a table, or two with the column by which the first belongs to the second."""

    tables: tuple[TableFacts, ...]
    key: str

    def own_key(self, which: int) -> str:
        """The column that numbers the rows of a table; "" where none does alone."""
        keys = [one for one in self.tables[which].columns.values() if one.column.key]
        return keys[0].column.name if len(keys) == 1 else ""


@cache
def _templates() -> tuple[_Template, ...]:
    found = []
    for world in worlds():
        for pair in pairs_of(world.name):
            template = _read(pair, {kind.name: kind for kind in world.kinds})
            if template is not None:
                found.append(template)
    return tuple(found)


def _read(pair: Pair, by_name: Mapping[str, Kind]) -> _Template | None:
    """None for a question to more tables, or about a column whose word says too little."""
    names, columns = tables_of(pair.sql)
    if len(names) > 2 or any(name not in by_name for name in names):
        return None
    kinds = tuple(by_name[name] for name in names)
    if len(kinds) == 2 and not _belongs(*kinds):
        kinds = kinds[::-1]
    if len(kinds) == 2 and not _belongs(*kinds):
        return None
    meanings, keys = dict[str, Meaning](), dict[str, int]()
    for table, name in columns:
        read = _column(table, name, kinds)
        if read is None:
            return None
        place, meaning, key = read
        if meaning is not None:
            meanings[place] = meaning
        elif key is not None:
            keys[place] = key
    nouns = [" ".join(kind.name.split("_")) for kind in kinds]
    said = [bool(_noun_pattern(noun).search(pair.question)) for noun in nouns]
    slots = {match.group().lstrip("{").partition(".")[0] for match in _SLOT.finditer(pair.question)}
    is_named = all(one or kind.name in slots for one, kind in zip(said, kinds, strict=True))
    are_people = tuple(thing_of(noun) == "person" for noun in nouns)
    is_who = pair.question.lower().startswith(("who ", "whose ", "whom "))
    if is_who and not are_people[-1]:
        return None  # who inspected the bridge
    if not is_named and not (is_who and len(kinds) == 1):
        return None
    own = [place.partition(".")[2] for place in meanings]
    if len(set(meanings.values())) < max(1, len(meanings)) or len(set(own)) < len(own):
        return None
    if _is_special(pair, kinds, own):
        return None
    return _Template(pair, kinds, meanings, keys, are_people, not is_named)


def _belongs(kind: Kind, owner: Kind) -> bool:
    return [(one.table, one.role) for one in kind.belongs if one.table == owner.name] == [(owner.name, "")]


def _column(table: str, name: str, kinds: tuple[Kind, ...]) -> tuple[str, Meaning | None, int | None] | None:
    """(kind.column, its meaning, which key it is); None for what is neither or not clear."""
    found: list[tuple[str, Meaning | None, int | None]] = []
    for which, kind in enumerate(kinds):
        if table in ("", kind.name):
            thing = next((one for one in kind.things if "_".join(one.words) == name), None)
            if thing is not None:
                meaning = _of_thing(thing, kind)
                found += [(f"{kind.name}.{name}", meaning, None)] if meaning is not None else []
            elif name == "id":
                found.append((f"{kind.name}.id", None, which))
            elif len(kinds) == 2 and which == 0 and name == f"{kinds[1].name}_id":
                found.append((f"{kind.name}.{name}", None, -1))
    return found[0] if len(found) == 1 else None


def _is_special(pair: Pair, kinds: tuple[Kind, ...], columns: list[str]) -> bool:
    """Whether a word of the question belongs to its world: timber, goals, to brew."""
    values = {value for kind in kinds for thing in kind.things for value in thing.values}
    own = {*(kind.name for kind in kinds), *columns, *values}
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


def _fits(place: _Place, template: _Template) -> bool:
    if template.are_people != tuple(one.is_person for one in place.tables):
        return False
    return all(
        {meaning for name, meaning in template.columns.items() if name.startswith(f"{kind.name}.")} <= _meanings(table)
        for kind, table in zip(template.kinds, place.tables, strict=True)
    )


def _meanings(table: TableFacts) -> set[Meaning]:
    return {meaning for one in table.columns.values() if (meaning := _of_column(one, table)) is not None}


def _changed(place: _Place, template: _Template, schema: Schema, chance: Chance) -> Asked | None:
    columns, written = dict[str, ColumnFacts](), dict[str, str]()
    for kind, table in zip(template.kinds, place.tables, strict=True):
        for name, meaning in template.columns.items():
            if name.startswith(f"{kind.name}."):
                meant = [one for one in table.columns.values() if _of_column(one, table) == meaning]
                if len(meant) != 1:
                    return None  # which price?
                columns[name], written[name] = meant[0], meant[0].column.name
    for name, which in template.keys.items():
        written[name] = place.key if which < 0 else place.own_key(which)
        if not written[name]:
            return None
    filled = _filled(template, columns, chance)
    if filled is None:
        return None
    question, sql = filled
    for kind, table in zip(template.kinds, place.tables, strict=True):
        noun = chance.weighed([(one, one.weight) for one in table.nouns])
        question = _noun_changed(question, " ".join(kind.name.split("_")), noun.one, noun.many)
    for name, column in columns.items():
        question = _word_changed(question, " ".join(name.partition(".")[2].split("_")), column)
    tables = {kind.name: table.name for kind, table in zip(template.kinds, place.tables, strict=True)}
    spelt = respelt(sql, Spelling(tables, written, {}))
    if spelt is None:
        return None
    return Asked(question, plain_form(spelt, schema), "borrowed", tuple(tables.values()))


def _filled(template: _Template, columns: Mapping[str, ColumnFacts], chance: Chance) -> tuple[str, str] | None:
    """The question and its query with values of this table; None where one of them cannot be changed."""
    question, sql, taken = template.pair.question, template.pair.sql, set[str]()
    for slot in dict.fromkeys(match.group() for match in _SLOT.finditer(sql)):
        column = columns.get(slot.strip("{}").partition("#")[0])
        left = [one for one in column.values if one not in taken] if column is not None else []
        if not left:
            return None
        value = chance.pick(left)
        taken.add(value)
        question, sql = question.replace(slot, value), sql.replace(slot, value.replace("'", "''"))
    things = {f"{kind.name}.{'_'.join(thing.words)}": thing for kind in template.kinds for thing in kind.things}
    for name, column in columns.items():
        for value in [value for value in things[name].values if f"'{value}'" in template.pair.sql]:
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
    for place, column in columns.items():
        name = place.partition(".")[2]
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
    if column.phrase == plain or column.sort in ("date", "year", "flag") or len(plain) < 4 or plain == "cost":
        return question
    text = re.sub(rf"\b{re.escape(plural_of(plain))}\b", plural_of(column.phrase), question, flags=re.IGNORECASE)
    return re.sub(rf"\b{re.escape(plain)}\b", column.phrase, text, flags=re.IGNORECASE)
