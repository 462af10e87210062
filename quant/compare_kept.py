"""What a comparison has found so far, kept in a file, so that it can go on after it was broken off.

Knows numbers and the files they were measured of. A file of other models, texts or damage is as good as none.
"""

import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight.quant.whole_file import whole_file

_EVERY_S: Final = 10.0


class Kept:
    """The file of one comparison; without a path nothing is kept. Scores are dataclasses of lists of numbers."""

    def __init__(self, path: Path | None, models: Sequence[Path], pieces: Sequence[Sequence[int]]) -> None:
        self._path, self._saved_s = path, time.monotonic()
        key = hashlib.sha256()
        if path is not None:
            for model in models:
                status = model.stat()
                key.update(f"{model}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            for piece in pieces:
                key.update(np.asarray(piece, np.int64).tobytes() + b"|")
        self._key = key.hexdigest()

    def load(self, scores: Sequence[Any], reference_losses: list[float]) -> int:
        """Fill in what is kept; how many windows that is."""
        if self._path is None or not self._path.exists():
            return 0
        try:
            data = io.BytesIO(self._path.read_bytes())
            with np.load(data, allow_pickle=False) as kept:
                if str(kept["key"]) != self._key:
                    return 0
                filled = [
                    {one.name: kept[f"{i}.{one.name}"].tolist() for one in fields(score)}
                    for i, score in enumerate(scores)
                ]
                losses, n_done = kept["reference"].tolist(), int(kept["n_done"])
        except Exception:  # numpy raises what zip files and headers raise
            return 0
        for score, found in zip(scores, filled, strict=True):
            for name, numbers in found.items():
                setattr(score, name, numbers)
        reference_losses += losses
        return n_done

    def save(self, n_done: int, scores: Sequence[Any], reference_losses: Sequence[float]) -> None:
        """Keep what is known now, unless that was done just before."""
        if self._path is None or time.monotonic() - self._saved_s < _EVERY_S:
            return
        arrays = {"reference": np.array(reference_losses), "key": np.array(self._key), "n_done": np.array(n_done)}
        for i, score in enumerate(scores):
            for one in fields(score):
                arrays[f"{i}.{one.name}"] = np.array(getattr(score, one.name))
        data = io.BytesIO()
        np.savez(data, allow_pickle=False, **arrays)
        with whole_file(self._path) as file:
            file.write(data.getvalue())
        self._saved_s = time.monotonic()
