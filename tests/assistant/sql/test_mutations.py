"""Damaged databases and files: whatever a flipped byte makes of them, the front goes on and says what is wrong."""

import random
import time
from pathlib import Path
from types import ModuleType

import apsw
import pyarrow
import pyarrow.parquet
import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database

pytestmark = pytest.mark.faults

EACH_S = 12.0  # opening, a look at all values, and three statements, on a busy machine
KINDS = {
    "not-a-database", "database-damaged", "database-unreadable", "worker-died", "file-damaged", "no-table", "sql-error",
    "sql-timeout", "sql-memory", "sql-too-big", "sql-refused", "not-utf8", "unknown-file", "file-empty", "bad-frame",
    "too-many-columns", "import-memory", "disk-full",
}  # fmt: skip


def mutated(original: bytes, dice: random.Random) -> bytes:
    """Bytes flipped, runs overwritten, pieces moved or cut: mostly in the head, where structure is."""
    data = bytearray(original)
    for _ in range(dice.choice([1, 1, 2, 4, 16, 64])):
        reach = len(data) if dice.random() < 0.5 else min(len(data), 4096)
        at = dice.randrange(max(1, reach))
        match dice.randrange(6):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 2:
                data[at : at + dice.randrange(1, 64)] = dice.randbytes(dice.randrange(1, 64))
            case 3:
                del data[at : at + dice.randrange(1, 600)]
            case 4:
                data[at:at] = data[at : at + dice.randrange(1, 600)]
            case _:
                if dice.random() < 0.2:
                    del data[at:]
        if not data:
            data = bytearray(b"\x00")
    return bytes(data)


def use(path: Path) -> str:
    """Open it, look at everything, read everything. The kind of error, or "read".

    Twice where it took too long: a machine that stood still meanwhile is not the file's doing.
    """
    for _ in range(2):
        started = time.monotonic()
        kind = look(path)
        if time.monotonic() - started < EACH_S:
            return kind
    raise AssertionError(f"{path} takes longer than {EACH_S} s")


def look(path: Path) -> str:
    kind = "read"
    try:
        with open_database([path], find_paths()) as database:
            database.profile(1.0)
            for table in database.schema.tables[:3]:
                name = table.name.replace('"', '""')
                try:
                    database.run(f'SELECT * FROM "{table.source}"."{name}" ORDER BY 1' if table.source == "main" else
                                 f'SELECT * FROM "{name}" ORDER BY 1')  # fmt: skip
                except Error as err:
                    kind = err.kind
                    assert err.message and err.kind in KINDS, err
    except Error as err:
        kind = err.kind
        assert err.message and err.kind in KINDS, err
    return kind


@pytest.fixture(scope="module")
def originals(
    suite_build: ModuleType, sql_excel: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    small = suite_build.build("clinic", folder / "clinic.db")
    rich = folder / "rich.db"
    db = apsw.Connection(str(rich))
    db.execute("""
        CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c REAL, d BLOB);
        CREATE INDEX i ON t (b) WHERE c > 1;
        CREATE VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b;
        CREATE VIRTUAL TABLE words USING fts5(text);
        CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
        CREATE TABLE w (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
    """)
    with db:
        for i in range(300):
            db.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (i, f"word{i % 17} " * 9, i / 7, bytes(i % 50)))
            db.execute("INSERT INTO words VALUES (?)", (f"alpha beta{i % 13} gamma{i % 7}",))
            db.execute("INSERT INTO boxes VALUES (?, ?, ?)", (i, i, i + 2))
            db.execute("INSERT INTO w VALUES (?, ?)", (f"k{i}", i))
    db.close()
    pyarrow.parquet.write_table(
        pyarrow.table({"n": list(range(500)), "s": [f"x{i % 9}" for i in range(500)], "l": [[i] for i in range(500)]}),
        folder / "d.parquet",
    )
    book = sql_excel.write_excel(folder / "d.xlsx", {"One": [["a", "b"], *[[i, f"x{i}"] for i in range(200)]]})
    return {
        "clinic.db": small.read_bytes(),
        "rich.db": rich.read_bytes(),
        "d.parquet": (folder / "d.parquet").read_bytes(),
        "d.xlsx": book.read_bytes(),
        "d.csv": ("id;name;fee\n" + "".join(f'{i};"näme {i}";{i},5\n' for i in range(400))).encode(),
    }


def run_mutants(names: list[str], originals: dict[str, bytes], n: int, folder: Path) -> dict[str, int]:
    dice = random.Random(7)
    counts: dict[str, int] = {}
    for i in range(n):
        name = names[i % len(names)]
        path = folder / f"{i}-{name}"
        path.write_bytes(mutated(originals[name], dice))
        kind = use(path)
        counts[kind] = counts.get(kind, 0) + 1
        path.unlink()
    print(n, "mutants:", counts)
    return counts


@pytest.mark.parametrize("n", [60, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])])
def test_mutated_databases_harm_no_front(n: int, originals: dict[str, bytes], tmp_path: Path) -> None:
    counts = run_mutants(["clinic.db", "rich.db"], originals, n, tmp_path)
    assert sum(counts.values()) == n and len(counts) > 2


@pytest.mark.parametrize("n", [24, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_mutated_tables_harm_no_front(n: int, originals: dict[str, bytes], tmp_path: Path) -> None:
    counts = run_mutants(["d.csv", "d.parquet", "d.xlsx"], originals, n, tmp_path)
    assert sum(counts.values()) == n and len(counts) > 1


@pytest.mark.parametrize("n", [25, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_damaged_duckdb_files_harm_nobody(n: int, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    whole = tmp_path / "whole.duckdb"
    db = duckdb.connect(str(whole))
    db.execute("CREATE TABLE sale AS SELECT i AS id, 'city ' || i % 7 AS city, i * 1.5 AS total FROM range(3000) r(i)")
    db.execute("CREATE VIEW large AS SELECT * FROM sale WHERE total > 100")
    db.close()
    original, dice = whole.read_bytes(), random.Random(29)
    path = tmp_path / "damaged.duckdb"
    for _ in range(n):
        path.write_bytes(mutated(original, dice))
        use(path)
