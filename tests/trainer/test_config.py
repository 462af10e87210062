"""Configs: every problem at once, and what is shipped is right."""

from pathlib import Path

import pytest

from rushlight import Error
from rushlight.trainer.config import checked, read_config

CONFIGS = Path(__file__).resolve().parents[2] / "trainer" / "configs"


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Error) as caught:
        checked({
            "modle": "x", "out": "o", "method": "loar", "data": {"train": "x.jsonl", "max_tokens": 4},
            "steps": {"batch": "many", "rate": -1.0}, "adapter": 5,
        })  # fmt: skip
    for words in ("modle is no setting (did you mean model?)", "model is missing", "did you mean 'lora'", "data.train:",
                  "steps.batch:", "adapter must be a table"):  # fmt: skip
        assert words in caught.value.message
    with pytest.raises(Error) as caught:
        checked({"model": "m", "out": "o", "method": "full", "adapter": {"rank": 9000}, "data": {"train": []},
                 "steps": {"rate": -1.0}, "export": {"quantize": "Q4_X"}})  # fmt: skip
    for words in ("data.train names no file", "adapter.rank must lie", "steps.rate must lie", "method full", "Q4_X"):
        assert words in caught.value.message


def test_settings_are_changed_by_key(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('model = "m"\nout = "o"\n[data]\ntrain = ["d.jsonl"]\n')
    config = read_config(path, ["steps.batch=8", "method=dora", "export.quantize=Q4_K_M", 'data.train=["a", "b"]'])
    assert (config.steps.batch, config.method, config.data.train) == (8, "dora", ["a", "b"]) and config.merges
    for change in ("steps.batch", "model.x=1", "=3"):
        with pytest.raises(Error):
            read_config(path, [change])


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs_are_right(path: Path) -> None:
    read_config(path)
