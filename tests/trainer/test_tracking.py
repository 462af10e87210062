"""Trackers are told every step once, keep to this machine, and never end a training."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.trainer import tracking as module
from rushlight.trainer.config import checked
from rushlight.trainer.trackers.mlflow import MlflowTracker
from rushlight.trainer.trackers.trackio import TrackioTracker
from rushlight.trainer.tracking import Tracking, need_trackers, tracking


class Scripted:
    """A tracker that remembers, and fails at a step."""

    name = "mlflow"

    def __init__(self, fails_at: int = 0) -> None:
        self.said: list[Any] = []
        self._fails_at = fails_at

    def begin(self, folder: Path, project: str, run: str, settings: Mapping[str, str], known: str) -> str:
        self.said.append(("begin", run, known))
        return known or "number 1"

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if step == self._fails_at:
            raise RuntimeError("the database is locked")
        self.said.append((step, dict(figures)))

    def end(self, state: str) -> None:
        self.said.append(("end", state))


def line(step: int) -> dict[str, Any]:
    return {"step": step, "loss": 1 / step, "held_out": float("nan"), "backend": "peft", "is_last": True}


def test_each_step_is_told_once_whatever_happens(tmp_path: Path) -> None:
    first = Scripted()
    one = Tracking(tmp_path, [first])
    one.begin(tmp_path / "tracked", "p", "poet", {})
    for step in (1, 2, 3):
        one.tell(line(step))
    # Killed here; the training goes on from step 2.
    second = Scripted()
    other = Tracking(tmp_path, [second])
    other.begin(tmp_path / "tracked", "p", "poet", {})
    for step in (1, 2, 3, 4):
        other.tell(line(step))
    other.state = "done"
    other.end()
    assert first.said == [("begin", "poet", ""), *((step, {"loss": 1 / step}) for step in (1, 2, 3))]
    assert second.said == [("begin", "poet", "number 1"), (4, {"loss": 0.25}), ("end", "done")]


def test_a_tracker_that_fails_is_left_out(tmp_path: Path) -> None:
    bad = Scripted(fails_at=2)
    one = Tracking(tmp_path, [bad])
    one.begin(tmp_path / "tracked", "p", "poet", {})
    for step in (1, 2, 3):
        one.tell(line(step))
    one.end()
    assert one.failed == {"mlflow": "RuntimeError: the database is locked"}
    assert bad.said == [("begin", "poet", ""), (1, {"loss": 1.0})]
    (tmp_path / "tracked.json").write_text("[]")
    Tracking(tmp_path, [bad]).begin(tmp_path / "tracked", "p", "poet", {})


def test_what_is_not_installed_is_said_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"model": "m", "out": "o", "data": {"train": ["d"]}, "track": {"to": ["trackio"], "project": "../x"}}
    with pytest.raises(Error, match=r"track\.project must be"):
        checked(said)
    config = checked({**said, "track": {"to": ["trackio", "mlflow"]}})
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Error, match="Tracking needs trackio, mlflow") as caught:
        need_trackers(config)
    assert "pip install trackio mlflow" in caught.value.hint


@pytest.mark.slow
@pytest.mark.netns
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mlflow", "trackio"])
def test_real_trackers_keep_a_run_without_a_network(name: str, tmp_path: Path) -> None:
    """In a process without a network: begun, killed, gone on with, read back by the tracker itself."""
    import subprocess
    import sys

    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    for stop in (3, 5):
        done = subprocess.run(
            ["unshare", "-rn", sys.executable, __file__, name, str(tmp_path), str(stop)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "{}"
    folder = tmp_path / "tracked"
    if name == "mlflow":
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
        (run,) = client.search_runs([client.get_experiment_by_name("rushlight").experiment_id])
        assert run.info.status == "FINISHED" and run.data.params["steps.batch"] == "16"
        told = [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "loss")]
    else:
        read = (
            "import json\nfrom trackio.sqlite_storage import SQLiteStorage as kept\n"
            "(run,) = kept.get_runs('rushlight')\n"
            "print(json.dumps([[one['step'], one['loss']] for one in kept.get_logs('rushlight', run)]))"
        )
        done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True,
                              env={"TRACKIO_DIR": str(folder / "trackio"), "PATH": "/usr/bin"})  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = [(step, value) for step, value in json.loads(done.stdout.splitlines()[-1])]
    assert told == [(step, 1 / step) for step in (1, 2, 3, 4, 5)]


def _main(name: str, folder: str, stop: str) -> None:
    """The program of the test above."""
    config = checked({"model": "m", "out": "o", "data": {"train": ["d"]}, "track": {"to": [name]}})
    assert {MlflowTracker.name, TrackioTracker.name} == {"mlflow", "trackio"}
    (Path(folder) / "run").mkdir(exist_ok=True)
    with tracking(config, Path(folder) / "run", []) as found:
        assert found is not None
        for step in range(1, int(stop) + 1):
            found.tell(line(step))
        found.state = "done"
    print(json.dumps(found.failed))


if __name__ == "__main__":
    import sys

    _main(*sys.argv[1:])
