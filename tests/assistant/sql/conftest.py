"""The ten databases of the suite, built once a session, and its questions and examples."""

import importlib.util
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent
SUITE = FOLDER / "suite"


def _module(name: str, folder: Path = SUITE) -> ModuleType:
    """A module of this folder or the suite's, under a name that no other test uses."""
    full = f"sql_suite_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[full] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[full]


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SUITE / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def by_chance() -> Callable[[Any, random.Random], str | None]:
    """chance_texts.py: a text that a matcher lets through."""
    found: Callable[[Any, random.Random], str | None] = _module("chance_texts", FOLDER).by_chance
    return found


@pytest.fixture(scope="session")
def suite_build() -> ModuleType:
    return _module("build")


@pytest.fixture(scope="session")
def suite_shape() -> ModuleType:
    return _module("shape")


@pytest.fixture(scope="session")
def suite_questions() -> list[dict[str, Any]]:
    return _lines("questions")


@pytest.fixture(scope="session")
def suite_examples() -> list[dict[str, Any]]:
    return _lines("examples")


@pytest.fixture(scope="session")
def suite_database(suite_build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`suite_database("clinic")`: the file, built when it is first asked for."""
    folder = tmp_path_factory.mktemp("suite")
    made: dict[str, Path] = {}

    def database(name: str) -> Path:
        if name not in made:
            made[name] = suite_build.build(name, folder / f"{name}.db")
        return made[name]

    return database


@pytest.fixture(scope="session")
def sql_statements() -> ModuleType:
    """statements.py: hostile and benign statements."""
    return _module("statements", FOLDER)


@pytest.fixture(scope="session")
def sql_excel() -> ModuleType:
    """excel.py: writes small Excel files."""
    return _module("excel", FOLDER)


@pytest.fixture(scope="session")
def suite_known(suite_database: Callable[[str], Path]) -> Callable[[str], Any]:
    """`suite_known("clinic")`: what is known of its tables and values, looked at once."""
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.values import Source

    made: dict[str, Any] = {}

    def known(name: str) -> Any:
        if name not in made:
            path = str(suite_database(name))
            with Database([Source(name, path, path, "sqlite", "")]) as database:
                made[name] = database.known()
        return made[name]

    return known
