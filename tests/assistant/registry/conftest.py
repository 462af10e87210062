"""The cast of the registry's tests: a store, small adapter files, and an adapter of a chat that was proven."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.paths import Paths, find_paths
from rushlight.assistant.registry.registry import Registry
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.store.database import Store, open_store

BASE = "b" * 64


@pytest.fixture
def paths(own_home: Path) -> Paths:
    return find_paths()


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    opened = open_store(paths)
    yield opened
    opened.close()


@pytest.fixture
def registry(store: Store, paths: Paths) -> Registry:
    return Registry(store, paths)


@pytest.fixture
def adapter_file(gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """`adapter_file("one")`: a small GGUF adapter; another name, other bytes."""

    def make(name: str = "one") -> Path:
        path = tmp_path / f"{name}.gguf"
        gguf_builder.tiny_lora_gguf(path)
        data = bytearray(path.read_bytes())
        data[-1] = sum(name.encode()) % 251  # the last byte of a weight
        path.write_bytes(bytes(data))
        return path

    return make


@pytest.fixture
def proven(registry: Registry, adapter_file: Callable[..., Path]) -> Callable[..., Adapter]:
    """`proven("one", scope="chat")`: a candidate that the gate lets through; `passed=False`: one that it does not."""

    def make(name: str, *, scope: str = "chat", base: str = BASE, passed: bool = True, **more: Any) -> Adapter:
        adapter = registry.add_adapter(NewAdapter(adapter_file(name), scope, base, "tiny", name=name, **more))
        report = {"reasons": [] if passed else ["It loses 12 of 50 instructions."]}
        registry.record_evaluation(adapter, suite="own", suite_sha256="5" * 64, passed=passed, report=report)
        return adapter

    return make
