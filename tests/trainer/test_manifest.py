"""The manifest of a run names the very bytes it learned from, and keeps its evaluations."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.trainer.checkpoint import write_json
from rushlight.trainer.manifest import NAME, add_evaluation, licence_of, write_manifest
from rushlight.trainer.run import Places


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    data = tmp_path / "numbers.jsonl"
    data.write_text('{"text": "one"}\n')
    out = tmp_path / "run"
    out.mkdir()
    write_json(out / "run.json", {"config": {"method": "lora"}, "began": "2026", "outcome": {"step": 120}})
    (out / "metrics.jsonl").write_text("".join(json.dumps({"step": at, "loss": 1 / at}) + "\n" for at in range(1, 121)))
    (out / "run-adapter.gguf").write_bytes(b"adapter")
    return Places(make_gguf("tiny.gguf"), (data,), (), out)


def test_everything_is_named_by_its_bytes(places: Places) -> None:
    said = write_manifest(places, [places.out / "run-adapter.gguf"])
    assert said == json.loads((places.out / NAME).read_text())
    assert said["base"]["sha256"] == hashlib.sha256(places.model.read_bytes()).hexdigest()
    assert said["data"][0]["sha256"] == hashlib.sha256(places.train[0].read_bytes()).hexdigest()
    assert said["made"][0]["name"] == "run-adapter.gguf" and said["made"][0]["proof"] is None
    assert len(said["metrics"]) <= 51 and said["metrics"][-1]["step"] == 120 and said["outcome"] == {"step": 120}


def test_evaluations_are_added_once_and_outlive_another_writing(places: Places) -> None:
    add_evaluation(places.out, {"suite": "own"})
    assert not (places.out / NAME).exists()
    write_manifest(places, [])
    for _ in range(2):
        add_evaluation(places.out, {"suite": "own", "passed": True})
    assert write_manifest(places, [])["evaluations"] == [{"suite": "own", "passed": True}]


def test_a_file_that_is_gone_is_told(places: Places) -> None:
    places.train[0].unlink()
    with pytest.raises(Error, match=r"Cannot read .*numbers\.jsonl"):
        write_manifest(places, [])


def test_licences(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# Model\nlicense: none\n")
    assert licence_of(tmp_path) == "apache-2.0"
    (tmp_path / "README.md").write_text("license: no head\n")
    assert licence_of(tmp_path) == ""
