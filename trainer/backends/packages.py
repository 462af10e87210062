"""Which packages training needs, told before anything of it is imported. Knows no torch."""

import importlib.util

from rushlight import Error


def need_packages(*names: str) -> None:
    """An `Error` unless these are installed."""
    missing = [name for name in ("torch", *names) if importlib.util.find_spec(name) is None]
    if missing:
        raise Error(
            f"Training needs {', '.join(missing)}, which this installation lacks.",
            'Install the extra: pip install "rushlight[train]"',
            kind="missing-package",
        )
