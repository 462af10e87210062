"""The three databases of the learning loop, built once a session, and the questions asked of them."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def learn_build() -> ModuleType:
    return _module("learn_build", FOLDER / "databases" / "build.py")


@pytest.fixture(scope="session")
def learn_shape() -> ModuleType:
    """The SQL suite's shape.py: which keys order a gold query."""
    return _module("learn_shape", FOLDER.parent / "sql" / "suite" / "shape.py")


@pytest.fixture(scope="session")
def learn_database(learn_build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`learn_database("cinema")`: the file, built when it is first asked for."""
    folder = tmp_path_factory.mktemp("learn")
    made: dict[str, Path] = {}

    def database(name: str) -> Path:
        if name not in made:
            made[name] = learn_build.build(name, folder / f"{name}.db")
        return made[name]

    return database


@pytest.fixture(scope="session")
def learn_questions() -> Callable[[str], list[dict[str, Any]]]:
    """`learn_questions("cinema")`: id, question, gold sql, kind, number of tables, whether its rows have an order."""

    def questions(name: str) -> list[dict[str, Any]]:
        lines = (FOLDER / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return questions
