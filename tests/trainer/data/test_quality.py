"""Perplexity by a model of good texts and the language of texts: what the steps write, leave out, and refuse."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.trainer.data.ngrams import open_model
from rushlight.trainer.data.quality import as_words
from rushlight.trainer.data.read import read_records
from rushlight.trainer.data.reading import Watch
from rushlight.trainer.data.steps import step_of

_SENTENCES = (
    "The cat sleeps on the warm roof.", "A dog barks at the old gate.", "The children play in the small garden.",
    "We walk along the river in the evening.", "The teacher reads a long story.", "My sister bakes bread on Sunday.",
)  # fmt: skip


def _good(n: int, seed: int) -> list[str]:
    """Sentences whose halves are mixed, so that none need be in the other set."""
    drawn = random.Random(seed)
    halves = [sentence.split(" ", 3) for sentence in _SENTENCES]
    return [" ".join([*drawn.choice(halves)[:3], drawn.choice(halves)[3]]) for _ in range(n)]


def _noise(n: int, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [" ".join("".join(drawn.choices("abcdefgh", k=5)) for _ in range(8)) for _ in range(n)]


def _jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text, "id": i}) + "\n" for i, text in enumerate(texts)))
    return path


def _rows(path: Path) -> list[dict[str, Any]]:
    return [record.row for record, _ in read_records([path])]


def _run(name: str, path: Path, out: Path, **settings: Any) -> dict[str, Any]:
    return step_of(name, settings).run([path], out, Watch())


def test_words_stand_apart_and_digits_are_alike() -> None:
    assert as_words('He said: "No, 42!"\n\tÉcole  d\'été') == 'he said : " no , 00 ! "\nécole d \' été'


@pytest.mark.parametrize("ending", ["ngrams", "arpa"])
def test_perplexity_tells_good_texts_from_noise(tmp_path: Path, ending: str) -> None:
    good, model = _jsonl(tmp_path / "good.jsonl", _good(300, 1)), tmp_path / f"kept.{ending}"
    mixed = _jsonl(tmp_path / "mixed.jsonl", [*_good(20, 2), *_noise(20, 3), ""])
    made = _run("score", mixed, tmp_path / "a.jsonl", good=[str(good)], keep_model=str(model), order=3)
    rows = _rows(tmp_path / "a.jsonl")
    measures = [row["quality"]["measures"] for row in rows]
    assert max(one["perplexity"] for one in measures[:20]) * 10 < min(one["perplexity"] for one in measures[20:40])
    assert measures[40]["perplexity"] is None and measures[0]["unknown_words"] == 0 < measures[20]["unknown_words"]
    assert made["perplexities"]["0"] == 1 and sum(made["perplexities"].values()) == made["records"] == 41
    again = _run("score", mixed, tmp_path / "b.jsonl", model=str(model))
    assert again["perplexities"] == made["perplexities"]
    assert open_model(model).order == 3
    cleaned = _run("clean", mixed, tmp_path / "c.jsonl", model=str(model), most_perplexity=100.0, least=0)
    assert [row["id"] for row in _rows(tmp_path / "c.jsonl")] == list(range(20))
    assert cleaned["reasons"] == {"perplexity": 21}


def test_parquet_holds_what_has_no_perplexity(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    good = _jsonl(tmp_path / "good.jsonl", _good(50, 1))
    _run("score", _jsonl(tmp_path / "a.jsonl", ["", *_good(3, 2)]), tmp_path / "a.parquet", good=[str(good)])
    values = [row["quality"]["measures"]["perplexity"] for row in _rows(tmp_path / "a.parquet")]
    assert math.isnan(values[0]) and all(value > 1 for value in values[1:])


def test_wrong_settings_leave_nothing(tmp_path: Path) -> None:
    data, kept = _jsonl(tmp_path / "a.jsonl", _good(9, 1)), tmp_path / "kept.ngrams"
    kept.write_bytes(b"RLngram1 and nothing behind it, but for some words to be longer than a head: " * 3)
    empty = _jsonl(tmp_path / "empty.jsonl", ["", " \n"])
    for name, settings, said in (
        ("score", {"model": str(kept), "good": [str(data)]}, "both a model and good texts"),
        ("score", {"keep_model": str(tmp_path / "new")}, "no good texts"),
        ("score", {"good": [str(data)], "keep_model": str(kept)}, "is there already"),
        ("score", {"good": [str(data)], "order": 6}, "The order is 6"),
        ("score", {"good": [str(empty)]}, "no words"),
        ("score", {"model": str(kept)}, r"kept\.ngrams is no n-gram model"),
        ("score", {"model": str(data)}, r"a\.jsonl is no n-gram model"),
        ("score", {"model": str(tmp_path / "missing")}, "Cannot read"),
        ("clean", {"most_perplexity": 9.0}, "go together"),
        ("clean", {"model": str(kept)}, "go together"),
    ):
        with pytest.raises(Error, match=said):
            _run(name, data, tmp_path / "out.jsonl", **settings)  # type: ignore[arg-type]
    _run("score", data, tmp_path / "z.jsonl", good=[str(data)])  # its model is gone afterwards
    (tmp_path / "z.jsonl").unlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jsonl", "empty.jsonl", "kept.ngrams"]


def test_languages_are_marked_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("py3langid")
    texts = {
        "en": "The weather was fine yesterday, so we went for a walk along the river with our neighbours.",
        "de": "Gestern war das Wetter schön, deshalb gingen wir mit unseren Nachbarn am Fluss spazieren.",
        "fr": "Hier il faisait beau, alors nous nous sommes promenés le long de la rivière avec nos voisins.",
        "ru": "Вчера была хорошая погода, поэтому мы гуляли вдоль реки вместе с нашими соседями.",
        "ja": "昨日は天気が良かったので、近所の人たちと川沿いを散歩しました。",
        "und": "1234 -- 5678 ++",
    }
    data = _jsonl(tmp_path / "a.jsonl", list(texts.values()))
    made = _run("language", data, tmp_path / "b.jsonl")
    assert [row["language"] for row in _rows(tmp_path / "b.jsonl")] == list(texts)
    assert made == {"path": str(tmp_path / "b.jsonl"), "records": 6, "written": 6, "languages": dict.fromkeys(texts, 1)}
    _run("language", data, tmp_path / "c.jsonl", keep=["de", "fr", "und"])
    assert [row["id"] for row in _rows(tmp_path / "c.jsonl")] == [1, 2, 5]
    assert all(0 <= row["language_share"] <= 1 for row in _rows(tmp_path / "c.jsonl"))
    for settings, said in (({"keep": ["xx"]}, "no language 'xx'"), ({"least": 2.0}, "The least share is 2.0")):
        with pytest.raises(Error, match=said):
            _run("language", data, tmp_path / "d.jsonl", **settings)
    assert not (tmp_path / "d.jsonl").exists()
