"""An importance matrix over a long text, part by part: after each part it can go on later, in another process.

Knows texts, matrices and the place where unfinished ones lie; what a part shows is told by `imatrix`.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rushlight import Error, Progress, Stop
from rushlight.quant import imatrix
from rushlight.quant.imatrix import Entry, ImportanceMatrix

PART_CHARS: Final = 60_000  # some 30 windows of 512 tokens
_UNFINISHED: Final = "part-{}.gguf"


def collect_in_parts(
    model: Path,
    text: str,
    folder: Path,
    *,
    dataset: str = "",
    done_parts: int = 0,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    with_head: bool = True,
    part_chars: int = PART_CHARS,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_part: Callable[[int], None] | None = None,
) -> ImportanceMatrix:
    """The matrix of `model` over `text`. `on_part` hears how many parts are safe in `folder`; given back as
    `done_parts` after a kill, the work goes on there."""
    found = _unfinished(folder, done_parts)
    if found is None:
        done_parts, found = 0, ImportanceMatrix(chunk_size=n_ctx)
    parts = [text[start : start + part_chars] for start in range(0, len(text), part_chars)]
    windows_before = found.n_chunks
    for number in range(done_parts, len(parts)):
        left = None if most_windows is None else most_windows - found.n_chunks
        if left is not None and left <= 0:
            break

        report = _Report(on_progress, found.n_chunks, most_windows, len(parts) - number)
        try:
            more = imatrix.collect(
                model,
                parts[number],
                n_ctx=n_ctx,
                most_windows=left,
                n_threads=n_threads,
                with_head=with_head,
                stop=stop,
                on_progress=report,
            )
        except Error as error:
            if error.kind != "no-text" or found.n_chunks == 0 or parts[number].strip():
                raise
            continue
        add(found, more)
        if on_part is not None:
            folder.mkdir(parents=True, exist_ok=True)
            imatrix.write(found, folder / _UNFINISHED.format(number + 1))
            on_part(number + 1)
            _forget(folder, number)
    if not found.entries or (found.n_chunks == windows_before and not done_parts):
        raise Error("There is no text to calibrate on.", "Give a text of some pages at least.", kind="no-text")
    found.datasets = (dataset,) if dataset else ()
    return found


class _Report:
    """Windows of one part as windows of all; how many those are is a guess until the last part."""

    def __init__(
        self, on_progress: Callable[[Progress], None] | None, before: int, most: int | None, n_parts: int
    ) -> None:
        self._on_progress, self._before, self._most, self._n_parts = on_progress, before, most, n_parts

    def __call__(self, progress: Progress) -> None:
        if self._on_progress is None:
            return
        done = self._before + progress.done
        guess = self._before + (progress.total or 0) * self._n_parts
        total = guess if self._most is None else min(self._most, guess)
        self._on_progress(Progress("Calibrating", done, max(done, total), "windows"))


def add(found: ImportanceMatrix, more: ImportanceMatrix) -> None:
    """Take what `more` has seen into `found`."""
    for name, entry in more.entries.items():
        known = found.entries.get(name)
        if known is not None and known.sums.shape != entry.sums.shape:
            raise Error(f"The matrices are of different models: {name}.", "Make them with one model.", kind="bad-file")
        found.add(name, Entry(entry.sums.copy(), entry.counts.copy()))
    found.n_chunks += more.n_chunks


def _unfinished(folder: Path, done_parts: int) -> ImportanceMatrix | None:
    path = folder / _UNFINISHED.format(done_parts)
    if not done_parts or not path.exists():
        return None
    try:
        return imatrix.read(path)
    except Error:
        return None  # begin anew


def _forget(folder: Path, done_parts: int) -> None:
    with contextlib.suppress(OSError):
        (folder / _UNFINISHED.format(done_parts)).unlink(missing_ok=True)
