"""Nothing leaves this machine: the whole way of a question, without a network and under strace."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

RUSHLIGHT = [sys.executable, "-m", "rushlight"]
QUESTION = "What is the capital of France?"


@pytest.fixture
def model_in_place(own_home: Path, demo_model: Path) -> Iterator[None]:
    """The demo model in the catalogue; the host is stopped afterwards."""
    subprocess.run([*RUSHLIGHT, "models", "import", str(demo_model), "--in-place"], check=True, capture_output=True)
    yield
    subprocess.run([*RUSHLIGHT, "host", "stop"], check=True, capture_output=True)


def without_network() -> list[str]:
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


@pytest.mark.netns
@pytest.mark.model
@pytest.mark.usefixtures("model_in_place")
def test_ask_answers_in_a_namespace_without_routes() -> None:
    asked = subprocess.run(
        [*without_network(), *RUSHLIGHT, "ask", QUESTION], capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 0, asked.stderr
    assert "Paris" in asked.stdout


@pytest.mark.strace
@pytest.mark.model
@pytest.mark.usefixtures("model_in_place")
def test_ask_connects_to_nothing_but_unix_sockets(tmp_path: Path) -> None:
    """Front process, host, worker and template process are all traced: the host is started by this command."""
    trace = tmp_path / "trace"
    # strace -f stays with every descendant, so host and worker should end with the answer.
    at_once = {**os.environ, "RUSHLIGHT_ENGINE_KEEP_ALIVE_S": "0", "RUSHLIGHT_HOST_IDLE_S": "0"}
    asked = subprocess.run(
        ["strace", "-f", "-e", "trace=connect,sendto,sendmsg,execve", "-o", str(trace), *RUSHLIGHT, "ask", QUESTION],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=at_once,
    )
    assert asked.returncode == 0, asked.stderr
    assert "Paris" in asked.stdout
    lines = trace.read_text(errors="replace").splitlines()
    connects = [line for line in lines if "connect(" in line]
    assert connects, "the trace saw no connect at all; is the host found otherwise now?"
    assert not [line for line in connects if "AF_UNIX" not in line]
    assert not [line for line in lines if re.search(r"AF_INET6?", line)]
    assert sum("execve(" in line for line in lines) >= 3, "host and worker were not traced"
