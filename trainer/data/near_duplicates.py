"""Clusters of texts that are nearly the same, out of columns of an Arrow table. The work is done by native kernels.

Without a compiler the plain version runs, which gives the same and takes a thousand times as long.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight import Error, Progress, Stop
from rushlight.native import cluster_texts, minhash_texts
from rushlight.trainer.data import plain_shingles

_STEP_BYTES = 16 * 2**20  # of text between two reports


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two texts count as the same."""

    threshold: float = 0.8  # the Jaccard similarity of their shingles
    n_units: int = 5  # words, or characters, in a shingle
    by_char: bool = False  # for languages that write no space between words
    n_permutations: int = 128
    n_bands: int = 32  # more of them find more pairs: at 0.8, 32 bands of 4 rows miss one in twenty million
    seed: int = 1

    def check(self) -> None:
        """Raises `Error` with everything that cannot be."""
        problems = []
        if not 0 < self.threshold <= 1:
            problems.append(f"the threshold is {self.threshold}, expected above 0 and at most 1")
        if not 1 <= self.n_units <= 64:
            problems.append(f"a shingle has {self.n_units} units, expected 1 to 64")
        if self.n_permutations % 16 or not 16 <= self.n_permutations <= 1024:
            problems.append(f"there are {self.n_permutations} permutations, expected a multiple of 16 up to 1024")
        elif self.n_bands < 1 or self.n_permutations % self.n_bands:
            problems.append(f"{self.n_bands} bands do not divide {self.n_permutations} permutations")
        if not 0 <= self.seed < 2**64:
            problems.append(f"the seed is {self.seed}, expected 0 to 2^64 - 1")
        if problems:
            raise Error("Cannot look for near-duplicates: " + "; ".join(problems) + ".", kind="bad-setting")


@dataclass(frozen=True, slots=True)
class Column:
    """Texts as Arrow keeps them: `offsets` (int32 or int64) into `data`, and a bit for each that is not null."""

    offsets: npt.NDArray[Any]
    data: npt.NDArray[np.uint8]
    validity: npt.NDArray[np.uint8] | None
    first: int
    n: int

    def text(self, i: int) -> bytes | None:
        at = self.first + i
        if self.validity is not None and not self.validity[at // 8] >> (at % 8) & 1:
            return None
        return self.data[self.offsets[at] : self.offsets[at + 1]].tobytes()

    def parts(self, size_bytes: int) -> list["Column"]:
        """The same in pieces of about that many bytes."""
        cuts, first, last = [], self.first, self.first + self.n
        while first < last:
            until = int(self.offsets[first]) + size_bytes
            next_ = min(last, max(first + 1, int(np.searchsorted(self.offsets[: last + 1], until, "right")) - 1))
            cuts.append(Column(self.offsets, self.data, self.validity, first, next_ - first))
            first = next_
        return cuts


def arrow_columns(array: Any) -> list[Column]:
    """The columns under a pyarrow array, or chunked array, of strings; nothing is copied."""
    found = []
    for chunk in getattr(array, "chunks", [array]):
        kind = str(chunk.type)
        if kind not in ("string", "large_string", "binary", "large_binary"):
            raise Error(f"The column holds {kind[:80]}, expected text.", "Name a column of texts.", kind="bad-data")
        if not len(chunk):
            continue
        validity, offsets, data = chunk.buffers()
        wide = kind.startswith("large")
        found.append(
            Column(
                np.frombuffer(offsets, np.int64 if wide else np.int32),
                np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8),
                None if validity is None else np.frombuffer(validity, np.uint8),
                chunk.offset,
                len(chunk),
            )
        )
    return found


def text_column(texts: Sequence[str | bytes | None]) -> Column:
    """A column of texts that are already here."""
    raw = [b"" if text is None else text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
           for text in texts]  # fmt: skip
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(one) for one in raw], out=offsets[1:])
    bits = np.packbits([text is not None for text in texts], bitorder="little") if texts else np.empty(0, np.uint8)
    return Column(offsets, np.frombuffer(b"".join(raw), np.uint8), bits, 0, len(raw))


def find_clusters(
    columns: Sequence[Column],
    likeness: Likeness | None = None,
    *,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    n_threads: int = 0,
) -> npt.NDArray[np.int64]:
    """For each text, numbered through all columns, the lowest number of its cluster: its own where it has no double."""
    return _find(columns, likeness or Likeness(), stop or Stop(), on_progress, n_threads, False)[0]


def find_pairs(
    columns: Sequence[Column], likeness: Likeness | None = None, *, n_threads: int = 0
) -> npt.NDArray[np.int64]:
    """All pairs that are alike, (n, 2). Their number grows with the square of a cluster: for samples."""
    return _find(columns, likeness or Likeness(), Stop(), lambda _progress: None, n_threads, True)[1]


def _find(
    columns: Sequence[Column],
    likeness: Likeness,
    stop: Stop,
    on_progress: Callable[[Progress], None],
    n_threads: int,
    wants_pairs: bool,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    likeness.check()
    threads = n_threads or min(os.cpu_count() or 1, 64)
    n = sum(column.n for column in columns)
    signatures = np.empty((n, likeness.n_permutations), np.uint32)
    fingerprints = np.empty(n, np.uint64)
    total = sum(int(column.offsets[column.first + column.n] - column.offsets[column.first]) for column in columns)
    place, done = 0, 0
    for column in columns:
        for part in column.parts(_STEP_BYTES):
            stop.check()
            on_progress(Progress("Reading", done, total, "bytes"))
            rows = slice(place, place + part.n)
            if not minhash_texts(
                part.offsets, part.data, part.validity, part.first, likeness.n_units, likeness.by_char, likeness.seed,
                signatures[rows], fingerprints[rows], threads,
            ):  # fmt: skip
                return _plainly(columns, likeness)
            place += part.n
            done += int(part.offsets[part.first + part.n] - part.offsets[part.first])
    on_progress(Progress("Comparing", 0, None, ""))
    flag, labels = bytearray(1), np.empty(n, np.int64)
    forget = stop.on_set(lambda: flag.__setitem__(0, 1))
    try:
        found = cluster_texts(
            [(one.offsets, one.data, one.validity, one.first, one.n) for one in columns], signatures, fingerprints,
            likeness.n_bands, likeness.n_units, likeness.by_char, likeness.seed, likeness.threshold, wants_pairs, flag,
            labels, threads,
        )  # fmt: skip
    finally:
        forget()
    stop.check()
    assert found is not None
    return labels, np.frombuffer(found, np.int64).reshape(-1, 2)


def _plainly(columns: Sequence[Column], likeness: Likeness) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    texts = [column.text(i) for column in columns for i in range(column.n)]
    labels, pairs = plain_shingles.plain_clusters(
        texts, likeness.n_permutations, likeness.n_bands, likeness.n_units, likeness.by_char, likeness.seed,
        likeness.threshold,
    )  # fmt: skip
    return labels, np.array(sorted(pairs), np.int64).reshape(-1, 2)
