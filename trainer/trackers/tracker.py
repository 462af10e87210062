"""The seam: what a tracker is told of a run. It must keep to this machine: no server, no account, no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    name: str

    def begin(self, folder: Path, project: str, run: str, settings: Mapping[str, str], known: str) -> str:
        """Begin a run, or go on with the one that is `known` by what this returned before; its id."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """What was measured of a step."""

    def end(self, state: str) -> None:
        """The run is done, paused, or failed."""
