"""The questions of the learning loop: written before any generator, unchanged since, each with one answer."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest
import sqlglot
from sqlglot import exp

from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.scoring import is_right

FOLDER = Path(__file__).parent
NAMES = ("estate", "cinema", "insurance")
KINDS = {
    "count", "sum", "average", "minimum", "maximum", "value", "list", "missing", "negation", "distinct", "date",
    "group", "top", "having", "hard",
}  # fmt: skip
Questions = Callable[[str], list[dict[str, Any]]]


def test_nobody_has_changed_them() -> None:
    """They were written before what they measure. Whoever changes them measures something else and says so."""
    listed = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256").read_text().splitlines())
    files = [*(FOLDER / "databases").glob("*.py"), *(FOLDER / "questions").glob("*.jsonl")]
    found = {file.relative_to(FOLDER).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert found == listed


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_are_the_same_everywhere(name: str, learn_database: Callable[[str], Path]) -> None:
    db = apsw.Connection(str(learn_database(name)), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(db.execute("PRAGMA foreign_key_check")) == []
    rows = hashlib.sha256()
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        rows.update(repr([table, *db.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2')]).encode())
    assert rows.hexdigest() == ROWS[name]


@pytest.mark.parametrize("name", NAMES)
def test_there_are_enough_of_every_kind(name: str, learn_questions: Questions) -> None:
    questions = learn_questions(name)
    assert len(questions) >= 160
    assert len({one["id"] for one in questions}) == len({one["question"] for one in questions}) == len(questions)
    assert len({one["sql"] for one in questions}) == len(questions)
    kinds = Counter(one["kind"] for one in questions)
    assert set(kinds) == KINDS and min(kinds.values()) >= 5
    plain = [one for one in questions if one["kind"] != "hard"]
    one_table, two_tables = (sum(one["tables"] == n for one in plain) / len(questions) for n in (1, 2))
    assert 0.5 < one_table < 0.6 and 0.25 < two_tables < 0.35
    begins = Counter(" ".join(one["question"].lower().split()[:3]) for one in questions)
    assert max(begins.values()) <= 4


@pytest.mark.parametrize("name", NAMES)
def test_every_gold_query_has_one_answer(
    name: str,
    learn_build: ModuleType,
    learn_database: Callable[[str], Path],
    learn_questions: Questions,
    learn_shape: ModuleType,
    tmp_path: Path,
) -> None:
    """The same rows, whatever the order in which they were inserted and are read; no tie where a limit cuts."""
    straight = apsw.Connection(str(learn_database(name)), flags=apsw.SQLITE_OPEN_READONLY)
    turned = apsw.Connection(str(learn_build.build(name, tmp_path / "turned.db", backwards=True)))
    turned.execute("PRAGMA reverse_unordered_selects = ON")
    for one in learn_questions(name):
        found, again = _rows(straight, one["sql"]), _rows(turned, one["sql"])
        assert found and not all(value is None for row in found for value in row), one
        assert len(set(found)) == len(found) and set(found) == set(again), one
        assert len(list(sqlglot.parse_one(one["sql"], dialect="sqlite").find_all(exp.Table))) == one["tables"], one
        keyed = learn_shape.order_keys(one["sql"])
        assert one["ordered"] == (keyed is not None and keyed[2] is None), one
        if keyed is not None:
            sql, n_keys, limit = keyed
            keys = [row[-n_keys:] for row in _rows(straight, sql)]
            if limit is None:
                assert len(set(keys)) == len(keys) and found == again, one
            else:
                assert len(keys) <= limit or keys[limit - 1] != keys[limit], one


@pytest.mark.parametrize("name", NAMES)
def test_the_read_only_worker_runs_every_gold_query(
    name: str, learn_database: Callable[[str], Path], learn_questions: Questions
) -> None:
    with open_database([learn_database(name)], find_paths()) as database:
        for one in learn_questions(name):
            assert is_right(database, one["sql"], one["sql"], ordered=one["ordered"]), one


def _rows(db: apsw.Connection, sql: str) -> list[tuple[Any, ...]]:
    """Rounded, since sums of floats depend on their order."""
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in db.execute(sql)]


# sha256 of all rows, table by table
ROWS = {
    "estate": "51225ae55ff3e99ac1394952c1626ed98033d686d6a72735d75040d3f7d9350e",
    "cinema": "e55d71f24dda8cff012fc179397e0dcbbfd9ff08c56346241d22485b544abf4f",
    "insurance": "904b6f119988450d0b4bd108d52ac264d227c985cc3021206def05da6ad17000",
}
