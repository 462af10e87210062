"""A step on data by Ray Data: on the cluster that RAY_ADDRESS names, or on workers of this machine.

The folder of what comes out must lie where all machines see it; pieces are worked on beside it.
"""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rushlight import Error, Progress
from rushlight.installing import pip_line
from rushlight.trainer.data.pieces import PIECE_BYTES, Piece, pieces_of, together, work_on
from rushlight.trainer.data.reading import Watch


def by_ray(
    name: str, settings: Mapping[str, Any], paths: Sequence[Path], out: Path, n_workers: int, watch: Watch,
    piece_bytes: int = PIECE_BYTES,
) -> dict[str, Any]:  # fmt: skip
    """What `step_of(name, settings).run(paths, out, watch)` does, by `n_workers` workers."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    try:
        import ray
    except ImportError:
        raise Error(
            "Sharing work out needs ray, which this installation lacks.",
            f"Install the extra: {pip_line('rushlight[cluster]')}",
            kind="missing-package",
        ) from None
    folder = out.with_name(f".{out.name}.pieces").absolute()
    pieces = pieces_of(paths, folder, piece_bytes)
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {"num_cpus": n_workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    ray.init(address=address, log_to_driver=False, logging_level="ERROR", **({} if address else own))
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        items = [{"piece": msgspec.json.encode(one), "step": name, "settings": msgspec.json.encode(dict(settings))}
                 for one in pieces]  # fmt: skip
        rows = ray.data.from_items(items, override_num_blocks=max(1, len(items))).map(_work, num_cpus=1)
        results = []
        for row in rows.iter_rows():
            watch.stop.check()
            results.append(row)
            watch.tell(Progress("Working", len(results), len(pieces), "pieces"))
        return together(results, pieces, out)
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _work(row: dict[str, Any]) -> dict[str, Any]:
    from rushlight.trainer.data.steps import step_of

    step = step_of(row["step"], msgspec.json.decode(row["settings"]))
    return work_on(msgspec.json.decode(row["piece"], type=Piece), step.run)
