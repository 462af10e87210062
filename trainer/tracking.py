"""The figures of a run, told to trackers as they come. A tracker that fails is left out; the training goes on.

tracked.json of the run says what each tracker calls it and which step it was told last: a run that goes on, or to which
a tracker is added later, tells what is missing and nothing twice.
"""

import importlib.util
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.trackers.tracker import Tracker

NAME: Final = "tracked.json"
_PACKAGES: Final = {"mlflow": ("mlflow", "sqlalchemy"), "trackio": ("trackio",)}
_INSTALL: Final = {"mlflow": "mlflow", "trackio": "trackio"}


def need_trackers(config: TrainConfig) -> None:
    """An `Error` unless the trackers of the config are installed."""
    missing = [
        name for name in config.track.to if any(importlib.util.find_spec(one) is None for one in _PACKAGES[name])
    ]
    if missing:
        raise Error(
            f"Tracking needs {', '.join(missing)}, which this installation lacks.",
            f"Install it: {pip_line(*(_INSTALL[name] for name in missing))}; or leave it out of track.to.",
            kind="missing-package",
        )


class Tracking:
    """Trackers of one run."""

    def __init__(self, out: Path, trackers: Sequence[Tracker]) -> None:
        self._path = out / NAME
        self._trackers = {one.name: one for one in trackers}
        self.state = "failed"  # until the training says otherwise
        self.failed: dict[str, str] = {}
        try:
            said = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            said = {}
        self._known: dict[str, dict[str, Any]] = said if isinstance(said, dict) else {}

    def begin(self, folder: Path, project: str, run: str, settings: Mapping[str, str]) -> None:
        for name, one in self._each():
            before = self._known.get(name, {})
            known = before.get("run") if isinstance(before, dict) and isinstance(before.get("run"), str) else ""
            with self._guarded(name):
                folder.mkdir(parents=True, exist_ok=True)
                found = one.begin(folder, project, run, settings, known or "")
                is_same = bool(known) and found == known and isinstance(before.get("step"), int)
                self._known[name] = {"run": found, "step": before["step"] if is_same else 0}
        self._keep()

    def tell(self, line: Mapping[str, Any]) -> None:
        """A line of the metrics; trackers that know it already are not told again."""
        step = int(line["step"])
        figures = {name: float(value) for name, value in line.items() if name != "step" and _is_number(value)}
        for name, one in self._each():
            if step > self._known[name]["step"]:
                with self._guarded(name):
                    one.log(step, figures)
                    self._known[name]["step"] = step
        self._keep()

    def end(self) -> None:
        for name, one in self._each():
            with self._guarded(name):
                one.end(self.state)

    def _each(self) -> list[tuple[str, Tracker]]:
        return [(name, one) for name, one in self._trackers.items() if name not in self.failed]

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a stranger's program; whatever it raises, the training goes on
            self.failed[name] = f"{type(error).__name__}: {str(error)[:300]}"

    def _keep(self) -> None:
        # Not synced: a killed process loses nothing that was written, and this is no more than a note.
        try:
            beside = self._path.with_name(f".{NAME}")
            beside.write_text(json.dumps(self._known))
            beside.replace(self._path)
        except OSError as error:
            self.failed |= {name: f"{NAME}: {error.strerror}" for name, _ in self._each()}


@contextmanager
def tracking(config: TrainConfig, out: Path, lines: Sequence[Mapping[str, Any]]) -> Iterator[Tracking | None]:
    """Trackers for a run that has these lines already; None where the config names none."""
    if not config.track.to:
        yield None
        return
    found = Tracking(out, [_tracker(name) for name in config.track.to])
    folder = out.parent / Path(config.track.folder).expanduser()
    found.begin(folder, config.track.project, out.name, _flat(msgspec.to_builtins(config)))
    for line in lines:
        found.tell(line)
    try:
        yield found
    finally:
        found.end()


def _tracker(name: str) -> Tracker:
    if name == "mlflow":
        from rushlight.trainer.trackers.mlflow import MlflowTracker

        return MlflowTracker()
    from rushlight.trainer.trackers.trackio import TrackioTracker

    return TrackioTracker()


def _flat(said: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in said.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": str(value)}
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
