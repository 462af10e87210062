"""What was accepted: it answers the same question in other words at once, others see it; deleting undoes that."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.alike import same_question
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.example_files import read_examples, write_examples
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.store.database import Store

QUESTION = "How many patients live in Oslo?"
RIGHT = "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"
OTHER = "SELECT COUNT(*) FROM patient"


class Said:
    """In place of the app: always the same query, and what it was asked."""

    def __init__(self, answer: str = OTHER) -> None:
        self.answer = answer
        self.asked: list[tuple[Message, ...]] = []

    def ask(self, messages: Sequence[Message], **_more: Any) -> Iterator[Any]:
        self.asked.append(tuple(messages))
        yield TextDelta(self.answer)
        yield Finished("stop")


@pytest.fixture
def clinic(suite_database: Callable[[str], Path]) -> Iterator[Database]:
    with open_database([suite_database("clinic")], find_paths()) as database:
        yield database


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[SqlMemory]:
    store = Store(tmp_path / "store" / "store.db")
    yield SqlMemory(store)
    store.close()


def ask(said: Said, database: Database, question: str, memory: SqlMemory) -> Any:
    return ask_database(said, database, question, memory=memory)  # type: ignore[arg-type]


def test_a_pair_changes_the_answer_to_its_paraphrase_until_it_is_deleted(clinic: Database, memory: SqlMemory) -> None:
    paraphrase = "Could you please tell me how many patients live in “Oslo”"
    said = Said()
    assert ask(said, clinic, paraphrase, memory).sql == OTHER and len(said.asked) == 1
    kept = memory.accept(clinic, QUESTION, RIGHT)
    answer = ask(said, clinic, paraphrase, memory)
    assert (answer.sql, answer.remembered, len(said.asked)) == (RIGHT, kept, 1)
    assert answer.result.rows == clinic.run(RIGHT).rows
    assert memory.remove(clinic, [kept.id[:12]]) == 1
    answer = ask(said, clinic, paraphrase, memory)
    assert (answer.sql, answer.remembered, len(said.asked)) == (OTHER, None, 2)


def test_a_pair_answers_the_same_about_another_value(clinic: Database, memory: SqlMemory) -> None:
    kept = memory.accept(clinic, "How many patients live in Graz?", RIGHT.replace("Oslo", "Graz"))
    said = Said()
    answer = ask(said, clinic, QUESTION, memory)
    assert (answer.sql, answer.remembered, said.asked) == (RIGHT, kept, [])
    memory.remove(clinic, [kept.id])
    assert ask(said, clinic, QUESTION, memory).sql == OTHER


def test_the_likest_pairs_stand_before_another_question(clinic: Database, memory: SqlMemory) -> None:
    memory.accept(clinic, "Which drugs are there?", "SELECT drug.name FROM drug")
    memory.accept(clinic, "How many patients come from Bergen?", RIGHT.replace("Oslo", "Bergen"))
    said = Said()
    answer = ask(said, clinic, QUESTION, memory)
    turns = [turn.content for turn in said.asked[0][1:]]
    assert turns[-3:-1] == ["How many patients come from Bergen?", RIGHT.replace("Oslo", "Bergen")]
    assert turns[-1].splitlines()[0] == QUESTION
    assert answer.n_examples == len(turns) // 2
    for one in memory.pairs(clinic):
        memory.remove(clinic, [one.id])
    ask(said, clinic, QUESTION, memory)
    assert len(said.asked[1]) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many doctors are there?", "count the doctors"),
        ("How many doctors are there?", "What is the number of doctors?"),
        ("List all doctors.", "Please show me the doctors"),
        ("Which doctors work in Oslo?", "what doctors work in 'Oslo'"),
        ("Wie viele Ärzte gibt es?", "wie viele Ärzte gibt es bitte"),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert same_question(one) == same_question(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many doctors are there?", "How many patients are there?"),
        ("Flights from Oslo to Bergen", "Flights from Bergen to Oslo"),
        ("Which loans are overdue?", "Which loans were overdue?"),
        ("Visits in 2023", "Visits in 2024"),
        ("Items over 1.5 kg", "Items over 15 kg"),
        ("Rows with balance -5", "Rows with balance 5"),
        ("Rows where x != 5", "Rows where x = 5"),
        ("Patients with insurance", "Patients with no insurance"),
        ("Which doctor has the most visits?", "Which doctors have the most visits?"),
        ("The highest price", "The lowest price"),
        ("List US customers", "List customers"),
        ("Patients with blood group A", "Patients with blood group"),
    ],
)
def test_what_differs_is_not_the_same(one: str, other: str) -> None:
    assert same_question(one) != same_question(other)


def test_the_same_question_is_kept_once_and_corrected(clinic: Database, memory: SqlMemory) -> None:
    memory.accept(clinic, QUESTION, OTHER)
    memory.accept(clinic, QUESTION.upper(), RIGHT + ";", "corrected")
    (kept,) = memory.pairs(clinic)
    assert (kept.sql, kept.source, kept.n_rows, kept.database) == (RIGHT, "corrected", 1, "clinic")


def test_the_same_pair_is_the_same_source_however_often_it_is_accepted(clinic: Database, memory: SqlMemory) -> None:
    first = memory.accept(clinic, QUESTION, RIGHT)
    assert memory.accept(clinic, QUESTION.upper(), RIGHT + ";", "imported").id == first.id
    memory.remove(clinic, [first.id])
    assert memory.accept(clinic, QUESTION, RIGHT).id == first.id
    assert memory.accept(clinic, QUESTION, OTHER).id != first.id


def test_a_query_that_takes_long_is_kept_where_it_is_given_the_time(clinic: Database, memory: SqlMemory) -> None:
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) "
        "SELECT count(*) FROM n LIMIT 1"
    )
    with pytest.raises(Error) as caught:
        memory.accept(clinic, QUESTION, slow, seconds=0.2)
    assert caught.value.kind == "sql-timeout"
    slow = slow.replace("100000000", "2000000")
    assert memory.accept(clinic, QUESTION, slow, seconds=60).n_rows == 1


def test_what_does_not_read_is_not_kept(clinic: Database, memory: SqlMemory) -> None:
    for sql, kind in (
        ("DROP TABLE patient", "sql-refused"),
        ("SELECT nme FROM patient", "sql-error"),
        ("", "bad-example"),
    ):
        with pytest.raises(Error) as caught:
            memory.accept(clinic, QUESTION, sql)
        assert caught.value.kind == kind
    assert memory.pairs(clinic) == ()
    with pytest.raises(Error, match="no example"):
        memory.remove(clinic, ["x"])


def test_other_databases_see_nothing_of_it(
    clinic: Database, memory: SqlMemory, suite_database: Callable[[str], Path]
) -> None:
    memory.accept(clinic, QUESTION, RIGHT)
    with open_database([suite_database("library")], find_paths()) as library:
        assert memory.pairs(library) == () and memory.same(library, QUESTION) is None
        with pytest.raises(Error, match="Nothing has been asked"):
            memory.last(library)


def test_a_copy_shares_it_and_changed_tables_only_what_still_fits(tmp_path: Path, memory: SqlMemory) -> None:
    import apsw

    def shop(path: Path, columns: str) -> Path:
        path.parent.mkdir(exist_ok=True)
        db = apsw.Connection(str(path))
        db.execute(f"CREATE TABLE item ({columns}); INSERT INTO item (name) VALUES ('pen')")
        db.close()
        return path

    with open_database([shop(tmp_path / "a" / "shop.db", "name TEXT, old INT")], find_paths()) as first:
        memory.accept(first, "Name the items", "SELECT name FROM item")
        memory.accept(first, "Which are old?", "SELECT name FROM item WHERE old = 1")
        with open_database([shop(tmp_path / "b" / "copy.db", "name TEXT, old INT")], find_paths()) as copy:
            assert len(memory.pairs(copy)) == 2
    with open_database([shop(tmp_path / "c" / "shop.db", "name TEXT, new INT")], find_paths()) as changed:
        assert memory.same(changed, "Name the items") is not None
        assert memory.same(changed, "Which are old?") is None
        assert memory.alike(changed, "Which are old?") in ((), (Example("Name the items", "SELECT name FROM item"),))


def test_examples_go_out_and_in(clinic: Database, memory: SqlMemory, tmp_path: Path) -> None:
    memory.accept(clinic, QUESTION, RIGHT)
    assert write_examples(tmp_path / "x.jsonl", memory.pairs(clinic)) == 1
    assert read_examples(tmp_path / "x.jsonl") == [Example(QUESTION, RIGHT)]
    with pytest.raises(Error, match="there already"):
        write_examples(tmp_path / "x.jsonl", [])
    (tmp_path / "bad.jsonl").write_text('{"question": "a", "sql": "b"}\n{"question": 1}\n')
    with pytest.raises(Error, match="Line 2"):
        read_examples(tmp_path / "bad.jsonl")
