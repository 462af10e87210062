"""What a question may mean in several ways, found before a query is written: a value in several columns, two tables.

Knows words and schemas; asks no model. What was chosen is taken out of everything else that the query could name.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.sql.linking import (
    COMMON,
    Linked,
    keys_of,
    name_words,
    named_values,
    stem,
    table_points,
    words_in,
)
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.values import Schema, Table

_NEAR = 0.9  # of the better table's points: as likely
_MOST = 3  # things that are asked back at once
_MAX_CHOICES = 6


class Ambiguity(Struct, frozen=True):
    """Something in the question that can mean several things."""

    kind: str  # value: it stands in several columns; table: it names several tables
    said: str  # the value, or the word of the question
    choices: tuple[str, ...]  # table.column, or table (source.table where two files have one of this name)


def ambiguities(known: Profiled, question: str, linked: Linked) -> tuple[Ambiguity, ...]:
    """What is to be asked back, tables first."""
    return (*_tables(known, question, linked), *_values(known, question, linked))[:_MOST]


def still_open(found: Iterable[Ambiguity], chosen: Mapping[str, str]) -> tuple[Ambiguity, ...]:
    """Those that nothing was chosen for ("": any of them). A choice that is none of them is an `Error`."""
    given = {said.casefold(): choice for said, choice in chosen.items()}
    left = []
    for one in found:
        choice = given.get(one.said.casefold())
        if choice is None:
            left.append(one)
        elif choice and choice not in one.choices:
            raise Error(
                f"“{one.said}” cannot mean {choice!r} here.",
                hint=f"It can mean {', '.join(one.choices)}.",
                kind="bad-choice",
            )
    return tuple(left)


def decided(known: Profiled, found: Sequence[Ambiguity], chosen: Mapping[str, str]) -> Profiled:
    """What is known without what was not chosen: neither the linking nor the grammar sees it then."""
    given = {said.casefold(): choice for said, choice in chosen.items()}
    gone: set[str] = set()  # source.table
    values = known.values
    for one in found:
        choice = given.get(one.said.casefold())
        if not choice:
            continue
        if one.kind == "table":
            gone |= {_full(table) for table in known.schema.tables if _named(table, one.choices, choice)}
            continue
        values = tuple(
            replace(column, values=tuple(value for value in column.values if value.casefold() != one.said.casefold()))
            if (place := f"{column.table}.{column.column}") in one.choices and place != choice
            else column
            for column in values
        )
    tables = tuple(table for table in known.schema.tables if _full(table) not in gone)
    values = tuple(column for column in values if f"{column.source}.{column.table}" not in gone)
    return Profiled(Schema(tables, known.schema.notes), values)


def meant(found: Sequence[Ambiguity], chosen: Mapping[str, str], linked: Linked) -> frozenset[str]:
    """The tables that were chosen, or whose column was."""
    given = {said.casefold(): choice for said, choice in chosen.items()}
    choices = [(one.kind, given.get(one.said.casefold(), "")) for one in found]
    names = {
        choice.rpartition(".")[2] if kind == "table" else choice.partition(".")[0] for kind, choice in choices if choice
    }
    return frozenset(table.name for table in linked.tables if table.name in names)


def _full(table: Table) -> str:
    return f"{table.source}.{table.name}"


def _named(table: Table, choices: Sequence[str], choice: str) -> bool:
    """Whether it is one of the others."""
    own = {table.name, _full(table)}
    return bool(own & set(choices)) and choice not in own


def _values(known: Profiled, question: str, linked: Linked) -> list[Ambiguity]:
    words = words_in(question)
    tables = {table.name: table for table in known.schema.tables}
    shown = {f"{table.name}.{column.name}" for table in linked.tables for column in table.columns}
    names = {" ".join(sorted(name_words(table.name))) for table in known.schema.tables}
    names |= {" ".join(sorted(name_words(one.name))) for table in known.schema.tables for one in table.columns}
    by_value: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for place, value in named_values(known, question, codes=False):
        inside = any(value.casefold() in other and value.casefold() != other for other in by_value)
        is_name = " ".join(sorted(stem(word) for word in value.lower().split())) in names
        if not inside and not is_name and place in shown:
            by_value.setdefault(value.casefold(), []).append(place)
            spelled.setdefault(value.casefold(), value)
    found = []
    for folded, places in by_value.items():
        apart = _apart(known, list(dict.fromkeys(places)))
        points = {place: _said(place, tables, words) for place in apart}
        best = [place for place in apart if points[place] >= max(points.values()) - 1e-9]
        if 2 <= len(best) <= _MAX_CHOICES:
            found.append(Ambiguity("value", spelled[folded], tuple(best)))
    return found


def _said(place: str, tables: Mapping[str, Table], words: frozenset[str]) -> float:
    """How much of the names of a column and its table the question says."""
    table, _, column = place.partition(".")
    own, other = name_words(column), name_words(table)
    described = words_in(tables[table].comment) if table in tables else frozenset()
    return (
        2.0 * len(own & words) / max(1, len(own))
        + len(other & words) / max(1, len(other))
        + 0.1 * bool(described & words)
    )


def _apart(known: Profiled, places: list[str]) -> list[str]:
    """Without columns that mean the same as another one: joined to it by a key, or of the same name and values."""
    same = {
        (f"{table.name}.{one}", f"{key.table}.{other}")
        for table in known.schema.tables
        for key in keys_of(table, known.schema.tables)
        for one, other in zip(key.columns, key.to_columns, strict=False)
    }
    held = {f"{one.table}.{one.column}": frozenset(one.values) for one in known.values if known.holds_all_seen(one)}

    def alike(one: str, other: str) -> bool:
        if (one, other) in same or (other, one) in same:
            return True
        named = one.rpartition(".")[2].lower() == other.rpartition(".")[2].lower()
        return named and one in held and held[one] == held.get(other)

    kept: list[str] = []
    for place in places:
        if not any(alike(place, other) for other in kept):
            kept.append(place)
    return kept


def _tables(known: Profiled, question: str, linked: Linked) -> list[Ambiguity]:
    words = words_in(question)
    points = table_points(known, question)
    found: list[Ambiguity] = []
    taken: set[str] = set()
    for word in question.split():
        plain = stem(word.strip("?.,;:!\"'()").lower())
        if plain not in words or word.lower() in COMMON:
            continue
        tables = [table for table in known.schema.tables if plain in name_words(table.name)]
        shares = {_full(table): _share(table, words) for table in tables}
        best = [table for table in tables if shares[_full(table)] >= max(shares.values()) - 1e-9]
        most = max((points[_full(table)] for table in best), default=0.0)
        best = [table for table in best if points[_full(table)] >= _NEAR * most]
        by_name = {table.name.lower() for table in best}
        alone = len(by_name) == len(best)
        if len(best) < 2 or (alone and shares[_full(best[0])] >= 1) or len(best) > _MAX_CHOICES:
            continue
        shown = {one.name for one in linked.tables}
        choices = tuple(table.name if alone else _full(table) for table in best if table.name in shown)
        if len(choices) >= 2 and not taken & set(choices):
            taken |= set(choices)
            found.append(Ambiguity("table", word.strip("?.,;:!\"'()"), choices))
    return found


def _share(table: Table, words: frozenset[str]) -> float:
    own = name_words(table.name)
    return len(own & words) / max(1, len(own))
