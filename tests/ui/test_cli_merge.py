"""`rushlight merge`: a plan, a merge as a job, and what it says when it cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight.quant.gguf_check import check
from rushlight.ui.cli.main import run


def test_two_files_become_one(
    make_gguf: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], no_host_left: None
) -> None:
    for name, seed in (("a.gguf", 4), ("b.gguf", 5)):
        make_gguf(name, seed=seed, quantization="F32")
    config = tmp_path / "merge.toml"
    config.write_text('method = "slerp"\nout = "c.gguf"\n[[models]]\nmodel = "a.gguf"\n[[models]]\nmodel = "b.gguf"\n')
    assert run(["merge", str(config), "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["architecture"] == "LlamaForCausalLM" and plan["tokenizer"] == "a.gguf" and plan["kind"] == "model"
    assert not (tmp_path / "c.gguf").exists()
    assert run(["merge", str(config), "--set", "dtype=F32", "--set", "t=0.25", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert check(Path(made["path"])).kind == "model" and made["dtype"] == "F32"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") or "merging" in path.name]


def test_what_is_wrong_is_said_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_host_left: None
) -> None:
    config = tmp_path / "merge.toml"
    config.write_text('method = "slurp"\nout = "c"\n[[models]]\nmodel = "a.gguf"\n')
    assert run(["merge", str(config)]) == 1
    assert "did you mean 'slerp'" in capsys.readouterr().err
    config.write_text('method = "linear"\nout = "c"\n[[models]]\nmodel = "nowhere.gguf"\n')
    assert run(["merge", str(config)]) == 1
    assert "nowhere.gguf" in capsys.readouterr().err


def test_the_plan_of_adapters_is_json_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_host_left: None
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text("{}")
    config = tmp_path / "merge.toml"
    config.write_text('method = "linear"\nout = "c"\n[[models]]\nmodel = "a"\n[[models]]\nmodel = "b"\n')
    assert run(["merge", str(config), "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "kind": "adapter",
        "method": "linear",
        "out": str(tmp_path / "c"),
        "models": {"a": str(tmp_path / "a"), "b": str(tmp_path / "b")},
    }
    assert run(["merge", str(config), "--plan"]) == 0
    assert "Adapters: 2 go in, by linear" in capsys.readouterr().out
