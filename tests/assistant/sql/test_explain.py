"""What a query does, read from itself."""

from typing import Any

import pytest

from rushlight.assistant.sql.explain import KINDS, explain, tables_of
from rushlight.assistant.sql.values import Result
from rushlight.ui.desk.sql_words import explanation, statement

MEAN = (
    "SELECT d.specialty, ROUND(AVG(v.fee_eur), 2) AS mean_fee FROM visit v JOIN doctor d ON d.doctor_id = v.doctor_id "
    "WHERE v.day >= '2024-01-01' AND v.fee_eur > 10 GROUP BY d.specialty HAVING COUNT(*) > 3 "
    "ORDER BY mean_fee DESC LIMIT 5"
)


def test_steps_stand_in_the_order_in_which_they_are_done() -> None:
    steps = explain(MEAN)
    assert [step.kind for step in steps] == ["from", "join", "where", "group", "having", "show", "order", "limit"]
    assert steps[2].items == ("visit.day >= '2024-01-01'", "visit.fee_eur > 10")
    assert steps[1].items == ("doctor", "doctor.doctor_id = visit.doctor_id")


def test_the_explanation_is_whole_sentences() -> None:
    said = explanation(explain(MEAN))
    assert said.startswith("Takes visit. Adds doctor where doctor.doctor_id = visit.doctor_id. Keeps rows with ")
    assert said.endswith("Sorts by mean_fee DESC. Gives at most 5 rows.")


def test_joins_by_name_and_places_in_numbers_are_told_in_full() -> None:
    said = explanation(
        explain("SELECT c.city, SUM(total) AS t FROM c JOIN p USING (c_id), x GROUP BY 1 ORDER BY 2 DESC")
    )
    assert "Adds p where c.c_id = p.c_id. Adds x, every row to every one. Makes one row for each c.city." in said
    assert said.endswith("Sorts by SUM(total) DESC.")


@pytest.mark.parametrize(
    "sql", ["SELECT", "DROP TABLE x", "not sql at all", "", "SELECT ((((", "SELECT 1 FROM a; SELECT 2"]
)
def test_what_cannot_be_read_has_no_explanation(sql: str) -> None:
    assert isinstance(explanation(explain(sql)), str)


def test_every_query_of_the_suite_is_explained(suite_questions: list[dict[str, Any]]) -> None:
    for one in suite_questions:
        steps = explain(one["sql"])
        assert steps and {step.kind for step in steps} <= set(KINDS), one
        assert all(step.items or step.kind == "inner" for step in steps), one
        assert explanation(steps).count(".") >= 2


def test_names_of_a_query() -> None:
    tables, columns = tables_of("WITH x AS (SELECT a FROM t) SELECT x.a, u.b FROM x JOIN u ON u.a = x.a")
    assert set(tables) == {"t", "u"} and ("u", "b") in columns


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result(("n",), ((12,),)), "The answer is 12."),
        (Result(("n",), ((1234.5,),)), "The answer is 1,234.5."),
        (Result(("a",), ()), "There is nothing that fits."),
        (Result(("a",), (("x",), ("y",))), "2 rows: x, y."),
        (Result(("a", "b"), (("x", None),)), "There is one row: a x, b empty."),
        (Result(("a", "b"), (("x", 1), ("y", 2))), "2 rows, the first: a x, b 1."),
        (
            Result(("a", "b"), (("x", 2), ("y", 3.5), ("z", 1))),
            "3 rows; y has the most (3.5), z the least (1).",
        ),
        (Result(("a", "b"), (("x", 2), ("y", 2), ("z", 1))), "3 rows, the first: a x, b 2."),
        (
            Result(("m", "b"), (("2024-01", 2), ("2024-02", 9), ("2024-03", 4))),
            "3 rows, from 2024-01 (2) to 2024-03 (4).",
        ),
        (Result(("a", "b"), (("x", None), ("y", 2), ("z", 1))), "3 rows, the first: a x, b empty."),
        (Result(("a", "b"), (("x", 1), ("y", 2)), more=True), "More than 2 rows, the first: a x, b 1."),
    ],
)
def test_a_result_in_a_sentence(result: Result, said: str) -> None:
    assert statement(result) == said
