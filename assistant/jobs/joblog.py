"""A job's folder as its readers see it: the last lines of its log, and the end of it. Knows files only."""

from collections.abc import Iterator
from pathlib import Path

from rushlight import Error
from rushlight.assistant.paths import Paths

LOG_NAME = "log.txt"
_MAX_BYTES = 512 * 1024


def log_path(paths: Paths, job_id: str) -> Path:
    return paths.jobs / job_id / LOG_NAME


def make_folder(paths: Paths, job_id: str) -> None:
    """From its start a job has a folder: by these a host sees whether there are any. Raises `Error`."""
    folder = paths.jobs / job_id
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise Error(
            f"Cannot create the job's folder {folder}: {err.strerror}.",
            hint="The data folder must be writable and have space.",
            kind="file-error",
        ) from err


def read_tail(paths: Paths, job_id: str, n_lines: int) -> str:
    """The last lines of the log, of the part before it too where it was just begun anew."""
    path = log_path(paths, job_id)
    lines: list[str] = []
    for file in (path, path.with_name(path.name + ".1")):
        lines = [*_last_lines(file, n_lines - len(lines)), *lines]
        if len(lines) >= n_lines:
            break
    return "\n".join(lines)


def remove_folder(paths: Paths, job_id: str) -> None:
    """Its log goes with a job. What cannot be removed stays behind and is in nobody's way."""
    import shutil  # it imports compression libraries; hosts have no use for them

    shutil.rmtree(paths.jobs / job_id, ignore_errors=True)


def _last_lines(path: Path, n_lines: int) -> Iterator[str]:
    if n_lines <= 0:
        return
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, 2)
            start = max(0, size_bytes - _MAX_BYTES)
            file.seek(start)
            data = file.read(_MAX_BYTES)
    except OSError:
        return
    if start:
        data = data.partition(b"\n")[2]  # the first line is cut
    yield from data.decode("utf-8", "replace").splitlines()[-n_lines:]
