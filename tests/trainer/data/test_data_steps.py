"""Steps on data sets: what they read and write, what they say of damaged files, and that nothing half-made stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.trainer.data.clean import cleaned
from rushlight.trainer.data.heuristics import measured
from rushlight.trainer.data.html_text import html_text
from rushlight.trainer.data.read import read_records
from rushlight.trainer.data.reading import Watch
from rushlight.trainer.data.steps import step_of
from rushlight.trainer.data.write import writing


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _rows(path: Path) -> list[dict[str, Any]]:
    return [record.row for record, _ in read_records([path])]


def _run(name: str, paths: list[Path], out: Path, **settings: Any) -> dict[str, Any]:
    return step_of(name, settings).run(paths, out, Watch())


def _texts(n: int) -> list[dict[str, Any]]:
    """Every third text is nearly the one before it."""
    rows = []
    for i in range(n):
        words = [f"word{(i - i % 3) * 31 + k}" for k in range(40)]
        if i % 3 == 1:
            words[3] = "changed"
        if i % 3 == 2:
            words = [f"other{i * 57 + k}" for k in range(40)]
        rows.append({"text": " ".join(words), "id": i})
    return rows


def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    (tmp_path / "a.jsonl").write_text('\ufeff{"text": "one"}\n\n"two"\n', encoding="utf-8")
    (tmp_path / "b.json").write_text('[{"messages": [{"role": "user", "content": "three"}]}]')
    (tmp_path / "c.csv").write_text('text,n\n"four\nlines",1\n')
    (tmp_path / "d.tsv").write_text("prompt\tcompletion\nfive\tsix\n")
    parquet.write_table(pyarrow.table({"text": ["seven", None]}), tmp_path / "e.parquet")
    (tmp_path / "f.txt").write_text("eight")
    (tmp_path / "g.html").write_text("<head><title>x<body><script>bad()</script><p>ni<b>ne</b><p>ten &amp; more")
    (tmp_path / ".hidden.txt").write_text("no")
    found = [record for record, _ in read_records([tmp_path])]
    assert [record.text() if record.row != {"text": None} else None for record in found] == [
        "one", "two", "three", "four\nlines", "five\nsix", "seven", None, "eight", "nine\nten & more",
    ]  # fmt: skip
    assert [record.place for record in found[:4]] == [
        "a.jsonl, line 1",
        "a.jsonl, line 3",
        "b.json, record 1",
        "c.csv, line 3",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": x}\n', "a.jsonl, line 2 is no JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl, line 1 is list, expected an object"),
        ("a.jsonl", b"[" * 100_000, "line 1 is"),
        ("a.jsonl", b'{"text": "\xff"}', "line 1 is no JSON"),
        ("a.json", b"{}", "holds no list"),
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv, line 3 has 1 values, expected 2"),
        ("a.csv", b"a,a\n1,2\n", "a column twice"),
        ("a.csv", b'a\n"open\n', "a.csv, line"),
        ("a.txt", b"fine\nbad \xfe", "a.txt, line 2: byte 0xfe is no UTF-8"),
        ("a.parquet", b"PAR1 nothing PAR1", "Cannot read a.parquet"),
        ("a.xyz", b"", "is not known"),
    ],
)
def test_damaged_files_are_named_with_their_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Error) as caught:
        list(read_records([tmp_path / name]))
    assert said in caught.value.message


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_dedup_leaves_one_of_each_cluster(tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    source, out = _jsonl(tmp_path / "a.jsonl", _texts(30)), tmp_path / f"out.{suffix}"
    made = _run("dedup", [source], out, threshold=0.6, units=3)
    assert (made["written"], made["clusters"], made["doubles"], made["largest"]) == (20, 10, 10, 2)
    assert [row["id"] for row in _rows(out)] == [i for i in range(30) if i % 3 != 1]
    marked = _run("dedup", [source], tmp_path / "marked.jsonl", threshold=0.6, units=3, mark=True)
    assert marked["written"] == 30
    assert [row["cluster"] for row in _rows(tmp_path / "marked.jsonl")][:6] == [1, 1, 3, 4, 4, 6]
    with pytest.raises(Error, match="there already"):
        _run("dedup", [source], out)


def test_a_split_keeps_clusters_together(tmp_path: Path) -> None:
    source = _jsonl(tmp_path / "a.jsonl", _texts(300))
    made = _run("split", [source], tmp_path / "out", threshold=0.6, units=3, share=0.2, seed=5)
    train, held = _rows(tmp_path / "out/train.jsonl"), _rows(tmp_path / "out/held_out.jsonl")
    assert (len(train), len(held)) == (made["train"], made["held_out"]) == (240, 60)
    clusters = [{row["id"] - (row["id"] % 3 == 1) for row in rows} for rows in (train, held)]
    assert not clusters[0] & clusters[1]
    again = _run("split", [source], tmp_path / "again", threshold=0.6, units=3, share=0.2, seed=5)
    assert again["train"] == 240 and _rows(tmp_path / "again/held_out.jsonl") == held
    same = _jsonl(tmp_path / "same.jsonl", [{"text": "all the same words here again"}] * 9)
    with pytest.raises(Error, match="one cluster"):
        _run("split", [same], tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_an_empty_data_set_has_no_doubles_and_no_parts(tmp_path: Path) -> None:
    source = _jsonl(tmp_path / "a.jsonl", [])
    made = _run("dedup", [source], tmp_path / "out.jsonl")
    assert (made["records"], made["written"], made["clusters"], made["doubles"], made["largest"]) == (0, 0, 0, 0, 0)
    assert _rows(tmp_path / "out.jsonl") == []
    with pytest.raises(Error, match="0 records cannot be split"):
        _run("split", [source], tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_parquet_keeps_the_fields_of_every_row(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = [{"text": "a"}, {"text": "b", "source": "web", "more": {"x": 1}}]
    with writing(tmp_path / "a.parquet") as writer:
        for row in rows * 600:
            writer.add(row)
    assert _rows(tmp_path / "a.parquet") == [{"text": "a", "source": None, "more": None}, rows[1]] * 600


@pytest.mark.parametrize(
    ("late", "name"), [({"source": "web"}, "source"), ({"said": [{"role": "user", "name": "x"}]}, "said")]
)
def test_a_field_that_comes_too_late_for_parquet_is_told(late: dict[str, Any], name: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    row = {"text": "a", "said": [{"role": "user"}]}
    with (
        pytest.raises(Error, match=f"rows up to 1001 do not fit one table: '{name}'") as caught,
        writing(tmp_path / "a.parquet") as writer,
    ):
        for one in [*[row] * 1000, row | late]:
            writer.add(one)
    assert ".jsonl" in caught.value.hint and caught.value.kind == "bad-data"
    assert list(tmp_path.iterdir()) == []


def test_redact_reaches_every_string(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "I am anna@example.org"}], "n": 3, "note": ["x", None]}]
    made = _run("redact", [_jsonl(tmp_path / "a.jsonl", rows)], tmp_path / "out.jsonl")
    assert made == {"path": str(tmp_path / "out.jsonl"), "records": 1, "changed": 1, "found": {"email": 1}}
    rows[0]["messages"][0]["content"] = "I am [email]"
    assert _rows(tmp_path / "out.jsonl") == rows


def test_a_stop_or_a_bad_line_leaves_nothing_behind(tmp_path: Path) -> None:
    source = _jsonl(tmp_path / "a.jsonl", _texts(30))
    stop = Stop()
    stop.set()
    for name in ("redact", "clean", "score", "dedup"):
        with pytest.raises(Error, match="Stopped"):
            step_of(name, {}).run([source], tmp_path / "out.jsonl", Watch(stop))
    with source.open("a") as file:
        file.write("{broken\n")
    for name in ("redact", "clean", "score", "dedup", "split"):
        with pytest.raises(Error, match="line 31"):
            _run(name, [source], tmp_path / ("out" if name == "split" else "out.jsonl"))
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]


def test_inspect_and_show_see_what_is_there(tmp_path: Path) -> None:
    rows = [*_texts(50), {"text": "call +49 30 90182070", "more": 1}, {"text": ""}, {"text": ""}]
    source = _jsonl(tmp_path / "a.jsonl", rows)
    found = _run("inspect", [source], tmp_path)
    assert (found["records"], found["empty"], found["equal"], found["private"]) == (53, 2, 1, {"phone": 1})
    assert found["fields"] == {"text": 53, "id": 50, "more": 1} and found["lengths"]["least"] == 0
    shown = _run("show", [source], tmp_path, n=3, first=50)["records"]
    assert [one["number"] for one in shown] == [50, 51, 52] and shown[1]["place"] == "a.jsonl, line 51"
    drawn = _run("show", [source], tmp_path, n=5, seed=2)
    assert len({one["number"] for one in drawn["records"]}) == 5 and drawn["read"] == 53
    assert _run("show", [source], tmp_path, n=5, seed=2) == drawn
    with pytest.raises(Error, match="has no field 'nothing'"):
        _run("inspect", [source], tmp_path, field="nothing")


def test_cleaned_text_is_one_form_without_hidden_characters() -> None:
    assert cleaned("cafe\u0301\r\nx\u200b\u202ey  \n\n\n\n\x07z\U000e0041") == "caf\u00e9\nxy\n\nz"
    assert cleaned("\U0001f468\u200d\U0001f469") == "\U0001f468\u200d\U0001f469"


def test_rules_tell_prose_from_rubbish() -> None:
    prose = ("The river had risen in the night, and the people of the village stood on the bridge to see it. "
             "Nobody could remember that it had been so high before.\n\nAn old woman said that her mother had told "
             "her of a flood, with boats in the streets and cows on the roof of the mill. They laughed at that, but "
             "they did not go home until it began to fall again.")  # fmt: skip
    assert measured(prose)[1] == []
    assert "Gopher n_words" in measured("Too short.")[1]
    assert {"Gopher repeated_lines", "FineWeb short_lines"} <= set(measured("buy now\n" * 40)[1])
    assert "C4 curly_brackets" in measured(prose + " {")[1]
    assert (
        "Gopher lines_with_bullet" in measured("\n".join("- " + line for line in prose.replace("\n", "").split(".")))[1]
    )


def test_a_page_becomes_its_text() -> None:
    assert html_text("<nav>menu</nav><h1>A</h1><p>b\n c<br>d<style>x{}</style></p>") == "A\nb c\nd"
    assert html_text("<p>" * 10_000 + "x") == "x"


def test_settings_that_cannot_be_are_refused() -> None:
    for name, settings, said in (("nothing", {}, "no step"), ("dedup", {"thresold": 1}, "thresold"),
                                 ("dedup", {"threshold": "x"}, "threshold")):  # fmt: skip
        with pytest.raises(Error, match=said):
            step_of(name, settings)
