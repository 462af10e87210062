"""Questions that were written for one world and fit another database: with its nouns, values and numbers."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import read_facts
from rushlight.assistant.learn.kinds.database import DatabaseLesson
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.practice.borrowing import borrowed
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database

SCHEMA = """
CREATE TABLE LAMP_HDR (LAMP_ID INTEGER PRIMARY KEY, LAMP_NM TEXT, LST_PRC_EUR REAL, WGHT_KG REAL, CLR TEXT,
                       MADE_YR INTEGER);
CREATE TABLE worker (worker_id INTEGER PRIMARY KEY, name TEXT, salary_eur REAL, hired_on TEXT, birth_date TEXT);
CREATE TABLE link (lamp_id INTEGER REFERENCES LAMP_HDR, worker_id INTEGER REFERENCES worker);
"""


@pytest.fixture
def shop(own_home: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "lamps.db"
    db = apsw.Connection(str(path))
    db.execute(SCHEMA)
    for i in range(30):
        row = (i, f"Lux {chr(65 + i % 26)}{i}", 20.0 + 13 * i, 0.5 + i, ("teal", "ochre", "mauve")[i % 3], 1990 + i)
        db.execute("INSERT INTO LAMP_HDR VALUES (?, ?, ?, ?, ?, ?)", row)
        days = (f"20{10 + i % 9}-0{1 + i % 9}-1{i % 9}", f"19{60 + i}-02-03")
        db.execute("INSERT INTO worker VALUES (?, ?, ?, ?, ?)", (i, f"Ada No{i}", 2000.0 + 50 * i, *days))
        db.execute("INSERT INTO link VALUES (?, ?)", (i, 29 - i))
    db.close()
    with open_database([path], find_paths()) as opened:
        yield opened


def asked(database: Database, seed: int = 1) -> list[Asked]:
    return list(borrowed(read_facts(database), database.schema, Chance(seed)))


def test_what_is_borrowed_is_asked_of_this_database(shop: Database) -> None:
    found = asked(shop)
    assert len({one.question for one in found}) > 60
    assert {one.tables for one in found} == {("LAMP_HDR",), ("worker",)}  # what only links is nothing to ask about
    for one in found:
        shop.run(one.sql)
        assert "{" not in one.question and not {"dog", "boat", "wheat"} & set(one.question.lower().split())
    shapes = {one.sql.partition(" FROM ")[0] for one in found}
    assert {"SELECT LAMP_HDR.LST_PRC_EUR", "SELECT LAMP_HDR.WGHT_KG", "SELECT worker.salary_eur",
            "SELECT worker.birth_date", "SELECT LAMP_HDR.CLR, COUNT(*)"} <= shapes  # fmt: skip


def test_values_and_numbers_are_those_of_the_table(shop: Database) -> None:
    found = [*asked(shop), *asked(shop, 2)]
    named = [one for one in found if "LAMP_NM = '" in one.sql]
    assert named and all(one.sql.split("LAMP_NM = '")[1].split("'")[0] in one.question for one in named)
    colours = [one for one in found if "CLR = '" in one.sql]
    assert colours and all(one.sql.split("CLR = '")[1].split("'")[0] in ("teal", "ochre", "mauve") for one in colours)
    compared = [one for one in found if "WGHT_KG > " in one.sql and "SELECT AVG" not in one.sql]
    assert compared
    for one in compared:
        number = one.sql.split("WGHT_KG > ")[1].split()[0]
        assert number in one.question and 0.5 <= float(number) <= 30


def test_people_are_asked_as_people_and_things_as_things(shop: Database) -> None:
    found = asked(shop)
    assert any(one.question.startswith("Who") for one in found if one.tables == ("worker",))
    assert [one for one in found if one.question.startswith("Who ") and one.tables == ("LAMP_HDR",)] == []


def test_the_same_chance_borrows_the_same(shop: Database) -> None:
    assert asked(shop, 3) == asked(shop, 3) != asked(shop, 4)


def test_a_lesson_holds_some_and_none_twice(shop: Database) -> None:
    drafts = list(DatabaseLesson(shop, n=300).drafts(Watch()))
    kinds = [str(one.more["kind"]) for one in drafts]
    assert 40 <= kinds.count("borrowed") <= 60 < len(kinds) <= 300  # a fifth at most
    lent = [str(one.more["question"]).lower() for one in drafts if one.more["kind"] == "borrowed"]
    assert len(set(lent)) == len(lent)
    plain = [one.more["kind"] for one in DatabaseLesson(shop, n=300, borrows=False).drafts(Watch())]
    assert "borrowed" not in plain and len(plain) >= 200
