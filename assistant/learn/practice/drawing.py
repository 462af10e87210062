"""A practice database drawn from a world: some of its tables and columns, spelt by habits of its own, and its rows.

The same seed makes the same database. Knows no questions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.practice.naming import Habits, drawn_habits
from rushlight.assistant.learn.practice.pools import drawn_name
from rushlight.assistant.learn.practice.worlds import Belongs, Kind, Thing, World, worlds
from rushlight.assistant.sql.making import make_database
from rushlight.assistant.sql.respelling import Spelling

_ROWS: Final = {"few": (6, 14), "some": (16, 40), "many": (60, 150)}
_MOST_TABLES: Final = 6
_WHOLE: Final = 0.5  # of all databases, which have all tables of their world
_FOLDED: Final = 0.3  # of all databases, where a table holds what another would
_LEFT_OUT: Final = 0.15  # of the columns


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    thing: Thing
    codes: Mapping[str, str]  # the letters for its groups


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    own: str  # what the world calls it: role_id
    table: str  # of the kind
    may_miss: bool


@dataclass(frozen=True, slots=True)
class _Table:
    kind: Kind
    name: str
    key: str
    columns: tuple[_Column, ...]
    references: tuple[_Reference, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of which world it was drawn, and how that world's tables, columns and values are spelt in it."""

    world: str
    spelling: Spelling


def draw_database(path: Path, seed: int) -> Drawn:
    """A database in `path`, which is new."""
    chance = Chance(seed)
    world = worlds()[seed % len(worlds())]
    habits = drawn_habits(chance)
    tables = _spelt(_kinds(world, chance), habits, chance)
    keys: dict[str, list[int]] = {}
    made = []
    for table in tables:
        rows = _rows(table, keys, habits, chance)
        keys[table.kind.name] = [int(row[0]) for row in rows]
        made.append((table.name, _ddl(table, tables, habits), rows))
    make_database(path, made)
    return Drawn(world.name, _spelling(tables, habits))


def _spelling(tables: Iterable[_Table], habits: Habits) -> Spelling:
    """A table's key is called id in the world."""
    names, columns, texts = {}, {}, {}
    for table in tables:
        kind = table.kind.name
        names[kind] = table.name
        columns[f"{kind}.id"] = table.key
        columns |= {f"{kind}.{one.own}": one.name for one in table.references}
        for column in table.columns:
            place = f"{kind}.{'_'.join(column.thing.words)}"
            columns[place] = column.name
            if column.codes:
                texts[place] = column.codes
            elif column.thing.holds == "flag" and habits.is_yes_no:
                texts[place] = {"1": "Y", "0": "N"}
    return Spelling(names, columns, texts)


def _kinds(world: World, chance: Chance) -> list[Kind]:
    """Some tables of the world with all that their rows must belong to, owners first."""
    wanted = _MOST_TABLES if chance.coin(_WHOLE) else 2 + chance.below(_MOST_TABLES - 1)
    names: set[str] = set()
    for kind in chance.some(world.kinds, len(world.kinds)):
        more = _with_owners(world, kind.name)
        if not names or len(names | more) <= wanted:
            names |= more
    kinds = [kind for kind in world.kinds if kind.name in names]
    if chance.coin(_FOLDED):
        kinds = _folded(kinds, chance)
    return _owners_first(kinds)


def _with_owners(world: World, name: str) -> set[str]:
    owners = {one.table for one in world.kind(name).belongs} - {name}
    return {name}.union(*(_with_owners(world, owner) for owner in owners))


def _folded(kinds: Sequence[Kind], chance: Chance) -> list[Kind]:
    """One table less: what it holds stands in each row that belonged to it, as in a table that was once a sheet."""
    able = [
        (kind, owner)
        for kind in kinds
        for owner in kinds
        if owner is not kind
        and sum(one.table == owner.name for one in kind.belongs) == 1
        and not owner.belongs
        and not any(one.table == owner.name for other in kinds if other is not kind for one in other.belongs)
    ]
    if not able:
        return list(kinds)
    kind, owner = chance.pick(able)
    role = next(one.role for one in kind.belongs if one.table == owner.name) or owner.name
    own = {thing.words for thing in kind.things}
    brought = tuple(replace(one, words=(*role.split("_"), *one.words), holds="group" if one.holds == "labels" else
                            one.holds) for one in owner.things if one.holds != "code")  # fmt: skip
    whole = replace(
        kind, belongs=tuple(one for one in kind.belongs if one.table != owner.name),
        things=(*kind.things, *(one for one in brought if one.words not in own)),
    )  # fmt: skip
    return [whole if one is kind else one for one in kinds if one is not owner]


def _owners_first(kinds: Sequence[Kind]) -> list[Kind]:
    found: list[Kind] = []
    left = list(kinds)
    while left:
        known = {one.name for one in found}
        ready = next(one for one in left if all(own.table in known | {one.name} for own in one.belongs))
        found.append(ready)
        left.remove(ready)
    return found


def _spelt(kinds: Sequence[Kind], habits: Habits, chance: Chance) -> list[_Table]:
    found = []
    for kind in kinds:
        words = tuple(kind.name.split("_"))
        references = tuple(_Reference(habits.reference(tuple((one.role or one.table).split("_"))),
                                      f"{one.role or one.table}_id", one.table, one.may_miss or _is_own(kind, one))
                           for one in kind.belongs)  # fmt: skip
        taken = {habits.key_of(words).lower(), *(one.name.lower() for one in references)}
        columns: list[_Column] = []
        for at, thing in enumerate(kind.things):
            name = habits.column(_with_unit(thing, habits), words)
            if name.lower() not in taken and (at < 2 or not chance.coin(_LEFT_OUT)):
                taken.add(name.lower())
                columns.append(_Column(name, thing, _letters(thing) if habits.is_coded else {}))
        found.append(_Table(kind, habits.table(words), habits.key_of(words), tuple(columns), references))
    return found


def _is_own(kind: Kind, belongs: Belongs) -> bool:
    return belongs.table == kind.name


def _with_unit(thing: Thing, habits: Habits) -> tuple[str, ...]:
    return (*thing.words, habits.money) if thing.holds == "money" and habits.money else thing.words


def _letters(thing: Thing) -> dict[str, str]:
    """A letter for each group, where all differ."""
    letters = {value: value[0].upper() for value in thing.values}
    return letters if thing.holds == "group" and len(set(letters.values())) == len(letters) else {}


def _ddl(table: _Table, tables: Iterable[_Table], habits: Habits) -> str:
    places = {one.kind.name: one for one in tables}
    lines = [(f'"{table.key}" INTEGER PRIMARY KEY', "")]
    for one in table.references:
        to = places[one.table]
        needed = "" if one.may_miss else " NOT NULL"
        lines.append((f'"{one.name}" INTEGER{needed} REFERENCES "{to.name}" ("{to.key}")', ""))
    for column in table.columns:
        needed = "" if column.thing.may_miss else " NOT NULL"
        comment = _comment(column, habits) if habits.has_comments or column.codes else ""
        lines.append((f'"{column.name}" {_type(column.thing, habits)}{needed}', comment))
    said = [
        f"    {line}{',' if at < len(lines) else ''}{f' -- {comment}' if comment else ''}"
        for at, (line, comment) in enumerate(lines, 1)
    ]
    return "\n".join([f'CREATE TABLE "{table.name}" (', *said, ")"])


def _type(thing: Thing, habits: Habits) -> str:
    if thing.holds in ("real", "money"):
        return "REAL"
    if thing.holds in ("whole", "year") or (thing.holds == "flag" and not habits.is_yes_no):
        return "INTEGER"
    return "TEXT"


def _comment(column: _Column, habits: Habits) -> str:
    thing = column.thing
    if column.codes:
        return ", ".join(f"{letter} {value}" for value, letter in column.codes.items())
    if thing.holds == "flag":
        return "Y for yes, N for no" if habits.is_yes_no else "1 for yes, 0 for no"
    if thing.holds in ("date", "year"):
        return thing.holds
    return "date and time" if thing.holds == "moment" else ""


def _rows(table: _Table, keys: Mapping[str, Sequence[int]], habits: Habits, chance: Chance) -> list[tuple[Any, ...]]:
    low, high = _ROWS[table.kind.size]
    n_rows = low + chance.below(high - low + 1)
    labels = next((one.thing.values for one in table.columns if one.thing.holds == "labels"), ())
    n_rows = min(n_rows, len(labels)) if labels else n_rows
    taken: set[str] = set()
    rows = []
    for at in range(n_rows):
        row: list[Any] = [at + 1]
        for reference in table.references:
            known = keys[reference.table] if reference.table in keys else list(range(1, at + 1))
            is_missing = not known or (reference.may_miss and chance.coin(0.2))
            # Rows belong to the first ones more often: some have none at all.
            row.append(None if is_missing else known[int(chance.between(0, 1) ** 1.6 * len(known))])
        row += [_value(one, at, taken, habits, chance) for one in table.columns]
        rows.append(tuple(row))
    return rows


def _value(column: _Column, at: int, taken: set[str], habits: Habits, chance: Chance) -> Any:
    thing = column.thing
    if thing.may_miss and chance.coin(0.25):
        return None
    match thing.holds:
        case "labels":
            return thing.values[at % len(thing.values)]
        case "group":
            value = thing.values[int(chance.between(0, 1) ** 1.3 * len(thing.values))]
            return column.codes.get(value, value)
        case "code":
            return f"{thing.start}-{101 + 7 * at}"
        case "whole" | "year":
            return int(chance.between(thing.low, thing.high + 1))
        case "real":
            return round(chance.between(thing.low, thing.high), 1)
        case "money":
            amount = chance.between(thing.low, thing.high)
            return round(amount, 2) if thing.high < 500 else float(round(amount / 10) * 10)
        case "flag":
            is_so = chance.coin(0.4)
            return ("Y" if is_so else "N") if habits.is_yes_no else int(is_so)
        case "date" | "moment":
            return _day(thing, chance)
        case "note":
            return f"{drawn_name('places', chance).lower()}-{chance.below(900) + 100}"
        case _:
            return _new_name(thing.holds, taken, chance)


def _day(thing: Thing, chance: Chance) -> str:
    first, last = date(int(thing.low), 1, 1), date(int(thing.high), 12, 31)
    day = first + timedelta(days=chance.below((last - first).days + 1))
    if thing.holds == "date":
        return day.isoformat()
    moment = datetime(day.year, day.month, day.day, 6 + chance.below(17), 5 * chance.below(12))
    return moment.isoformat(sep=" ", timespec="minutes")


def _new_name(holds: str, taken: set[str], chance: Chance) -> str:
    for _ in range(20):
        name = drawn_name(holds, chance)
        if name not in taken:
            break
    taken.add(name)
    return name
