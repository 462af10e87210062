"""Questions as people word them, written by hand for each world with the query that answers them: asked/WORLD.tsv.

A line has a question and a query in the words of the world, between them a tab; {farm.name} in both stands for a value
that the database has, {farm.name#2} for another one. Knows how they are spelt in a database; makes no rules of them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from rushlight.assistant.engine.grammar import matches
from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.trial import trouble_of
from rushlight.assistant.learn.practice.drawing import Drawn
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.respelling import respelt
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.tree_form import tree_form

_FOLDER: Final = Path(__file__).with_name("asked")
_SLOT: Final = re.compile(r"\{([a-z_]+)\.([a-z_0-9]+)(?:#\d)?\}")
_TRIES: Final = 4  # of other values, until something is found
_MAX_VALUES: Final = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its query, in the words of a world."""

    question: str
    sql: str


@cache
def pairs_of(world: str) -> tuple[Pair, ...]:
    """What was written for a world, in the order of its file; nothing where there is no file."""
    path = _FOLDER / f"{world}.tsv"
    if not path.is_file():
        return ()
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(Pair(question.strip(), sql.strip()) for question, sql in lines)


def spoken(pairs: Sequence[Pair], drawn: Drawn, database: Database, chance: Chance) -> Iterator[Asked]:
    """Those that can be asked of this database and find something there, in an order of chance."""
    for pair in chance.some(pairs, len(pairs)):
        made = spoken_there(pair, drawn, database, chance)
        if isinstance(made, Asked):
            yield made


def spoken_there(
    pair: Pair, drawn: Drawn, database: Database, chance: Chance, *, in_grammar: bool = False
) -> Asked | str:
    """The question to this database; or why it cannot be asked there: its tables lack something, nothing is found, or,
    with `in_grammar`, the grammar in which models answer has no such query (which takes 0.05 s to see, so it is asked
    where questions are written and not where they are drawn)."""
    sql = respelt(pair.sql, drawn.spelling)
    if sql is None:
        return "the tables lack something that it needs"
    why = "a slot names nothing"
    for _ in range(_TRIES):
        values = _values(pair, drawn, database, chance)
        if values is None:
            return why
        filled = plain_form(_filled(sql, values, is_sql=True), database.schema)
        why = trouble_of(database, filled)
        if not why:
            question = _filled(pair.question, values)
            linked = link_taught(database.known(), question)
            filled = tree_form(filled, linked)
            if in_grammar and not matches(sql_grammar(linked).grammar, filled):
                return f"not in the grammar: {filled}"
            return Asked(question, filled, "by-hand", tuple(drawn.spelling.tables.values()))
        if not values:
            break
    return why


def _values(pair: Pair, drawn: Drawn, database: Database, chance: Chance) -> dict[str, str] | None:
    """A value for each slot, all different; None where a column is not there or has too few."""
    found: dict[str, str] = {}
    for match in _SLOT.finditer(pair.question + pair.sql):
        if match.group() in found:
            continue
        table, column = match.groups()
        place = drawn.spelling.columns.get(f"{table}.{column}")
        if place is None:
            return None
        held = _held(database, drawn.spelling.tables[table], place)
        left = [value for value in held if value not in found.values()]
        if not left:
            return None
        found[match.group()] = chance.pick(left)
    return found


def _held(database: Database, table: str, column: str) -> list[str]:
    name = quoted(column)
    sql = f"SELECT DISTINCT {name} FROM {quoted(table)} WHERE {name} IS NOT NULL ORDER BY {name} LIMIT {_MAX_VALUES}"
    return [str(row[0]) for row in database.run(sql).rows]


def _filled(text: str, values: dict[str, str], *, is_sql: bool = False) -> str:
    for slot, value in values.items():
        text = text.replace(slot, value.replace("'", "''") if is_sql else value)
    return text
