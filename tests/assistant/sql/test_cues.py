"""What a question has no word for stands in no query that a taught model can write; what it has words for may stand."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llguidance
import pytest

from rushlight import Error
from rushlight.assistant.learn.database.generate import generate
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.cues import Cues, cues_of
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import Linked, link
from rushlight.assistant.sql.linking_taught import link_taught

BYTES = llguidance.LLTokenizer("byte")


def matcher(linked: Linked) -> Any:
    text = '%llguidance {"no_forcing": true}\n' + sql_grammar(linked).grammar.text
    made = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_lark(text), log_level=0)
    assert not made.is_error(), made.get_error()
    return made


def can_be(linked: Linked, sql: str) -> bool:
    made = matcher(linked)
    return bool(made.consume_tokens(list(sql.encode())) and made.is_accepting())


PATIENTS = "SELECT COUNT(*) FROM patient WHERE patient"
VISITS = "SELECT COUNT(*) FROM visit WHERE visit"


@pytest.mark.parametrize(
    ("words", "without", "sql"),
    [
        ("Which patients are not from Oslo?", "Which patients are from Oslo?",
         "SELECT patient.name FROM patient WHERE patient.city <> 'Oslo'"),
        ("How many patients live in Oslo or have no insurer?", "How many patients live in Oslo and have no insurer?",
         f"{PATIENTS}.city = 'Oslo' OR patient.insurer IS NULL"),
        ("How many patients have visits?", "How many patients are registered?",
         f"{PATIENTS}.patient_id IN (SELECT visit.patient_id FROM visit)"),
        ("How many patients never had a visit?", "How many patients had a visit?",
         f"{PATIENTS}.patient_id NOT IN (SELECT visit.patient_id FROM visit)"),
        ("How many visits cost more than 50?", "How many visits were expensive?", f"{VISITS}.fee_eur > 50"),
        ("Which visits cost more than the average of their doctor?", "Which visits cost more than the average?",
         "SELECT visit.visit_id FROM visit WHERE visit.fee_eur > (SELECT AVG(other.fee_eur) FROM visit AS other WHERE "
         "other.doctor_id = visit.doctor_id)"),
        ("Which visits cost more than the average? Name their ids.", "Which visits cost something? Name their ids.",
         "SELECT visit.visit_id FROM visit WHERE visit.fee_eur > (SELECT AVG(visit.fee_eur) FROM visit)"),
        ("How many visits were before the doctor was hired?", "How many visits of hired doctors were there?",
         "SELECT COUNT(*) FROM doctor JOIN visit ON visit.doctor_id = doctor.doctor_id WHERE "
         "visit.day < doctor.hired_on"),
        ("How many visits were on a day before the one that a doctor was hired on?",
         "How many visits were on a day before one doctor was hired?",
         "SELECT COUNT(*) FROM doctor JOIN visit ON visit.doctor_id = doctor.doctor_id WHERE "
         "visit.day < doctor.hired_on"),
        ("Which doctors have yet to see a patient?", "Which doctors have to see a patient?",
         "SELECT doctor.name FROM doctor WHERE doctor.doctor_id NOT IN (SELECT visit.doctor_id FROM visit)"),
        ("Which visit won, by its fee?", "Which visit was dear, by its fee?",
         "SELECT visit.visit_id FROM visit WHERE visit.fee_eur = 1"),
        ("How many visits cost nothing?", "How many visits were there?", f"{VISITS}.fee_eur = 0"),
        ("How many visits were dearer than the mean?", "How many visits were there?",
         f"{VISITS}.fee_eur > (SELECT AVG(visit.fee_eur) FROM visit)"),
        ("How many visits were there in March 2024?", "How many visits were there in 2024?",
         f"{VISITS}.day BETWEEN '2024-03-01' AND '2024-03-31'"),
        ("How many visits were there in March?", "How many visits were there in May?",
         "SELECT COUNT(*) FROM visit WHERE strftime('%m', visit.day) = '03'"),
        ("How many visits were there in 2024?", "How many visits were there?", f"{VISITS}.day LIKE '2024-%'"),
        ("Which patients are called something with Ann?", "Which patients are there?",
         "SELECT patient.name FROM patient WHERE patient.name LIKE '%Ann%'"),
        ("What is the mean fee, rounded?", "What is the mean fee?", "SELECT ROUND(AVG(visit.fee_eur), 1) FROM visit"),
    ],
)  # fmt: skip
def test_a_form_needs_its_word(words: str, without: str, sql: str, suite_known: Callable[[str], Any]) -> None:
    known = suite_known("clinic")
    assert can_be(link_taught(known, words), sql)
    assert not can_be(link_taught(known, without), sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT patient.name, COUNT(*) FROM patient",
        "SELECT SUM(visit.fee_eur * visit.fee_eur) FROM visit",
        "SELECT MAX(patient.patient_id) FROM patient",
        "SELECT COUNT(*) FROM patient WHERE patient.patient_id IS NULL",
    ],
)
def test_what_says_nothing_is_not_said(sql: str, suite_known: Callable[[str], Any]) -> None:
    question = "What is the total number of patients and the revenue of visits?"
    assert not can_be(link_taught(suite_known("clinic"), question), sql)


def test_nothing_is_more_than_the_most(suite_known: Callable[[str], Any]) -> None:
    """Rows have the most or the least of something, and lie on one side of the mean."""
    linked = link_taught(suite_known("clinic"), "Which visits cost more than the average, which the most?")

    def visits(compared: str) -> bool:
        return can_be(linked, f"SELECT visit.visit_id FROM visit WHERE visit.{compared} FROM visit)")

    assert visits("fee_eur = (SELECT MAX(visit.fee_eur)") and visits("day = (SELECT MIN(visit.day)")
    assert visits("fee_eur > (SELECT AVG(visit.fee_eur)") and visits("fee_eur < (SELECT 2 * AVG(visit.fee_eur)")
    assert not visits("fee_eur > (SELECT MAX(visit.fee_eur)") and not visits("day < (SELECT MIN(visit.day)")
    assert not visits("fee_eur = (SELECT AVG(visit.fee_eur)")
    anyone = link(suite_known("clinic"), "Which visits cost more than the average?")
    assert can_be(
        anyone, "SELECT visit.visit_id FROM visit WHERE visit.fee_eur < (SELECT MAX(visit.fee_eur) FROM visit)"
    )


def test_what_is_left_is_more_than_nothing(suite_known: Callable[[str], Any]) -> None:
    sql = "SELECT COUNT(*) FROM stock WHERE stock.quantity > 0"
    assert can_be(link_taught(suite_known("workshop"), "How many stocks have any quantity left?"), sql)
    assert not can_be(link_taught(suite_known("workshop"), "How many stocks have a quantity?"), sql)


def test_whoever_was_not_taught_may_write_anything(suite_known: Callable[[str], Any]) -> None:
    linked = link(suite_known("clinic"), "How many patients are from Oslo?")
    assert cues_of(linked) == Cues()
    assert can_be(linked, "SELECT COUNT(*) FROM patient WHERE patient.city <> 'Oslo'")


@pytest.mark.parametrize("schema", ["bakery", "clinic", "ferry", "museum"])
@pytest.mark.parametrize("n", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_what_is_learned_can_be_written(n: int, schema: str, suite_database: Callable[[str], Path]) -> None:
    """Slips of typing may hide a word: of a hundred questions at most one."""
    with open_database([suite_database(schema)], find_paths()) as database:
        known = database.known()
        made = list(generate(database, n, 3))
        refused = [one.question for one in made if not can_be(link_taught(known, one.question), one.sql)]
    assert len(refused) <= max(1, len(made) // 100), refused


@pytest.mark.parametrize("schema", ["bakery", "hotel", "workshop"])
@pytest.mark.parametrize("n", [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_whatever_a_taught_model_may_write_can_be_run(
    n: int, schema: str, suite_database: Callable[[str], Path], suite_questions: list[dict[str, Any]],
    by_chance: Callable[[Any, random.Random], str | None],
) -> None:  # fmt: skip
    dice, n_run = random.Random(8), 0
    questions = [one["question"] for one in suite_questions if one["schema"] == schema]
    with open_database([suite_database(schema)], find_paths()) as database:
        known = database.known()
        while n_run < n:
            sql = by_chance(matcher(link_taught(known, dice.choice(questions))), dice)
            if sql is None:
                continue
            n_run += 1
            try:
                database.run(sql, seconds=0.5, max_rows=10)
            except Error as error:
                assert error.kind == "sql-timeout", (error, sql)


def test_no_question_leaves_a_grammar_broken(suite_known: Callable[[str], Any]) -> None:
    for question in ("", "?", "How many?", "not", "2024", "Ω ≠ '", "most least", "1 2 3 4 5 6 7 8 9 10 11 12"):
        for schema in ("clinic", "workshop"):
            assert can_be(link_taught(suite_known(schema), question), "x") is False


def test_a_unit_or_a_name_of_two_words_is_no_text(suite_known: Callable[[str], Any]) -> None:
    ferry, workshop = suite_known("ferry"), suite_known("workshop")
    assert link_taught(ferry, "How many bookings are there with a car?").must == {"booking"}
    for question in ("What is the car capacity of all vessels?", "What are the car capacities of vessels?"):
        assert link_taught(ferry, question).must == frozenset(), question
    assert link_taught(workshop, "How many products weigh more than 40 kg in all?").must == frozenset()


def test_of_a_large_database_texts_and_numbers_of_rows_are_known_too(suite_known: Callable[[str], Any]) -> None:
    linked = link_taught(suite_known("workshop"), "How much oak board is in stock in 2024?")
    assert "material" in linked.must and linked.row_numbers == ()


@pytest.mark.parametrize(
    ("question", "looked_at"),
    [("How many?", True), ("Wie viele Besuche gab es?", True), ("Combien de visites ?", False), ("visits 2024", False)],
)
def test_a_language_that_is_not_known_is_left_alone(
    question: str, looked_at: bool, suite_known: Callable[[str], Any]
) -> None:
    assert cues_of(link_taught(suite_known("clinic"), question)).strict == looked_at
