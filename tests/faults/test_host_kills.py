"""kill -9 of workers and hosts at every moment, and many starts at once, with the real model."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import TextDelta
from rushlight.assistant.host.client import HostClient, connect
from rushlight.assistant.host.lock import try_lock
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.timeout(900)]

REPORT_S = 5.0  # from the kill to the Error
RESTART_S = 2.0  # from the kill of a host to a connection with the next
REQUEST = GenerateRequest(prompt="The capital of France is", max_tokens=4)
MOMENTS = ("decode", "idle", "load")

STARTER = """
import sys
from rushlight.assistant.host.client import connect
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings
paths = find_paths()
sys.stdin.readline()
with connect(paths, load_settings(paths)) as host:
    print(host.status().pid, flush=True)
    sys.stdin.read()
"""


def processes_of(home: Path) -> set[int]:
    """Other living processes whose RUSHLIGHT_HOME is `home`."""
    mark = f"RUSHLIGHT_HOME={home}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
            except OSError:
                pass
    return found


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(autouse=True)
def nothing_left(own_home: Path) -> Iterator[None]:
    yield
    gone = wait_until(lambda: not processes_of(own_home), 6)
    left = processes_of(own_home)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert gone, left


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostClient]:
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "60")
    paths = find_paths()
    with connect(paths, load_settings(paths)) as client:
        yield client
        client.shutdown()


def answer(engine: EngineClient) -> str:
    return "".join(event.text for event in engine.generate(REQUEST, Stop()) if isinstance(event, TextDelta))


def kill_at(
    moment: str, host: HostClient, load: LoadSettings, engine: EngineClient, victim: Callable[[], int]
) -> float:
    """Kill `victim()` at that moment, see the `Error` that follows; returns the seconds from kill to Error."""
    killed_s: list[float] = []

    def kill() -> None:
        os.kill(victim(), signal.SIGKILL)
        killed_s.append(time.monotonic())

    if moment == "load":
        engine.close()
        host.unload()

        def kill_when_loading() -> None:
            with connect(find_paths(), load_settings(find_paths())) as other:
                assert wait_until(lambda: bool(other.status().engines), 5)
            kill()

        thread = threading.Thread(target=kill_when_loading)
        thread.start()
        try:
            with pytest.raises(Error) as caught:
                host.open_engine(load).close()
        finally:
            thread.join()
    elif moment == "idle":
        kill()
        time.sleep(0.05)  # the kernel's own time to tear it down
        with pytest.raises(Error) as caught:
            answer(engine)
    else:
        events = engine.generate(GenerateRequest(prompt=REQUEST.prompt, max_tokens=200), Stop())
        assert any(isinstance(event, TextDelta) for event in events)
        kill()
        with pytest.raises(Error) as caught:
            for _ in events:
                pass
    assert caught.value.kind in ("worker-died", "host-died"), caught.value
    return time.monotonic() - killed_s[0]


@pytest.mark.parametrize("n_kills", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_workers(host: HostClient, demo_model: Path, n_kills: int) -> None:
    load = LoadSettings(str(demo_model), n_ctx=256)
    with host.open_engine(load) as engine:
        right = answer(engine)
    assert "Paris" in right
    host_pid = host.status().pid
    slowest_s = 0.0
    for number in range(n_kills):
        with host.open_engine(load) as engine:
            took_s = kill_at(MOMENTS[number % 3], host, load, engine, lambda: host.status().engines[0].pid)
        assert took_s < REPORT_S
        slowest_s = max(slowest_s, took_s)
        with host.open_engine(load) as engine:
            assert answer(engine) == right
    assert host.status().pid == host_pid
    print(f"{n_kills} killed workers, slowest report {slowest_s:.3f} s")


@pytest.mark.parametrize("n_kills", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_hosts(host: HostClient, demo_model: Path, own_home: Path, n_kills: int) -> None:
    load = LoadSettings(str(demo_model), n_ctx=256)
    with host.open_engine(load) as engine:
        right = answer(engine)
    slowest_s, slowest_restart_s = 0.0, 0.0
    for number in range(n_kills):
        with host.open_engine(load) as engine:
            old = {host.status().pid} | {engine.pid for engine in host.status().engines}
            took_s = kill_at(MOMENTS[number % 3], host, load, engine, lambda: host.status().pid)
        assert took_s < REPORT_S
        started_s = time.monotonic()
        assert host.status().pid not in old
        slowest_restart_s = max(slowest_restart_s, time.monotonic() - started_s)
        assert slowest_restart_s < RESTART_S
        assert not old & processes_of(own_home), "the killed host's workers are gone with it"
        slowest_s = max(slowest_s, took_s)
        with host.open_engine(load) as engine:
            assert answer(engine) == right
    print(f"{n_kills} killed hosts, slowest report {slowest_s:.3f} s, slowest restart {slowest_restart_s:.3f} s")


@pytest.mark.parametrize("n_fronts", [20, pytest.param(50, marks=pytest.mark.slow)])
def test_parallel_starts_have_one_owner(own_home: Path, monkeypatch: pytest.MonkeyPatch, n_fronts: int) -> None:
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "0")
    fronts = [
        subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(n_fronts)
    ]
    try:
        time.sleep(0.1 * n_fronts)  # for their imports, so that they really connect at once
        for front in fronts:
            assert front.stdin is not None
            front.stdin.write(b"go\n")
            front.stdin.flush()
        said = set()
        for front in fronts:
            assert front.stdout is not None
            said.add(front.stdout.readline().strip())
        assert len(said) == 1, said
        (pid,) = said
        # The lock is the owner's: nobody else gets it, and of all hosts that were started only one is left.
        assert try_lock(find_paths().host_lock) is None
        commands = {number: Path(f"/proc/{number}/cmdline").read_bytes() for number in processes_of(own_home)}
        assert [number for number, command in commands.items() if b"_host" in command] == [int(pid)]
    finally:
        for front in fronts:
            front.communicate(timeout=60)
