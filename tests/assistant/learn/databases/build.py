"""Builds the three databases of the learning loop from a seed: the same rows on every machine."""

import importlib.util
from pathlib import Path
from types import ModuleType

import apsw

FOLDER = Path(__file__).parent
NAMES = ("estate", "cinema", "insurance")


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"learn_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name: str, path: Path, *, backwards: bool = False) -> Path:
    """One database at `path`; `backwards` inserts the rows of each table last first, which must change no answer."""
    module = _load(name, FOLDER / f"{name}.py")
    dice = _load("dice", FOLDER.parent.parent / "sql" / "suite" / "build.py").Dice(module.SEED)
    db = apsw.Connection(str(path))
    try:
        db.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        db.execute(module.DDL)
        with db:
            for table, rows in module.rows(dice).items():
                marks = ", ".join("?" * len(rows[0]))
                db.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows[::-1] if backwards else rows)
    finally:
        db.close()
    return path
