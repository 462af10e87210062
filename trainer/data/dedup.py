"""Leaves one record of each cluster of near-duplicates, or writes the cluster's number into every record."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight import Error
from rushlight.trainer.data.clusters import kept_of, record_clusters
from rushlight.trainer.data.near_duplicates import Likeness
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import checked_out, writing


def dedup(
    paths: Sequence[Path], out: Path, field: str, likeness: Likeness, keep: str, mark: bool, watch: Watch,
    n_threads: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """`mark`: nothing is left out; each record gets "cluster", the number (from 1) of the first record of its own."""
    checked_out(out)
    labels, lengths = record_clusters(paths, field, likeness, watch, n_threads)
    stays = kept_of(labels, lengths, keep)
    with writing(out) as writer:
        for number, record in enumerate(each_record(paths, watch, "Writing")):
            if number >= len(labels):
                raise Error("The data have changed while they were read.", "Begin again.", kind="bad-data")
            if mark:
                writer.add(record.row | {"cluster": int(labels[number]) + 1})
            elif stays[number]:
                writer.add(record.row)
        n_written = writer.n_rows
    sizes = np.bincount(labels, minlength=1)
    return {
        "path": str(out), "records": len(labels), "written": n_written, "clusters": int((sizes > 1).sum()),
        "largest": int(sizes.max()) if len(labels) else 0, "doubles": int(len(labels) - (sizes > 0).sum()),
        "bytes": int(lengths.sum()), "bytes_of_doubles": int(lengths[~stays].sum()),
    }  # fmt: skip
