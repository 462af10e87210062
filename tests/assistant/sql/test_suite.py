"""The suite itself: its gold queries run, have results, have one answer, and nobody has changed them."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

FOLDER = Path(__file__).parent / "suite"
SCHEMAS = ("bakery", "clinic", "energy", "ferry", "football", "hotel", "library", "museum", "school", "workshop")


def test_nobody_has_changed_it() -> None:
    """It was written before what it measures. Whoever changes it measures something else and says so in the log."""
    listed = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256").read_text().splitlines())
    files = [file for file in FOLDER.rglob("*") if file.suffix in (".py", ".jsonl")]
    found = {file.relative_to(FOLDER).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert found == listed


def test_it_has_what_it_promises(suite_questions: list[dict[str, Any]], suite_examples: list[dict[str, Any]]) -> None:
    assert Counter(one["schema"] for one in suite_questions) == dict.fromkeys(SCHEMAS, 30)
    assert Counter(one["schema"] for one in suite_examples) == dict.fromkeys(SCHEMAS, 20)
    assert len({one["id"] for one in suite_questions + suite_examples}) == 500
    assert len({one["question"] for one in suite_questions + suite_examples}) == 500
    tags = Counter(tag for one in suite_questions for tag in one["tags"])
    for tag in ("join", "joins", "group", "date", "null", "subquery", "window", "having", "limit"):
        assert tags[tag] >= 10, (tag, tags)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_rows_are_the_same_everywhere(
    schema: str, suite_build: ModuleType, suite_database: Callable[[str], Path]
) -> None:
    db = apsw.Connection(str(suite_database(schema)), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(db.execute("PRAGMA foreign_key_check")) == []
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert 3 <= len(tables) <= 15
    rows = hashlib.sha256()
    for table in tables:
        rows.update(repr([table, *db.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2')]).encode())
    assert rows.hexdigest() == ROWS[schema]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_gold_query_has_one_answer(
    schema: str,
    suite_build: ModuleType,
    suite_shape: ModuleType,
    suite_database: Callable[[str], Path],
    suite_questions: list[dict[str, Any]],
    suite_examples: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    """The same rows, whatever the order in which they were inserted and are read; no tie where a limit cuts."""
    straight = apsw.Connection(str(suite_database(schema)), flags=apsw.SQLITE_OPEN_READONLY)
    turned = apsw.Connection(str(suite_build.build(schema, tmp_path / "turned.db", backwards=True)))
    turned.execute("PRAGMA reverse_unordered_selects = ON")
    for one in suite_questions + suite_examples:
        if one["schema"] != schema:
            continue
        found, again = _rows(straight, one["sql"]), _rows(turned, one["sql"])
        assert found and not all(value is None for row in found for value in row), one
        assert Counter(found) == Counter(again), one
        assert one["tags"] == suite_shape.tags(one["sql"]), one
        keyed = suite_shape.order_keys(one["sql"])
        if keyed is None:
            assert not one.get("ordered"), one
            continue
        sql, n_keys, limit = keyed
        keys = [row[-n_keys:] for row in _rows(straight, sql)]
        if limit is not None:
            assert len(keys) <= limit or keys[limit - 1] != keys[limit], one
        if one.get("ordered"):
            assert limit is None and len(set(keys)) == len(keys) and found == again, one


@pytest.mark.parametrize("schema", SCHEMAS)
def test_examples_share_no_value_with_the_questions(
    schema: str,
    suite_shape: ModuleType,
    suite_questions: list[dict[str, Any]],
    suite_examples: list[dict[str, Any]],
) -> None:
    questions = [one for one in suite_questions if one["schema"] == schema]
    asked = {value for one in questions for value in suite_shape.literals(one["sql"])}
    skeletons = [one["tags"] for one in questions]
    examples = [one for one in suite_examples if one["schema"] == schema]
    for one in examples:
        assert not asked & suite_shape.literals(one["sql"]), one
        assert one["seen"] == (one["tags"] in skeletons), one
    assert 0 < sum(not one["seen"] for one in examples) < len(examples)


def _rows(db: apsw.Connection, sql: str) -> list[tuple[Any, ...]]:
    """Rounded, since sums of floats depend on their order."""
    return [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in db.execute(sql)]


# sha256 of all rows, table by table
ROWS = {
    "bakery": "ceb26fe833570493dd5186ae56d28d3ce269e26acf89b8c34d90fcafc8c58bf2",
    "clinic": "3465a9d753f5cd868d9ad08d11d7e3ca8183033e99ea3f67f0afced81bec16ff",
    "energy": "6eb589a56e72672313c76832aafa5ec761cc30fbccd2dc38bfdf7f34d9bcd363",
    "ferry": "619e4cc38dee0503ce9a49ca109fb4610808cf70517784d5285dd61116b7b2ac",
    "football": "f4a6bc204ddf211ea06774d13ae47df6ec95d3a5bcff95d4bccfeb49fff69ca0",
    "hotel": "beb65e84c3a05b38772b7a92096157c9c7939f60d17ca988180ca6468357868a",
    "library": "f5adef192fa7fc1616a628aca601ff641b2a6580f5eccee2734d089fd21f9034",
    "museum": "07d330a7fd3638d47baefdccb7b3e31ffa648dfbe9924057cc36e06ce7659093",
    "school": "01fe8db6afd5e782ef177005ce93b966fdc226400ed71c99bf0386cf0a26bf1e",
    "workshop": "2dac87bb6aa8f3572200ed37bd4f919532dbdcca3f301e85aeca981c966aa8f3",
}
