"""Queries as people write them, with their tables joined as the grammar joins them; and under other names."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.engine.grammar import matches
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.respelling import Spelling, respelt
from rushlight.assistant.sql.tree_form import tree_form

SCHEMA = """
CREATE TABLE port (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE "grant" (id INTEGER PRIMARY KEY, title TEXT, amount INTEGER);
CREATE TABLE route (id INTEGER PRIMARY KEY, from_id INTEGER REFERENCES port, to_id INTEGER REFERENCES port, km INTEGER,
                    grant_id INTEGER REFERENCES "grant");
INSERT INTO port VALUES (1, 'Kiel'), (2, 'Oslo'), (3, 'Bergen');
INSERT INTO "grant" VALUES (1, 'North', 500);
INSERT INTO route VALUES (1, 1, 2, 700, 1), (2, 3, 1, 900, NULL);
"""


@pytest.fixture
def ferry(own_home: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "ferry.db"
    db = apsw.Connection(str(path))
    db.execute(SCHEMA)
    db.close()
    with open_database([path], find_paths()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How long is the route from Kiel?",
         "SELECT r.km FROM route r JOIN port p ON p.id = r.from_id WHERE p.name = 'Kiel'"),
        ("How long is the route from Kiel?",
         "SELECT r.km FROM port p, route r WHERE p.name = 'Kiel' AND r.from_id = p.id"),  # no join: stays as it is
        ("Which routes go from Kiel to Oslo?",
         "SELECT r.id FROM port a JOIN route r ON a.id = r.from_id JOIN port b ON r.to_id = b.id "
         "WHERE a.name = 'Kiel' AND b.name = 'Oslo'"),
        ("Which routes go to Oslo and have a grant of more than 100?",
         "SELECT route.id FROM route JOIN port ON route.to_id = port.id "
         "JOIN \"grant\" ON route.grant_id = \"grant\".id WHERE port.name = 'Oslo' AND \"grant\".amount > 100"),
        ("Which ports have no route of a grant called North?",
         "SELECT p.name FROM port p WHERE p.id NOT IN (SELECT route.to_id FROM route JOIN \"grant\" ON "
         "route.grant_id = \"grant\".id WHERE \"grant\".title = 'North')"),
        ("Which ports have no route of a grant called North?",
         "SELECT p.name FROM port p WHERE p.id NOT IN (SELECT route.to_id FROM \"grant\" JOIN route ON "
         "\"grant\".id = route.grant_id WHERE \"grant\".title = 'North')"),
    ],
)  # fmt: skip
def test_it_finds_the_same_and_the_grammar_has_it(ferry: Database, question: str, sql: str) -> None:
    linked = link_taught(ferry.known(), question)
    made = tree_form(plain_form(sql, ferry.schema), linked)
    assert ferry.run(made).rows == ferry.run(sql).rows and ferry.run(sql).rows
    if " JOIN " in sql:
        assert matches(sql_grammar(linked).grammar, made), made


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM route",
        "SELECT route.km FROM route LEFT JOIN port ON route.from_id = port.id",
        "SELECT route.km FROM route JOIN port ON route.km > port.id",
        "SELECT route.km FROM route JOIN port ON route.km = port.id",
        "SELECT a.km FROM route AS a JOIN route AS b ON a.from_id = b.to_id",
        "no query at all",
    ],
)
def test_what_is_joined_otherwise_stays(ferry: Database, sql: str) -> None:
    assert tree_form(sql, link_taught(ferry.known(), "How long?")) == sql


def test_a_table_called_like_a_keyword_is_quoted_throughout(ferry: Database) -> None:
    plain = plain_form('SELECT title FROM "grant" WHERE amount > 100', ferry.schema)
    assert plain == 'SELECT "grant".title FROM "grant" WHERE "grant".amount > 100'
    assert matches(sql_grammar(link_taught(ferry.known(), "Which grants are above 100?")).grammar, plain)


SPELLING = Spelling(
    {"farm": "FRM", "worker": "order"},
    {"farm.id": "NO", "farm.name": "NM", "farm.organic": "ORG", "worker.id": "NO", "worker.farm_id": "FRM NO",
     "worker.name": "NM"},
    {"farm.organic": {"1": "Y", "0": "N"}},
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "there"),
    [
        ("SELECT name FROM farm", "SELECT NM FROM FRM"),
        ("SELECT farm.name FROM farm WHERE organic <> 1", "SELECT FRM.NM FROM FRM WHERE ORG <> 'Y'"),
        ("SELECT w.name FROM worker AS w JOIN farm AS f ON w.farm_id = f.id",
         'SELECT w.NM FROM "order" AS w JOIN FRM AS f ON w."FRM NO" = f.NO'),
        ("SELECT name FROM farm WHERE id NOT IN (SELECT farm_id FROM worker)",
         'SELECT NM FROM FRM WHERE NOT NO IN (SELECT "FRM NO" FROM "order")'),
        ("SELECT SUM(organic = 1) FROM farm", "SELECT SUM(ORG = 'Y') FROM FRM"),
        ("SELECT organic, COUNT(*) FROM farm GROUP BY organic", "SELECT ORG, COUNT(*) FROM FRM GROUP BY ORG"),
        ("SELECT SUM(organic) FROM farm", None),
        ("SELECT name FROM farm WHERE organic = 2", None),
        ("SELECT size FROM farm", None),
        ("SELECT name FROM barn", None),
        ("DELETE FROM farm", None),
        ("((", None),
    ],
)  # fmt: skip
def test_a_query_under_other_names(sql: str, there: str | None) -> None:
    assert respelt(sql, SPELLING) == there
