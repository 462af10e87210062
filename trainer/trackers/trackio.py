"""Runs in trackio: SQLite files in the folder, shown by `TRACKIO_DIR=FOLDER/trackio trackio show`."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_ELSEWHERE: Final = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID",
                     "TRACKIO_WEBHOOK_URL")  # fmt: skip


class TrackioTracker:
    name = "trackio"

    def __init__(self) -> None:
        self._run: Any = None

    def begin(self, folder: Path, project: str, run: str, settings: Mapping[str, str], known: str) -> str:
        for name in _ELSEWHERE:  # each would send the figures away
            os.environ.pop(name, None)
        os.environ["TRACKIO_DIR"] = str(folder / "trackio")
        name = known or f"{run}-{os.urandom(3).hex()}"
        with contextlib.redirect_stdout(sys.stderr):  # what a job says on its output is read by its host
            import trackio

            self._run = trackio.init(
                project=project, name=name, config=dict(settings), resume="allow", embed=False, auto_log_gpu=False,
                auto_log_cpu=False,
            )  # fmt: skip
        return name

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            self._run.log(dict(figures), step=step)

    def end(self, state: str) -> None:
        import trackio

        with contextlib.redirect_stdout(sys.stderr):
            trackio.finish()
