"""What is measured while a model is trained: one JSON line for each step, in a file that only grows."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsFile:
    """`metrics.jsonl` of a run. A run that goes on cuts off what was written after its checkpoint."""

    def __init__(self, path: Path, n_bytes: int = 0) -> None:
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(n_bytes)
        self._file.seek(n_bytes)

    def write(self, figures: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(figures).encode() + b"\n")
        self._file.flush()

    def sync(self) -> int:
        """How many bytes are on the disk when this returns."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

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
