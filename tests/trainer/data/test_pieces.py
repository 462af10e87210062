"""Steps on pieces of data, put together again: the same as on the whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.trainer.data.pieces import pieces_of, together, work_on
from rushlight.trainer.data.plain_ngrams import estimate, to_arpa
from rushlight.trainer.data.reading import Watch
from rushlight.trainer.data.steps import step_of

ROWS = [{"text": f"Write to me{n}@example.org or +49 30 1234567.\r\n" + "word " * (n % 40), "n": n} for n in range(300)]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "a.jsonl").write_text(
        "\ufeff" + "\n\n".join(json.dumps(row) for row in ROWS)
    )  # no line end at the last
    (tmp_path / "b.csv").write_text('text\n"in\n one"\nmore\n')
    (tmp_path / "c.jsonl").write_text("")
    return [tmp_path / name for name in ("a.jsonl", "b.csv", "c.jsonl")]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("clean", {"rules": ["Gopher"], "least": 60}),
        ("score", {}),
        ("score", {"model": "kept.arpa"}),
        ("redact", {"kinds": ["email"]}),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_pieces_are_the_whole(
    name: str, settings: dict[str, Any], kind: str, paths: list[Path], tmp_path: Path
) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        paths = paths[:1]
    if "model" in settings:
        settings = {"model": str(tmp_path / settings["model"])}
        Path(settings["model"]).write_bytes(to_arpa(estimate([b"write to me\nword word word"], 2)))
    step = step_of(name, settings)
    whole, shared = tmp_path / f"whole.{kind}", tmp_path / f"shared.{kind}"
    said = step.run(paths, whole, Watch())
    pieces = pieces_of(paths, tmp_path / "pieces", 4000)
    assert len(pieces) > 2
    found = together([work_on(one, step.run) for one in reversed(pieces)], pieces, shared)
    assert found | {"path": ""} == said | {"path": ""}
    if kind == "jsonl":
        assert shared.read_bytes() == whole.read_bytes()


def test_an_error_names_the_line_of_the_file(paths: list[Path], tmp_path: Path) -> None:
    paths[0].write_text("".join(json.dumps(row) + "\n" for row in ROWS[:250]) + "{broken\n")
    pieces = pieces_of(paths, tmp_path / "pieces", 4000)
    step = step_of("score", {})
    with pytest.raises(Error, match=r"a\.jsonl, line 251 is no JSON"):
        together([work_on(one, step.run) for one in pieces], pieces, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_ray_data_write_the_same_bytes(paths: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from rushlight.trainer.data.ray_data import by_ray

    whole, shared = tmp_path / "whole.jsonl", tmp_path / "shared.jsonl"
    settings = {"rules": ["Gopher"], "least": 60}
    said = step_of("clean", settings).run(paths, whole, Watch())
    told: list[Any] = []
    found = by_ray("clean", settings, paths, shared, 2, Watch(tell=told.append), 4000)
    assert found | {"path": ""} == said | {"path": ""} and shared.read_bytes() == whole.read_bytes()
    assert told[-1].done == told[-1].total > 2
    paths[0].write_text("{broken\n")
    with pytest.raises(Error, match=r"a\.jsonl, line 1 is no JSON"):
        step_of("score", {"workers": 2}).run(paths, tmp_path / "other.jsonl", Watch())
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith((".", "other"))) == []
