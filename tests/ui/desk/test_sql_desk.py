"""The SQL desk: files opened, questions asked of a scripted model, statements run, stopped, kept, exported."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.models.model import Model
from rushlight.assistant.sql.values import Column, Key, Schema, Table
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.desk.sql_desk import SqlDesk
from rushlight.ui.desk.sql_names import sql_name
from rushlight.ui.desk.sql_schema import count_text, hint_for, narrowed, table_rows
from rushlight.ui.desk.sql_values import SqlState

Pump = Callable[..., None]
COUNT = "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"
SLOW = "SELECT count(*) FROM patient a, patient b, patient c, patient d, patient e, patient f, patient g"


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """Patients of two cities, and an empty table."""
    path = tmp_path / "clinic.db"
    made = apsw.Connection(str(path))
    made.execute("CREATE TABLE patient (patient_id INTEGER PRIMARY KEY, name TEXT, city TEXT, fee REAL)")
    cells = [(f"P{i}", "Oslo" if i % 3 else "Bergen", 10.0 * i) for i in range(60)]
    made.executemany("INSERT INTO patient (name, city, fee) VALUES (?, ?, ?)", cells)
    made.execute('CREATE TABLE "order" (id INTEGER PRIMARY KEY, patient_id REFERENCES patient)')
    made.close()
    return path


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    path = tmp_path / "cities.csv"
    path.write_text("city;people\nOslo;700\nBergen;280\n")
    return path


@pytest.fixture
def desk(background: Background, own_home: Path) -> Iterator[SqlDesk]:
    class Seen:
        def show(self, state: SqlState) -> None:
            pass

    made = SqlDesk(background, Remembered(own_home / "window.json"), Seen())
    yield made
    made.close()


@pytest.fixture
def opened(desk: SqlDesk, clinic: Path, pump: Pump) -> SqlDesk:
    desk.open([str(clinic)])
    pump(lambda: desk.state.is_open and not desk.state.busy)
    return desk


def run(desk: SqlDesk, pump: Pump, sql: str, **more: Any) -> Any:
    desk.run(sql, **more)
    assert desk.state.busy == "running"
    pump(lambda: not desk.state.busy)
    return desk.state.shown


def ask(desk: SqlDesk, pump: Pump, question: str) -> Any:
    desk.ask(question)
    assert desk.state.busy == "asking"
    pump(lambda: not desk.state.busy)
    return desk.state.shown


# --- files ----------------------------------------------------------------------------------------------------------
def test_files_are_opened_together_and_remembered(
    opened: SqlDesk, clinic: Path, cities: Path, pump: Pump, background: Background, own_home: Path
) -> None:
    assert [(one.name, one.n_rows) for one in opened.state.tables] == [("patient", 60), ("order", 0)]
    pump(lambda: "Bergen" in opened.state.tables[0].columns[2].detail)  # a look at the values comes later
    opened.add([str(cities)])
    pump(lambda: len(opened.state.files) == 2)
    assert [one.name for one in opened.state.tables] == ["clinic.patient", "clinic.order", "cities.cities"]
    assert [one.place for one in opened.state.tables][1] == 'clinic."order"'
    assert opened.state.title == "clinic.db + cities.csv"
    assert [one.title for one in opened.state.recent] == ["clinic.db + cities.csv", "clinic.db"]
    again = SqlDesk(background, Remembered(own_home / "window.json"), type("V", (), {"show": lambda *_: None})())
    again.refresh()
    pump(lambda: len(again.state.files) == 2)
    again.close()
    opened.remove("cities")
    pump(lambda: len(opened.state.files) == 1)
    opened.remove("clinic")
    assert not opened.state.is_open and opened.state.recent[0].title == "clinic.db"
    third = SqlDesk(background, Remembered(own_home / "window.json"), type("V", (), {"show": lambda *_: None})())
    third.refresh()
    assert not third.state.busy  # it was closed on purpose
    third.close()


def test_what_cannot_be_opened_leaves_what_is_open(opened: SqlDesk, tmp_path: Path, pump: Pump) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    for path in (bad, tmp_path / "none.db", tmp_path):
        opened.open([str(path)])
        assert opened.state.busy == "opening"
        pump(lambda: not opened.state.busy)
        assert opened.state.problem and [one.name for one in opened.state.files] == ["clinic"]
        opened.dismiss()
        assert not opened.state.problem
    assert run(opened, pump, "SELECT 1").result.rows == ((1,),)


@pytest.mark.slow
def test_opening_can_be_stopped_and_another_one_wins(desk: SqlDesk, clinic: Path, cities: Path, pump: Pump) -> None:
    desk.open([str(clinic)])
    desk.stop()
    assert not desk.state.busy and desk.state.notice
    desk.open([str(clinic)])
    desk.open([str(cities)])
    pump(lambda: desk.state.is_open)
    assert [one.name for one in desk.state.files] == ["cities"]


# --- statements -----------------------------------------------------------------------------------------------------
def test_a_statement_has_rows_words_and_charts(opened: SqlDesk, pump: Pump) -> None:
    sql = "SELECT city, sum(fee) AS fees FROM patient GROUP BY city"
    shown = run(opened, pump, sql, question="Fees by city?")
    assert shown.question == "Fees by city?" and shown.is_own and shown.result.columns == ("city", "fees")
    assert "Makes one row for each city" in shown.explanation and shown.sentence.startswith("2 rows")
    assert shown.chart.kind == "bar" and [one.kind for one in shown.charts] == ["bar"]
    opened.choose_chart("")
    assert opened.state.shown is not None and opened.state.shown.chart is None
    run(opened, pump, "SELECT fee, patient_id FROM patient")  # changed: it takes the place of the first
    assert len(opened.state.thread) == 1 and opened.state.shown.question == "Fees by city?"


def test_what_is_wrong_with_a_statement_is_its_answer(opened: SqlDesk, pump: Pump) -> None:
    shown = run(opened, pump, "SELECT nam FROM patient")
    assert "no such column" in shown.problem and shown.hint == "Did you mean patient.name?"
    assert run(opened, pump, "SELECT xyzzy FROM patient").hint == "The list of tables shows what there is."
    assert run(opened, pump, "DELETE FROM patient").problem_kind == "sql-refused"
    assert not opened.state.problem


def test_a_slow_statement_ends_by_itself_and_can_be_stopped(opened: SqlDesk, pump: Pump) -> None:
    opened._seconds = 0.3
    shown = run(opened, pump, SLOW)
    assert shown.problem_kind == "sql-timeout" and "--seconds" not in shown.hint
    opened.run(SLOW, more_time=True)
    assert opened._seconds == 60.0
    time.sleep(0.2)
    opened.stop()
    assert opened.state.is_stopping
    pump(lambda: not opened.state.busy, timeout_s=5)
    assert opened.state.notice == "Stopped." and not opened.state.problem
    assert run(opened, pump, "SELECT count(*) FROM patient").result.rows == ((60,),)  # by a new worker


def test_one_thing_at_a_time(opened: SqlDesk, pump: Pump) -> None:
    opened.run("SELECT 1")
    opened.run("SELECT 2")
    opened.ask("And now?")
    assert opened.state.notice == "Wait for the answer, or stop it first."
    pump(lambda: not opened.state.busy)
    assert [one.sql for one in opened.state.thread] == ["SELECT 1"]


def test_while_something_runs_its_thread_stays(opened: SqlDesk, pump: Pump) -> None:
    paths = [one.path for one in opened.state.files]
    run(opened, pump, "SELECT 1", question="One?")
    opened.run("SELECT 2")
    begin: list[Callable[[], object]] = [
        opened.new_thread,
        lambda: opened.look_into("patient"),
        lambda: opened.show_saved(paths, "Saved?", "SELECT 3", {}),
    ]
    for one in begin:
        opened.dismiss_notice()
        assert not one() and opened.state.notice == "Wait for the answer, or stop it first."
        assert [answer.sql for answer in opened.state.thread] == ["SELECT 1"]
    pump(lambda: not opened.state.busy)
    assert [(one.question, one.sql) for one in opened.state.thread] == [("One?", "SELECT 2")]
    assert opened.new_thread() and not opened.state.thread


@pytest.mark.slow
def test_all_rows_are_shown_when_wanted(opened: SqlDesk, pump: Pump) -> None:
    sql = "SELECT a.name FROM patient a, patient b LIMIT 3000"
    shown = run(opened, pump, sql)
    assert len(shown.result.rows) == 1000 and shown.result.more
    shown = run(opened, pump, sql, all_rows=True)
    assert len(shown.result.rows) == 3000 and not shown.result.more


# --- questions ------------------------------------------------------------------------------------------------------
def test_a_question_is_answered_followed_and_kept(
    opened: SqlDesk, desk_model: Model, fake_engine: FakeEngine, pump: Pump, desk_app: App
) -> None:
    fake_engine.pieces = [COUNT]
    opened.refresh()
    shown = ask(opened, pump, "How many patients live in Oslo?")
    assert shown.sql == COUNT and shown.result.rows == ((40,),) and shown.sentence == "The answer is 40."
    assert "first try" in shown.way and not shown.is_own and not shown.kept_id
    opened.keep()
    pump(lambda: opened.state.examples)
    assert opened.state.shown is not None and opened.state.shown.kept_id == opened.state.examples[0].id
    fake_engine.pieces = ["SELECT nothing"]
    shown = ask(opened, pump, "Give me the number of patients who live in Oslo")
    assert "accepted before" in shown.way or shown.problem
    opened.new_thread()
    shown = ask(opened, pump, "how many patients live in Oslo")
    assert shown.result.rows == ((40,),) and "accepted before" in shown.way and shown.kept_id
    opened.forget(shown.kept_id)
    pump(lambda: not opened.state.examples)
    assert opened.state.shown.kept_id == "" and opened.state.threads


def test_a_corrected_statement_is_kept_as_corrected(opened: SqlDesk, pump: Pump, desk_app: App) -> None:
    run(opened, pump, COUNT)
    opened.keep()
    assert opened.state.problem  # there is no question
    opened.keep_as("How many from Oslo?")
    pump(lambda: opened.state.examples)
    assert opened.state.examples[0].source == "corrected" and opened.state.examples[0].question == "How many from Oslo?"


def test_what_is_kept_is_marked_where_it_is_still_shown(opened: SqlDesk, pump: Pump) -> None:
    run(opened, pump, COUNT, question="How many from Oslo?")
    opened.keep()
    assert opened.state.busy == "keeping"
    opened._change(thread=(), at=-1)
    pump(lambda: not opened.state.busy and opened.state.examples)
    assert opened.state.thread == () and not opened.state.problem


def test_the_next_question_follows_the_corrected_statement(
    opened: SqlDesk, desk_model: Model, fake_engine: FakeEngine, pump: Pump, desk_app: App
) -> None:
    from rushlight.assistant.sql.threads import SqlThreads

    fake_engine.pieces = [COUNT]
    ask(opened, pump, "How many patients live in Oslo?")
    better = "SELECT COUNT(DISTINCT name) FROM patient WHERE city = 'Oslo'"
    assert run(opened, pump, better).is_own
    held = opened.held
    assert held is not None
    thread = SqlThreads(desk_app.store).find(held.database, opened._thread_id)
    assert [turn.sql for turn in thread.turns] == [COUNT, better]


def test_an_earlier_thread_goes_on(opened: SqlDesk, desk_model: Model, fake_engine: FakeEngine, pump: Pump) -> None:
    fake_engine.pieces = [COUNT]
    ask(opened, pump, "How many patients live in Oslo?")
    opened.new_thread()
    opened.refresh()
    pump(lambda: opened.state.threads)
    assert not opened.state.thread
    opened.open_thread(opened.state.threads[0].id)
    pump(lambda: opened.state.shown is not None and opened.state.shown.result is not None)
    assert opened.state.shown is not None and opened.state.shown.question == "How many patients live in Oslo?"
    opened.forget_thread(opened._thread_id)
    opened.refresh()
    pump(lambda: not opened.state.threads)


def test_a_question_before_the_files_are_open_waits_for_them(
    desk: SqlDesk, desk_model: Model, fake_engine: FakeEngine, clinic: Path, pump: Pump
) -> None:
    fake_engine.pieces = [COUNT]
    desk.ask("How many patients live in Oslo?")
    assert desk.state.problem_kind == "nothing-open"
    desk.open([str(clinic)])
    pump(lambda: desk.state.shown is not None)
    assert desk.state.shown is not None and desk.state.shown.result is not None and not desk.state.problem


def test_without_a_model_that_is_said(opened: SqlDesk, pump: Pump) -> None:
    opened.ask("How many patients live in Oslo?")
    pump(lambda: not opened.state.busy)
    assert opened.state.problem_kind == "no-model" and not opened.state.thread


# --- advice and export ----------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_advice_is_given_and_tried_on_a_copy(desk: SqlDesk, tmp_path: Path, pump: Pump) -> None:
    path = tmp_path / "large.db"
    made = apsw.Connection(str(path))
    made.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, day TEXT, note TEXT)")
    made.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
                 "INSERT INTO visit SELECT i, date('2000-01-01', (i % 9000) || ' days'), hex(i) FROM n")  # fmt: skip
    made.close()
    before = path.read_bytes()
    desk.open([str(path)])
    pump(lambda: desk.state.is_open)
    run(desk, pump, "SELECT count(*) FROM visit WHERE day = '2010-01-01'")
    pump(lambda: desk.state.advice.phase == "scans")
    assert "20,000 rows of visit" in desk.state.advice.words
    desk.advise()
    pump(lambda: desk.state.advice.phase == "tried")
    assert desk.state.advice.statement == 'CREATE INDEX "visit_day_idx" ON "visit" ("day")'
    assert "times faster on a copy" in desk.state.advice.words and path.read_bytes() == before


def test_all_rows_are_exported_and_a_fault_is_told(opened: SqlDesk, tmp_path: Path, pump: Pump) -> None:
    run(opened, pump, "SELECT a.name, '=1+1' AS f FROM patient a, patient b LIMIT 3000")
    target = tmp_path / "rows.csv"
    opened.export(target)
    pump(lambda: not opened.state.busy)
    lines = target.read_text().splitlines()
    assert len(lines) == 3001 and lines[1].endswith("'=1+1") and "3000 rows" in opened.state.notice
    opened.export(tmp_path / "rows.exe")
    pump(lambda: not opened.state.busy)
    assert "ending names no kind of file" in opened.state.problem


def test_rows_and_chart_replace_a_file_only_where_that_is_wanted(opened: SqlDesk, tmp_path: Path, pump: Pump) -> None:
    run(opened, pump, "SELECT city, sum(fee) AS fees FROM patient GROUP BY city")
    for name in ("rows.csv", "chart.svg"):
        target = tmp_path / name
        target.write_text("mine")
        opened.export(target, replace_it=False)
        pump(lambda: not opened.state.busy)
        assert opened.state.problem_kind == "file-exists" and "--replace" not in opened.state.hint
        assert target.read_text() == "mine"
        opened.export(target)
        pump(lambda: not opened.state.busy)
        assert not opened.state.problem and target.read_text() != "mine"


# --- names and rows -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "written"),
    [("visit", "visit"), ("order", '"order"'), ('a"b', '"a""b"'), ("größe", '"größe"'), ("", '""'), ("1a", '"1a"')],
)
def test_names_are_quoted_where_they_need_it(name: str, written: str) -> None:
    assert sql_name(name) == written


def test_a_schema_is_narrowed_by_tables_and_columns() -> None:
    columns = (Column("doctor_id", "INTEGER", key=1), Column("Größe", "REAL"), Column("day", "TEXT", holds="date"))
    tables = table_rows(
        Schema(
            (
                Table("db", "visit", columns, (Key(("doctor_id",), "doctor", ("id",)),), n_rows=1200),
                Table("db", "doctor", columns[:1], is_view=True),
            )
        )
    )
    assert [count_text(one) for one in tables] == ["1,200", "view"]
    assert [one.note for one in tables[0].columns] == ["→ doctor", "real", "date"]
    assert [one.name for one in narrowed(tables, "doc")] == ["doctor", "visit"]
    assert [[one.name for one in table.columns] for table in narrowed(tables, "grosse")] == [["Größe"]]
    assert [[one.name for one in table.columns] for table in narrowed(tables, "große")] == [["Größe"]]
    assert narrowed(tables, "xyz") == () and narrowed(tables, " ") == tables


def test_a_hint_is_given_for_unknown_names_alone() -> None:
    schema = Schema((Table("db", "visit", (Column("fee_eur", "REAL"),)),))
    assert hint_for("SQLite: no such column: v.fee_er.", schema) == "Did you mean visit.fee_eur?"
    assert hint_for("SQLite: no such table: visits.", schema) == "Did you mean visit?"
    assert hint_for("SQLite: near FROM: syntax error", schema) == ""
