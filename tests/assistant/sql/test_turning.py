"""Accepted pairs turned round: question and query in one place each, and nothing where that is not certain."""

from typing import Any

import pytest

from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.reusing import reused

OLDEST = Example("Who is the oldest patient?", "SELECT name FROM patient ORDER BY birth_date LIMIT 1")
DEAREST = Example("What was the highest fee in neurology?", "SELECT MAX(v.fee_eur) FROM visit v JOIN doctor d "
                  "ON d.doctor_id = v.doctor_id WHERE d.specialty = 'neurology'")  # fmt: skip
HIGHEST = Example("What is the highest price of drugs that were prescribed?", "SELECT MAX(d.price_eur) FROM drug d "
                  "JOIN prescription p ON p.drug_id = d.drug_id")  # fmt: skip
BUSY = Example("Which doctors had more than 90 visits?", "SELECT d.name FROM doctor d JOIN visit v ON v.doctor_id = "
               "d.doctor_id GROUP BY d.doctor_id HAVING COUNT(*) > 90")  # fmt: skip
BORN = Example(
    "How many patients were born after 2010?", "SELECT COUNT(*) FROM patient WHERE birth_date > '2010-12-31'"
)
MONTHS = Example("How many visits were there per month?", "SELECT strftime('%Y-%m', day) AS month, COUNT(*) FROM visit "
                 "GROUP BY month")  # fmt: skip
MOST = Example("Which drug was prescribed most often?", "SELECT d.name FROM drug d JOIN prescription p ON p.drug_id = "
               "d.drug_id GROUP BY d.drug_id ORDER BY COUNT(*) DESC LIMIT 1")  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "question", "inside"),
    [
        (OLDEST, "Who is the youngest patient?", "ORDER BY birth_date DESC LIMIT 1"),
        (Example(OLDEST.question.replace("oldest", "youngest"), OLDEST.sql.replace("date", "date DESC")),
         "Who's the oldest patient", None),
        (Example("Which drug is the dearest?", "SELECT name FROM drug ORDER BY price_eur DESC LIMIT 1"),
         "Which drug is the cheapest?", "ORDER BY price_eur ASC NULLS LAST LIMIT 1"),
        (DEAREST, "What was the lowest fee in neurology?", "MIN(v.fee_eur)"),
        (HIGHEST, "What is the lowest price of drugs that were prescribed?", "MIN(d.price_eur)"),
        (DEAREST, "What was the average fee in dermatology?", "AVG(v.fee_eur)"),
        (BUSY, "Which doctors had fewer than 90 visits?", "HAVING COUNT(*) < 90"),
        (BUSY, "Which doctors had less than 20 visits?", "HAVING COUNT(*) < 20"),
        (BORN, "How many patients were born before 1960?", "birth_date < '1960-01-01'"),
        (MONTHS, "How many visits were there per year?", "strftime('%Y', day)"),
        (MOST, "Which drug was prescribed least often?", "ORDER BY COUNT(*) ASC NULLS LAST LIMIT 1"),
    ],
)  # fmt: skip
def test_the_opposite_is_answered_by_rule(pair: Example, question: str, inside: str | None, suite_known: Any) -> None:
    found = reused([pair], question, suite_known("clinic"))
    if inside is None:
        assert found is None, "it asks in other words, too"
    else:
        assert found is not None and found[0] is pair and inside in found[1]


@pytest.mark.parametrize(
    ("pair", "question"),
    [
        (OLDEST, "Who is the youngest doctor?"),
        (Example(OLDEST.question, OLDEST.sql.replace("date", "date, name")), "Who is the youngest patient?"),
        (Example(OLDEST.question, "SELECT name FROM patient ORDER BY birth_date"), "Who is the youngest patient?"),
        (Example(BUSY.question, BUSY.sql.replace("> 90", ">= 91")), "Which doctors had less than 90 visits?"),
        (Example(BORN.question, BORN.sql.replace(">", ">=")), "How many patients were born before 2010?"),
        (Example("Which visits cost more than 50 but less than 90?", "SELECT visit_id FROM visit WHERE fee_eur > 50 "
                 "AND fee_eur < 90"), "Which visits cost less than 50 but less than 90?"),
        (Example("What was the highest and the lowest fee?", "SELECT MAX(fee_eur), MIN(fee_eur) FROM visit"),
         "What was the average and the lowest fee?"),
        (Example("How many visits were there per month of 2024?", "SELECT strftime('%m', day), COUNT(*) FROM visit "
                 "WHERE day LIKE '2024-%' GROUP BY 1"), "How many visits were there per year of 2024?"),
        (Example("Which doctor had at most 3 visits?", "SELECT 1 FROM visit HAVING COUNT(*) <= 3"),
         "Which doctor had at fewest 3 visits?"),
        (Example("Broken?", "SELECT FROM"), "Broken?"),
        (HIGHEST, "What is the average price of drugs that were prescribed?"),
        (HIGHEST, "What is the total price of drugs that were prescribed?"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_left_to_the_model(pair: Example, question: str, suite_known: Any) -> None:
    assert reused([pair], question, suite_known("clinic")) is None


def test_at_least_and_at_most_change_places(suite_known: Any) -> None:
    pair = Example(BUSY.question.replace("more than", "at least"), BUSY.sql.replace("> 90", ">= 90"))
    found = reused([pair], "Which doctors had at most 90 visits?", suite_known("clinic"))
    assert found is not None and "HAVING COUNT(*) <= 90" in found[1]


def test_two_turns_and_a_value_together(suite_known: Any) -> None:
    pair = Example("List the drugs dearer than 20 from the highest price.",
                   "SELECT name FROM drug WHERE price_eur > 20 ORDER BY price_eur DESC LIMIT 9")  # fmt: skip
    question = "List the drugs cheaper than 5 from the lowest price."
    found = reused([pair], question, suite_known("clinic"))
    assert found is not None and "price_eur < 5 ORDER BY price_eur ASC NULLS LAST" in found[1]
