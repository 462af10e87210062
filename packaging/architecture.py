"""The tree in ARCHITECTURE.md, made from the first line of every file's docstring: `architecture.py [--write]`."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
BLOCK = re.compile(r"(?<=<!-- tree -->\n```\n).*?(?=```\n<!-- /tree -->)", re.S)
ORDER = ["rushlight", "rushlight/native", "rushlight/quant", "rushlight/trainer", "rushlight/assistant", "rushlight/ui"]


def first_line(file: Path) -> str:
    """The one-line purpose of a file. Raises SystemExit naming a file that has none."""
    if file.suffix in {".cpp", ".h"}:
        match = re.match(r"// (.*)", file.read_text())
        text = match[1] if match else ""
    else:
        text = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
    if not text:
        raise SystemExit(f"{file.relative_to(ROOT)} does not say in its first line what it is for")
    return text


def folder(path: Path, depth: int) -> list[str]:
    """One line a file, sub-folders after their parent's files."""
    indent = "  " * depth
    purpose = first_line(path / "__init__.py") if (path / "__init__.py").exists() else ""
    lines = [f"{indent}{path.name + '/':<{30 - len(indent)}} {purpose}".rstrip()]
    files = [
        file
        for pattern in ("*.py", "*.pyi", "*.cpp", "*.h")
        for file in sorted(path.glob(pattern))
        if file.name != "__init__.py" and file.parent.name != "tests"
    ]
    lines += [f"{indent}  {file.name:<{28 - len(indent)}} {first_line(file)}" for file in files]
    for sub in sorted(item for item in path.iterdir() if item.is_dir() and item.name not in {"__pycache__", "tests"}):
        lines += folder(sub, depth + 1)
    return lines


def tree() -> str:
    """The whole tree, in the order of the layers."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"]["packages"]
    lines: list[str] = []
    for name in ORDER:
        lines += folder(ROOT / table[name], 0)
    return "\n".join(lines) + "\n"


def main() -> None:
    page = PAGE.read_text()
    new = BLOCK.sub(lambda _: tree(), page)
    if "--write" in sys.argv:
        if new != page:
            PAGE.write_text(new)
    elif new != page:
        raise SystemExit("The tree in ARCHITECTURE.md is old; run: make format")


if __name__ == "__main__":
    main()
