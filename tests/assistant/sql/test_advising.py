"""Advice: scans found in plans, indexes tried on a copy and timed, and the database itself as it was."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths, private_folder
from rushlight.assistant.sql.advising import Adviser, create_statement, key_statements, read_plan
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.protocol import Index, TryIndexes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "shop.db"
    made.parent.mkdir()
    db = apsw.Connection(str(made))
    list(db.execute("PRAGMA journal_mode = WAL"))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, "odd ""name" TEXT);
        CREATE TABLE sale (sale_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, day TEXT, note TEXT);
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO sale SELECT i, i % 500, date('2020-01-01', (i % 2000) || ' days'), 'x' FROM n;
        INSERT INTO customer SELECT DISTINCT customer_id, 'c' || customer_id FROM sale;
        CREATE VIEW late AS SELECT * FROM sale WHERE day > '2025-01-01';
    """)
    db.close()
    return made


@pytest.fixture
def shop(path: Path) -> Iterator[Database]:
    with open_database([path], find_paths()) as database:
        yield database


@pytest.fixture
def adviser(shop: Database) -> Iterator[Adviser]:
    with Adviser(shop, find_paths().cache) as made:
        yield made


def test_a_missing_index_is_found_tried_and_timed(adviser: Adviser, path: Path) -> None:
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    advice = adviser.advise("SELECT count(*) FROM sale s WHERE s.customer_id = 7 AND s.day >= '2024-01-01'")
    assert [step.kind for step in advice.plan] == ["scan"]
    assert advice.best is not None and advice.best.used and advice.best.size_bytes > 0
    assert advice.best.index.table == "sale" and advice.best.index.columns[0] == "customer_id"
    assert advice.before is not None and advice.best.seconds is not None and advice.best.seconds < advice.before
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [one.name for one in path.parent.iterdir()] == ["shop.db"]


def test_what_needs_none_gets_none(adviser: Adviser) -> None:
    advice = adviser.advise("SELECT note FROM sale WHERE sale_id = 5")
    assert [step.kind for step in advice.plan] == ["index"] and advice.tried == () and advice.best is None
    assert adviser.advise("SELECT * FROM sale").tried == ()


def test_keys_between_tables_are_looked_at(adviser: Adviser, shop: Database) -> None:
    (statement,) = key_statements(shop.schema)
    best = adviser.advise(statement).best
    assert best is not None and best.index == Index("sale", ("customer_id",))


def test_what_does_not_read_is_refused(adviser: Adviser) -> None:
    for sql in ("DELETE FROM sale", "SELECT 1; DROP TABLE sale", "SELECT nme FROM sale", ""):
        with pytest.raises(Error) as caught:
            adviser.advise(sql)
        assert caught.value.kind in ("sql-refused", "sql-error")


def test_the_worker_of_a_copy_refuses_the_same(adviser: Adviser) -> None:
    """Not even where the plan was not asked for first: the statement runs under the guard."""
    process = adviser._started()
    for sql in ("DELETE FROM sale", "CREATE TABLE x (y)", "ATTACH '/tmp/x' AS x"):
        with pytest.raises(Error):
            process.ask(TryIndexes(sql, (), 1.0), 5.0, object)
    odd = Index('customer"; DROP TABLE sale; --', ('a"b',))
    found = process.ask(TryIndexes("SELECT count(*) FROM sale", (odd,), 1.0), 5.0, object)
    assert found.tried[0].problem and found.before is not None


def test_the_copy_is_deleted(shop: Database) -> None:
    cache = find_paths().cache
    left = private_folder(cache / "sql") / ".1-00.trial"
    left.touch()
    os.utime(left, (1, 1))
    with Adviser(shop, cache) as adviser:
        adviser.advise("SELECT count(*) FROM sale WHERE day = '2024-01-01'")
        assert len(list((cache / "sql").glob(".*.trial"))) == 1
    assert not list((cache / "sql").glob(".*.trial*"))


def test_names_are_quoted_and_plans_have_depth(adviser: Adviser, shop: Database) -> None:
    advice = adviser.advise("""SELECT * FROM customer WHERE "odd ""name" = 'c5'""")
    (tried,) = advice.tried
    assert tried.used and create_statement(tried.index).endswith('ON "customer" ("odd ""name")')
    steps = read_plan(shop, "SELECT * FROM late WHERE day > (SELECT max(day) FROM sale)")
    assert max(step.depth for step in steps) >= 1


def test_a_slow_statement_is_stopped_and_helped(adviser: Adviser) -> None:
    sql = "SELECT count(*) FROM sale WHERE day = '2024-01-01' AND (SELECT count(*) FROM sale a, sale b) > 0"
    advice = adviser.advise(sql, seconds=0.05)
    assert advice.before is None and advice.best is None
