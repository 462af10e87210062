"""Hosts with fake workers, model files that are orders to them, and a look into /proc after each test."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host import client, start
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.client import HostClient
from rushlight.assistant.host.estimate import Estimated
from rushlight.assistant.host.inprocess import InProcessHost
from rushlight.assistant.host.need import Need
from rushlight.assistant.paths import Paths, find_paths

HERE = Path(__file__).parent
MIB = 1024 * 1024


class PlainSettings:
    """The settings that the host and its client look at."""

    def __init__(self, **changes: int) -> None:
        self.values = {
            "engine.keep_alive_s": 300, "engine.queue": 8, "host.idle_s": 20, "memory.reserve_mib": 0,
            "memory.budget_mib": 0, "memory.budget_percent": 0, "memory.card_budget_mib": 0,
        }  # fmt: skip
        self.values |= {name.replace("__", "."): value for name, value in changes.items()}

    def number(self, name: str) -> int:
        return self.values[name]


def processes_of(home: Path) -> dict[int, str]:
    """Other living processes whose RUSHLIGHT_HOME is `home`: process id and command line."""
    mark = f"RUSHLIGHT_HOME={home}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            pass
    return found


def _wait_gone(home: Path, timeout_s: float) -> dict[int, str]:
    deadline_s = time.monotonic() + timeout_s
    while (left := processes_of(home)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return left


@pytest.fixture
def processes(own_home: Path) -> Callable[[], dict[int, str]]:
    return lambda: processes_of(own_home)


@pytest.fixture
def wait_gone(own_home: Path) -> Callable[[float], dict[int, str]]:
    """Wait until no process of this test is left; returns those that are."""
    return lambda timeout_s: _wait_gone(own_home, timeout_s)


@pytest.fixture(autouse=True)
def nothing_left(own_home: Path) -> Iterator[None]:
    """Every process of a test is gone when the test is over, after at most the host's own time to end."""
    yield
    left = _wait_gone(own_home, 6)
    for pid in left:
        os.kill(pid, 9)
    assert not left


@pytest.fixture
def paths() -> Paths:
    return find_paths()


@pytest.fixture
def settings() -> Callable[..., PlainSettings]:
    return PlainSettings


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., LoadSettings]:
    """model("progress=3", name="a") writes the orders into a file and returns how to load it."""

    def make(orders: str = "", name: str = "model", **changes: Any) -> LoadSettings:
        path = tmp_path / f"{name}.gguf"
        if not path.exists() or path.read_text() != orders:
            path.write_text(orders)
        return LoadSettings(str(path), **changes)

    return make


@pytest.fixture
def fake_command() -> Callable[[int, int, int], list[str]]:
    return lambda control_fd, door_fd, n_waiting: [
        sys.executable,
        "-P",
        str(HERE / "fake_worker.py"),
        "--control",
        str(control_fd),
        "--door",
        str(door_fd),
    ]


@pytest.fixture(autouse=True)
def engines_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sockets of engines that a test leaves open are closed after it."""
    opened: list[EngineClient] = []
    open_engine = HostClient.open_engine

    def tracked(self: HostClient, *args: Any, **kwargs: Any) -> EngineClient:
        opened.append(open_engine(self, *args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(HostClient, "open_engine", tracked)
    yield
    for engine in opened:
        engine.close()


@pytest.fixture
def host(paths: Paths, fake_command: Any) -> Iterator[Callable[..., InProcessHost]]:
    """host(available_mib=3000, keep_alive=300): an in-process host over fake workers.

    The order "need=100" in a model file says how many MiB it is estimated to need (at least one a token of context),
    "parks=50" how many it would like for parked conversations, "card=80" how many of its MiB are for a graphics card,
    where that has room (`card_mib`: what it has free when the first, the second, ... is asked for).
    """
    made: list[InProcessHost] = []

    def make(
        available_mib: int | Callable[[], int] = 100_000,
        keep_alive: int = 300,
        reserve_mib: int = 0,
        card_mib: tuple[int, ...] = (),
        patience_s: float = 0.0,
        **settings: int,
    ) -> InProcessHost:
        frees = list(card_mib)

        def need(load: LoadSettings) -> Estimated:
            orders = [order.partition("=") for order in Path(load.path).read_text().split()]
            sizes = {word: int(value) * MIB for word, _, value in orders if word in ("need", "parks", "card")}
            main, parked, card = (
                max(sizes.get("need", MIB), load.n_ctx * MIB),
                sizes.get("parks", 0),
                sizes.get("card", 0),
            )
            there = (Need(main - card, parked, card, 2, 2),) if card and card_mib else ()
            free = frees.pop(0) * MIB if frees else None
            return Estimated((*there, Need(main, parked, n_layers=2 if there else 0)), free, "vulkan" if there else "")

        available = available_mib if callable(available_mib) else lambda: available_mib
        made.append(
            InProcessHost(
                paths,
                PlainSettings(engine__keep_alive_s=keep_alive, memory__reserve_mib=reserve_mib, **settings),
                command=fake_command,
                need=need,
                patience_s=patience_s,
                arbiter=Arbiter(reserve_mib * MIB, available=lambda: available() * MIB),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def fake_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """`connect` starts the real host, over fake workers."""
    monkeypatch.setattr(
        start, "own_command", lambda _verb, *args: [sys.executable, "-P", str(HERE / "fake_host.py"), *args]
    )


@pytest.fixture
def connect(paths: Paths, fake_host: None) -> Iterator[Callable[..., HostClient]]:
    """connect(idle=0): a client of the host process; it ends as soon as nothing uses it."""
    made: list[HostClient] = []

    def make(idle: int = 0, keep_alive: int = 0, start: bool = True) -> HostClient:
        changes = {"host__idle_s": idle, "engine__keep_alive_s": keep_alive}
        made.append(client.connect(paths, PlainSettings(**changes), start=start))
        return made[-1]

    yield make
    for each in made:
        each.close()
