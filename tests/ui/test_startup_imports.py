"""The first second belongs to the user: what each way of starting imports, looked up in the process itself."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "llama_cpp", "lancedb", "PySide6", "textual", "numpy", "msgspec", "httpx", "psutil", "apsw", "jinja2",
         "asyncio", "subprocess", "logging", "importlib.metadata", "difflib", "tomllib", "platformdirs"}  # fmt: skip
# What the way to an answer needs on the front's side: frames and the store.
ASK_MAY = {"msgspec", "apsw"}

_PROBE = """
import sys
sys.argv = ["rushlight", *{args!r}]
from rushlight.ui.cli.main import run
try:
    sys.exit(run({args!r}))
finally:
    print("\\nMODULES", *sorted(sys.modules), file=sys.stderr)
"""


def modules_after(*args: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(args=list(args))],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    line = [line for line in done.stderr.splitlines() if line.startswith("MODULES")][-1]
    return done.returncode, set(line.split()[1:])


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        [],
        ["ask", "--help"],
        ["settings", "--help"],
        ["host", "--help"],
        ["chat", "--help"],
        ["conversations", "--help"],
        ["feedback", "--help"],
        ["conversations", "path"],
        ["settings", "list"],
        ["settings", "path"],
    ],
)
def test_short_ways_import_nothing_heavy(args: list[str]) -> None:
    code, modules = modules_after(*args)
    assert code == 0
    assert modules & HEAVY == set()
    assert not any(name.startswith("rushlight.assistant.engine") for name in modules)


def test_the_version_needs_no_click() -> None:
    assert "click" not in modules_after("--version")[1]


def test_ask_imports_little_before_it_asks_the_host() -> None:
    code, modules = modules_after("ask", "Hello")  # ends at the empty catalogue
    assert code == 1
    assert modules & HEAVY <= ASK_MAY


@pytest.mark.parametrize("verb", ["_engine", "_host"])
def test_hidden_verbs_import_no_click(verb: str) -> None:
    _, modules = modules_after(verb)
    assert "click" not in modules and "rushlight.ui.cli.verbs" not in modules


def test_the_engine_information_is_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "_engine-info"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and '"description": "llama.cpp' in done.stdout
