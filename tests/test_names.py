"""One import name: the folders' short names are never imported, and packaging/ stays no package."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHORT = {"assistant", "trainer", "quant", "native", "ui"}


def test_no_short_names_were_imported() -> None:
    """A short name would be a second copy of the module."""
    ours = [name for name in sys.modules if name.split(".")[0] in SHORT]
    files = [getattr(sys.modules[name], "__file__", None) or "" for name in ours]
    assert not [file for file in files if file.startswith(str(ROOT))]


def test_packaging_is_no_package() -> None:
    """With packaging/__init__.py the index's `packaging` could not be imported at the root."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
    found = subprocess.run(
        [sys.executable, "-c", "import packaging.version; print(packaging.version.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "site-packages" in found.stdout


def test_tests_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_compiled_module_is_there() -> None:
    import rushlight.native

    assert rushlight.native.COMPILED
