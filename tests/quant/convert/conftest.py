"""The cast of conversion: llama.cpp as others use it, and a tokenizer trained on the spot."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def plain_llama() -> ModuleType:
    """plain_llama.py beside this file."""
    return _beside("plain_llama")


@pytest.fixture(scope="session")
def hf_builder() -> ModuleType:
    """hf_builder.py beside this file."""
    return _beside("hf_builder")


def _beside(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "torch: compares with torch and transformers (extra `train`); left out without")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs torch where it is not, with one printed line: no CI of ours need have it."""
    if all(importlib.util.find_spec(name) for name in ("torch", "transformers", "peft")):
        return
    concerned = [item for item in items if item.get_closest_marker("torch")]
    if concerned:
        print(f"{len(concerned)} tests left out: torch, transformers and peft are not installed")
        config.hook.pytest_deselected(items=concerned)
        items[:] = [item for item in items if item not in concerned]
