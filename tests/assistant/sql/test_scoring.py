"""Execution accuracy: the same rows are right, whatever the query that found them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.scoring import SCORER, is_right, same_rows


@pytest.mark.parametrize(
    ("right", "found", "ordered", "same"),
    [
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], False, True),
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], True, False),
        ([(1, "a"), (2, "b")], [("a", 1), ("b", 2)], True, True),
        ([(1.004,)], [(1.0041,)], False, True),
        ([(1,)], [(1.0,)], False, True),
        ([(1,)], [("1",)], False, False),
        ([(1,), (1,)], [(1,)], False, False),
        ([(1,)], [(1, 2)], False, False),
        ([(None,)], [(None,)], True, True),
        ([], [], True, True),
    ],
)
def test_rows_against_rows(right: Any, found: Any, ordered: bool, same: bool) -> None:
    assert same_rows(right, found, ordered=ordered) == same


def test_gold_queries_are_right_and_others_are_not(
    suite_database: Callable[[str], Path], suite_questions: list[dict[str, Any]]
) -> None:
    with open_database([suite_database("clinic")], find_paths()) as database:
        for one in [one for one in suite_questions if one["schema"] == "clinic"]:
            assert is_right(database, one["sql"], one["sql"], ordered=one["ordered"])
            assert not is_right(database, one["sql"], "SELECT -99, 'x'", ordered=one["ordered"])
            assert not is_right(database, one["sql"], "SELECT nothing FROM nowhere", ordered=one["ordered"])


def test_it_scores_items_of_suites(suite_database: Callable[[str], Path]) -> None:
    gold = "SELECT doctor.name FROM doctor ORDER BY doctor.name"
    with SCORER.opened({"databases": [str(suite_database("clinic"))]}) as score:
        assert score({"sql": gold}, "```sql\nSELECT name FROM doctor;\n```\nThat is it.") == 1.0
        assert score({"sql": gold, "ordered": True}, "SELECT name FROM doctor ORDER BY name DESC") == 0.0
        assert score(gold, "SELECT name FROM doctor LIMIT 2") == 0.0
        assert score(gold, "DROP TABLE doctor") == score(gold, "") == 0.0
        with pytest.raises(Error, match="right query"):
            score({"query": gold}, gold)
    for head in ({}, {"databases": []}, {"databases": "clinic.db"}):
        with pytest.raises(Error, match="names its databases"), SCORER.opened(head):
            pass


def test_it_is_registered_under_its_name() -> None:
    import tomllib
    from importlib import import_module

    data = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())
    module, _, name = data["project"]["entry-points"]["rushlight.scorers"]["sql-execution"].partition(":")
    assert getattr(import_module(module), name) is SCORER
