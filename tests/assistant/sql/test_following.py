"""Questions that follow one another: told to the model, changed by rule, kept in the store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.following import stands_alone
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.prompt import SHORT_FORM
from rushlight.assistant.sql.refining import refined
from rushlight.assistant.sql.threads import SqlThreads, Thread
from rushlight.assistant.store.database import Store

FIRST = "How many visits were there per specialty?"
GROUPED = (
    "SELECT doctor.specialty, COUNT(*) FROM visit JOIN doctor ON visit.doctor_id = doctor.doctor_id "
    "GROUP BY doctor.specialty"
)
OSLO = "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"


class Said:
    """In place of the app: answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Message, ...]] = []

    def ask(self, messages: Any, **_more: Any) -> Iterator[Any]:
        self.asked.append(tuple(messages))
        yield TextDelta(self.answers.pop(0))
        yield Finished("stop")


@pytest.fixture
def clinic(suite_database: Callable[[str], Path]) -> Iterator[Database]:
    with open_database([suite_database("clinic")], find_paths()) as database:
        yield database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store" / "store.db")
    yield store
    store.close()


def ask(said: Said, database: Database, question: str, **more: Any) -> SqlAnswer:
    return ask_database(said, database, question, **more)  # type: ignore[arg-type]


def test_only_2024_is_a_condition_more(clinic: Database, store: Store) -> None:
    threads, said = SqlThreads(store), Said(GROUPED)
    first = ask(said, clinic, FIRST)
    thread = threads.add(clinic, None, first)
    answer = ask(said, clinic, "only 2024", thread=thread)
    assert answer.sql == GROUPED.replace("GROUP", "WHERE strftime('%Y', visit.day) = '2024' GROUP")
    assert answer.refined == GROUPED and answer.n_followed == 1 and len(said.asked) == 1
    assert answer.whole == f"{FIRST}; only 2024"
    assert first.result is not None and answer.result is not None
    assert sum(row[1] for row in answer.result.rows) < sum(row[1] for row in first.result.rows)  # type: ignore[misc,operator]
    thread = threads.add(clinic, thread, answer)
    again = ask(said, clinic, "and 2023?", thread=thread)
    assert again.sql == answer.sql.replace("2024", "2023") and len(said.asked) == 1


def test_other_follow_ups_are_told_to_the_model_with_what_came_before(clinic: Database, store: Store) -> None:
    threads = SqlThreads(store)
    said = Said(OSLO, "SELECT patient.name FROM patient WHERE patient.city = 'Oslo'")
    thread = threads.add(clinic, None, ask(said, clinic, "How many patients live in Oslo?"))
    answer = ask(said, clinic, "and their names?", thread=thread)
    _, *turns, last = said.asked[1]
    assert [turn.content for turn in turns] == ["How many patients live in Oslo?", OSLO]
    # What is named is known from the question before.
    assert last.content.splitlines() == ["and their names?", "In the question: patient.city = 'Oslo'"]
    assert answer.n_followed == 1 and answer.result is not None and len(answer.result.rows) > 1


def test_a_question_that_stands_alone_is_told_nothing_of_others(clinic: Database, store: Store) -> None:
    said = Said(OSLO, "SELECT COUNT(*) FROM drug", "SELECT COUNT(*) FROM drug")
    thread = SqlThreads(store).add(clinic, None, ask(said, clinic, "How many patients live in Oslo?"))
    answer = ask(said, clinic, "How many drugs are there?", thread=thread)
    assert len(said.asked[1]) == 2 and answer.n_followed == 0 and answer.whole == "How many drugs are there?"
    assert ask(said, clinic, "How many drugs are there?", thread=thread, follows=True).n_followed == 1


def test_a_model_that_learned_the_tables_reads_the_whole_question(clinic: Database, store: Store) -> None:
    said = Said(OSLO, OSLO)
    thread = SqlThreads(store).add(clinic, None, ask(said, clinic, "How many patients live in Oslo?"))
    ask(said, clinic, "born before 1960", thread=thread, form=SHORT_FORM, free=True)
    assert said.asked[1][-1].content.startswith("How many patients live in Oslo?; born before 1960\nIn the question:")


def test_an_accepted_follow_up_is_kept_with_what_it_follows(clinic: Database, store: Store) -> None:
    memory, threads = SqlMemory(store), SqlThreads(store)
    said = Said(OSLO, "SELECT COUNT(*) FROM patient", GROUPED, GROUPED)
    thread = threads.add(clinic, None, ask(said, clinic, "How many patients live in Oslo?", memory=memory))
    ask(said, clinic, "born before 1960", thread=thread, memory=memory)
    last = memory.last(clinic)
    assert last.question == "How many patients live in Oslo?; born before 1960"
    right = f"{OSLO} AND patient.birth_date < '1960-01-01'"
    memory.accept(clinic, last.question, right, "corrected")
    assert ask(said, clinic, "born before 1960", thread=thread, memory=memory).sql == right
    other = threads.add(clinic, None, ask(said, clinic, FIRST))
    assert ask(said, clinic, "born before 1960", thread=other, memory=memory).remembered is None


@pytest.mark.parametrize(
    ("sql", "question", "changed"),
    [
        (OSLO, "what about Graz?", OSLO.replace("Oslo", "Graz")),
        (OSLO, "only graz", OSLO.replace("Oslo", "Graz")),
        (OSLO, "und in Graz?", OSLO.replace("Oslo", "Graz")),
        ("SELECT COUNT(*) FROM patient", "without Oslo", "SELECT COUNT(*) FROM patient WHERE patient.city <> 'Oslo'"),
        ("SELECT COUNT(*) FROM patient AS p", "just Oslo", "SELECT COUNT(*) FROM patient AS p WHERE p.city = 'Oslo'"),
        (
            "SELECT patient.name FROM patient WHERE patient.city = 'Oslo' OR patient.insurer IS NULL",
            "in Graz",
            "SELECT patient.name FROM patient WHERE patient.city = 'Graz' OR patient.insurer IS NULL",
        ),
        (
            "SELECT COUNT(*) FROM visit WHERE visit.day BETWEEN '2024-01-01' AND '2024-12-31'",
            "and 2023",
            "SELECT COUNT(*) FROM visit WHERE visit.day BETWEEN '2023-01-01' AND '2023-12-31'",
        ),
        (
            "SELECT COUNT(*) FROM visit WHERE visit.day >= '2024-01-01' AND visit.day <= '2024-12-31'",
            "and 2023",
            "SELECT COUNT(*) FROM visit WHERE visit.day >= '2023-01-01' AND visit.day <= '2023-12-31'",
        ),
        ("SELECT COUNT(*) FROM visit WHERE day >= '2023-01-01' AND day < '2024-01-01'", "and in 2024?", None),
        ("SELECT COUNT(*) FROM visit WHERE day >= '2025-01-01'", "and in 2024?", None),
        ("SELECT COUNT(*) FROM visit WHERE day >= date('2025-01-01')", "and in 2024?", None),
        ("SELECT COUNT(*) FROM visit WHERE CAST(strftime('%Y', day) AS INTEGER) = 2023", "and 2024?", None),
        ("SELECT COUNT(*) FROM patient WHERE patient.city IN ('Oslo', 'Bergen')", "and in Graz?", None),
        ("SELECT COUNT(*) FROM patient WHERE patient.city LIKE 'Os%'", "and in Graz?", None),
        ("SELECT COUNT(*) FROM patient WHERE city = 'Oslo' OR city = 'Bergen'", "and in Graz?", None),
        ("SELECT drug.name, drug.price_eur FROM drug", "sort by price, descending",
         "SELECT drug.name, drug.price_eur FROM drug ORDER BY drug.price_eur DESC"),
        ("SELECT drug.name FROM drug ORDER BY drug.name", "top 3",
         "SELECT drug.name FROM drug ORDER BY drug.name LIMIT 3"),
        ("SELECT drug.name FROM drug", "top 3", None),  # of what order?
        ("SELECT COUNT(*) FROM doctor CROSS JOIN patient", "only 2024", None),  # which date?
        (OSLO, "only Nowhere", None),
        (OSLO, "of which the oldest", None),
        ("SELECT n FROM (SELECT COUNT(*) AS n FROM patient)", "only Oslo", None),
        ("not a query", "only 2024", None),
        (OSLO, "", None),
    ],
)  # fmt: skip
def test_short_changes_are_made_by_rule(sql: str, question: str, changed: str | None, suite_known: Any) -> None:
    assert refined(sql, question, suite_known("clinic")) == changed


def test_what_stands_alone(clinic: Database) -> None:
    for question in (
        "How many patients live in Oslo?",
        "List all drugs",
        "For each doctor, when was the latest visit?",
    ):
        assert stands_alone(question, clinic.schema), question
    for question in ("only 2024", "and by city", "Which of those doctors?", "what about Graz?", "sorted by fee", ""):
        assert not stands_alone(question, clinic.schema), question


def test_threads_are_kept_listed_and_forgotten(clinic: Database, store: Store) -> None:
    threads = SqlThreads(store)
    first = threads.add(clinic, None, ask(Said("SELECT * FROM patient"), clinic, "List\nall patients"))
    second = threads.add(clinic, None, ask(Said(OSLO), clinic, "How many patients live in Oslo?"))
    assert first.title == "List all patients" and (len(first.turns[0].rows), first.turns[0].n_rows) == (20, 120)
    assert all(cell is None or isinstance(cell, str) for row in first.turns[0].rows for cell in row)
    assert [one.id for one in threads.of(clinic)] == [second.id, first.id]
    assert threads.last(clinic) == second and threads.find(clinic, first.id) == first
    assert threads.remove(clinic, [second.id]) == 1 and threads.last(clinic) == first
    with pytest.raises(Error, match="no thread"):
        threads.find(clinic, "zz")
    gone = threads.add(clinic, second, ask(Said(OSLO), clinic, "How many patients live in Oslo?"))
    assert gone.id != second.id and len(gone.turns) == 1  # removed meanwhile: a new one is begun
    failed = ask(Said("SELECT nme FROM patient"), clinic, "Who?", free=True, correct=False)
    with pytest.raises(Error, match="answered"):
        threads.add(clinic, first, failed)
    assert isinstance(first, Thread)
