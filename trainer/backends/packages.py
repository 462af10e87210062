"""Which packages training needs, told before anything of it is imported. Knows no torch."""

import importlib.util

from rushlight import Error
from rushlight.installing import pip_line


def need_packages(*names: str) -> None:
    """An `Error` unless these are installed."""
    missing = [name for name in ("torch", *names) if importlib.util.find_spec(name) is None]
    if missing:
        raise Error(
            f"Training needs {', '.join(missing)}, which this installation lacks.",
            f"Install the extra: {pip_line('rushlight[train]')}",
            kind="missing-package",
        )
