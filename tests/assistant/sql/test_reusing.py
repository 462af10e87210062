"""An accepted query answers the same question about another value, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.reusing import reused
from rushlight.assistant.sql.scoring import is_right

OSLO = Example("How many patients live in Oslo?", "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'")
YEAR = Example(
    "Which visits of 2023 cost more than 50?",
    "SELECT visit_id FROM visit WHERE day BETWEEN '2023-01-01' AND '2023-12-31' AND fee_eur > 50",
)
SPAN = Example(
    "How many visits were there in 2023?",
    "SELECT COUNT(*) FROM visit WHERE day >= '2023-01-01' AND day < '2024-01-01'",
)
SINCE = Example("How many visits were there since 2023?", "SELECT COUNT(*) FROM visit WHERE day >= '2023-01-01'")
BOTH = Example(
    "How many visits had patients from Oslo for migraine?",
    "SELECT COUNT(*) FROM visit v JOIN patient p ON p.patient_id = v.patient_id "
    "WHERE p.city = 'Oslo' AND v.diagnosis = 'migraine'",
)


@pytest.mark.parametrize(
    ("pair", "question", "inside"),
    [
        (OSLO, "Please show me how many patients live in graz", "patient.city = 'Graz'"),
        (OSLO, "How many patients live in Bremen?", "patient.city = 'Bremen'"),
        (YEAR, "Which visits of 2024 cost more than 99.5?", "BETWEEN '2024-01-01' AND '2024-12-31' AND fee_eur > 99.5"),
        (YEAR, "Which visits of 2024 cost less than 20?", "BETWEEN '2024-01-01' AND '2024-12-31' AND fee_eur < 20"),
        (SINCE, "How many visits were there since 2024?", "day >= '2024-01-01'"),
        (Example(SPAN.question, SPAN.sql.replace("< '2024-01-01'", "<= '2023-12-31'")),
         "How many visits were there in 2022?", "day >= '2022-01-01' AND day <= '2022-12-31'"),
        (BOTH, "How many visits had patients from Basel for asthma?", "p.city = 'Basel' AND v.diagnosis = 'asthma'"),
    ],
)  # fmt: skip
def test_other_values_take_the_place(pair: Example, question: str, inside: str, suite_known: Any) -> None:
    found = reused([pair], question, suite_known("clinic"))
    assert found is not None and found[0] is pair and inside in found[1]


@pytest.mark.parametrize(
    ("pair", "question"),
    [
        (OSLO, "How many patients live in Nowhere?"),  # no patient does
        (OSLO, "How many patients live in migraine?"),  # a value of another column
        (OSLO, "How many patients do not live in Graz?"),
        (OSLO, "How many doctors live in Graz?"),
        (OSLO, "How many patients live in Graz and Basel?"),
        (OSLO, "How many patients live in Graz' OR '1'='1?"),
        (YEAR, "Which visits of May cost more than 50?"),
        (YEAR, "Which visits of 2024 cost more than average?"),
        (Example("How many patients are there?", "SELECT COUNT(*) FROM patient"), "How many doctors are there?"),
        (SPAN, "How many visits were there in 2022?"),
        (SPAN, "How many visits were there in 2025?"),
        (
            Example(SPAN.question, "SELECT COUNT(*) FROM visit WHERE day >= date('2023-01-01')"),
            "How many visits were there in 2022?",
        ),
        (Example(SPAN.question, SPAN.sql.partition(" AND ")[0]), "How many visits were there in 2022?"),
        (Example("Oslo or Oslo?", "SELECT COUNT(*) FROM patient WHERE city = 'Oslo'"), "Graz or Basel?"),
    ],
)
def test_nothing_else_is_taken(pair: Example, question: str, suite_known: Any) -> None:
    assert reused([pair], question, suite_known("clinic")) is None


@pytest.mark.parametrize("schema", ["clinic", "football", "library"])
def test_what_examples_answer_is_right(
    schema: str, suite_database: Callable[[str], Path], suite_questions: list[Any], suite_examples: list[Any]
) -> None:
    pairs = [Example(one["question"], one["sql"]) for one in suite_examples if one["schema"] == schema]
    with open_database([suite_database(schema)], find_paths()) as database:
        for one in suite_questions:
            found = reused(pairs, one["question"], database.known()) if one["schema"] == schema else None
            assert found is None or is_right(database, one["sql"], found[1], ordered=one["ordered"]), (one, found)
