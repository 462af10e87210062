"""Grammars of questions to wide tables, and to many of them: what people ask can still be said."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.engine.grammar import matches
from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.practice.drawing import draw_database
from rushlight.assistant.learn.practice.handwritten import Pair, spoken_there
from rushlight.assistant.learn.practice.worlds import worlds
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught

SCHEMA = """
CREATE TABLE cheese (
    cheese_id INTEGER PRIMARY KEY, name TEXT, weeks INTEGER, fat REAL, price_per_kg REAL, size_cm REAL, salt REAL
);
CREATE TABLE sale (
    sale_id INTEGER PRIMARY KEY, cheese_id INTEGER REFERENCES cheese, kilos REAL, boxes INTEGER, tare REAL,
    stamps INTEGER, price_per_kg REAL, sold_on TEXT, quoted_total REAL, final_total REAL
);
"""


@pytest.fixture
def dairy(own_home: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "dairy.db"
    db = apsw.Connection(str(path))
    db.execute(SCHEMA)
    for i in range(12):
        db.execute("INSERT INTO cheese VALUES (?, ?, ?, ?, ?, ?, ?)", (i, f"Cheese {i}", 3 + i, 20.5, 14.5, 8.5, 1.5))
        row = (i, i, 2.5, 1, 0.5, i, 13.5 + i, f"2024-03-{1 + i:02}", 40.5, 38.5)
        db.execute(f"INSERT INTO sale VALUES ({', '.join('?' * len(row))})", row)
    db.close()
    with open_database([path], find_paths()) as opened:
        yield opened


def can_be(database: Database, question: str, sql: str) -> bool:
    return matches(sql_grammar(link_taught(database.known(), question)).grammar, sql)


def test_columns_that_are_called_alike_are_compared(dairy: Database) -> None:
    """Of many numbers of a table not all pairs are written out, of two tables still fewer."""
    assert can_be(
        dairy, "Which sales were cheaper than quoted?",
        "SELECT sale.sale_id FROM sale WHERE sale.final_total < sale.quoted_total",
    )  # fmt: skip
    joined = "FROM cheese JOIN sale ON sale.cheese_id = cheese.cheese_id"
    question = "Which cheeses were sold for a lower price than on the list?"
    assert can_be(dairy, question, f"SELECT cheese.name {joined} WHERE sale.price_per_kg < cheese.price_per_kg")
    assert not can_be(dairy, question, f"SELECT cheese.name {joined} WHERE sale.stamps < cheese.fat")


def test_the_most_of_a_difference(dairy: Database) -> None:
    sql = "SELECT MAX(sale.quoted_total - sale.final_total) FROM sale"
    assert can_be(dairy, "What is the largest difference between quoted and final total?", sql)
    assert not can_be(dairy, "What is the largest final total?", sql)


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("Year of build and length of {vessel.name}?",
         "SELECT built_in, length_m FROM vessel WHERE name = '{vessel.name}'"),
        ("How many vessels are there in all, whatever year and length?", "SELECT COUNT(*) FROM vessel"),
    ],
)  # fmt: skip
def test_many_ways_of_joining_leave_room_for_a_simple_question(
    own_home: Path, tmp_path: Path, question: str, sql: str
) -> None:
    """Six tables with keys to each other have forty join trees, and each its ways to begin."""
    at = next(at for at, world in enumerate(worlds()) if world.name == "fishing_fleet")
    made = []
    for number in range(6):
        drawn = draw_database(tmp_path / f"{number}.db", at + number * len(worlds()))
        with open_database([tmp_path / f"{number}.db"], find_paths()) as database:
            made.append(spoken_there(Pair(question, sql), drawn, database, Chance(1), in_grammar=True))
    assert not [one for one in made if isinstance(one, str) and one.startswith("not in the grammar")], made
    assert [one for one in made if isinstance(one, Asked)]
