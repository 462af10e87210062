"""Runs in MLflow: an SQLite file in the folder, read by `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_STATES: Final = {"done": "FINISHED", "paused": "SCHEDULED", "failed": "FAILED"}


class MlflowTracker:
    name = "mlflow"

    def __init__(self) -> None:
        self._client: Any = None
        self._run = ""

    def begin(self, folder: Path, project: str, run: str, settings: Mapping[str, str], known: str) -> str:
        os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        from mlflow import MlflowClient
        from mlflow.entities import Param, RunStatus
        from mlflow.exceptions import MlflowException

        self._client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}", f"sqlite:///{folder / 'mlflow.db'}")
        if known:
            try:
                self._client.update_run(known, status=RunStatus.to_string(RunStatus.RUNNING))
                self._run = known
                return known
            except MlflowException:
                pass  # the file was removed since: begin anew
        found = self._client.get_experiment_by_name(project)
        place = (folder / "mlflow").as_uri()
        number = found.experiment_id if found else self._client.create_experiment(project, artifact_location=place)
        self._run = str(self._client.create_run(number, run_name=run).info.run_id)
        self._client.log_batch(self._run, params=[Param(key, value[:500]) for key, value in settings.items()])
        return self._run

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, metrics=[Metric(key, value, now, step) for key, value in figures.items()])

    def end(self, state: str) -> None:
        self._client.set_terminated(self._run, status=_STATES.get(state, "FAILED"))
