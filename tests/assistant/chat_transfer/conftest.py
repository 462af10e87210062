"""The cast of import and export tests: sample exports, a store, and a quick way from one to the other."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.store.database import Store


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """samples.py: small exports as the programs write them."""
    spec = importlib.util.spec_from_file_location("chat_samples", Path(__file__).with_name("samples.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TransferStore]:
    """The conversations of an empty store."""
    opened = Store(tmp_path / "data" / "rushlight.db")
    yield TransferStore(opened)
    opened.close()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(value)`: a JSON file of it; `write(value, lines=True)`: one object a line; bytes and texts as given."""

    def written(content: Any, name: str = "export.json", *, lines: bool = False) -> Path:
        path = tmp_path / name
        if isinstance(content, str):
            content = content.encode()
        elif lines:
            content = "".join(json.dumps(one) + "\n" for one in content).encode()
        elif not isinstance(content, bytes):
            content = json.dumps(content).encode()
        path.write_bytes(content)
        return path

    return written
