"""What `rushlight` and `rushlight.assistant` promise is what they hold."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import rushlight

# the packages that Rushlight is promised to be made of
CARD = (
    "llama-cpp-python",
    "gguf",
    "torch",
    "unsloth",
    "peft",
    "bitsandbytes",
    "openai-whisper",
    "open-clip-torch",
    "lancedb",
    "textual",
    "pyside6",
    "pyinstaller",
    "llguidance",
    "apsw",
)
ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["rushlight", "rushlight.assistant", "rushlight.native"])
def test_all_is_sorted_and_real(name: str) -> None:
    module = importlib.import_module(name)
    listed: list[str] = module.__all__
    assert listed == sorted(listed, key=lambda item: (not item.isupper(), item[0].islower(), item))  # as ruff sorts
    for item in listed:
        assert getattr(module, item) is not None


def test_root_holds_nothing_else() -> None:
    public = {name for name in vars(rushlight) if not name.startswith("_")}
    submodules = {"assistant", "installing", "native", "quant", "svg", "trainer", "ui"}
    assert public - submodules == {name for name in rushlight.__all__ if not name.startswith("_")}


def test_version_is_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[?({re.escape(rushlight.__version__)}|Unreleased)", changelog, re.M)


def test_every_package_of_the_card_is_declared() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = " ".join(
        data["dependencies"] + [line for extra in data["optional-dependencies"].values() for line in extra]
    )
    for package in CARD:
        assert re.search(rf"(^| ){package}(-essentials)?[<>=]", declared), package


def test_the_assistant_needs_neither_torch_nor_transformers() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = " ".join(data["dependencies"])
    assert not re.search(r"\b(torch|transformers|pymupdf|ebooklib)\b", base, re.I)
    everything = " ".join(line for extra in data["optional-dependencies"].values() for line in extra)
    assert not re.search(r"\b(pymupdf|ebooklib|faster-whisper)\b", everything, re.I)


def test_error_survives_a_process_border() -> None:
    import copy

    error = copy.copy(rushlight.Error("No such model.", hint="See models list.", kind="model-not-found"))
    assert (error.message, error.hint, error.kind) == ("No such model.", "See models list.", "model-not-found")
    assert str(error) == "No such model. See models list."


def test_stop_calls_back_once_and_late() -> None:
    stop, calls = rushlight.Stop(), []
    forget = stop.on_set(lambda: calls.append("kept"))
    stop.on_set(lambda: calls.append("forgotten"))()
    stop.set()
    stop.set()
    stop.on_set(lambda: calls.append("late"))
    forget()
    assert calls == ["kept", "late"]
    with pytest.raises(rushlight.Error) as caught:
        stop.check()
    assert caught.value.kind == "stopped"


def test_progress_fraction() -> None:
    assert rushlight.Progress("x", 3, 4).fraction == 0.75
    assert rushlight.Progress("x", 9, 4).fraction == 1.0
    assert rushlight.Progress("x", 3).fraction is None
    assert rushlight.Progress("x", 0, 0).fraction is None
