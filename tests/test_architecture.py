"""ARCHITECTURE.md's tree is made from the files' first lines, and stays one page."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def architecture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "packaging" / "architecture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_is_the_files(architecture: ModuleType) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    assert architecture.BLOCK.search(page), "the tree's markers are gone"
    assert architecture.tree() in page, "the tree is old; run: make format"


def test_a_file_without_a_purpose_is_named(architecture: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "silent.py"
    file.write_text("x = 1\n")
    architecture.ROOT = tmp_path
    with pytest.raises(SystemExit, match=r"silent\.py"):
        architecture.first_line(file)


def test_the_layers_are_named(architecture: ModuleType) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for word in ("conversation", "message", "document", "chunk", "hit", "library", "tool", "grant", "adapter", "lesson",
                 "run", "suite", "gate", "job"):  # fmt: skip
        assert f"**{word}**" in page, word
