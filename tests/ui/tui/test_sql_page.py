"""The SQL page of the terminal app: files, questions, statements, rows and charts by keys; hostile cells are texts."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight.assistant.models.model import Model
from rushlight.assistant.sql import writing
from rushlight.assistant.sql.charts import ChartSpec
from rushlight.assistant.sql.values import Result
from rushlight.ui.desk.sql_values import Answer, ChoiceRow, ColumnRow, FileRow, RecentRow, SqlState, TableRow
from rushlight.ui.tui.sql_page_rows import answer_rows, chart_rows, grid_rows, page_rows, sparkline, statement_lines

SQL = "SELECT customer.city, COUNT(*) FROM customer GROUP BY customer.city"
CITIES = Result(("city", "n"), (("Oslo", 4), ("Bergen", 1), ("\x1b[31mRome\u202e", None)))


def said(rows: Any) -> str:
    return "\n".join("".join(word for word, _ in (*line.left, *line.right)) for one in rows for line in one.lines)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT, since TEXT);
        INSERT INTO customer VALUES (1, 'Ada', 'Oslo', '2023-02-01'), (2, 'Ben', 'Oslo', '2024-03-01'),
                                    (3, 'Cy', 'Bergen', '2024-05-01');
    """)
    db.close()
    return path


def test_rows_of_nothing_of_tables_and_of_a_large_schema() -> None:
    assert "SQLite itself refuses" in said(page_rows(SqlState()))
    recent = SqlState(recent=(RecentRow(("/a.db",), "a.db"),))
    assert [one.key for one in page_rows(recent)] == ["open", "", "recent:0"]
    file = (FileRow("a", "/a.db", "sqlite"),)
    assert "no tables" in said(page_rows(SqlState(files=file)))
    tables = tuple(
        TableRow(f"area_{i}", i, False, (ColumnRow("id", "key", "id"),) * 30, f"area_{i}") for i in range(200)
    )
    rows = page_rows(SqlState(files=file, tables=tables))
    assert len([one for one in rows if one.key.startswith("table:")]) == 200 and "area_199" in said(rows)


def test_rows_of_an_answer() -> None:
    shown = Answer("How many per city?", SQL, result=CITIES, explanation="Takes customer.", way="first try",
                   sentence="3 rows, the first: city Oslo, n 4.", chart=ChartSpec("bar", 0, (1,)))  # fmt: skip
    rows = answer_rows(shown, SqlState().advice)
    lines = said(rows)
    assert "FROM customer\nGROUP BY customer.city" in lines and "Takes customer." in lines and "█" in lines
    assert "\x1b" not in lines and "\u202e" not in lines and "Rome" in lines
    assert [one.key for one in rows if one.key] == ["statement", "row:0", "row:1", "row:2"]
    failed = Answer(
        "Who?", "SELECT nme", problem="no such column", hint="Did you mean name?", problem_kind="sql-timeout"
    )
    assert "✗ no such column" in said(answer_rows(failed, SqlState().advice))
    asked = Answer("From Sweden?", "", choices=(ChoiceRow("Sweden", ("port.country", "passenger.country")),))
    assert [one.key for one in answer_rows(asked, SqlState().advice) if one.key] == [
        "choice:Sweden=port.country", "choice:Sweden=passenger.country",
    ]  # fmt: skip


def test_rows_of_grids_and_charts() -> None:
    wide = Result(tuple(f"column_{i}" for i in range(60)), (tuple("x" * 10_000 for _ in range(60)),), more=True)
    assert (
        all(len(line) <= 620 for line in said(grid_rows(wide)).splitlines()) and "all-rows" in grid_rows(wide)[-1].key
    )
    many = Result(("n",), tuple((i,) for i in range(1_000)))
    assert len(grid_rows(many)) == 202 and grid_rows(Result((), ())) == []
    days = Result(("day", "n"), tuple((f"2024-01-{i:02d}", i) for i in range(1, 32)))
    assert "▁" in said(chart_rows(ChartSpec("line", 0, (1,)), days)) and "█" in said(
        chart_rows(ChartSpec("line", 0, (1,)), days)
    )
    assert ".svg" in said(chart_rows(ChartSpec("scatter", 0, (1,)), days))
    assert "█" in said(chart_rows(ChartSpec("histogram", 1), days))
    assert len(sparkline(list(range(1_000)), 50)) == 50 and sparkline([2.0, 2.0], 9) == "▁▁"
    assert statement_lines("SELECT a FROM t LEFT JOIN u ON 1 WHERE b = 'x FROM y'")[1] == "FROM t"


def test_a_question_and_its_follow_up_by_keys(
    perform: Callable[..., None], model: Model, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing.Writer, "write", lambda *_given: SQL)

    async def play(stage: Any) -> None:
        await stage.press("alt+j")
        await stage.shows("Open databases, spreadsheets or CSV files")
        await stage.press("enter")
        await stage.shows("Which databases")
        await stage.write(str(shop))
        await stage.press("enter")
        await stage.shows("SQL · shop.db", "customer_id, name, city, since")
        await stage.press("a")
        await stage.shows("What do you want to know?")
        await stage.write("How many customers are there per city?")
        await stage.press("enter")
        await stage.shows("GROUP BY customer.city", "Oslo", "█", "first try")
        await stage.press("a")
        await stage.shows("only 2024")
        await stage.write("only 2024")
        await stage.press("enter")
        await stage.shows("WHERE strftime('%Y', customer.since) = '2024'", "no model was asked")
        await stage.press("k")
        await stage.until(lambda: stage.app._pages["sql"].desk.state.examples)
        await stage.press("s")
        await stage.shows("under which name?")
        await stage.press("enter")
        await stage.press("v")
        await stage.shows("Saved questions and dashboards", "Run all of it", "only 2024")
        page = stage.app._pages["sql"]
        page._list.show_rows(page._list.rows, choose="run")
        await stage.press("enter")
        await stage.until(lambda: page.saved.state.cards and page.saved.state.cards[0].phase == "done")
        await stage.press("escape")
        await stage.shows("SQL · shop.db")

    perform(play, size=(120, 44))


def test_statements_tables_and_exports_by_keys(
    perform: Callable[..., None], model: Model, shop: Path, tmp_path: Path
) -> None:
    async def play(stage: Any) -> None:
        await stage.press("alt+j")
        await stage.shows("Open databases")
        page = stage.app._pages["sql"]
        await stage.press("k")
        await stage.shows("Nothing is open")
        page.desk.open([str(shop)])
        await stage.shows("customer_id, name, city, since")
        page._list.show_rows(page._list.rows, choose="table:customer")
        await stage.press("enter")
        await stage.shows("SELECT *", "Ada", "2023-02-01")
        await stage.press("n", "r")
        await stage.shows("The statement")
        await stage.write("SELECT name FROM customer WHERE city = :city")
        await stage.press("ctrl+s")
        await stage.until(lambda: page.desk.state.parameters)
        await stage.press("g")
        await stage.shows("Which value?", ":city")
        await stage.press("enter")
        await stage.shows("What is city?")
        await stage.press("down", "enter")
        await stage.until(lambda: page.desk.state.shown is not None and page.desk.state.shown.result is not None)
        await stage.press("e")
        await stage.shows("to which file?")
        await stage.write(str(tmp_path / "out.csv"))
        await stage.press("enter")
        await stage.until(lambda: (tmp_path / "out.csv").exists())
        await stage.press("r")
        await stage.shows("The statement")
        await stage.press("ctrl+a", "ctrl+k")
        await stage.write("DROP TABLE customer")
        await stage.press("ctrl+s")
        await stage.shows("refused")
        await stage.press("t")
        await stage.shows("Tables")

    perform(play, size=(120, 44))


def test_a_question_that_is_typed_while_one_runs_stays_in_its_field(
    perform: Callable[..., None], model: Model, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()

    def write(*_given: Any) -> str:
        may_go_on.wait(10)
        return SQL

    monkeypatch.setattr(writing.Writer, "write", write)
    asked: list[str] = []

    async def play(stage: Any) -> None:
        await stage.press("alt+j")
        await stage.shows("Open databases")
        desk = stage.app._pages["sql"].desk
        desk.open([str(shop)])
        await stage.shows("customer_id, name, city, since")
        await stage.press("a")
        await stage.shows("What do you want to know?")
        await stage.write("How many customers are there per city?")
        await stage.press("enter")
        await stage.until(lambda: desk.state.busy == "asking" and stage.app._panel is None)
        await stage.press("a")
        await stage.shows("What do you want to know?")
        await stage.write("And since when?")
        await stage.press("enter")
        await stage.shows("Wait for the answer, or stop it first.", "And since when?")
        may_go_on.set()
        await stage.shows("GROUP BY customer.city", "And since when?")
        await stage.until(lambda: not desk.state.busy)
        desk.ask = asked.append
        await stage.press("enter")
        await stage.until(lambda: asked == ["And since when?"])

    try:
        perform(play, size=(120, 44))
    finally:
        may_go_on.set()
