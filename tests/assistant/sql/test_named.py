"""What a query must hold since the question names it: right queries hold it nearly always."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.learn.database.called import columns_named
from rushlight.assistant.learn.database.generate import generate
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import WORD, lists_all
from rushlight.assistant.sql.linking_taught import is_spoken_of, link_taught
from rushlight.assistant.sql.named import held, musts_of
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.prompt import SHORT_FORM

SCHEMA = """
CREATE TABLE hotel (hotel_id INTEGER PRIMARY KEY, name TEXT, city TEXT, stars INTEGER);
CREATE TABLE room (
    room_id INTEGER PRIMARY KEY, hotel_id INTEGER REFERENCES hotel, number INTEGER, sea_view INTEGER, floor_area REAL
);
CREATE TABLE RES_HDR (
    RES_ID INTEGER PRIMARY KEY, room_id INTEGER REFERENCES room, ARR_DT TEXT NOT NULL, CNCL_DT TEXT,
    LYLTY_LVL TEXT  -- loyalty level, empty for strangers
);
CREATE TABLE employee (
    employee_id INTEGER PRIMARY KEY, name TEXT, job TEXT, salary REAL, manager_id INTEGER REFERENCES employee
);
"""


AVERAGE, EACH = ("AVG", "/ COUNT(DISTINCT"), ("GROUP BY", "PARTITION BY", "/ COUNT(DISTINCT")
ORDERED, COMPARED = ("ORDER BY", "MAX", "MIN"), ("<", ">", "BETWEEN")
LEFT_OUT = ("<>", "NOT", "NULL", "= 0", "'N'", "'no'", "<", ">")
NOT = ("NOT", "NULL", "<>", "= 0", "'N'", "'none'", "'no'")


@pytest.fixture
def database(tmp_path: Path, own_home: Path) -> Iterator[Database]:
    path = tmp_path / "hotels.db"
    db = apsw.Connection(str(path))
    db.execute(SCHEMA)
    for i in range(30):
        city = ("Oslo", "Graz", "Bern")[i % 3]
        db.execute("INSERT INTO hotel VALUES (?, ?, ?, ?)", (i, ("City Nest", "Grand Inn")[i % 2], city, 1 + i % 5))
        db.execute("INSERT INTO room VALUES (?, ?, ?, ?, ?)", (i, i % 9, 100 + i, i % 2, 20.5 + i))
        cancelled = "2024-05-01" if i % 7 == 0 else None
        level = ("gold", "silver", None)[i % 3]
        db.execute("INSERT INTO RES_HDR VALUES (?, ?, ?, ?, ?)", (i, i, f"2024-0{1 + i % 9}-11", cancelled, level))
        job = ("manager", "cook")[i % 2]
        db.execute("INSERT INTO employee VALUES (?, ?, ?, ?, ?)", (i, f"Name {i}", job, 1000.5 + i, i // 3 or None))
    db.close()
    with open_database([path], find_paths()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("How many rooms have a sea view?", ("room.sea_view",)),
        ("What are the floor areas of the rooms?", ("room.floor_area",)),
        ("How many reservations were cancelled?", ("RES_HDR.CNCL_DT",)),
        ("Which loyalty levels are there?", ("RES_HDR.LYLTY_LVL",)),
        ("What is the arrival date of reservation 7?", ("RES_HDR.ARR_DT",)),
        ("Which reservations arrived in March?", ()),  # all of them arrive
        ("How many employees are there? Give the number.", ()),  # no number of a room
        ("What is the name of each hotel?", ()),
        ("Tell me something about the weather", ()),
    ],
)
def test_columns_by_their_words(database: Database, question: str, columns: tuple[str, ...]) -> None:
    assert columns_named(database.known(), question) == columns


@pytest.mark.parametrize(
    ("question", "must"),
    [
        ("How many hotels in Oslo have 4 stars?", {("hotel.stars",), ("4", "04"), ("Oslo",)}),
        ("Which hotels have more than 12 rooms?", {("> 12", ">= 12")}),
        ("Which hotels have no more than 12 rooms?", {("12", "012")}),
        ("Which rooms are 1.5 times the average?", {("1.5", "01.5"), AVERAGE}),
        ("Rooms above 2,500 or over 3 million or 20 %", {("> 2500", ">= 2500")}),
        ("What does City Nest offer?", {("City Nest",)}),  # and no city
        ("Which employees have no manager?", {NOT}),  # as a job, or as the key
        ("Which hotel has the most rooms?", {("LIMIT", "MAX", "MIN"), ORDERED}),
        ("Which hotel opened first?", {("LIMIT", "MAX", "MIN")}),
        ("How many rooms per hotel, most first?", {EACH, ORDERED, ("DESC",)}),
        ("Rooms with a different price than their hotel", set()),
        ("Which rooms are larger than the average?", {AVERAGE, ("(SELECT AVG",), COMPARED}),
        ("What do rooms cost in total?", {("SUM", "COUNT", "+")}),
        ("What is the total price of all rooms?", {("SUM", "+")}),
        ("What is the total number of rooms?", set()),
        ("Which city is named most often?", {("LIMIT", "MAX", "MIN"), ORDERED, ("COUNT",), ("hotel.city",)}),
        ("Show the top 5 hotels, cheapest first", {("5", "05"), ORDERED, ("ORDER BY",), ("LIMIT",)}),
        ("What percentage of rooms has a sea view?", {("100",), ("room.sea_view",)}),
        ("Rank the hotels by their sum of rooms", {("RANK",), ("SUM",)}),
        ("Reservations before May", {COMPARED}),
        ("What is the price per kWh?", set()),
        ("How many different cities are there?", {("hotel.city",), ("DISTINCT", "COUNT(*)")}),
        ("Which reservations are there for each month?", set()),  # a price may be for each month
        ("How many reservations are there for each month?", {("'%m'", "'%Y-%m'")}),
        ("How many reservations arrived in each year?", {("'%Y'", "'%Y-%m'"), EACH}),
        ("Reservations by weekday", {("'%w'",)}),
        ("Show the running total of rooms", {("OVER",)}),
        ("Hotels other than those in Oslo", {("Oslo",), LEFT_OUT}),
        ("Hotels with at least 3 stars, without duplicates", {("hotel.stars",), ("> 3", ">= 3")}),
        ("Rooms that cost not more than 5", {("5", "05")}),
        ("Which hotel does each city like most?", {("hotel.city",), ORDERED}),
        ("How large is City Nest? I mean its rooms.", {("City Nest",)}),
        ("List the cities of the different hotels, and don't repeat them", {("hotel.city",), ("DISTINCT",)}),
        ("Is City Nest in Oslo or in Graz?", set()),
        ("Rooms and level for gold, silver and bronze", {("gold",), ("silver",)}),  # no bronze there
        ("Who trained in first aid last, best first aid first?", {ORDERED, ("ORDER BY",), ("DESC",)}),
        ("Which hotels did we star?", set()),  # a verb there
        ("Which star has a hotel?", set()),  # stars are counted
        ("Which employees earn a salary of 1?", {("salary",)}),  # by whatever name the table has
    ],
)
def test_what_must_be_held(database: Database, question: str, must: set[tuple[str, ...]]) -> None:
    known = database.known()
    assert set(musts_of(known, question, link_taught(known, question))[0]) == must


def test_the_youngest_was_born_last(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("clinic")

    def musts(question: str) -> tuple[tuple[str, ...], ...]:
        return musts_of(known, question, link_taught(known, question))[0]

    latest = ("patient.birth_date DESC", "MAX(patient.birth_date")
    assert latest in musts("Who is the youngest patient?") and latest not in musts("Who is the oldest patient?")


def test_years_that_are_held_as_they_are_need_no_dates(tmp_path: Path, own_home: Path) -> None:
    path = tmp_path / "clubs.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE club (club_id INTEGER PRIMARY KEY, founded INTEGER, met_on TEXT)")
    db.execute("INSERT INTO club VALUES (1, 1987, '2024-01-02'), (2, 2003, '2023-05-06')")
    db.close()
    with open_database([path], find_paths()) as database:
        known, question = database.known(), "How many clubs are there per year?"
        assert ("'%Y'", "'%Y-%m'") not in musts_of(known, question, link_taught(known, question))[0]


@pytest.mark.parametrize(
    ("value", "question", "is_it"),
    [
        ("cable car", "Which cable cars were built before 1999?", True),
        ("Chile", "Who manages our Chilean plant?", True),
        ("manager", "Who manages it?", True),
        ("oil", "Works in oils", True),
        ("oil", "Which works are oily on top?", True),
        ("oil", "Which works were boiled?", False),
        ("sailed", "How many sailings depart at each hour?", True),
        ("yellow", "Which defenders never got a card?", False),
        ("f", "How many female patients?", True),  # codes
        ("CXL", "Which orders were called off?", True),
        ("Yes", "Who is a member?", True),
        ("of the", "How many?", True),  # nothing in it that could be spoken of
    ],
)
def test_what_a_question_speaks_of(value: str, question: str, is_it: bool) -> None:
    assert is_spoken_of(value, WORD.findall(question.casefold())) == is_it


def test_texts_that_nobody_spoke_of_are_in_no_grammar_of_a_taught_model(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("football")
    spoken = link_taught(known, "How many yellow cards are there?").values
    silent = link_taught(known, "Which defenders never got a penalty?").values
    assert spoken["card.color"] == ("yellow",) and "card.color" not in silent
    foreign = link_taught(known, "Wie viele gelbe Karten gab es?").values
    assert set(foreign["card.color"]) == {"yellow", "red"}


def test_rows_in_an_order_are_not_cut_off() -> None:
    for said in ("rooms per hotel, most first", "the hotels, largest first", "from the best to the worst"):
        assert lists_all(said), said
    for said in ("which hotel opened first", "the three largest, best first: list 3 hotels", "top 5, highest first"):
        assert not lists_all(said), said


def test_right_queries_hold_it(suite_database: Callable[[str], Path], own_home: Path) -> None:
    n = n_wrong = 0
    with open_database([suite_database("library")], find_paths()) as database:
        known = database.known()
        for made in generate(database, 300, 5, Watch()):
            must, _ = musts_of(known, made.question, link_taught(known, made.question))
            n += bool(must)
            n_wrong += bool(lacking(must, plain_form(made.sql, database.schema)))
    assert n > 200 and n_wrong <= 3, (n, n_wrong)


def test_what_the_user_chose_stays_where_the_named_cannot_be_joined_with_it(tmp_path: Path, own_home: Path) -> None:
    path = tmp_path / "apart.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE boat (boat_id INTEGER PRIMARY KEY, harbor TEXT, mast_height REAL)")
    db.execute("CREATE TABLE lorry (lorry_id INTEGER PRIMARY KEY, depot TEXT, axle_load REAL)")
    db.execute("INSERT INTO boat VALUES (1, 'Kiel', 9.5), (2, 'Oban', 7.25)")
    db.execute("INSERT INTO lorry VALUES (1, 'Ulm', 7.5), (2, 'Linz', 11.25)")
    db.close()
    with open_database([path], find_paths()) as opened:
        question = "How many have a mast height above 8?"
        linked = replace(link_taught(opened.known(), question), must=frozenset({"lorry"}))
        made, _ = held(opened.known(), question, linked, sql_grammar(linked).grammar)
        assert made.must and "FROM lorry" in made.text and "FROM boat" not in made.text
        free = replace(linked, must=frozenset())
        assert "FROM lorry" not in held(opened.known(), question, free, sql_grammar(free).grammar)[0].text


def test_the_table_of_a_named_column_is_joined(database: Database) -> None:
    from rushlight.assistant.engine.request import Grammar

    question = "How many hotels have rooms with a sea view?"
    known = database.known()
    made, otherwise = held(known, question, link_taught(known, question), Grammar("lark", "as it was"))
    assert otherwise == Grammar("lark", "as it was") and made.must == (("room.sea_view",),)
    firsts = [line for line in made.text.splitlines() if line.startswith("start:")]
    assert firsts and "FROM employee" not in made.text
    nothing = "Tell me something"
    assert held(known, nothing, link_taught(known, nothing), otherwise) == (otherwise, None)


class Forgetful(FakeEngine):
    """Leaves out what it must hold until it is sampled so often, or may leave it out."""

    def __init__(self, n_before: int) -> None:
        super().__init__([])
        self.n_before, self.asked = n_before, 0
        self.musts: list[int] = []

    def generate(self, request: Any, stop: Any) -> Any:
        from rushlight.assistant.events import Finished, TextDelta, Usage

        self.asked += 1
        self.musts.append(len(request.grammar.must))
        right = self.asked > self.n_before
        yield TextDelta("SELECT COUNT(*) FROM room" + (" WHERE room.sea_view = 1" if right else ""))
        yield Usage(5, 0, 9)
        yield Finished("stop")

    def search(self, request: Any, stop: Any) -> Any:
        raise Error("It does not search.", kind="not-supported")


@pytest.mark.parametrize(("n_before", "musts"), [(0, [1]), (1, [1, 1]), (9, [1, 1, 0])])
def test_what_lacks_it_is_written_anew(
    n_before: int, musts: list[int], database: Database, own_home: Path, tiny_gguf: Path
) -> None:
    from rushlight.assistant.models.importing import import_model
    from rushlight.assistant.settings import load_settings
    from rushlight.assistant.sql.asking import ask_database

    engine, paths = Forgetful(n_before), find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: engine) as app:
        import_model(app.catalogue, tiny_gguf, how="in-place")
        answer = ask_database(app, database, "How many rooms have a sea view?", correct=False, form=SHORT_FORM)
        assert engine.musts == musts
        ask_database(app, database, "How many rooms have a sea view?", correct=False)
        assert engine.musts == [*musts, 0], "who was not taught is not held to it"
    assert answer.result is not None and answer.result.rows == ((15,) if n_before < 9 else (30,),)
