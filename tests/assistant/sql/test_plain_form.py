"""Queries in the form of the grammar: they find the same, and most of them can be written under it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.scoring import is_right


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        (
            "SELECT d.specialty, COUNT(*) AS n FROM doctor d JOIN visit v ON d.doctor_id = v.doctor_id "
            "WHERE fee_eur > 5 GROUP BY d.specialty HAVING n > 3 ORDER BY n DESC",
            "SELECT doctor.specialty, COUNT(*) FROM doctor JOIN visit ON visit.doctor_id = doctor.doctor_id "
            "WHERE visit.fee_eur > 5 GROUP BY doctor.specialty HAVING COUNT(*) > 3 ORDER BY COUNT(*) DESC",
        ),
        (
            "select name from patient where insurer is not null and city not in ('Oslo', 'it''s STRFTIME(') "
            "and name not like 'A%'",
            "SELECT patient.name FROM patient WHERE patient.insurer IS NOT NULL AND "
            "patient.city NOT IN ('Oslo', 'it''s STRFTIME(') AND patient.name NOT LIKE 'A%'",
        ),
        (
            "SELECT count(*) FROM visit WHERE strftime('%Y', day) = '2024'",
            "SELECT COUNT(*) FROM visit WHERE strftime('%Y', visit.day) = '2024'",
        ),
        (
            "SELECT a.name FROM doctor a JOIN doctor b ON b.hired_on = a.hired_on",
            "SELECT a.name FROM doctor AS a JOIN doctor AS b ON b.hired_on = a.hired_on",
        ),
        (
            "SELECT name FROM drug p WHERE price_eur = (SELECT MAX(price_eur) FROM drug q WHERE q.form = p.form)",
            "SELECT drug.name FROM drug WHERE drug.price_eur = "
            "(SELECT MAX(other.price_eur) FROM drug AS other WHERE other.form = drug.form)",
        ),
        (
            "SELECT name FROM drug WHERE price_eur > (SELECT AVG(other.price_eur) FROM drug AS other "
            "WHERE other.form = drug.form)",
            "SELECT drug.name FROM drug WHERE drug.price_eur > "
            "(SELECT AVG(other.price_eur) FROM drug AS other WHERE other.form = drug.form)",
        ),
        (
            "SELECT name FROM drug WHERE price_eur > (SELECT AVG(d.price_eur) FROM drug d)",
            "SELECT drug.name FROM drug WHERE drug.price_eur > (SELECT AVG(drug.price_eur) FROM drug)",
        ),
        (
            "SELECT d.name FROM drug d WHERE d.price_eur > (SELECT AVG(d.price_eur) FROM drug d)",
            "SELECT d.name FROM drug AS d WHERE d.price_eur > (SELECT AVG(drug.price_eur) FROM drug)",
        ),
        ("not a query", "not a query"),
        ("DROP TABLE x", "DROP TABLE x"),
        ("SELECT ((((", "SELECT (((("),
    ],
)
def test_names_aliases_and_keys(sql: str, plain: str, suite_known: Any) -> None:
    assert plain_form(sql, suite_known("clinic").schema) == plain


@pytest.mark.parametrize("schema", ["clinic", "ferry"])
def test_it_finds_the_same(
    schema: str, suite_database: Callable[[str], Path], suite_questions: list[Any], suite_examples: list[Any]
) -> None:
    with open_database([suite_database(schema)], find_paths()) as database:
        for one in suite_questions + suite_examples:
            if one["schema"] == schema:
                plain = plain_form(one["sql"], database.schema)
                assert is_right(database, one["sql"], plain, ordered=one.get("ordered", False)), plain
                assert plain_form(plain, database.schema) == plain
