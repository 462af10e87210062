"""CSV, Parquet and Excel files as tables, and what is said of those that are none."""

import csv
import os
import threading
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rushlight import Error, Stop
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.values import Column


def opened(*paths: Path) -> Database:
    return open_database(paths, find_paths())


def columns_of(database: Database, table: str) -> dict[str, Column]:
    found = database.schema.table(table)
    assert found is not None
    return {column.name: column for column in found.columns}


def test_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "Visits 2024.csv"
    path.write_text("Visit ID,Fee (EUR),City,Zip\n1,12.5,Oslo,01234\n2,,Bergen,00501\n3,7,,99999\n")
    with opened(path) as database:
        assert database.run("SELECT * FROM visits_2024").rows == (
            (1, 12.5, "Oslo", "01234"),
            (2, None, "Bergen", "00501"),
            (3, 7.0, None, "99999"),
        )
        columns = columns_of(database, "visits_2024")
        assert columns["fee_eur"].type == "REAL" and columns["fee_eur"].comment == "Fee (EUR)"
        assert columns["zip"].type == "TEXT"


@pytest.mark.parametrize(
    ("text", "encoding", "rows"),
    [
        ("a;b\n1,5;01.02.2024\n1.234,25;15.12.2023\n", "utf-8", ((1.5, "2024-02-01"), (1234.25, "2023-12-15"))),
        ("a;b\n1,5;x\n1,234;y\n", "utf-8", ((1.5, "x"), (1.234, "y"))),
        ("a\tb\n1,234\tx\n", "utf-8", ((1.234, "x"),)),
        ("a\tb\nÄ\tü\n", "utf-8-sig", (("Ä", "ü"),)),
        ("a|b\nÄ|ü\n", "cp1252", (("Ä", "ü"),)),
        ("a,b\n漢,字\n", "utf-16", (("漢", "字"),)),
        ('a,b\n"x, y\nz","q""q"\n', "utf-8", (("x, y\nz", 'q"q'),)),
        ("1,2\n3,4\n", "utf-8", ((1, 2), (3, 4))),
        ("a,b\n1\n1,2,3\n", "utf-8", ((1, None), (1, 2))),
        ("a;b\n1;2\n;\n ; \n", "utf-8", ((1, 2),)),  # lines that a spreadsheet has left empty
        ('a\nx\n""\ny\n', "utf-8", (("x",), (None,), ("y",))),
        ("a;b\n9; \n10;100\n11;99\n", "utf-8", ((9, None), (10, 100), (11, 99))),
        ("city\n" + "Oslo\n" * 1_000_000 + "Köln\n", "cp1252", None),
        ("country,2022,2023\nNorway,5,6\n", "utf-8", (("Norway", 5, 6),)),
        ("Anna,1985\nBert,1990\n", "utf-8", (("Anna", 1985), ("Bert", 1990))),
        ("Anna,1985,2001\nBert,1990,2010\n", "utf-8", (("Anna", 1985, 2001), ("Bert", 1990, 2010))),
        ("name\nAndré", "cp1252", (("André",),)),
    ],
)
def test_csv_files_of_other_programs(
    text: str, encoding: str, rows: tuple[tuple[Any, ...], ...] | None, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    with opened(path) as database:
        if rows is None:
            assert database.run("SELECT count(*) FROM t WHERE city = 'Köln'").rows == ((1,),)
        else:
            assert database.run("SELECT * FROM t").rows == rows


def test_a_byte_that_is_damaged_does_not_make_a_file_one_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("city\nKöln\n".encode() + b"x\n" * 50_000 + b"M\xff\nZ\xc3\xbcrich\n")
    with opened(path) as database:
        assert database.run("SELECT count(*) FROM t WHERE city IN ('Köln', 'Zürich', 'M\ufffd')").rows == ((3,),)


def test_commas_of_a_file_of_commas_part_thousands(tmp_path: Path) -> None:
    path = tmp_path / "pop.csv"
    path.write_text('city,pop,share,level\nA,"1,234","0,125","-1,234,567"\nB,"12,500","1,5",0\nC,999,2,\n')
    with opened(path) as database:
        assert database.run("SELECT * FROM pop").rows == (
            ("A", 1234, 0.125, -1234567), ("B", 12500, 1.5, 0), ("C", 999, 2.0, None),
        )  # fmt: skip
        types = {name: column.type for name, column in columns_of(database, "pop").items()}
        assert types == {"city": "TEXT", "pop": "INTEGER", "share": "REAL", "level": "INTEGER"}
        assert "pop.pop: commas were read as parting thousands." in database.sources[0].notes


def test_points_beside_decimal_commas_part_thousands(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("name;umsatz;preis\nA;1.234;2,50\nB;12.500;3,00\n")
    with opened(path) as database:
        assert database.run("SELECT * FROM sales").rows == (("A", 1234, 2.5), ("B", 12500, 3.0))
        assert "sales.umsatz: points were read as parting thousands." in database.sources[0].notes
    path.write_text("name;share;n\nA;1.234;1,234\nB;12.500;2,345\n")  # nothing says what its commas are
    with opened(path) as database:
        assert database.run("SELECT share FROM sales").rows == ((1.234,), (12.5,))


def test_a_parquet_file(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "n": [1, 2, None],
            "price": [Decimal("1.50"), Decimal("2.25"), None],
            "on": [date(2024, 1, 2), None, date(2025, 3, 4)],
            "at": [datetime(2024, 1, 2, 3, 4, 5), None, None],
            "tags": [["a", "b"], [], None],
            "raw": [b"\x00", None, b"x"],
            "ok": [True, False, None],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    with opened(tmp_path / "data.parquet") as database:
        assert database.run("SELECT * FROM data").rows[0] == (
            1, 1.5, "2024-01-02", "2024-01-02 03:04:05", '["a", "b"]', b"\x00", 1,
        )  # fmt: skip
        types = {name: column.type for name, column in columns_of(database, "data").items()}
        assert types == {
            "n": "INTEGER", "price": "REAL", "on": "TEXT", "at": "TEXT", "tags": "TEXT", "raw": "BLOB", "ok": "INTEGER",
        }  # fmt: skip


def test_an_excel_file(sql_excel: ModuleType, tmp_path: Path) -> None:
    book = sql_excel.write_excel(
        tmp_path / "book.xlsx",
        {"Orders": [["Order No", "Total"], [1, 9.5], [2, 3]], "City List": [["City"], ["Oslo"], ["Graz"]]},
    )
    with opened(book) as database:
        assert database.run("SELECT * FROM orders").rows == ((1, 9.5), (2, 3.0))
        assert database.run("SELECT city FROM city_list ORDER BY 1").rows == (("Graz",), ("Oslo",))


def test_whole_numbers_of_a_sheet_have_no_point(sql_excel: ModuleType, tmp_path: Path) -> None:
    sheet = [["Article No", 2023], [1001, 1], ["", ""], ["1002-B", 2]]
    with opened(sql_excel.write_excel(tmp_path / "s.xlsx", {"s": sheet})) as database:
        assert database.run("SELECT article_no, c_2023 FROM s").rows == (("1001", 1), ("1002-B", 2))


def test_the_import_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    path, cache = tmp_path / "t.csv", find_paths().cache / "sql"
    path.write_text("a\nx\n")
    with opened(path) as database:
        first = Path(database.sources[0].database)
    made = first.stat().st_mtime_ns
    with opened(path) as database:
        assert Path(database.sources[0].database) == first and first.stat().st_mtime_ns == made
    path.write_text("a\nx\ny\n")
    with opened(path) as database:
        assert database.run("SELECT count(*) FROM t").rows == ((2,),)
    assert sorted(file.suffix for file in cache.iterdir()) == [".db", ".db", ".json", ".json"]


def test_files_of_several_kinds_join(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,city\n1,Oslo\n2,Graz\n")
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2], "n": [10, 20]}), tmp_path / "b.parquet")
    with opened(tmp_path / "a.csv", tmp_path / "b.parquet") as database:
        assert database.run("SELECT city, n FROM a JOIN b.b ON b.id = a.id ORDER BY n").rows == (
            ("Oslo", 10),
            ("Graz", 20),
        )


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("missing.db", None, "no-file"),
        ("empty.csv", b"", "file-empty"),
        ("random.db", b"no database at all, but long enough" * 40, "not-a-database"),
        ("random.parquet", b"PAR1 and nothing more", "file-damaged"),
        ("random.xlsx", b"PK\x03\x04 and nothing more", "file-damaged"),
        ("picture.png", b"\x00\x01\x02\x03" * 10, "unknown-file"),
        ("archive.zip", b"PK\x03\x04" + b"x" * 100, "unknown-file"),
    ],
)
def test_what_is_no_table_is_an_error_that_names_the_file(
    name: str, content: bytes | None, kind: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Error) as caught:
        opened(tmp_path / name)
    assert caught.value.kind == kind and name in caught.value.message
    left = find_paths().cache / "sql"
    assert not left.exists() or list(left.iterdir()) == []


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    names = ['a"); DROP TABLE t; --', "b\x1b]0;owned\x07", "a b", "a_b", "1st", "-- c\nd", "select"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, [1, 2, 3, 4, 5, 6, 7]])
    with opened(path) as database:
        found = columns_of(database, "t")
        assert list(found) == ["a_drop_table_t", "b_0_owned", "a_b", "a_b_2", "c_1st", "c_d", "select"]
        assert all(char.isprintable() for column in found.values() for char in column.comment)
        assert database.run('SELECT "select" FROM t').rows == ((7,),)


def test_the_cache_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.assistant.sql.files._CACHE_BYTES", 1)
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"x\n{name}\n")
        with opened(tmp_path / f"{name}.csv") as database:
            assert database.run(f"SELECT x FROM {name}").rows == ((name,),)
    broken = find_paths().cache / "sql" / ".half.1.making"
    broken.write_bytes(b"x")
    os.utime(broken, (0, 0))
    (tmp_path / "c.csv").write_text("x\nc\n")
    opened(tmp_path / "c.csv").close()
    assert sorted(file.suffix for file in broken.parent.iterdir()) == [".db", ".json"]


def test_a_stop_ends_an_import_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    """The worker of a large file is gone at once, so are its half-made tables, and the file can be opened later."""
    path = tmp_path / "large.csv"
    path.write_text("a,b\n" + "1,some words\n" * 3_000_000)
    stop = Stop()
    folder = find_paths().cache / "sql"

    def children() -> set[str]:
        listed = Path(f"/proc/self/task/{os.getpid()}/children")  # of this thread, where the system tells
        return set(listed.read_text().split()) if listed.exists() else set()

    before = children()

    def half_made() -> list[Path]:
        return list(folder.glob(".*.making"))

    def stop_it() -> None:
        while not half_made():
            time.sleep(0.01)
        stop.set()

    stopper = threading.Thread(target=stop_it)
    stopper.start()
    with pytest.raises(Error) as found:
        open_database([path], find_paths(), stop)
    stopper.join()
    assert found.value.kind == "stopped" and not half_made()
    assert not list(folder.glob("*.db"))
    assert not children() - before
    path.write_text("a,b\n1,some words\n")
    with opened(path) as database:
        assert database.run("SELECT a, b FROM large").rows == ((1, "some words"),)
