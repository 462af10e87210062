"""What may mean several things is asked before a query is written; what was chosen is all that the query can name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.ambiguity import ambiguities
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.linking import link

QUESTION = "How many passengers and ports are from Sweden?"
COUNT = "SELECT COUNT(*) FROM passenger WHERE passenger.country = 'Sweden'"


class Said:
    """In place of the app: the same query always, and what it was asked."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, Any]] = []

    def ask(self, messages: Any, **more: Any) -> Iterator[Any]:
        self.asked.append((messages, more))
        yield TextDelta(self.answer)
        yield Finished("stop")


@pytest.fixture
def ferry(suite_database: Callable[[str], Path]) -> Iterator[Database]:
    with open_database([suite_database("ferry")], find_paths()) as database:
        yield database


def ask(said: Said, database: Database, question: str = QUESTION, **more: Any) -> Any:
    return ask_database(said, database, question, **more)  # type: ignore[arg-type]


def test_a_value_of_two_columns_is_asked_back_before_a_query_is_written(ferry: Database) -> None:
    said = Said(COUNT)
    answer = ask(said, ferry, chosen={})
    (one,) = answer.open
    assert (one.kind, one.said, set(one.choices)) == ("value", "Sweden", {"passenger.country", "port.country"})
    assert (answer.sql, answer.result, said.asked) == ("", None, [])
    answer = ask(said, ferry, chosen={"sweden": "passenger.country"})
    assert answer.sql == COUNT and answer.open == () and answer.unclear == ()
    messages, more = said.asked[0]
    starts = [line for line in more["grammar"].text.splitlines() if line.startswith("q")]
    assert starts and all("passenger" in line for line in starts)  # no query goes without what was chosen
    assert "port.country = 'Sweden'" not in messages[0].content
    assert "\"'Sweden'\"" in more["grammar"].text and dict(answer.linked.found) == {"passenger.country": "Sweden"}
    assert len([place for place, texts in answer.linked.values.items() if "Sweden" in texts]) == 1


def test_any_of_them_may_be_meant_and_nothing_else(ferry: Database) -> None:
    answer = ask(Said(COUNT), ferry, chosen={"Sweden": ""})
    assert answer.sql == COUNT and len(answer.linked.found) == 2
    with pytest.raises(Error, match="cannot mean"):
        ask(Said(COUNT), ferry, chosen={"Sweden": "vessel.name"})
    assert ask(Said(COUNT), ferry).sql == COUNT  # nobody is there to be asked


def test_what_the_question_says_is_not_asked(ferry: Database) -> None:
    for question in (
        "How many passengers are from Sweden?",
        "Which ports lie in Sweden?",
        "How many vessels are there?",
    ):
        assert ask(Said(COUNT), ferry, question, chosen={}).open == (), question


def test_few_questions_of_the_suite_are_asked_back(suite_known: Any, suite_questions: list[dict[str, Any]]) -> None:
    asked = 0
    for one in suite_questions[::3]:
        known = suite_known(one["schema"])
        asked += bool(ambiguities(known, one["question"], link(known, one["question"])))
    assert asked <= 3


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Database]:
    db = apsw.Connection(str(tmp_path / "orders.db"))
    db.execute("""
        CREATE TABLE customer_order (id INTEGER PRIMARY KEY, placed_on TEXT, total REAL);
        CREATE TABLE supplier_order (id INTEGER PRIMARY KEY, placed_on TEXT, total REAL);
        INSERT INTO customer_order VALUES (1, '2024-05-01', 3.5);
        INSERT INTO supplier_order VALUES (1, '2024-05-02', 9), (2, '2024-05-03', 1);
    """)
    db.close()
    with open_database([tmp_path / "orders.db"], find_paths()) as database:
        yield database


def test_two_tables_that_are_as_likely_are_asked_back(orders: Database) -> None:
    said = Said("SELECT COUNT(*) FROM supplier_order")
    question = "How many orders are there?"
    (one,) = ask(said, orders, question, chosen={}).open
    assert (one.kind, one.said) == ("table", "orders") and set(one.choices) == {"customer_order", "supplier_order"}
    answer = ask(said, orders, question, chosen={"orders": "supplier_order"})
    assert [table.name for table in answer.linked.tables] == ["supplier_order"]
    assert "customer_order" not in said.asked[0][1]["grammar"].text
    assert ask(said, orders, "How many customer orders are there?", chosen={}).open == ()


def test_tables_of_one_name_in_two_files_are_asked_back(tmp_path: Path) -> None:
    for name, n in (("north", 2), ("south", 3)):
        db = apsw.Connection(str(tmp_path / f"{name}.db"))
        db.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, total REAL)")
        for total in range(n):
            db.execute("INSERT INTO sale (total) VALUES (?)", (total,))
        db.close()
    said = Said("SELECT COUNT(*) FROM south.sale")
    with open_database([tmp_path / "north.db", tmp_path / "south.db"], find_paths()) as database:
        (one,) = ask(said, database, "How many sales are there?", chosen={}).open
        assert one.choices == ("north.sale", "south.sale")
        answer = ask(said, database, "How many sales are there?", chosen={"sales": "south.sale"})
        assert answer.result.rows == ((3,),) and [table.source for table in answer.linked.tables] == ["south"]
        messages, more = said.asked[-1]
        assert "FROM south.sale" in more["grammar"].text and "south.sale(" in messages[0].content
        said.answer = "SELECT COUNT(*) FROM north.sale"
        assert ask(said, database, "How many sales are there?").result.rows == ((2,),)  # nobody is there to be asked
        assert "FROM north.sale" in said.asked[-1][1]["grammar"].text
        assert database.run("SELECT (SELECT COUNT(*) FROM north.sale), (SELECT COUNT(*) FROM south.sale)").rows == (
            (2, 3),
        )
        assert database.run("SELECT COUNT(*) FROM sale").rows == ((2,),)  # of one name the first file's


def test_samples_are_taken_where_they_are_wanted(ferry: Database) -> None:
    class Turns(Said):
        def ask(self, messages: Any, **more: Any) -> Iterator[Any]:
            self.answer = self.answers.pop(0)
            yield from super().ask(messages, **more)

    other = "SELECT COUNT(*) FROM passenger"
    said = Turns("")
    said.answers = [other, COUNT, COUNT, "SELECT nothing"]  # type: ignore[attr-defined]
    answer = ask(said, ferry, "How many passengers are from Sweden?", samples=3)
    assert answer.sql == COUNT and answer.agreement == 0.5
    assert [(one.sql, one.n_votes) for one in answer.alternatives] == [(COUNT, 2), (other, 1)]
    with pytest.raises(Error, match="samples"):
        ask(said, ferry, samples=10)
