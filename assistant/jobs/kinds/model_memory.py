"""How much memory a job on model files takes: the files that it has loaded at a time, and room to work."""

from collections.abc import Iterable
from pathlib import Path

WORK_BYTES = 512 * 1024 * 1024  # a context, buffers, Python's own


def loaded_bytes(paths: Iterable[str], *, at_once: int = 1, work_bytes: int = WORK_BYTES) -> int:
    """With the `at_once` largest of these files (all parts of a split one) or folders in memory."""
    sizes = sorted((_size_bytes(Path(path)) for path in paths), reverse=True)
    return sum(sizes[:at_once]) + work_bytes


def _size_bytes(path: Path) -> int:
    """0 for what is not there: the job itself says so, in better words."""
    from rushlight import Error
    from rushlight.assistant.models.split import all_parts

    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
        return sum(part.stat().st_size for part in all_parts(path))
    except (OSError, Error):
        return 0
