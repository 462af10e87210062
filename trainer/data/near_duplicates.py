"""Clusters of texts that are nearly the same, out of columns of an Arrow table. The work is done by native kernels.

Without a compiler the plain version runs, which gives the same and takes a thousand times as long.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rushlight import Error, Progress, Stop
from rushlight.native import cluster_texts, minhash_texts
from rushlight.trainer.data import plain_shingles
from rushlight.trainer.data.columns import Column

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
    if n == 0:  # the kernels tell the number of permutations from that of the texts
        return np.empty(0, np.int64), np.empty((0, 2), np.int64)
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
