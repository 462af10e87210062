"""`rushlight train` before anything is started: every problem of a config, its files and its names at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.ui.cli.main import run
from rushlight.ui.cli.output import print_json
from rushlight.ui.cli.train import _arguments


def write(path: Path, said: str) -> Path:
    path.write_text(said)
    return path


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    config = write(
        tmp_path / "bad.toml",
        """
model = "models/none.gguf"
out = "full"
methd = "lora"
[data]
train = ["none.jsonl", "full"]
validate = ["neither.jsonl"]
template = "chatmll"
[steps]
batch = "many"
rate = -1
""",
    )
    with pytest.raises(Error) as caught:
        _arguments(config, (), resume=False, only_plan=False)
    for words in (
        "methd is no setting (did you mean method?)", "steps.batch", "model: there is no file models/none.gguf",
        "data.train: none.jsonl is not there", "data.train: full is a folder", "data.validate: neither.jsonl",
        "no chat format 'chatmll' (did you mean chatml?)", "is not empty and is no run",
    ):  # fmt: skip
        assert words in caught.value.message, words
    assert caught.value.kind == "bad-config"


def test_a_run_that_is_there_is_gone_on_with_by_name(tmp_path: Path, tiny_gguf: Path) -> None:
    (tmp_path / "data.jsonl").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "examples.safetensors").touch()
    config = write(tmp_path / "a.toml", f'model = "{tiny_gguf}"\nout = "run"\n[data]\ntrain = ["data.jsonl"]\n')
    with pytest.raises(Error, match="--resume"):
        _arguments(config, (), resume=False, only_plan=False)
    assert _arguments(config, (), resume=True, only_plan=False)["out"] == str(tmp_path / "run")
    told = _arguments(config, (), resume=False, only_plan=True)
    assert told["only_plan"] and told["train"] == [str(tmp_path / "data.jsonl")]


def test_a_plan_that_does_not_fit_ends_with_1_as_json_too(
    tmp_path: Path, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.jsonl").touch()
    config = write(tmp_path / "a.toml", f'model = "{tiny_gguf}"\nout = "run"\n[data]\ntrain = ["data.jsonl"]\n')
    made: dict[str, Any] = {"fits": False, "total_bytes": 9}

    def job(kind: str, arguments: Any, show: Any, *, background: bool, as_json: bool) -> int:
        print_json(made) if as_json else show(made)
        return 0

    monkeypatch.setattr("rushlight.ui.cli.train.run_job", job)
    assert run(["train", str(config), "--plan", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == made
    made["fits"] = True
    assert run(["train", str(config), "--plan", "--json"]) == 0


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything of it is imported."""
    from rushlight.ui.work.train import KIND

    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(Error, match="Training needs torch, transformers") as found:
        list(KIND.run(None, None))  # type: ignore[arg-type]
    assert "rushlight[train]" in str(found.value.hint)
