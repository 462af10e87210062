"""`rushlight sql` as people type it: open, schema, run, export, and what hostile cells do (nothing)."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from rushlight import Error
from rushlight.ui.cli import sql_chart

Cli = Callable[..., Any]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(inside: Any) -> Cli:
    """cli("sql", "open", path) runs the command in this process."""
    return lambda *words: Done(*inside(*map(str, words)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT -- where they live
        );
        CREATE TABLE purchase (purchase_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, total REAL);
        INSERT INTO customer VALUES (1, 'Ada', 'Oslo'), (2, 'Ben', NULL);
        INSERT INTO purchase VALUES (1, 1, 9.5), (2, 1, 3), (3, 2, 7.25);
        CREATE TABLE hostile (x);
    """)
    db.execute("INSERT INTO hostile VALUES (?), (?), (?)", ("\x1b]0;owned\x07red\x1b[31m", "<b>x</b>", "=1+1"))
    db.close()
    return path


def test_open_lists_tables(cli: Cli, shop: Path) -> None:
    done = cli("sql", "open", shop)
    assert done.code == 0 and "customer" in done.out and "customer_id, name, city" in done.out
    found = json.loads(cli("sql", "open", shop, "--json").out)
    assert [table["name"] for table in found["tables"]] == ["customer", "purchase", "hostile"]
    assert found["files"][0]["kind"] == "sqlite" and found["tables"][1]["rows"] == 3


def test_schema_shows_keys_comments_and_values(cli: Cli, shop: Path) -> None:
    done = cli("sql", "schema", shop)
    assert "→ customer" in done.out and "where they live" in done.out and "Oslo" in done.out and "3 … 9.5" in done.out
    assert "\x1b" not in done.out
    done = cli("sql", "schema", shop, "--table", "custmer")
    assert done.code == 1 and "Did you mean customer?" in done.err


def test_run_prints_rows(cli: Cli, shop: Path) -> None:
    done = cli(
        "sql", "run", shop, "SELECT city, sum(total) AS t FROM customer JOIN purchase USING (customer_id) GROUP BY 1"
    )
    assert done.out.splitlines() == ["city     t", "NULL  7.25", "Oslo  12.5"] and "2 rows" in done.err
    found = json.loads(cli("sql", "run", shop, "SELECT name FROM customer", "--json", "-n", 1).out)
    assert (found["columns"], found["rows"], found["more"]) == (["name"], [["Ada"]], True)


def test_hostile_cells_are_shown_as_text(cli: Cli, shop: Path, tmp_path: Path) -> None:
    done = cli("sql", "run", shop, "SELECT x FROM hostile")
    assert done.out.splitlines() == ["x", "red", "<b>x</b>", "=1+1"]
    assert "\x1b" not in cli("sql", "run", shop, "SELECT x FROM hostile", "--json").out
    assert cli("sql", "export", shop, "SELECT x FROM hostile", tmp_path / "x.csv").code == 0
    assert "'=1+1" in (tmp_path / "x.csv").read_text()
    done = cli("sql", "run", shop, "SELECT printf('%.*c', 9000000, 'x') AS long")
    assert len(done.out) < 500 and "1 long cell is cut" in done.err


def test_writing_is_refused(cli: Cli, shop: Path) -> None:
    before = shop.read_bytes()
    done = cli("sql", "run", shop, "DELETE FROM customer")
    assert done.code == 1 and "refused" in done.err
    error = json.loads(cli("sql", "run", shop, "DROP TABLE customer", "--json").out)["error"]
    assert error["kind"] == "sql-refused"
    assert shop.read_bytes() == before


def test_errors_name_the_file(cli: Cli, tmp_path: Path) -> None:
    done = cli("sql", "open", tmp_path / "none.db")
    assert done.code == 1 and "none.db" in done.err


def test_ask_shows_query_explanation_rows_and_answer(cli: Cli, answering: Any, shop: Path) -> None:
    sql = "SELECT COUNT(*) FROM customer WHERE customer.city = 'Oslo'"
    cast = answering([sql])
    done = cli("sql", "ask", shop, "How many customers live in Oslo?")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [sql, "", "COUNT(*)", "       1", "", "The answer is 1."]
    assert "Takes customer. Keeps rows with customer.city = 'Oslo'." in done.err and "first try" in done.err
    (request,) = cast.engine.requests
    assert request.grammar.kind == "lark" and "customer" in request.messages[0].content
    found = json.loads(cli("sql", "ask", shop, "How many customers live in Oslo?", "--json").out)
    assert (found["sql"], found["rows"], found["answer"]) == (sql, [[1]], "The answer is 1.")
    assert found["grammar"]["joins"] >= 1 and found["error"] is None


def test_ask_says_what_went_wrong(cli: Cli, answering: Any, shop: Path) -> None:
    answering(["SELECT nme FROM customer"])
    done = cli("sql", "ask", shop, "Who?", "--free", "--once")
    assert done.code == 1 and done.out.splitlines()[0] == "SELECT nme FROM customer" and "no such column" in done.err
    found = json.loads(cli("sql", "ask", shop, "Who?", "--free", "--once", "--json").out)
    assert found["rows"] is None and found["error"]["kind"] == "sql-error"


def test_what_is_accepted_answers_its_paraphrase(cli: Cli, answering: Any, shop: Path, tmp_path: Path) -> None:
    wrong, right = "SELECT COUNT(*) FROM customer", "SELECT COUNT(*) FROM customer WHERE customer.city = 'Oslo'"
    cast = answering([wrong])
    assert cli("sql", "accept", shop).code == 1
    cli("sql", "ask", shop, "How many customers live in Oslo?")
    assert right in cli("sql", "accept", shop, right).out
    done = cli("sql", "ask", shop, "Please tell me how many customers live in Oslo")
    assert right in done.out and "no model was asked" in done.err and len(cast.engine.requests) == 1
    found = json.loads(cli("sql", "ask", shop, "How many customers live in Oslo?", "--no-examples", "--json").out)
    assert (found["sql"], found["remembered"]) == (wrong, None)
    (one,) = json.loads(cli("sql", "examples", "list", shop, "--json").out)["examples"]
    assert (one["sql"], one["source"]) == (right, "corrected")
    assert cli("sql", "examples", "export", shop, tmp_path / "x.jsonl").code == 0
    assert cli("sql", "examples", "remove", shop, one["id"][:12]).code == 0
    assert "Nothing has been accepted" in cli("sql", "examples", "list", shop).out
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write('{"question": "Drop?", "sql": "DROP TABLE customer"}\n')
    done = cli("sql", "examples", "import", shop, tmp_path / "x.jsonl")
    assert done.code == 0 and "1 example is kept" in done.err and "refused" in done.err
    assert "imported" in cli("sql", "examples", "list", shop).out
    assert cli("sql", "examples", "add", shop, "Total?", "SELECT sum(total) FROM purchase").code == 0


def test_advise_shows_plan_and_indexes(cli: Cli, shop: Path) -> None:
    before = shop.read_bytes()
    done = cli("sql", "advise", shop, "SELECT * FROM purchase WHERE customer_id = 1")
    assert done.code == 0 and "SCAN purchase  ← reads all of it" in done.out and "purchase (customer_id)" in done.out
    (found,) = json.loads(cli("sql", "advise", shop, "SELECT total FROM purchase", "--json").out)["advice"]
    assert found["tried"] == [] and found["plan"][0]["kind"] == "scan"
    assert "Nothing has been accepted" in cli("sql", "advise", shop).out
    assert cli("sql", "advise", shop, "DROP TABLE purchase").code == 1 and shop.read_bytes() == before


def test_ask_draws_a_chart_where_one_fits(cli: Cli, answering: Any, shop: Path, tmp_path: Path) -> None:
    answering(["SELECT customer.name, SUM(purchase.total) FROM customer JOIN purchase USING (customer_id) GROUP BY 1"])
    target = tmp_path / "x.svg"
    done = cli("sql", "ask", shop, "What did each customer spend?", "--free", "--chart", target)
    assert done.code == 0 and "A bar chart was written" in done.err and "<svg" in target.read_text()
    assert "there already" in cli("sql", "ask", shop, "What?", "--chart", target).err
    assert "ending" in cli("sql", "ask", shop, "What?", "--chart", tmp_path / "x.gif").err
    answering(["SELECT COUNT(*) FROM customer"])
    found = json.loads(cli("sql", "ask", shop, "How many?", "--chart", tmp_path / "y.svg", "--json").out)
    assert found["chart"] is None and not (tmp_path / "y.svg").exists()


def test_a_chart_that_cannot_be_written_is_told_before_a_model_is_asked(
    cli: Cli, answering: Any, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = answering(["SELECT COUNT(*) FROM customer"])
    done = cli("sql", "ask", shop, "How many?", "--chart", tmp_path / "none" / "x.svg")
    assert done.code == 1 and f"there is no folder {tmp_path / 'none'}" in done.err
    monkeypatch.setitem(sys.modules, "PySide6", None)
    done = cli("sql", "ask", shop, "How many?", "--chart", tmp_path / "x.png")
    assert done.code == 1 and "drawn by the window's package" in done.err and "rushlight[gui]" in done.err
    assert not cast.engine.requests


def test_an_answer_is_told_also_where_its_chart_cannot_be_written(
    cli: Cli, answering: Any, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(["SELECT customer.name, SUM(purchase.total) FROM customer JOIN purchase USING (customer_id) GROUP BY 1"])

    def refused(path: Path, *_: Any) -> str:
        raise sql_chart.cannot_write(path, "No space left on device")

    monkeypatch.setattr(sql_chart, "write_chart", refused)
    words = ("sql", "ask", shop, "What did each customer spend?", "--free", "--chart", tmp_path / "x.svg")
    done = cli(*words)
    assert done.code == 1 and "Ada" in done.out and "No space left on device" in done.err
    done = cli(*words, "--json")
    found = json.loads(done.out)
    assert done.code == 1 and found["rows"][0][0] == "Ada" and found["chart"] is None
    assert "No space left on device" in done.err


def test_an_answer_is_told_also_where_it_cannot_be_kept(
    cli: Cli, answering: Any, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(["SELECT COUNT(*) FROM customer"])
    given: list[float] = []

    def refused(*_: Any, seconds: float) -> None:
        given.append(seconds)
        raise Error("It took too long.", kind="sql-timeout")

    monkeypatch.setattr("rushlight.assistant.sql.memory.SqlMemory.accept", refused)
    words = ("sql", "ask", shop, "How many customers are there?", "--accept", "--seconds", 30, "--json")
    done = cli(*words)
    assert done.code == 1 and json.loads(done.out)["rows"] and "It took too long" in done.err
    assert given == [60.0]


def test_a_follow_up_keeps_the_thread(cli: Cli, answering: Any, shop: Path) -> None:
    sql = "SELECT COUNT(*) FROM customer WHERE customer.city = 'Oslo'"
    cast = answering([sql])
    assert "could be followed" in cli("sql", "ask", shop, "only 2024", "--follow").err
    assert cli("sql", "ask", shop, "How many customers live in Oslo?").code == 0
    done = cli("sql", "ask", shop, "with a name", "-f")
    assert done.code == 0 and "follows the question before" in done.err
    assert [turn.content for turn in cast.engine.requests[1].messages[1:]] == [
        "How many customers live in Oslo?", sql, "with a name\nIn the question: customer.city = 'Oslo'",
    ]  # fmt: skip
    done = cli("sql", "ask", shop, "without Oslo", "--follow", "--json")
    found = json.loads(done.out)
    assert found["followed"] == 2 and found["whole_question"].startswith(
        "How many customers live in Oslo?; with a name"
    )
    (thread,) = json.loads(cli("sql", "threads", "list", shop, "--json").out)["threads"]
    assert thread["id"] == found["thread"] and thread["title"] == "How many customers live in Oslo?"
    shown = json.loads(cli("sql", "threads", "show", shop, thread["id"][:12], "--json").out)
    assert [turn["question"] for turn in shown["turns"]][1] == "with a name" and shown["turns"][0]["first_rows"] == [
        ["1"]
    ]
    assert "with a name" in cli("sql", "threads", "show", shop, thread["id"]).out
    assert cli("sql", "threads", "remove", shop, thread["id"]).code == 0
    assert "Nothing has been asked" in cli("sql", "threads", "list", shop).out


def test_what_means_two_things_is_asked_back(cli: Cli, answering: Any, shop: Path) -> None:
    db = apsw.Connection(str(shop))
    db.execute("CREATE TABLE supplier (supplier_id INTEGER PRIMARY KEY, city TEXT)")
    db.execute("INSERT INTO supplier VALUES (1, 'Oslo'), (2, 'Rome'), (3, 'Bonn')")
    db.close()
    cast = answering(["SELECT COUNT(*) FROM supplier WHERE supplier.city = 'Oslo'"])
    question = "How many customers and suppliers are in Oslo?"
    done = cli("sql", "ask", shop, question, "--ask-back")
    assert done.code == 1 and "--choose Oslo=supplier.city" in done.out and not cast.engine.requests
    found = json.loads(cli("sql", "ask", shop, question, "--ask-back", "--json").out)
    assert found["open"][0]["said"] == "Oslo" and found["sql"] is None
    done = cli("sql", "ask", shop, question, "--choose", "Oslo=supplier.city")
    assert done.code == 0 and "supplier.city = 'Oslo'" in done.out
    assert "cannot mean" in cli("sql", "ask", shop, question, "--choose", "Oslo=purchase.total").err
    assert "WORD=MEANING" in cli("sql", "ask", shop, question, "--choose", "Oslo").err


def test_a_chart_is_exported_as_a_picture(rushlight: Any, cli: Cli, shop: Path, tmp_path: Path) -> None:
    pytest.importorskip("PySide6")
    sql = "SELECT name, total FROM customer JOIN purchase USING (customer_id)"
    done = rushlight("sql", "export", str(shop), sql, str(tmp_path / "x.png"))  # Qt has one application a process
    assert done.returncode == 0 and "A bar chart was written" in done.stderr, done.stderr
    assert (tmp_path / "x.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert cli("sql", "export", shop, sql, tmp_path / "x.svg").code == 0 and "<svg" in (tmp_path / "x.svg").read_text()
    assert cli("sql", "export", shop, "SELECT name FROM customer", tmp_path / "y.svg").code == 1


def test_queries_are_saved_run_again_and_stand_on_dashboards(
    cli: Cli, answering: Any, shop: Path, tmp_path: Path
) -> None:
    sql = "SELECT customer.name FROM customer WHERE customer.city = :city"
    done = cli("sql", "saved", "add", shop, "people", sql, "-p", "city=Oslo")
    assert done.code == 0 and "Parameter: city:text=Oslo" in done.err
    assert cli("sql", "saved", "run", "people").out.splitlines() == ["name", "Ada", "The answer is Ada."]
    done = cli("sql", "saved", "run", "people", "--set", "city=' OR 1=1 --", "--json")
    assert json.loads(done.out)["rows"] == [] and done.code == 0
    assert "has no parameter :town" in cli("sql", "saved", "add", shop, "x", sql, "-p", "town=1").err
    assert "there is no :town" in cli("sql", "saved", "run", "people", "--set", "town=1").err
    assert "NAME=VALUE" in cli("sql", "saved", "run", "people", "--set", "town").err
    assert cli("sql", "saved", "run", "people", "--export", tmp_path / "x.csv").code == 0
    assert (tmp_path / "x.csv").read_text().splitlines() == ["name", "Ada"]
    answering(["SELECT SUM(purchase.total) FROM purchase"])
    assert cli("sql", "ask", shop, "What was spent in all?").code == 0
    assert cli("sql", "saved", "add", shop, "spent").code == 0
    found = json.loads(cli("sql", "saved", "list", "--json").out)["saved"]
    assert [(one["name"], one["question"]) for one in found] == [("people", ""), ("spent", "What was spent in all?")]
    assert sql in cli("sql", "saved", "show", "people").out
    assert "Did you mean 'people'?" in cli("sql", "saved", "show", "peoples").err
    assert "2 queries" in cli("sql", "dashboard", "add", "mine", "people", "spent").err
    done = cli("sql", "dashboard", "run", "mine", "--set", "city=Rome")
    assert done.code == 0 and "city = Rome" in done.err and "19.75" in done.out
    answers = json.loads(cli("sql", "dashboard", "run", "mine", "--json").out)["answers"]
    assert [one["rows"] for one in answers] == [[["Ada"]], [[19.75]]] and answers[0]["changed"] is False
    assert "people" in cli("sql", "dashboard", "show", "mine").out and "mine" in cli("sql", "dashboard", "list").out
    assert cli("sql", "dashboard", "drop", "mine", "people").code == 0
    shop.unlink()
    done = cli("sql", "dashboard", "run", "mine")
    assert done.code == 1 and "does not exist" in done.err
    assert cli("sql", "saved", "rename", "spent", "sum").code == 0 and cli("sql", "saved", "remove", "sum").code == 0
    assert cli("sql", "dashboard", "rename", "mine", "ours").code == 0
    assert (
        cli("sql", "dashboard", "remove", "ours").code == 0 and "no dashboards" in cli("sql", "dashboard", "list").out
    )


def test_tables_of_several_files_have_their_names(cli: Cli, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "cities.csv").write_text("city,country\nOslo,Norway\n")
    both = "SELECT cities.country FROM shop.customer JOIN cities.cities ON cities.city = customer.city"
    done = cli("sql", "run", shop, both, "--with", tmp_path / "cities.csv")
    assert done.code == 0 and "Norway" in done.out, done.err
    assert cli("sql", "run", shop, "SELECT count(*) FROM customer, cities", "--with", tmp_path / "cities.csv").code == 0
    assert "shop.customer" in cli("sql", "open", shop, tmp_path / "cities.csv").out
    assert cli("sql", "run", shop, "ATTACH 'x.db' AS x", "--with", tmp_path / "cities.csv").code == 1
    assert cli("sql", "run", shop, "CREATE TABLE main.x (a)", "--with", tmp_path / "cities.csv").code == 1
