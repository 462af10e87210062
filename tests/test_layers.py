"""Who may import whom. A change of architecture is a visible change of the two tables below."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"][
    "packages"
]

# layer -> the layers it may import, besides itself
LAYERS: dict[str, set[str]] = {
    "root": set(),
    "native": {"root"},
    "quant": {"root", "native"},
    "trainer": {"root", "native", "quant"},
    "assistant": {"root", "native", "quant"},
    "ui": {"root", "native", "quant", "trainer", "assistant"},
}

# foreign package -> the only files or folders that may import it
ONLY_IN: dict[str, tuple[str, ...]] = {
    "llama_cpp": ("assistant/engine/llama.py", "quant/ggml.py"),
    "llguidance": ("assistant/engine/grammar.py",),
    "jinja2": ("assistant/engine/template.py",),
    "fastapi": ("assistant/server/",),
    "starlette": ("assistant/server/",),
    "uvicorn": ("assistant/server/",),
    "httpx": ("assistant/models/download.py", "assistant/engine/remote_http.py"),
    "apsw": ("assistant/store/", "assistant/sql/"),
    "duckdb": ("assistant/sql/duckdb_backend.py",),
    "pg8000": ("assistant/sql/postgresql_backend.py",),
    "python_calamine": ("assistant/sql/importing.py",),
    "sqlglot": ("assistant/sql/",),
    "lancedb": ("assistant/documents/index.py",),
    "PySide6": ("ui/gui/",),
    "textual": ("ui/tui/",),
    "torch": (
        "trainer/",
        "quant/calibrate.py",
        "quant/gptq.py",
        "quant/awq.py",
        "quant/smoothquant.py",
        "assistant/media/clip_worker.py",
    ),
    "tokenizers": ("trainer/", "quant/numpy_model.py", "quant/convert/pre_tokenizers.py"),
    "transformers": ("trainer/",),
    "mlflow": ("trainer/trackers/mlflow.py",),
    "trackio": ("trainer/trackers/trackio.py",),
    "ray": ("trainer/crew_ray.py", "trainer/data/ray_data.py"),
    "unsloth": ("trainer/backends/unsloth.py",),
    "lm_eval": ("trainer/evaluate/harness.py",),
    "sqlite3": (),  # apsw instead: the standard library's SQLite has known WAL faults
    "py3langid": ("trainer/data/language.py",),
    "pickle": (),
    "requests": (),
    "urllib.request": (),
    "http.client": (),
}

# `python -m rushlight` is the command line's door.
DOORS = {("packaging/root/rushlight/__main__.py", "ui")}


def sources() -> Iterator[tuple[str, str, Path]]:
    """(layer, installed module name, file) of every Python file that is shipped."""
    for name, folder in FOLDERS.items():
        layer = "root" if name == "rushlight" else name.removeprefix("rushlight/")
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            dotted = ".".join([*name.split("/"), *parts]).removesuffix(".__init__")
            yield layer, dotted, file


def imported(tree: ast.AST, *, top_level_only: bool = False) -> Iterator[tuple[str, int]]:
    """Every (module, line) that the file imports; inside functions too, unless told otherwise."""
    nodes = ast.iter_child_nodes(tree) if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def layer_of(module: str) -> str | None:
    """The layer of one of our modules, None for a foreign one."""
    parts = module.split(".")
    if parts[0] != "rushlight":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "root"


def violations(layer: str, file: str, tree: ast.AST) -> list[str]:
    """What in this file breaks the tables, one sentence each."""
    found = []
    for module, line in imported(tree):
        target = layer_of(module)
        if target is not None and target != layer and target not in LAYERS[layer] and (file, target) not in DOORS:
            found.append(f"{file}:{line} imports {module}: {layer} may not know {target}")
        for foreign, places in ONLY_IN.items():
            if (module == foreign or module.startswith(foreign + ".")) and not file.startswith(places):
                found.append(f"{file}:{line} imports {foreign}: only {', '.join(places) or 'nobody'} may")
    return found


def test_every_file_keeps_the_layers() -> None:
    found = []
    for layer, _, file in sources():
        name = file.relative_to(ROOT).as_posix()
        found += violations(layer, name, ast.parse(file.read_text()))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("layer", "file", "line"),
    [
        ("quant", "quant/planted.py", "from rushlight.assistant import paths"),
        ("assistant", "assistant/planted.py", "import rushlight.ui.cli.main"),
        ("assistant", "assistant/planted.py", "from rushlight.trainer import plan"),
        ("trainer", "trainer/planted.py", "from rushlight import assistant"),
        ("root", "packaging/root/rushlight/planted.py", "import rushlight.native"),
        ("assistant", "assistant/planted.py", "def late():\n    import torch"),
        ("assistant", "assistant/chat/planted.py", "from llama_cpp import llama_cpp"),
        ("ui", "ui/cli/planted.py", "import textual.app"),
        ("assistant", "assistant/planted.py", "import sqlite3"),
        ("assistant", "assistant/planted.py", "from urllib.request import urlopen"),
    ],
)
def test_a_planted_violation_is_caught(layer: str, file: str, line: str) -> None:
    assert violations(layer, file, ast.parse(line))


def test_allowed_imports_are_not_caught() -> None:
    assert not violations("ui", "ui/cli/x.py", ast.parse("from rushlight.assistant.app import open_app\nimport click"))
    assert not violations("assistant", "assistant/engine/llama.py", ast.parse("import llama_cpp.llama_cpp"))


def test_no_import_circle() -> None:
    """Modules import each other in one direction, counting what runs at import."""
    modules = {dotted: file for _, dotted, file in sources()}
    graph: dict[str, set[str]] = {}
    for dotted, file in modules.items():
        targets = set()
        for module, _ in imported(ast.parse(file.read_text()), top_level_only=True):
            name = module
            while name and name not in modules:
                name = name.rpartition(".")[0]
            if name and name != dotted:
                targets.add(name)
        graph[dotted] = targets
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_no_code_builds_what_a_stranger_could_run() -> None:
    """No exec, eval, pickle or shell in shipped code."""
    found = []
    for _, _, file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in {"eval", "exec", "compile", "os.system", "os.popen", "torch.load"}:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno} calls {name}")
            if any(k.arg == "shell" and ast.unparse(k.value) != "False" for k in node.keywords):
                found.append(f"{file.relative_to(ROOT)}:{node.lineno} asks for a shell")
    assert not found, "\n".join(found)
