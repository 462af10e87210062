"""What is measured while a model is trained: one JSON line for each step, in a file that only grows."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rushlight import Error


class MetricsFile:
    """`metrics.jsonl` of a run. A run that goes on cuts off what was written after its checkpoint."""

    def __init__(self, path: Path, n_bytes: int = 0) -> None:
        self._path = path
        with self._spoken():
            self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
            self._file.truncate(n_bytes)
            self._file.seek(n_bytes)

    def write(self, figures: Mapping[str, Any]) -> None:
        with self._spoken():
            left = memoryview(json.dumps(figures).encode() + b"\n")
            while left:
                left = left[self._file.write(left) :]

    def sync(self) -> int:
        """How many bytes are on the disk when this returns."""
        with self._spoken():
            os.fsync(self._file.fileno())
            return self._file.tell()

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Error(
                f"Cannot write {self._path}: {error.strerror or 'the disk refused'}.",
                "Make room on the disk, then go on with: rushlight train CONFIG --resume. The checkpoint is whole.",
                kind="disk",
            ) from None

    def __enter__(self) -> "MetricsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last line that was cut off by a kill is left out."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
