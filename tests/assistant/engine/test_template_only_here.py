"""One place builds a jinja environment, and only the limited processes reach it."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"]["packages"]
SOURCES = sorted({file for folder in PACKAGES.values() for file in (ROOT / folder).rglob("*.py")})


def names(file: Path) -> set[str]:
    """Everything that a file imports, inside functions too, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def test_one_file_has_jinja2() -> None:
    users = {
        file.relative_to(ROOT).as_posix()
        for file in SOURCES
        if any(name.split(".")[0] == "jinja2" for name in names(file))
    }
    assert users == {"assistant/engine/template.py"}


def test_only_the_limited_process_runs_templates() -> None:
    users = {
        file.relative_to(ROOT).as_posix() for file in SOURCES if "rushlight.assistant.engine.template" in names(file)
    }
    assert users == {"assistant/engine/template_renderer.py"}
    # Inside functions that run after the fork: the worker itself never has jinja2 loaded.
    tree = ast.parse((ROOT / "assistant/engine/template_renderer.py").read_text())
    top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert "rushlight.assistant.engine" not in top


def test_no_environment_or_template_elsewhere() -> None:
    pattern = re.compile(r"\b(Sandboxed)?Environment\(|\bTemplate\(|Jinja2?ChatFormatter|from_string\(")
    users = {file.relative_to(ROOT).as_posix() for file in SOURCES if pattern.search(file.read_text())}
    assert users <= {"assistant/engine/template.py"}
