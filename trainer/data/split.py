"""Splits a data set into a part to train on and a part held out, by clusters: no near-duplicate lies on both sides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight import Error
from rushlight.trainer.data.clusters import record_clusters
from rushlight.trainer.data.near_duplicates import Likeness
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import checked_out, writing


def split(
    paths: Sequence[Path], out: Path, field: str, likeness: Likeness, share: float, seed: int, watch: Watch,
    n_threads: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """`share` of the records, to within a cluster, goes to held_out.jsonl in the folder `out`, the rest to
    train.jsonl."""
    if not 0 < share < 1:
        raise Error(f"{share} cannot be held out: expected a share between 0 and 1.", "Such as --share 0.1.",
                    kind="bad-setting")  # fmt: skip
    train, held = checked_out(out / "train.jsonl"), checked_out(out / "held_out.jsonl")
    labels, _ = record_clusters(paths, field, likeness, watch, n_threads)
    if len(labels) < 2:
        raise Error(f"{len(labels)} records cannot be split.", "There must be two or more.", kind="bad-data")
    is_held = held_out(labels, share, seed)
    if is_held.all() or not is_held.any():
        raise Error(f"The {len(labels)} records cannot be split: they are one cluster of near-duplicates.",
                    "Raise --threshold, or run rushlight data dedup first.", kind="bad-data")  # fmt: skip
    # The held-out part first: whoever finds train.jsonl finds both.
    with writing(train) as to_train, writing(held) as to_held:
        for number, record in enumerate(each_record(paths, watch, "Writing")):
            (to_held if is_held[number] else to_train).add(record.row)
    return {
        "path": str(out), "records": len(labels), "train": int((~is_held).sum()), "held_out": int(is_held.sum()),
        "clusters": len(np.unique(labels)), "seed": seed,
    }  # fmt: skip


def held_out(labels: npt.NDArray[np.int64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Whole clusters in an order that the seed draws, each while it fits into the share; at least one, never all."""
    names, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    wanted = max(1, round(share * len(labels)))
    chosen = np.zeros(len(names), bool)
    n_chosen = 0
    for one in np.random.default_rng(seed).permutation(len(names)):
        if n_chosen + sizes[one] <= wanted:
            chosen[one] = True
            n_chosen += int(sizes[one])
    if not chosen.any() and len(names) > 1:
        chosen[int(np.argmin(sizes))] = True  # every cluster is larger than the share
    if chosen.all() and len(names) > 1:
        chosen[int(np.argmax(sizes))] = False
    return np.asarray(chosen[places])
