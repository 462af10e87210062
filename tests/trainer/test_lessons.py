"""Examples come from lines and from tables alike."""

import json
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.trainer.lessons import read_lessons

ROWS = [{"prompt": f"{n}?", "completion": f"{n + 1}!"} for n in range(5)]


def test_tables_hold_the_same_examples_as_lines(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "a.csv").write_text("prompt,completion\n" + "".join(f"{r['prompt']},{r['completion']}\n" for r in ROWS))
    parquet.write_table(
        arrow.Table.from_pylist([{**row, "text": None} for row in ROWS] + [{"text": "More."}]), tmp_path / "a.parquet"
    )
    wanted = [one.chat for one in read_lessons([tmp_path / "a.jsonl"])]
    for kind in ("json", "csv", "parquet"):
        found = read_lessons([tmp_path / f"a.{kind}"])
        assert [one.chat for one in found[:5]] == wanted, kind
        assert all(0 <= one.share < 1 for one in found)
    assert read_lessons([tmp_path / "a.parquet"])[5].text == "More."


def test_rows_are_named_where_they_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("prompt,answer\nx,y\n")
    with pytest.raises(Error, match=r"bad\.csv, line 2: it has none of messages"):
        read_lessons([path])
