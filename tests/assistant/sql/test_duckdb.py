"""DuckDB behind the seam: read, asked, bounded, and nothing else."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.dialects import translated
from rushlight.assistant.sql.files import find_sources

duckdb: Any = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("duckdb") / "shop.duckdb"
    db = duckdb.connect(str(path))
    db.execute("CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name VARCHAR, since DATE, vip BOOLEAN)")
    db.execute(
        "CREATE TABLE sale (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(customer_id), "
        "sold TIMESTAMP, total DECIMAL(10, 2), parts VARCHAR[])"
    )
    db.execute("COMMENT ON TABLE sale IS 'what was sold'")
    db.execute("INSERT INTO customer VALUES (1, 'Ada', '2023-02-01', true), (2, 'Ben', '2024-03-01', false)")
    db.execute(
        "INSERT INTO sale VALUES (1, 1, '2024-05-01 10:00:00', 9.50, ['a', 'b']), "
        "(2, 1, '2024-06-01 11:30:00', 3, NULL), (3, 2, '2023-06-01 11:30:00', 7.25, [])"
    )
    db.execute("CREATE VIEW rich AS SELECT * FROM sale WHERE total > 5")
    db.close()
    return path


@pytest.fixture(scope="module")
def shop(path: Path) -> Iterator[Database]:
    """One worker for all: after each statement that was refused it has to answer the next one."""
    with Database(find_sources([path], path.parent)) as database:
        yield database


def test_its_schema_is_read(shop: Database) -> None:
    assert shop.dialect == "duckdb" and shop.sources[0].kind == "duckdb"
    known = shop.known()
    assert [(table.name, table.is_view) for table in known.schema.tables] == [
        ("customer", False), ("sale", False), ("rich", True),
    ]  # fmt: skip
    sale = known.schema.table("sale")
    assert sale is not None and sale.comment == "what was sold" and sale.n_rows == 3
    assert sale.keys[0].table == "customer" and sale.columns[0].key == 1
    held = {column.name: column.holds for table in known.schema.tables[:2] for column in table.columns}
    assert (held["since"], held["sold"], held["total"], held["vip"], held["name"]) == (
        "date", "time", "number", "flag", "text",
    )  # fmt: skip
    assert any(values.column == "name" and "Ada" in values.values for values in known.values)


def test_late_values_of_a_long_table_are_known_but_not_as_all_there_are(tmp_path: Path) -> None:
    path = tmp_path / "orders.duckdb"
    db = duckdb.connect(str(path))
    db.execute("CREATE TABLE orders AS SELECT if(i < 30000, 'closed', 'open') AS status FROM range(30010) t(i)")
    db.execute("CREATE TABLE size AS SELECT if(i < 19999, NULL, 'small') AS size FROM range(20000) t(i)")
    db.close()
    with Database(find_sources([path], tmp_path)) as database:
        held = {one.column: (set(one.values), one.complete) for one in database.known().values}
    assert held == {"status": ({"closed", "open"}, False), "size": ({"small"}, True)}


def test_rows_are_plain_cells(shop: Database) -> None:
    (row,) = shop.run(
        "SELECT since, sold, total, parts, vip FROM sale JOIN customer USING (customer_id) WHERE id = 1"
    ).rows
    assert row == ("2023-02-01", "2024-05-01 10:00:00", 9.5, '["a", "b"]', 1)
    assert shop.run("SELECT name FROM customer WHERE name = :who", bindings={"who": "x' OR 1=1 --"}).rows == ()
    assert shop.run("SELECT name FROM customer WHERE name = :who", bindings={"who": "Ada"}).rows == (("Ada",),)
    assert shop.run("SELECT '1'::INTEGER + 1").rows == ((2,),)
    many = shop.run("SELECT * FROM range(100000)", max_rows=50)
    assert len(many.rows) == 50 and many.more


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE sale", "INSERT INTO customer VALUES (3, 'x', NULL, true)", "CREATE TEMP TABLE t (x INT)",
        "SET threads = 8", "RESET memory_limit", "PRAGMA version", "CALL pragma_version()", "CHECKPOINT",
        "COPY sale TO 'out.csv'", "EXPORT DATABASE 'out'", "ATTACH 'other.db'", "DETACH shop", "USE memory",
        "INSTALL httpfs", "LOAD httpfs", "SELECT 1; DROP TABLE sale", "BEGIN", "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')", "SELECT getenv('HOME')",
        "SELECT * FROM sqlite_scan('x.db', 'y')", "SELECT * FROM duckdb_secrets()", "VACUUM", "PREPARE p AS SELECT 1",
        "",
    ],
)  # fmt: skip
def test_everything_else_is_refused(sql: str, shop: Database, path: Path) -> None:
    before = hashlib.sha256(path.read_bytes()).hexdigest(), sorted(path.parent.iterdir())
    with pytest.raises(Error):
        shop.run(sql)
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), sorted(path.parent.iterdir())) == before
    assert shop.run("SELECT count(*) FROM sale").rows == ((3,),)


def test_time_memory_and_values_are_bounded(shop: Database) -> None:
    with pytest.raises(Error) as caught:
        shop.run("SELECT count(*) FROM range(1000000000) a, range(1000) b", seconds=0.3)
    assert caught.value.kind == "sql-timeout"
    with pytest.raises(Error) as caught:
        shop.run("SELECT list(x) FROM (SELECT repeat('x', 1000) || i AS x FROM range(3000000) r(i))", seconds=20)
    assert caught.value.kind in ("sql-memory", "worker-died", "sql-error")
    assert shop.run("SELECT repeat('x', 5000000)").n_cut == 1


def test_it_is_opened_alone_and_damage_is_told(path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Error, match="alone"):
        open_database([path, tmp_path / "a.csv"], find_paths())
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(Error, match=r"broken\.duckdb"):
        open_database([broken], find_paths())


def test_a_question_is_translated(shop: Database) -> None:
    class Said:
        def ask(self, *_given: Any, **_more: Any) -> Iterator[Any]:
            yield TextDelta("SELECT strftime('%Y', sale.sold), SUM(sale.total) FROM sale WHERE sale.sold LIKE '2024-%' "
                            "GROUP BY strftime('%Y', sale.sold)")  # fmt: skip
            yield Finished("stop")

    answer = ask_database(Said(), shop, "What was sold in 2024, per year?")  # type: ignore[arg-type]
    assert answer.result is not None and answer.result.rows == (("2024", 12.5),), answer
    assert "CAST" in answer.sql


def test_what_differs_between_engines() -> None:
    sql = "SELECT ROUND(AVG(julianday(a.b) - julianday(a.c)), 1), SUM(a.d > 1) FROM a WHERE a.e LIKE 'x%'"
    assert translated(sql, "sqlite") == sql and translated("no query (", "duckdb") == "no query ("
    assert "EPOCH" in translated(sql, "postgres") and "CAST(a.e AS TEXT)" in translated(sql, "postgres")
