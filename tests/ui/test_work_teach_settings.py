"""Settings of training in a teaching: read, refused all at once, put into the config; steps that were told."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.trainer.config import Data, TrainConfig, checked
from rushlight.ui.work import teaching
from rushlight.ui.work.teach_settings import KEYS, check_settings, problems_of, read_settings, with_settings


def test_what_is_typed_becomes_values() -> None:
    typed = {"adapter.rank": "8", "steps.rate": "1e-4", "steps.share": "false", "method": "qlora",
             "adapter.modules": '["q_proj"]', "steps.schedule": "linear"}  # fmt: skip
    found = read_settings(typed)
    assert found == {"adapter.rank": 8, "steps.rate": 1e-4, "steps.share": False, "method": "qlora",
                     "adapter.modules": ["q_proj"], "steps.schedule": "linear"}  # fmt: skip
    check_settings(found)
    config = checked(with_settings({"model": "m", "out": "o", "data": {"train": ["t"]}}, found))
    assert config.adapter.rank == 8 and config.method == "qlora" and config.adapter.modules == ["q_proj"]


def test_every_setting_is_one_of_training() -> None:
    plain: Any = TrainConfig(model="m", out="o", data=Data(train=["t"]))
    for key in KEYS:
        place = plain
        for name in key.split("."):
            place = getattr(place, name)  # each is there


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {
        "adapter.rank": 0,
        "steps.rate": "fast",
        "method": "dora",
        "data.train": ["x"],
        "rank": 8,
        "steps.warmpu": 1,
    }
    said = problems_of(wrong)
    assert len(said) == 6, said
    told = "\n".join(said)
    for words in ("adapter.rank must lie between", "steps.rate: expected", "makes a whole model",
                  "data.train is not set", "did you mean adapter.rank", "did you mean steps.warmup"):  # fmt: skip
        assert words in told, told
    with pytest.raises(Error, match="these settings"):
        check_settings(wrong)
    assert problems_of({}) == ()


def test_steps_that_were_told() -> None:
    assert teaching.told_steps(0, {"adapter.rank": 4}, 100) is None
    plan = teaching.told_steps(0, {"steps.epochs": 2.0, "steps.batch": 4}, 100)
    assert plan is not None and (plan.n_steps, plan.batch) == (50, 4)
    plan = teaching.told_steps(0, {"steps.most": 7}, 100)
    assert plan is not None and plan.n_steps == 7
    config = teaching.training_config(
        "m", Path("o"), Path("t"), plan, 100, 0, "chat", {"steps.most": 7, "method": "rslora"}
    )
    assert config["steps"]["most"] == 7 and config["method"] == "rslora"


def test_the_command_line_tells_before_anything_is_made(inside: Any, tmp_path: Path) -> None:
    file = tmp_path / "style.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": f"Q{i}", "completion": f"A{i}"}) for i in range(9)))
    code, _, err = inside("teach", "file", str(file), "--yes", "--set", "adapter.rank=0", "--set", "steps.batch=0")
    assert code == 1 and "adapter.rank" in err and "steps.batch" in err
    assert "KEY=VALUE" in inside("teach", "file", str(file), "--set", "rank")[2]


def test_wider_models_learn_a_task_at_a_lower_rate(make_gguf: Any, tmp_path: Path) -> None:
    rates = {width: teaching.task_rate(make_gguf(f"{width}.gguf", n_embd=width)) for width in (64, 576, 1152)}
    assert rates == {64: 3e-3, 576: 3e-3, 1152: 1.5e-3}
    blob = make_gguf("sha256-0a1b", n_embd=1152)  # as Ollama names its files
    assert teaching.task_rate(blob) == 1.5e-3
    assert teaching.task_rate(tmp_path / "none.gguf") == teaching.task_rate(tmp_path) == 3e-3
