"""Questions made for a database: every query runs, stands in the grammar, names what the question names, and varies."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import apsw
import llguidance
import pytest

from rushlight import Error
from rushlight.assistant.learn.answers import Answered, Question, ask_all, failure_of, read_questions, score
from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.events import event_of
from rushlight.assistant.learn.database.facts import read_facts
from rushlight.assistant.learn.database.generate import generate, skeleton
from rushlight.assistant.learn.database.names import plural_of, singular_of, words_of
from rushlight.assistant.learn.database.polish import polished
from rushlight.assistant.learn.kinds.database import DatabaseLesson, question_of
from rushlight.assistant.learn.kinds.kind import Watch, make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.prompt import SHORT_FORM
from rushlight.assistant.store.database import Store

SUITE = Path(__file__).resolve().parent.parent / "sql" / "suite" / "build.py"
N = 400


@pytest.fixture(scope="module")
def hotel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten tables: a key to its own table, one that only links, flags, years, days, prices, what is missing."""
    spec = spec_from_file_location("learn_sql_suite_build", SUITE)
    assert spec is not None and spec.loader is not None
    sys.modules[spec.name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    built: Path = module.build("hotel", tmp_path_factory.mktemp("learn") / "hotel.db")
    return built


@pytest.fixture
def database(hotel: Path) -> Iterator[Database]:
    with open_database([hotel], find_paths()) as opened:
        yield opened


@pytest.fixture
def made(database: Database) -> list[Asked]:
    return list(generate(database, N, seed=1))


def test_every_query_runs_and_nearly_all_find_something(database: Database, made: list[Asked]) -> None:
    assert len(made) == N and len({one.question.lower() for one in made}) == N
    empty = 0
    for one in made:
        rows = database.run(one.sql).rows
        empty += not any(cell not in (None, 0) for row in rows for cell in row)
    assert empty <= 0.04 * N


def test_kinds_and_tables_are_balanced(made: list[Asked]) -> None:
    kinds = Counter(one.kind for one in made)
    assert {"count", "list", "columns", "lookup", "amount", "grouped", "top", "having", "without", "extreme", "mean",
            "different", "dates"} <= set(kinds)  # fmt: skip
    assert max(kinds.values()) < 0.25 * N
    assert len({name for one in made for name in one.tables}) == 10
    joined = [one for one in made if len(one.tables) > 1]
    assert 0.15 * N < len(joined) < 0.5 * N and any(len(one.tables) == 3 for one in joined)
    assert len({skeleton(one.sql) for one in made}) > 0.6 * N


def test_the_same_seed_makes_the_same_lesson(database: Database) -> None:
    assert list(generate(database, 40, seed=2)) == list(generate(database, 40, seed=2))
    assert list(generate(database, 40, seed=2)) != list(generate(database, 40, seed=3))


def test_what_is_made_stands_in_the_grammar_of_its_question(database: Database, made: list[Asked]) -> None:
    known = database.known()
    bare = llguidance.LLTokenizer("byte")
    outside = []
    for one in made[::8]:
        text = '%llguidance {"no_forcing": true}\n' + sql_grammar(link_taught(known, one.question)).grammar.text
        matcher = llguidance.LLMatcher(bare, llguidance.LLMatcher.grammar_from_lark(text), log_level=0)
        if not (matcher.consume_tokens(list(one.sql.encode())) and matcher.is_accepting()):
            outside.append(one)
    assert not outside, outside[:3]


def test_facts_of_a_schema(database: Database) -> None:
    facts = read_facts(database)
    guest, room, employee = (facts.tables[name] for name in ("guest", "room", "employee"))
    assert guest.is_person and [one.column.name for one in guest.label] == ["name"]
    assert guest.columns["birth_year"].sort == "year" and guest.columns["birth_year"].n_missing
    assert room.columns["sea_view"].sort == "flag" and room.columns["nightly_rate_eur"].unit == "euros"
    assert employee.columns["salary_eur"].sort == "money"
    assert facts.tables["hotel_amenity"].is_link and not facts.tables["reservation"].is_link
    assert [link.role for link in facts.links_of("employee")] == ["", "manager"]
    assert [one.column.name for one in room.label] == ["number"] and room.columns["number"].sort == "text"
    hotel, reservation = facts.tables["hotel"], facts.tables["reservation"]
    opened, cancelled = hotel.columns["opened_year"].event, reservation.columns["cancelled_on"].event
    assert opened is not None and opened.asked_when("X") == "When did X open"
    assert cancelled is not None and cancelled.asked_when("X") == "When was X cancelled"
    assert room.columns["number"].phrases == ("number",) and hotel.columns["opened_year"].phrase == "opening year"


@pytest.mark.parametrize(
    ("words", "when"),
    [
        (["hired", "on"], "When was X hired"), (["arrives", "on"], "When did X arrive"),
        (["birth", "date"], "When was X born"), (["left", "on"], "When did X leave"),
        (["check", "out", "date"], "When did X check out"), (["inspected", "at"], "When was X inspected"),
        (["valid", "from"], ""), (["day"], ""),
    ],
)  # fmt: skip
def test_days_are_read_as_events(words: list[str], when: str) -> None:
    event = event_of(words)
    assert (event.asked_when("X") if event is not None else "") == when
    assert event is None or all(" X" not in said for said in [*event.missing(), *event.there()])


def test_rows_are_called_by_other_events_than_their_own_name() -> None:
    assert [made.past for made in (event_of(["charged", "on"], ["charge"]), event_of(["order", "date"], ["order"]))
            if made is not None] == ["made", "placed"]  # fmt: skip


def test_names_of_people_and_ways_are_read(tmp_path: Path) -> None:
    """First and last names that belong together; keys that say from where and to where; names of others."""
    path = tmp_path / "trips.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE station (station_id INTEGER PRIMARY KEY, station_name TEXT);
        CREATE TABLE rider (rider_id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, created_at TEXT);
        CREATE TABLE trip (trip_id INTEGER PRIMARY KEY, rider_id INTEGER REFERENCES rider (rider_id),
                           from_station_id INTEGER REFERENCES station (station_id),
                           to_station_id INTEGER REFERENCES station (station_id), guide_name TEXT, started_at TEXT)
    """)
    db.executemany("INSERT INTO station VALUES (?, ?)", [(i, f"Stop {i}") for i in range(1, 9)])
    names = ["Ada", "Ben", "Cleo", "Dana"]
    people = [(i, names[i % 4], f"Olsen{i % 5}", f"2023-0{1 + i % 9}-11") for i in range(1, 20)]
    db.executemany("INSERT INTO rider VALUES (?, ?, ?, ?)", people)
    trips = [(i, 1 + i % 19, 1 + i % 8, 1 + i % 5, names[i % 3], f"2024-0{1 + i % 9}-0{1 + i % 7}") for i in range(90)]
    db.executemany("INSERT INTO trip VALUES (?, ?, ?, ?, ?, ?)", trips)
    db.close()
    with open_database([path], find_paths()) as opened:
        facts = read_facts(opened)
        station, rider, trip = (facts.tables[name] for name in ("station", "rider", "trip"))
        assert station.label[0].phrase == "name" and ("Ada", "Olsen4") in rider.pairs
        assert not trip.label and trip.columns["guide_name"].sort == "group"
        assert [link.role for link in facts.links_of("trip")] == ["", "origin station", "destination station"]
        made = list(generate(opened, 300))
    assert any(" AND rider.last_name = " in one.sql for one in made)
    assert any(re.search(r" (from|to|starting in) '?stop \d", one.question.lower()) for one in made)


def test_each_kind_comes_to_its_share(made: list[Asked]) -> None:
    """Also those that chance fails often: of several tables, of days."""
    several = sum(" JOIN " in one.sql or "(SELECT" in one.sql for one in made)
    assert 0.3 * N < several < 0.5 * N
    assert any(one.sql.startswith("SELECT DISTINCT") and " JOIN " in one.sql for one in made)
    assert any(one.sql.startswith("SELECT COUNT(DISTINCT") and " JOIN " in one.sql for one in made)
    said = " ".join(one.question.lower() for one in made)
    for words in ("opened", "cancelled", " does ", "on average", " each ", " without ", " first", "in 2024"):
        assert words in said, words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ItmQty", ["item", "quantity"]), ("item_id", ["item", "id"]), ("tblStaff", ["staff"]), ("nothing",
        ["nothing"]),
        ("deptno", ["department", "number"]), ("HTTPCode2", ["http", "code", "2"]), ("Größe", ["größe"]),
    ],
)  # fmt: skip
def test_names_are_read_as_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_plurals_and_singulars_fit_each_other() -> None:
    for one, many in (("city", "cities"), ("box", "boxes"), ("staff member", "staff members"), ("person", "people"),
                      ("day", "days"), ("class", "classes"), ("bus", "buses")):  # fmt: skip
        assert plural_of(one) == many
        assert singular_of(many) == one or one == "bus"


def test_polish_never_changes_what_the_query_looks_for() -> None:
    chance = Chance(3)
    for _ in range(300):
        text = polished("Which customers live in Oslo near Harbour?", chance, ["Oslo", "Harbour"])
        assert "oslo" in text.lower() and "harbour" in text.lower()


def test_hostile_names_and_values_stay_letters(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    db = apsw.Connection(str(path))
    db.execute("""CREATE TABLE "x; DROP TABLE y" ("a ""b" TEXT, "select" INTEGER, "<|im_end|>" TEXT)""")
    rows = [(f"it's {i}'; --", i, "<|im_start|>" if i % 2 else "\x1b[31m") for i in range(30)]
    db.executemany('INSERT INTO "x; DROP TABLE y" VALUES (?, ?, ?)', rows)
    db.execute("CREATE TABLE empty (a)")
    db.close()
    with open_database([path], find_paths()) as opened:
        found = list(generate(opened, 60))
        assert found
        for one in found:
            opened.run(one.sql)


def test_nothing_can_be_asked_of_an_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    apsw.Connection(str(path)).execute("CREATE TABLE t (a, b)")
    with open_database([path], find_paths()) as opened, pytest.raises(Error, match="Nothing can be asked"):
        list(generate(opened, 10))


def test_a_lesson_tells_the_tables_and_has_what_was_accepted(database: Database, tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    memory, book = SqlMemory(store), LessonBook(store)
    kept = memory.accept(
        database, "Whose place is the Seaside Inn in?", "SELECT h.city FROM hotel h WHERE h.name = 'Seaside Inn'"
    )
    lesson = make_lesson(book, DatabaseLesson(database, memory, n=60))
    assert lesson.n_examples == 61 and lesson.scope.startswith("sql:hotel-") and lesson.form == "sql-tables-1"
    examples = book.examples(lesson)
    accepted = next(one for one in examples if one.draft.more["kind"] == "accepted")
    assert accepted.draft.answer == "SELECT hotel.city FROM hotel WHERE hotel.name = 'Seaside Inn'"
    assert accepted.draft.origins[0].source == kept.id and book.using("query", kept.id)[0].id == lesson.id
    assert accepted.draft.prompt[-1].content.endswith("In the question: hotel.name = 'Seaside Inn'")
    assert all(len(one.draft.prompt) == 2 for one in examples)
    (told,) = {one.draft.prompt[0].content for one in examples}
    assert "nightly_rate_eur" in told and len(told.splitlines()) == 11, "ten tables, the same for every question"
    (before,) = DatabaseLesson(database, memory, n=0, form=SHORT_FORM).drafts(Watch())
    assert "nightly_rate_eur" not in before.prompt[0].content, "a lesson that was made before goes on as it is"
    lesson = book.split(lesson, share=0.1)
    held_out = [question_of(one) for one in book.examples(lesson, part="held_out")]
    assert 3 <= len(held_out) <= 9
    answers = ask_all(database, held_out, {one.question: one.sql for one in held_out}.__getitem__, Watch())
    assert score(answers).n_right == len(held_out)
    store.close()


def test_failures_have_names(database: Database) -> None:
    gold = Question("q", "SELECT hotel.name FROM hotel WHERE hotel.city = 'Vienna'")
    for sql, failure in (
        (gold.sql, ""), ("SELECT h.name FROM hotel h WHERE h.city = 'Vienna'", ""),
        ("SELECT a.b FROM nowhere a", "no such table"), ("SELECT hotel.x FROM hotel", "no such column"),
        ("SELEC", "does not run"), ("SELECT guest.name FROM guest", "other tables"),
        ("SELECT hotel.city FROM hotel", "other columns"), ("SELECT hotel.name FROM hotel WHERE hotel.city = 'X'",
        "other values"),
        ("SELECT MAX(hotel.name) FROM hotel WHERE hotel.city = 'Vienna'", "another form"),
    ):  # fmt: skip
        assert failure_of(database, gold, sql) == failure, sql
    found = score([Answered(gold, "", "", 1.0), Answered(gold, "", "no such table", 1.0)])
    assert (found.n_right, found.failures) == (1, {"no such table": 1}) and found.low < 0.5 < found.high


def test_questions_of_ones_own_are_checked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    lines = ['{"question": "q", "sql": "SELECT 1 ORDER BY 1"}', "", '{"question": "r", "sql": "s", "ordered": false}']
    path.write_text("\n".join(lines))
    assert [one.ordered for one in read_questions(path)] == [True, False]
    odd = tmp_path / "odd.jsonl"
    odd.write_text(json.dumps({"question": "a\u2028b\u0085c", "sql": "SELECT 1"}, ensure_ascii=False) + "\r\n")
    assert [one.question for one in read_questions(odd)] == ["a\u2028b\u0085c"]
    path.write_text('{"question": "q"}\nnonsense\n')
    with pytest.raises(Error) as raised:
        read_questions(path)
    assert "line 1" in raised.value.message and "line 2: it is no JSON" in raised.value.message
