"""Forms that look at a second or third table: not among those of a third one, the same text there, so many for each.

What is made is held against rows that are counted here by hand, and stands in the grammar of its question alone.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.engine.grammar import matches
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.learn.database.asked import Asked, Joins
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.compared_far import alike_far
from rushlight.assistant.learn.database.facts import Facts, TableFacts, read_facts
from rushlight.assistant.learn.database.owners_asked import without
from rushlight.assistant.learn.database.per_each import per_each
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.named import musts_of

Maker = Callable[[Facts, TableFacts, Joins, Chance], Asked | None]
TOWNS = ("Alby", "Borg", "Carn")
KINDS = ("oak", "pine", "birch")
N_SITES, N_CREWS, N_JOBS = 6, 9, 40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "woods.db"
    made = apsw.Connection(str(path))
    made.execute("""
        CREATE TABLE site (site_id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT NOT NULL);
        CREATE TABLE crew (crew_id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT NOT NULL);
        CREATE TABLE job (job_id INTEGER PRIMARY KEY, site_id INTEGER NOT NULL REFERENCES site,
                          crew_id INTEGER NOT NULL REFERENCES crew, wood TEXT NOT NULL, price_eur REAL NOT NULL,
                          town TEXT NOT NULL);
    """)
    made.executemany("INSERT INTO site VALUES (?, ?, ?)", [(i, f"Site {i}", TOWNS[i % 3]) for i in range(N_SITES)])
    made.executemany("INSERT INTO crew VALUES (?, ?, ?)", [(i, f"Crew {i}", TOWNS[i % 3]) for i in range(N_CREWS)])
    made.executemany(
        "INSERT INTO job VALUES (?, ?, ?, ?, ?, ?)",
        [(i, i % 5, (i * 7) % 8, KINDS[i % 3], 100.0 + i, TOWNS[(i // 2) % 3]) for i in range(N_JOBS)],
    )
    made.close()
    with open_database([path], find_paths()) as opened:
        yield opened


def many(database: Database, maker: Maker, table: str, n: int = 80) -> list[Asked]:
    facts = read_facts(database)
    joins, chance = Joins(facts, database.known()), Chance(3)
    made = [maker(facts, facts.tables[table], joins, chance) for _ in range(n)]
    return list({one.question: one for one in made if one is not None}.values())


def can_be(database: Database, question: str, sql: str) -> bool:
    return matches(sql_grammar(link_taught(database.known(), question)).grammar, sql)


def held(database: Database, one: Asked) -> None:
    """Its query runs, stands in the grammar of its question, and has what that one demands."""
    database.run(one.sql)
    known = database.known()
    linked = link_taught(known, one.question)
    assert can_be(database, one.question, one.sql), one
    assert not lacking(musts_of(known, one.question, linked)[0], one.sql), one


def test_those_without_any_of_a_third_table(database: Database) -> None:
    made = [one for one in many(database, without, "crew", 200) if " JOIN " in one.sql.partition("(SELECT")[2]]
    assert len(made) > 10
    for one in made:
        assert "NOT IN (SELECT job.crew_id FROM site JOIN job ON job.site_id = site.site_id WHERE site." in one.sql
        assert "job" in one.question and re.search(r"\b(?:no|not|never|without|n't|any)\b|n't", one.question), one
        held(database, one)
    sql = ("SELECT crew.name FROM crew WHERE crew.crew_id NOT IN (SELECT job.crew_id FROM site JOIN job ON "
           "job.site_id = site.site_id WHERE site.name = 'Site 2')")  # fmt: skip
    assert can_be(database, "Which crews never had a job at Site 2?", sql)
    assert not can_be(database, "Which crews had a job at Site 2?", sql)
    worked = {(i * 7) % 8 for i in range(N_JOBS) if i % 5 == 2}
    names = {row[0] for row in database.run(sql).rows}
    assert names == {f"Crew {i}" for i in range(N_CREWS) if i not in worked} != set()


def test_the_same_text_there_or_another(database: Database) -> None:
    made = many(database, alike_far, "job")
    assert len(made) > 20 and not many(database, alike_far, "site")
    n_same = sum(TOWNS[(i // 2) % 3] == TOWNS[(i % 5) % 3] for i in range(N_JOBS))
    for one in made:
        held(database, one)
        same = re.search(r"job\.town = (?:site|crew)\.town|(?:site|crew)\.town = job\.town", one.sql) is not None
        assert same != ("not the same" in one.question or re.search(r"another|differ|not in", one.question) is not None)
        assert "town" in one.question
        if same and "crew" not in one.sql and one.sql.startswith("SELECT COUNT"):
            assert database.run(one.sql).rows == ((n_same,),)
    sql = "SELECT COUNT(*) FROM site JOIN job ON job.site_id = site.site_id WHERE site.town = job.town"
    assert not can_be(database, "How many jobs are there in the town of their site?", sql)


def test_how_many_for_each_on_average(database: Database) -> None:
    made = many(database, per_each, "job")
    assert len(made) > 20 and not many(database, per_each, "crew")
    seen = set()
    for one in made:
        held(database, one)
        assert "average" in one.question.lower()
        ((found,),) = database.run(one.sql).rows
        if one.sql == "SELECT COUNT(*) * 1.0 / COUNT(DISTINCT job.crew_id) FROM job":
            assert found == N_JOBS / 8 and "crew" in one.question
            seen.add("crew")
        if one.sql == "SELECT SUM(job.price_eur) * 1.0 / COUNT(DISTINCT job.site_id) FROM job":
            assert found == sum(100.0 + i for i in range(N_JOBS)) / 5 and "price" in one.question
            seen.add("site")
    assert seen == {"crew", "site"}
    sql = "SELECT COUNT(*) * 1.0 / COUNT(DISTINCT job.crew_id) FROM job"
    assert not can_be(database, "How many jobs does a crew have?", sql)
