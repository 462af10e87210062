"""PostgreSQL behind the seam: by a role that can only read, in read-only transactions, no password in an address."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.addresses import address_source, parse_address
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.functions import unknown_function


def test_addresses() -> None:
    near = parse_address("postgresql:///shop?host=/var/run/postgresql")
    assert near.socket == "/var/run/postgresql/.s.PGSQL.5432" and not near.encrypted and near.database == "shop"
    far = parse_address("postgres://reader@db.example.org:5433/sh%20op")
    assert (far.user, far.host, far.port, far.database, far.encrypted) == (
        "reader", "db.example.org", 5433, "sh op", True,
    )  # fmt: skip
    assert not parse_address("postgresql://a@localhost/x").encrypted
    assert address_source("postgresql://a@localhost/My-Shop").name == "my_shop"
    for bad in ("postgresql://a:secret@localhost/x", "postgresql://localhost", "postgresql://h/x?options=-c",
                "postgresql://h:99999/x", "postgresql://h/x?sslmode=maybe"):  # fmt: skip
        with pytest.raises(Error) as caught:
            parse_address(bad)
        assert "secret" not in caught.value.message + (caught.value.hint or "")


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("SELECT count(*), date_trunc('year', d) FROM t GROUP BY 2", ""),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION SELECT 2", ""),
        ("SELECT string_agg(n, ', ') FILTER (WHERE n > 'a') FROM t", ""),
        ("SELECT pg_sleep(9)", "pg_sleep"), ("SELECT pg_catalog.pg_read_file('/etc/passwd')", "pg_read_file"),
        ("SELECT lo_import('/etc/passwd')", "lo_import"), ("SELECT set_config('a', 'b', false)", "set_config"),
        ("SELECT query_to_xml('DROP TABLE t', true, true, '')", "query_to_xml"),
        ("SELECT pg_terminate_backend(1)", "pg_terminate_backend"), ("SELECT dblink('', 'x')", "dblink"),
        ("DROP TABLE t", "DROP"), ("SELECT 1; SELECT 2", "more than one"), ("SELECT * INTO x FROM t", "INTO"),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "DELETE"), ("SELECT * FROM t FOR UPDATE", "LOCK"),
        ("COPY t TO PROGRAM 'sh'", "COPY"), ("SET ROLE postgres", "COMMAND"), ("SELECT ((((", "cannot be read"),
        ("DO $$ BEGIN END $$", "COMMAND"), ("EXPLAIN ANALYZE DELETE FROM t", "COMMAND"),
    ],
)  # fmt: skip
def test_what_is_no_reading_is_seen(sql: str, refused: str) -> None:
    found = unknown_function(sql, "postgres")
    assert refused.lower() in found.lower() and bool(refused) == bool(found)


def _bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    own = shutil.which("initdb")
    return found[-1].parent if found else Path(own).parent if own else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of the test's own behind a socket; the folder of the socket."""
    pytest.importorskip("pg8000")
    programs = _bin()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # The server does not run as root.
    who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="rl-pg-") as folder:
        data = Path(folder, "data")
        if who:
            shutil.chown(folder, "postgres", "postgres")

        def call(*words: str) -> None:
            path = {"PATH": os.environ["PATH"]}
            subprocess.run(words, check=True, capture_output=True, timeout=120, cwd=folder, env=path, **who)

        call(str(programs / "initdb"), "-D", str(data), "-U", "owner", "-A", "trust", "-N")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        call(str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            Path(folder).chmod(0o755)
            script = """
                CREATE DATABASE shop;
                \\c shop
                REVOKE CREATE ON SCHEMA public FROM PUBLIC;
                CREATE TABLE customer (customer_id int PRIMARY KEY, name text NOT NULL, since date, vip boolean);
                CREATE TABLE sale (id int PRIMARY KEY, customer_id int REFERENCES customer, sold timestamp,
                                   total numeric(10, 2), parts jsonb);
                COMMENT ON TABLE sale IS 'what was sold';
                INSERT INTO customer VALUES (1, 'Ada', '2023-02-01', true), (2, 'Ben', '2024-03-01', false);
                INSERT INTO sale VALUES (1, 1, '2024-05-01 10:00', 9.5, '{"a": 1}'), (2, 1, '2024-06-01', 3, NULL),
                                        (3, 2, '2023-06-01', 7.25, '[]');
                CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
                CREATE ROLE writer LOGIN; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO writer;
            """
            psql = [str(programs / "psql"), "-h", folder, "-U", "owner", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
            script = "\n".join(line.strip() for line in script.splitlines())
            subprocess.run(psql, input=script, text=True, check=True, capture_output=True, timeout=60)
            yield folder
        finally:
            call(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


@pytest.fixture
def shop(server: str) -> Iterator[Database]:
    with open_database([f"postgresql://reader@/shop?host={server}"], find_paths()) as database:
        yield database


@pytest.mark.slow
def test_its_schema_and_rows_are_read(shop: Database) -> None:
    assert shop.dialect == "postgres"
    known = shop.known()
    sale = known.schema.table("sale")
    assert sale is not None and sale.comment == "what was sold" and sale.keys[0].table == "customer"
    assert sale.columns[0].key == 1 and [column.holds for column in sale.columns[2:4]] == ["time", "number"]
    (row,) = shop.run(
        "SELECT since, sold, total, parts, vip FROM sale JOIN customer USING (customer_id) WHERE id = 1"
    ).rows
    assert row == ("2023-02-01", "2024-05-01 10:00:00", 9.5, '{"a": 1}', 1)
    assert shop.run("SELECT name FROM customer WHERE name = :who", bindings={"who": "x' OR 1=1 --"}).rows == ()
    assert shop.run("SELECT name FROM customer WHERE name = :who", bindings={"who": "Ada"}).rows == (("Ada",),)
    many = shop.run("SELECT * FROM generate_series(1, 100000)", max_rows=700)
    assert len(many.rows) == 700 and many.more
    assert (
        shop.run("SELECT id FROM sale WHERE id > 9").rows == () and shop.run("SELECT id FROM sale WHERE id > 9").columns
    )


@pytest.mark.slow
def test_a_server_refuses_everything_but_reading(shop: Database, server: str) -> None:
    for sql in (
        "DROP TABLE sale", "INSERT INTO customer VALUES (3, 'x')", "SELECT 1; DROP TABLE sale", "COMMIT", "RESET ALL",
        "SELECT pg_read_file('/etc/passwd')", "SELECT pg_sleep(5)", "COPY sale TO PROGRAM 'cat'",
        "CREATE TEMP TABLE t ()",
        "WITH d AS (DELETE FROM sale RETURNING *) SELECT * FROM d", "SET default_transaction_read_only = off",
        "SELECT * FROM pg_authid", "LOCK TABLE sale", "SELECT * INTO x FROM sale", "SELECT nextval('x')", "",
    ):  # fmt: skip
        with pytest.raises(Error):
            shop.run(sql)
    with pytest.raises(Error) as caught:
        shop.run("SELECT count(*) FROM generate_series(1, 1000000000)", seconds=0.4)
    assert caught.value.kind == "sql-timeout"
    assert shop.run("SELECT count(*) FROM sale").rows == ((3,),)
    for user in ("owner", "writer"):
        with pytest.raises(Error) as caught:
            open_database([f"postgresql://{user}@/shop?host={server}"], find_paths())
        assert caught.value.kind == "not-a-reader" and "CREATE ROLE reader" in (caught.value.hint or "")
    with pytest.raises(Error, match="cannot be asked"):
        open_database([f"postgresql://reader@/nowhere?host={server}"], find_paths())


@pytest.mark.slow
def test_a_question_is_translated_for_a_server(shop: Database) -> None:
    class Said:
        def ask(self, *_given: Any, **_more: Any) -> Iterator[Any]:
            year = "strftime('%Y', sale.sold)"
            yield TextDelta(f"SELECT {year}, ROUND(AVG(sale.total), 1) FROM sale WHERE sale.sold LIKE '2024-%' ")
            yield TextDelta(f"GROUP BY {year}")
            yield Finished("stop")

    answer = ask_database(Said(), shop, "What was sold in 2024, per year?")  # type: ignore[arg-type]
    assert answer.result is not None and answer.result.rows == (("2024", 6.3),), answer
