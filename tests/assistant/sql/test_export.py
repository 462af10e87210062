"""Exports: whole or not at all, and no cell that a spreadsheet, a renderer or a terminal would obey."""

import csv
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from rushlight import Error
from rushlight.assistant.sql.export import export_rows, harmless, markdown_cell

HOSTILE = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "=cmd|' /C calc'!A0", "|x", "%0A", "﻿=1", "\x00=1",
]  # fmt: skip


def found(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("a", "b")) -> Generator[Any, None, None]:
    yield columns
    yield from rows


@pytest.mark.parametrize("cell", HOSTILE)
def test_formulas_become_text(cell: str, tmp_path: Path) -> None:
    export_rows(found((cell, 1)), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        written = list(csv.reader(file))
    assert written[1][0].startswith("'") and written[1][1] == "1"


@pytest.mark.parametrize("cell", ["-5", "+1.5", "Oslo", "a=b", "", "1-2"])
def test_other_texts_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    export_rows(found((-5, -2.5), (None, b"\x01\xff")), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().split() == ["a,b", "-5,-2.5", ",01ff"]


@pytest.mark.parametrize("cell", ["<b>", "a|b", "![x](http://a.b/c)", "`x`", "\x1b[31mred", "a\nb", "http://a.b"])
def test_markdown_cells_are_no_markdown(cell: str) -> None:
    written = markdown_cell(cell)
    assert "<" not in written and "\n" not in written and "\x1b" not in written and "://" not in written
    assert written.replace("\\|", "").count("|") == 0 and "](" not in written.replace("\\]\\(", "")


def test_parquet_keeps_types(tmp_path: Path) -> None:
    rows = [(1, 1.5, "x", b"\x00"), (None, 2, None, None)]
    assert export_rows(found(*rows, columns=("n", "r", "n", "raw")), tmp_path / "x.parquet") == 2
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert table.to_pylist() == [
        {"n": 1, "r": 1.5, "n_2": "x", "raw": b"\x00"},
        {"n": None, "r": 2.0, "n_2": None, "raw": None},
    ]


def test_a_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(Error, match="there already"):
        export_rows(found((1, 2)), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "mine"
    assert export_rows(found((1, 2)), tmp_path / "x.csv", replace=True) == 1


def test_what_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Generator[Any, None, None]:
        yield ("a",)
        yield (1,)
        raise Error("The statement was stopped.", kind="sql-timeout")

    with pytest.raises(Error, match="stopped"):
        export_rows(broken(), tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Error, match="ending"):
        export_rows(found((1, 2)), tmp_path / "x.docx")
