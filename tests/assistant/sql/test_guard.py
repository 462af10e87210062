"""What the worker lets through: 100 benign statements, and none of 200 that want more than reading."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database

SCHEMAS = ("bakery", "clinic", "energy", "ferry", "football", "hotel", "library", "museum", "school", "workshop")
EACH_S = 2.0
MEMORY_BYTES = 300_000_000


def state_of(folder: Path) -> dict[str, str]:
    """Every file of the folder with its hash."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def peak_of(database: Database) -> int:
    """The most memory that the worker had, as Linux counts it; 0 where it has ended."""
    process = database._process
    if process is None or process.ended:
        return 0
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.fixture
def clinic(suite_build: ModuleType, tmp_path: Path) -> Iterator[Database]:
    folder = tmp_path / "data"
    folder.mkdir()
    suite_build.build("clinic", folder / "clinic.db")
    with open_database([folder / "clinic.db"], find_paths()) as database:
        yield database


def try_all(database: Database, statements: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """(refused, answered). Asserts time, memory and that nothing in the folder changed."""
    before = state_of(folder)
    refused, answered = [], []
    for sql in statements:
        started = time.monotonic()
        try:
            database.run(sql)
            answered.append(sql)
        except Error as err:
            assert err.kind in ("sql-refused", "sql-error", "sql-too-big", "sql-memory", "sql-timeout"), (
                sql[:100],
                err,
            )
            refused.append(sql)
        assert time.monotonic() - started < EACH_S, sql[:100]
        assert peak_of(database) < MEMORY_BYTES, sql[:100]
        assert state_of(folder) == before, sql[:100]
    assert not (folder / "x").exists()
    return refused, answered


def test_nothing_but_reading_is_possible(
    clinic: Database, tmp_path: Path, sql_statements: ModuleType, payloads: ModuleType
) -> None:
    folder = tmp_path / "data"
    statements = sql_statements.hostile(str(folder), str(folder / "clinic.db"), payloads._payloads("sql_injection"))
    assert len(statements) + len(sql_statements.bombs()) >= 200
    assert len(set(statements)) == len(statements)
    _, answered = try_all(clinic, statements, folder)
    # Left are those that only compute, and payloads that stay inside their quotes.
    computed = {sql for sql in answered if "printf(" in sql or "format(" in sql}
    quoted = {sql for sql in answered if sql.startswith("SELECT * FROM patient WHERE name = '")}
    assert set(answered) - computed - quoted == {
        "SELECT CASE WHEN (1=1) THEN 'A' ELSE 'B' END;",
        "SELECT 1 /* ; */ ; -- x",
        "REINDEX",  # of no index: SQLite makes an empty program of it
        "REINDEX doctor",
    }


@pytest.mark.faults
def test_what_never_ends_is_stopped(clinic: Database, tmp_path: Path, sql_statements: ModuleType) -> None:
    try_all(clinic, list(sql_statements.bombs()), tmp_path / "data")
    assert clinic.run("SELECT count(*) FROM doctor").rows == ((12,),)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_benign_statements_are_allowed(
    schema: str,
    suite_database: Callable[[str], Path],
    suite_questions: list[dict[str, Any]],
    sql_statements: ModuleType,
) -> None:
    """Ten shapes over each schema, and all its gold queries with the rows that SQLite alone gives."""
    path = suite_database(schema)
    alone = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with open_database([path], find_paths()) as database:
        table = database.schema.tables[-1]
        for sql in sql_statements.benign(table.name, table.columns[-1].name):
            assert database.run(sql).columns, sql
        for one in suite_questions:
            if one["schema"] == schema:
                assert database.run(one["sql"]).rows == tuple(map(tuple, alone.execute(one["sql"]))), one


def test_a_stuck_worker_is_ended_and_started_again(clinic: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where SQLite never looks at the clock: the front ends the process itself."""
    first = clinic._process
    assert first is not None
    os.kill(first.pid, 19)  # SIGSTOP
    started = time.monotonic()
    with pytest.raises(Error) as caught:
        clinic.run("SELECT 1", seconds=0.2)
    assert caught.value.kind == "sql-timeout" and time.monotonic() - started < EACH_S
    assert clinic.run("SELECT 1").rows == ((1,),)
    assert clinic._process is not None and clinic._process.pid != first.pid


def test_a_killed_worker_is_an_error_and_started_again(clinic: Database) -> None:
    assert clinic._process is not None
    os.kill(clinic._process.pid, 11)
    with pytest.raises(Error) as caught:
        clinic.run("SELECT 1")
    assert caught.value.kind == "worker-died"
    assert clinic.run("SELECT count(*) FROM drug").rows == ((10,),)


def test_several_files_are_read_together(suite_database: Callable[[str], Path]) -> None:
    with open_database([suite_database("clinic"), suite_database("library")], find_paths()) as database:
        assert [source.name for source in database.sources] == ["clinic", "library"]
        sql = "SELECT (SELECT count(*) FROM doctor), (SELECT count(*) FROM library.branch)"
        assert database.run(sql).rows == ((12, 6),)
        with pytest.raises(Error, match="refused"):
            database.run("DETACH library")


def test_rows_and_cells_are_bounded(clinic: Database) -> None:
    few = clinic.run("SELECT * FROM visit", max_rows=10)
    assert len(few.rows) == 10 and few.more
    long = clinic.run("SELECT printf('%.*c', 9000000, 'x') AS a, 1 AS b")
    assert long.n_cut == 1 and long.rows[0][1] == 1
    assert str(long.rows[0][0]).endswith("… (9,000,000 characters)") and len(str(long.rows[0][0])) < 5_000


def test_a_misspelt_column_is_no_text(clinic: Database) -> None:
    with pytest.raises(Error, match="no such column"):
        clinic.run('SELECT "speciality" FROM doctor')


def test_a_database_in_use_is_read_as_it_is_now(tmp_path: Path) -> None:
    """A writer has it open in WAL mode: its newest rows are seen, and no file beside it is made or changed."""
    folder = tmp_path / "data"
    folder.mkdir()
    writer = apsw.Connection(str(folder / "live.db"))
    list(writer.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)"))
    before = state_of(folder)
    with open_database([folder / "live.db"], find_paths()) as database:
        assert database.run("SELECT sum(a) FROM t").rows == ((3,),)
        assert "another program" in database.sources[0].notes[0].lower()
    assert state_of(folder) == before
    writer.close()
    with open_database([folder / "live.db"], find_paths()) as database:
        assert database.run("SELECT sum(a) FROM t").rows == ((3,),)
    assert list(state_of(folder)) == ["live.db"]


def test_search_tables_views_and_empty_results(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "words.db"))
    db.execute("""
        CREATE VIRTUAL TABLE words USING fts5(text);
        INSERT INTO words VALUES ('alpha beta'), ('gamma');
        CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
        INSERT INTO boxes VALUES (1, 2, 3);
        CREATE VIEW v AS SELECT text FROM words WHERE text = 'delta';
    """)
    db.close()
    with open_database([tmp_path / "words.db"], find_paths()) as database:
        assert [table.name for table in database.schema.tables] == ["words", "boxes", "v"]
        marked = "SELECT highlight(words, 0, '[', ']') FROM words WHERE words MATCH 'beta' ORDER BY rank"
        assert database.run(marked).rows == (("alpha [beta]",),)
        assert database.run("SELECT id FROM boxes WHERE x0 < 5").rows == ((1,),)
        empty = database.run("SELECT * FROM v")
        assert (empty.columns, empty.rows) == (("text",), ())


def test_a_stream_that_is_left_early_blocks_nothing(clinic: Database, tmp_path: Path) -> None:
    """An export that fails in the middle: the database answers again, and closing it never waits."""
    from rushlight.assistant.sql.export import export_rows

    rows = clinic.stream("SELECT a.*, b.* FROM visit a, visit b", seconds=5, max_rows=10_000_000)
    with pytest.raises(Error, match="too many for Markdown"):
        export_rows(rows, tmp_path / "x.md")
    assert clinic.run("SELECT count(*) FROM drug").rows == ((10,),)
    waiting = clinic.stream("SELECT a.*, b.* FROM visit a, visit b", seconds=5, max_rows=10_000_000)
    next(waiting)
    clinic.close()
    with pytest.raises(Error):
        list(waiting)


def test_closing_ends_a_statement_of_another_thread(clinic: Database) -> None:
    import threading

    ended: list[str] = []

    def ask() -> None:
        try:
            clinic.run("SELECT count(*) FROM visit a, visit b, visit c, visit d", seconds=30)
        except Error as err:
            ended.append(err.kind)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    clinic.close()
    thread.join(5)
    assert ended == ["worker-died"]
