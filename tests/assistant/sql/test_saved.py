"""Saved questions: parameters typed and bound, never spliced; run again with what has changed; side by side."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight import Error, Stop
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.dashboards import Item, SqlDashboards, run_dashboard
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.parameters import Parameter, bound, choices_of, names_in, parameters_of, value_of
from rushlight.assistant.sql.saved import SqlSaved, rerun
from rushlight.assistant.store.database import Store

PER_YEAR = "SELECT COUNT(*) AS n FROM visit WHERE strftime('%Y', visit.day) = :year"
IN_CITY = "SELECT patient.name FROM patient WHERE patient.city = :city ORDER BY patient.name LIMIT :n"


@pytest.fixture
def clinic(suite_database: Callable[[str], Path]) -> Iterator[Database]:
    with open_database([suite_database("clinic")], find_paths()) as database:
        yield database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store" / "store.db")
    yield store
    store.close()


def test_parameters_are_found_where_they_are_written() -> None:
    sql = """SELECT ':x', ":y", [:z], `:w` -- :k
             FROM t /* :j */ WHERE a = :One AND b > :two AND c -> '$.d' = :One"""
    assert names_in(sql) == ("One", "two")
    for bad in ("SELECT ?", "SELECT ?1", "SELECT @a", "SELECT $a", "SELECT :1", "SELECT #a", "SELECT :a, :A"):
        with pytest.raises(Error):
            names_in(bad)
    with pytest.raises(Error, match="20 are possible"):
        names_in("SELECT " + ", ".join(f":p{i}" for i in range(21)))


@pytest.mark.parametrize(
    ("condition", "kind", "column"),
    [
        ("strftime('%Y', visit.day) = :p", "year", ""),
        ("visit.day BETWEEN :p AND '2024-12-31'", "date", "visit.day"),
        ("v.fee_eur > :p", "number", "visit.fee_eur"),
        ("diagnosis = :p", "text", "visit.diagnosis"),
        ("diagnosis LIKE '%' || :p || '%'", "text", "visit.diagnosis"),
        ("visit.fee_eur > visit.visit_id + :p", "text", ""),
        ("day IN (:p)", "date", "visit.day"),
    ],
)
def test_kinds_are_seen_from_the_query(condition: str, kind: str, column: str, suite_known: Any) -> None:
    sql = f"SELECT 1 FROM visit{' AS v' if 'v.' in condition and 'visit.' not in condition else ''} WHERE {condition}"
    (one,) = parameters_of(sql, suite_known("clinic").schema)
    assert (one.name, one.kind, one.column) == ("p", kind, column)


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("number", " 12 ", 12), ("number", "-1.5", -1.5), ("number", "1e3", 1000.0), ("number", "1,5", None),
        ("number", "1; DROP TABLE x", None), ("number", "1e999", None), ("number", "nan", None), ("number", "", None),
        ("date", "2024-02-29", "2024-02-29"), ("date", "2023-02-29", None), ("date", "2024", None),
        ("year", "2024", "2024"), ("year", "24", None), ("text", "it's -- '", "it's -- '"), ("text", "", ""),
        ("text", "x" * 10_001, None),
    ],
)  # fmt: skip
def test_values_are_checked(kind: str, said: str, value: Any) -> None:
    if value is None:
        with pytest.raises(Error, match="such as"):
            value_of(Parameter("p", kind), said)
    else:
        found = value_of(Parameter("p", kind), said)
        assert found == value and type(found) is type(value)


def test_everything_wrong_is_told_at_once() -> None:
    parameters = (Parameter("year", "year"), Parameter("city"), Parameter("n", "number", "3"))
    with pytest.raises(Error) as caught:
        bound(parameters, {"year": "x", "town": "Oslo"})
    assert all(part in caught.value.message for part in (":town", ":year is a year", ":city has no value"))
    assert bound(parameters, {"year": "2024", "city": ""}) == {"year": "2024", "city": "", "n": 3}


def test_values_are_bound_and_never_a_part_of_the_query(clinic: Database) -> None:
    for hostile in ("x' OR '1'='1", "'; DROP TABLE patient; --", ":n", "\x00", '"'):
        assert clinic.run(IN_CITY, bindings={"city": hostile, "n": 5}).rows == ()
    assert len(clinic.run(IN_CITY, bindings={"city": "Oslo", "n": 2}).rows) == 2
    with pytest.raises(Error, match=r"value|bind") as caught:
        clinic.run(IN_CITY, bindings={"city": "Oslo"})
    assert caught.value.kind == "sql-error"
    with pytest.raises(Error) as caught:
        clinic.run(IN_CITY)
    assert caught.value.kind == "sql-error"
    assert clinic.run("SELECT count(*) FROM patient").rows == ((120,),)


def test_a_saved_question_is_run_again(clinic: Database, store: Store) -> None:
    kept, paths = SqlSaved(store), find_paths()
    made = kept.save(clinic, " visits  of a year ", f"{PER_YEAR};", parameters=[Parameter("year", "", "2024")])
    assert made.name == "visits of a year" and made.parameters == (Parameter("year", "year", "2024"),)
    assert made.last_n_rows == 1 and kept.find("VISITS OF A YEAR") == made == kept.find(made.id)
    first = rerun(kept, paths, made)
    assert first.result is not None and first.is_changed is False
    other = rerun(kept, paths, kept.find(made.id), {"year": "2023"})
    assert other.result is not None and other.result.rows != first.result.rows and other.is_changed is None
    wrong = rerun(kept, paths, made, {"year": "twenty"})
    assert wrong.result is None and wrong.error is not None and wrong.error.kind == "bad-parameter"
    with pytest.raises(Error, match="saved already"):
        kept.save(clinic, "Visits of a year", PER_YEAR)
    replaced = kept.save(clinic, "Visits of a Year", PER_YEAR, replace=True)
    assert replaced.id == made.id and replaced.parameters == (Parameter("year", "year"),)
    assert replaced.last_n_rows is None and len(kept.all()) == 1
    assert kept.rename(made.id, "per year").name == "per year" and kept.remove("per year").id == made.id
    with pytest.raises(Error, match="no saved question"):
        kept.find("per year")


def test_what_does_not_run_is_not_saved(clinic: Database, store: Store) -> None:
    kept = SqlSaved(store)
    for sql in ("DROP TABLE patient", "SELECT nme FROM patient", "", "SELECT ?", "SELECT 1; SELECT 2"):
        with pytest.raises(Error):
            kept.save(clinic, "x", sql)
    for more in ({"chart": "pie"}, {"parameters": [Parameter("y")]}, {"parameters": [Parameter("year", "colour")]}):
        with pytest.raises(Error):
            kept.save(clinic, "x", PER_YEAR, **more)  # type: ignore[arg-type]
    with pytest.raises(Error, match="name"):
        kept.save(clinic, "  ", PER_YEAR)
    assert kept.all() == ()


def test_changed_rows_are_noticed_and_a_file_that_is_gone_is_told(tmp_path: Path, store: Store) -> None:
    def build(n: int) -> None:
        (tmp_path / "shop.db").unlink(missing_ok=True)
        db = apsw.Connection(str(tmp_path / "shop.db"))
        db.execute("CREATE TABLE sale (total REAL)")
        for _ in range(n):
            db.execute("INSERT INTO sale VALUES (1.5)")
        db.close()

    kept, paths = SqlSaved(store), find_paths()
    build(2)
    with open_database([tmp_path / "shop.db"], paths) as database:
        made = kept.save(database, "sales", "SELECT SUM(total) FROM sale")
    build(3)
    ran = rerun(kept, paths, made)
    assert ran.result is not None and ran.result.rows == ((4.5,),) and ran.is_changed
    assert rerun(kept, paths, kept.find("sales")).is_changed is False
    (tmp_path / "shop.db").unlink()
    gone = rerun(kept, paths, made)
    assert gone.error is not None and "does not exist" in gone.error.message


def test_a_dashboard_runs_all_of_it(clinic: Database, store: Store, suite_database: Callable[[str], Path]) -> None:
    kept, boards, paths = SqlSaved(store), SqlDashboards(store), find_paths()
    visits = kept.save(clinic, "visits", PER_YEAR, parameters=[Parameter("year", "", "2024")])
    people = kept.save(clinic, "people", IN_CITY)
    with open_database([suite_database("ferry"), suite_database("hotel")], paths) as several:
        both = kept.save(several, "both", "SELECT (SELECT COUNT(*) FROM passenger), (SELECT COUNT(*) FROM hotel.guest)")
    boards.add("Mine", visits, {"year": "2023"})
    boards.add("mine", people, {"city": "Oslo"})
    board = boards.add("mine", both)
    assert boards.names() == ("Mine",) and [one.saved.name for one in board.items] == ["visits", "people", "both"]
    found = list(run_dashboard(store, paths, board, {"n": "2"}))
    assert [one.error for one in found] == [None, None, None]
    assert [len(one.result.rows) for one in found if one.result is not None] == [1, 2, 1]
    assert found[0].given == {"year": "2023"} and found[1].given == {"city": "Oslo", "n": "2"}
    short = list(run_dashboard(store, paths, board))
    assert short[1].error is not None and ":n has no value" in short[1].error.message and short[2].result is not None
    with pytest.raises(Error, match="No question on Mine"):
        list(run_dashboard(store, paths, board, {"country": "x"}))
    with pytest.raises(Error, match="is a year"):
        boards.add("mine", visits, {"year": "x"})
    stop = Stop()
    stop.set()
    assert list(run_dashboard(store, paths, board, stop=stop)) == []
    board = boards.arrange("mine", [Item(both), Item(visits)])
    assert [one.saved.name for one in board.items] == ["both", "visits"]
    kept.remove("both")
    assert [one.saved.name for one in boards.find("mine").items] == ["visits"]
    assert boards.rename("mine", "Years").name == "Years" and boards.drop("years", visits).items == ()
    boards.remove("years")
    assert boards.names() == () and kept.find("visits") == visits


def test_choices_for_a_parameter(suite_known: Any) -> None:
    known = suite_known("clinic")
    city, _n = parameters_of(IN_CITY, known.schema)
    assert "Oslo" in choices_of(city, known) and choices_of(Parameter("x"), known) == ()
