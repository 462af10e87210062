"""The host as a process: found, started, shared, ended, killed, of another version, attacked."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop, __version__
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import TextDelta
from rushlight.assistant.host import start
from rushlight.assistant.host.client import HostClient
from rushlight.assistant.host.protocol import HOST_CODEC, AskStatus, Hello, OpenEngine
from rushlight.assistant.host.record import HostRecord, read_record, write_record
from rushlight.assistant.paths import Paths

Connect = Callable[..., HostClient]
Model = Callable[..., LoadSettings]

STARTER = """
import sys
from pathlib import Path
from rushlight.assistant.host import client, start
from rushlight.assistant.paths import find_paths
start.own_command = lambda _verb, *args: [sys.executable, "-P", sys.argv[1], *args]
class Settings:
    def number(self, name): return 0
host = client.connect(find_paths(), Settings())
print(host.status().pid, flush=True)
sys.stdin.read()
"""


def ask(engine: EngineClient, prompt: str = "") -> str:
    return "".join(
        event.text for event in engine.generate(GenerateRequest(prompt=prompt), Stop()) if isinstance(event, TextDelta)
    )


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def stranger(paths: Paths) -> Iterator[socket.socket]:
    record = read_record(paths.host_record)
    assert record is not None
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(8)
        sock.connect(record.socket)
        yield sock


def is_dropped(sock: socket.socket) -> bool:
    """Whether the host closes the connection within the socket's time, whatever it says before."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def test_the_first_starts_it_the_second_finds_it(connect: Connect, model: Model, wait_gone: Any, paths: Paths) -> None:
    first, second = connect(), connect()
    assert first.status().pid == second.status().pid
    assert first.status().n_fronts == 2
    assert first.status().version == __version__
    assert ask(first.open_engine(model())) == ask(second.open_engine(model()))
    first.close()
    second.close()
    assert not wait_gone(5)
    assert not paths.host_record.exists()
    assert not paths.host_socket.exists()


def test_without_start_there_is_none(connect: Connect, processes: Any) -> None:
    with pytest.raises(Error) as caught:
        connect(start=False)
    assert caught.value.kind == "no-host"
    assert not processes()


def test_a_loaded_model_outlives_its_front(connect: Connect, model: Model) -> None:
    with connect(keep_alive=30) as first:
        pid = ask(first.open_engine(model()))
    with connect(keep_alive=0) as second:
        assert ask(second.open_engine(model())) == pid


def test_it_waits_host_idle_s(connect: Connect, processes: Any, wait_gone: Any) -> None:
    with connect(idle=1) as client:
        pid = client.status().pid
    time.sleep(0.5)
    with connect(idle=1) as client:
        assert client.status().pid == pid
    assert not wait_gone(3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end(connect: Connect, model: Model, wait_gone: Any, paths: Paths, number: int) -> None:
    client = connect(idle=60, keep_alive=60)
    engine = client.open_engine(model())
    os.kill(client.status().pid, number)
    assert not wait_gone(2)
    assert not paths.host_record.exists()
    assert not paths.host_socket.exists()
    with pytest.raises(Error) as caught:
        ask(engine)
    assert caught.value.kind == "host-died"
    assert ask(client.open_engine(model())), "the next question starts a new one"
    client.shutdown()


def test_shutdown(connect: Connect, model: Model, wait_gone: Any) -> None:
    client = connect(idle=60, keep_alive=60)
    client.open_engine(model())
    started_s = time.monotonic()
    client.shutdown()
    assert time.monotonic() - started_s < 3
    assert not wait_gone(1)


def test_a_killed_host_takes_its_workers_along(connect: Connect, model: Model, processes: Any, wait_gone: Any) -> None:
    client = connect(idle=60, keep_alive=60)
    engine = client.open_engine(model())
    for _ in range(2):
        old = client.status().pid
        os.kill(old, signal.SIGKILL)
        started_s = time.monotonic()
        assert not wait_gone(1), "the worker does not outlive it"
        with pytest.raises(Error) as caught:
            ask(engine)
        assert caught.value.kind == "host-died"
        engine = client.open_engine(model())
        assert time.monotonic() - started_s < 2
        new = client.status().pid
        assert new != old
        wait_until(lambda: len(processes()) == 2)
    client.shutdown()


def test_stale_records_never_block(connect: Connect, paths: Paths) -> None:
    paths.data.mkdir(exist_ok=True)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(paths.data / "dead.sock"))
    dead.close()
    for path in (paths.data / "dead.sock", paths.data / "none.sock", paths.data):
        write_record(paths.host_record, HostRecord(str(path), "token", os.getpid(), __version__))
        with connect() as client:
            assert client.status().pid != os.getpid()
            client.shutdown()
    paths.host_record.write_bytes(b"\0\xff{")
    with connect() as client:
        assert client.status()


def test_another_version_is_refused_in_words(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr("rushlight.assistant.host.client.reach.__defaults__", ("9.9",))
        context.setenv("FAKE_VERSION", "9.9")
        old = connect()
        assert old.status().version == "9.9"
    with pytest.raises(Error) as caught:
        connect()
    assert caught.value.kind == "host-version"
    assert "9.9" in caught.value.message
    assert __version__ in caught.value.message
    assert caught.value.hint
    assert old._idle[0].is_alive(), "the refused one disturbs nobody"


def test_another_versions_idle_host_makes_room(connect: Connect, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr("rushlight.assistant.host.client.reach.__defaults__", ("9.9",))
        context.setenv("FAKE_VERSION", "9.9")
        with connect(idle=60, keep_alive=60) as old:
            old.open_engine(model()).close()
            pid = old.status().pid
    new = connect()
    assert new.status().version == __version__
    assert new.status().pid != pid


def hello(token: str, version: str = __version__) -> bytes:
    return HOST_CODEC.encode(Hello(token, version, 1))


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        (2**31).to_bytes(4, "little") + b"x" * 10_000,
        b"\x05\x00\x00\x00\xc1\xc1\xc1\xc1\xc1",
        HOST_CODEC.encode(AskStatus(), 1),
        hello("wrong token"),
        hello(""),
        hello("x" * 3000),
        hello("wrong", "another version"),
    ],
    ids=["http", "length", "giant", "bytes", "no-hello", "token", "empty", "long", "version"],
)
def test_who_does_not_greet_properly_is_dropped(connect: Connect, paths: Paths, words: bytes) -> None:
    client = connect()
    with stranger(paths) as sock:
        sock.settimeout(3)
        sock.sendall(words)
        assert is_dropped(sock)
    assert client.status().n_fronts == 1


def test_who_says_nothing_is_dropped_in_time(connect: Connect, paths: Paths) -> None:
    client = connect()
    with stranger(paths) as silent, stranger(paths) as halfway:
        halfway.sendall(hello("x")[:7])
        started_s = time.monotonic()
        assert client.status(), "meanwhile others are served"
        assert time.monotonic() - started_s < 1
        assert is_dropped(silent)
        assert is_dropped(halfway)
        assert 4 < time.monotonic() - started_s < 7


def test_a_greeted_front_that_misbehaves_is_dropped(connect: Connect, paths: Paths, model: Model) -> None:
    client = connect()
    record = read_record(paths.host_record)
    assert record is not None
    for words in (b"\xff\xff\xff\xff", HOST_CODEC.encode(client.status(), 1), b"\x01\x00\x00\x00\xc1"):
        with stranger(paths) as sock:
            sock.sendall(hello(record.token) + words)
            assert is_dropped(sock)
    with stranger(paths) as deaf:
        deaf.sendall(hello(record.token))
        deaf.settimeout(0.2)
        for _ in range(3000):  # asks and never reads
            try:
                deaf.sendall(HOST_CODEC.encode(AskStatus(), 1) * 100)
            except OSError:
                break
        started_s = time.monotonic()
        assert ask(client.open_engine(model()))
        assert time.monotonic() - started_s < 4
    assert len(client.status().engines) == 1


def test_a_front_that_vanishes_while_waiting_disturbs_nobody(connect: Connect, paths: Paths, model: Model) -> None:
    client = connect()
    record = read_record(paths.host_record)
    assert record is not None
    load = model("slow=0.7")
    with stranger(paths) as vanishing:
        vanishing.sendall(hello(record.token) + HOST_CODEC.encode(OpenEngine(load, 0.0), 1))
        time.sleep(0.2)
    assert ask(client.open_engine(load))


def test_a_load_that_nobody_waits_for_ends(connect: Connect, paths: Paths, model: Model) -> None:
    client = connect()
    record = read_record(paths.host_record)
    assert record is not None
    with stranger(paths) as vanishing:
        vanishing.sendall(hello(record.token) + HOST_CODEC.encode(OpenEngine(model("hang"), 0.0), 1))
        wait_until(lambda: len(client.status().engines) == 1)
    wait_until(lambda: not client.status().engines)


def test_parallel_starts_have_one_owner(processes: Any) -> None:
    script = Path(__file__).with_name("fake_host.py")
    fronts = [
        subprocess.Popen([sys.executable, "-c", STARTER, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(10)
    ]
    try:
        pids = set()
        for front in fronts:
            assert front.stdout is not None
            pids.add(front.stdout.readline())
        assert len(pids) == 1
        hosts = [pid for pid, command in processes().items() if "--ready" in command]
        assert [b"%d\n" % pid for pid in hosts] == list(pids)
    finally:
        for front in fronts:
            front.communicate(timeout=30)


def test_it_inherits_nothing(connect: Connect, model: Model) -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    client = connect()
    worker = client.open_engine(model())
    host_pid, worker_pid = client.status().pid, int(ask(worker))
    os.close(write_end)
    assert os.read(read_end, 1) == b"", "nobody else holds the pipe"
    os.close(read_end)
    host_files, worker_files = Path(f"/proc/{host_pid}"), Path(f"/proc/{worker_pid}")
    assert (host_files / "cwd").readlink() == Path("/")
    assert (host_files / "fd/0").readlink() == Path("/dev/null")
    assert os.getsid(host_pid) != os.getsid(0)
    assert os.getpgid(worker_pid) == worker_pid
    assert {str((worker_files / f"fd/{fd}").readlink()).split(":")[0] for fd in range(3)} == {"/dev/null", "pipe"}


def test_a_runtime_folder_open_to_others_is_reported(connect: Connect, paths: Paths) -> None:
    paths.runtime.mkdir()
    paths.runtime.chmod(0o777)
    with pytest.raises(Error) as caught:
        connect()
    assert caught.value.kind == "unsafe-folder"


def test_a_host_that_crashes_at_once_is_quoted(connect: Connect, monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    program = "raise SystemExit('no \x1b[2Jluck')"
    monkeypatch.setattr(start, "own_command", lambda *args: [sys.executable, "-c", program])
    with pytest.raises(Error, match="no luck") as caught:
        connect()
    assert caught.value.kind == "host-failed"
    assert str(paths.logs / "host.log") in caught.value.hint


def test_a_host_that_hangs_at_start_is_given_up(paths: Paths, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(start, "own_command", lambda *args: ["/bin/sleep", "60"])
    with pytest.raises(Error, match="did not start within"):
        start.Starting(paths, settings()).wait(0.3)


def test_a_host_that_does_not_answer_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(idle=60)
    pid = client.status().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as context:
            context.setattr("rushlight.assistant.host.client._ANSWER_S", 0.3)
            for place in ("client", "link"):
                context.setattr(f"rushlight.assistant.host.{place}._GREETING_S", 0.3)
            for ask_host in (client.status, connect):
                with pytest.raises(Error, match=f"kill {pid}") as caught:
                    ask_host()
                assert caught.value.kind == "host-unreachable"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert client.status().pid == pid
    client.shutdown()
