"""The near-duplicate clusters of a data set's records: its texts are read into columns, the kernels do the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.trainer.data.columns import Column, text_column
from rushlight.trainer.data.near_duplicates import Likeness, find_clusters
from rushlight.trainer.data.reading import Watch, each_record

_COLUMN_CHARS = 32 * 2**20


def record_clusters(
    paths: Sequence[Path], field: str, likeness: Likeness, watch: Watch, n_threads: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each record the lowest number of its cluster, and its length in bytes. The texts are held while it works."""
    likeness.check()
    columns: list[Column] = []
    texts: list[Any] = []
    n_chars = 0
    for record in each_record(paths, watch):
        texts.append(record.text(field))
        n_chars += len(texts[-1])
        if n_chars >= _COLUMN_CHARS:
            columns.append(text_column(texts))
            texts, n_chars = [], 0
    columns.append(text_column(texts))
    del texts
    lengths = np.concatenate([column.sizes() for column in columns])
    labels = find_clusters(columns, likeness, stop=watch.stop, on_progress=watch.tell, n_threads=n_threads)
    return labels, lengths


def kept_of(labels: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], keep: str) -> npt.NDArray[np.bool_]:
    """Which records stay: of each cluster the "first", or the "longest" (the first of several)."""
    n = len(labels)
    if keep == "first":
        return np.asarray(labels == np.arange(n))
    order = np.lexsort((np.arange(n), -lengths, labels))
    stays = np.zeros(n, bool)
    if n:
        begins = np.r_[True, labels[order][1:] != labels[order][:-1]]
        stays[order[begins]] = True
    return stays
