"""300 answers of rows and charts over hostile cells: on the command line, in exports, and as charts of the desk."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest

from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.chart_svg import draw_chart
from rushlight.assistant.sql.charts import charts_for, check, choose_chart
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.export import export_rows, harmless

COUNTS = (pytest.param(30), pytest.param(300, marks=pytest.mark.slow))
_FORMULAS = ("=", "+", "-", "@", "|", "%")


@pytest.fixture
def hostile(sql_answers: ModuleType, tmp_path: Path) -> Path:
    built: Path = sql_answers.build(tmp_path / "hostile.db")
    return built


@pytest.fixture
def database(hostile: Path, own_home: Path) -> Iterator[Database]:
    with open_database([hostile], find_paths()) as opened:
        yield opened


@pytest.mark.parametrize("count", COUNTS)
def test_every_chart_is_valid_and_only_letters(count: int, database: Database, sql_answers: ModuleType) -> None:
    drawn = 0
    for sql in sql_answers.statements(count):
        result = database.run(sql)
        assert choose_chart(result) in (None, *charts_for(result))
        for spec in charts_for(result):
            check(spec, result)
            svg = draw_chart(spec, result, sql_answers.TEXTS[drawn % len(sql_answers.TEXTS)])
            root = ElementTree.fromstring(svg.encode())
            assert len(svg) < 3_000_000
            for element in root.iter():
                assert element.tag.rpartition("}")[2] in {"svg", "title", "rect", "text", "line", "circle", "polyline"}
                assert not any(name.startswith("on") or "href" in name for name in element.attrib)
                assert sql_answers.acts(element.text or "", lines=True) == []
            drawn += 1
    assert drawn > count / 3


@pytest.mark.parametrize("count", COUNTS)
def test_the_command_line_prints_letters(
    count: int, inside: Callable[..., Any], hostile: Path, sql_answers: ModuleType
) -> None:
    for number, sql in enumerate(sql_answers.statements(count)):
        code, out, err = inside("sql", "run", str(hostile), sql, *(["--json"] if number % 2 else []))
        assert code == 0, err
        assert sql_answers.acts(out, lines=True) == sql_answers.acts(err, lines=True) == [], sql
        assert len(out) < 1_500_000
        if number % 2:
            assert isinstance(json.loads(out)["rows"], list)


@pytest.mark.parametrize("count", COUNTS)
def test_exports_hold_no_formula_and_no_markup(
    count: int, database: Database, sql_answers: ModuleType, tmp_path: Path
) -> None:
    for number, sql in enumerate(sql_answers.statements(count)):
        path = tmp_path / f"{number}{('.csv', '.tsv', '.md', '.parquet')[number % 4]}"
        n_rows = export_rows(database.stream(sql, seconds=20, max_rows=10_000), path)
        if path.suffix == ".parquet":
            assert pyarrow.parquet.read_table(path).num_rows == n_rows
        elif path.suffix == ".md":
            lines = path.read_text().splitlines()
            width = {line.replace("\\|", "").count("|") for line in lines}
            assert len(lines) == n_rows + 2 and len(width) == 1
            assert not any("<" in line or "://" in line or sql_answers.acts(line) for line in lines)
        else:
            csv.field_size_limit(20_000_000)
            with path.open(newline="") as file:
                rows = list(csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t"))
            assert len(rows) == n_rows + 1
            for cell in (cell for row in rows for cell in row):
                assert "\x00" not in cell and harmless(cell) == cell, cell[:80]
                assert not cell.lstrip("\ufeff\u200b \t\r\n\x1b").startswith(_FORMULAS) or is_number(cell), cell[:80]
        path.unlink()


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
