"""`rushlight host`: it looks without starting anything, and it stops what runs."""

import json
import os
import time
from typing import Any

import pytest

from rushlight.assistant.models.model import Model


def test_without_a_host_nothing_is_started(rushlight: Any) -> None:
    assert rushlight("host", "status").stdout.startswith("No host is running.")
    assert json.loads(rushlight("host", "status", "--json").stdout) == {"running": False}
    done = rushlight("host", "stop")
    assert (done.returncode, done.stdout) == (0, "No host is running.\n")
    assert json.loads(rushlight("host", "stop", "--json").stdout) == {"stopped": False, "unfinished_jobs": []}


@pytest.mark.model
def test_status_names_the_model_and_stop_ends_everything(rushlight: Any, real_model: Model) -> None:
    assert rushlight("ask", "Say hello.", "--max-tokens", "2").returncode == 0
    status = json.loads(rushlight("host", "status", "--json").stdout)
    assert status["running"] and [one["path"] for one in status["models"]] == [str(real_model.path)]
    table = rushlight("host", "status").stdout
    assert f"process {status['pid']}" in table and real_model.path.name in table and "ready" in table
    assert rushlight("host", "stop").stdout == "The host has ended.\n"
    deadline_s = time.monotonic() + 5
    for pid in (status["pid"], status["models"][0]["pid"]):
        while _runs(pid):
            assert time.monotonic() < deadline_s, f"process {pid} is still there"
            time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
