"""Days held against those of another table, figures against the mean of their kind: said, run, and told apart."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.learn.database.asked import Asked, Joins
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.compared_far import against_kind, compared_far
from rushlight.assistant.learn.database.conditions import is_main_date
from rushlight.assistant.learn.database.facts import Facts, read_facts
from rushlight.assistant.learn.database.generate import generate
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "yard.db"
    made = apsw.Connection(str(path))
    made.execute("""
        CREATE TABLE boat (boat_id INTEGER PRIMARY KEY, name TEXT, kind TEXT, length_m REAL, bought_on TEXT,
                           retired_on TEXT);
        CREATE TABLE rental (rental_id INTEGER PRIMARY KEY, boat_id INTEGER NOT NULL REFERENCES boat,
                             rented_on TEXT NOT NULL, due_on TEXT NOT NULL, returned_on TEXT, fee_eur REAL);
    """)
    for i in range(40):
        retired = f"2024-0{1 + i % 9}-11" if i % 4 == 0 else None
        bought, kind = f"20{18 + i % 4}-05-0{1 + i % 9}", ("canoe", "dinghy", "kayak")[i % 3]
        row = (i, f"Boat {i}", kind, 3.5 + i % 7, bought, retired)
        made.execute("INSERT INTO boat VALUES (?, ?, ?, ?, ?, ?)", row)
        for j in range(3):
            made.execute("INSERT INTO rental VALUES (?, ?, ?, ?, ?, ?)",
                         (3 * i + j, i, f"202{j + 1}-06-{10 + i % 18}", f"202{j + 1}-07-{10 + i % 18}",
                          None if j == 2 else f"202{j + 1}-07-0{1 + i % 9}", 20.0 + i))  # fmt: skip
    made.close()
    with open_database([path], find_paths()) as opened:
        yield opened


@pytest.fixture
def facts(database: Database) -> Facts:
    return read_facts(database)


def many(database: Database, facts: Facts, which: object, table: str, n: int = 60) -> list[Asked]:
    joins, chance = Joins(facts, database.known()), Chance(5)
    made = [which(facts, facts.tables[table], joins, chance) for _ in range(n)]  # type: ignore[operator]
    return [one for one in made if one is not None]


def test_days_are_held_against_those_of_what_rows_belong_to(database: Database, facts: Facts) -> None:
    made = many(database, facts, compared_far, "rental")
    assert len(made) > 30 and not many(database, facts, compared_far, "boat")
    for one in made:
        late = " > " in one.sql
        assert ("after" in one.question or "later" in one.question) == late, one
        assert "boat" in one.question and "JOIN" in one.sql
        database.run(one.sql)
    said = {one.question for one in made}
    assert any("after the boat was bought" in one for one in said) and any("whose" in one for one in said)


def test_figures_are_held_against_the_mean_of_their_kind(database: Database, facts: Facts) -> None:
    for one in many(database, facts, against_kind, "boat"):
        assert "AS other WHERE other.kind = boat.kind" in one.sql and " kind" in one.question, one
        rows = database.run(one.sql, max_rows=100).rows
        plain = database.run(one.sql.split(" WHERE ")[0], max_rows=100).rows
        assert rows and rows != plain
    owned = {one.sql.split("WHERE other.")[1] for one in many(database, facts, against_kind, "rental")}
    assert owned == {"boat_id = rental.boat_id)"}


def test_in_a_year_means_the_day_on_which_something_began(facts: Facts) -> None:
    rental = facts.tables["rental"]
    main = [one.column.name for one in rental.of("date") if is_main_date(rental, one)]
    assert main == ["rented_on"]


def test_who_is_there_now(database: Database) -> None:
    made = [one for one in generate(database, 500, 2) if any(word in one.question for word in ("currently", "today"))]
    assert made and all("retired_on IS NULL" in one.sql for one in made), made
