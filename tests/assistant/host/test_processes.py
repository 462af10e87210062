"""Starting processes, their logs, and the words for their deaths."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.host import death, spawn
from rushlight.assistant.host.client import HostClient, connect
from rushlight.assistant.host.logfile import LineLog, LogFile
from rushlight.assistant.host.start import begin
from rushlight.assistant.paths import Paths


def test_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spawn.own_command("_host", "x") == [sys.executable, "-P", "-m", "rushlight", "_host", "x"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert spawn.own_command("_host", "x") == [sys.executable, "_host", "x"]
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(Error, match=r"sys\.executable"):
        spawn.own_command("_host")


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Error) as caught:
        spawn.spawn(["/nowhere/python"], output_fd=2)
    assert caught.value.kind == "spawn-failed"


def test_closed_standard_descriptors_are_filled(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(0)
            os.close(2)
            spawn.fill_standard_fds()
            os.fstat(0), os.fstat(2)
            code = 0 if min(os.pipe()) > 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_relative_search_paths_keep_their_meaning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"here{os.pathsep}/there")
    assert spawn._environment()["PYTHONPATH"] == f"{tmp_path / 'here'}{os.pathsep}/there"


def test_a_log_cannot_fill_the_disk(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "x.log", max_bytes=2000)
    for number in range(500):
        log.write("engine 7", f"line {number}\nsecond \x1b[31mline\x1b]0;title\x07")
    log.close()
    files = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert files.keys() == {"x.log", "x.log.1"}
    assert all(len(text) < 3000 for text in files.values())
    assert "\x1b" not in "".join(files.values())
    assert files["x.log"].splitlines()[-1].endswith("engine 7: second line")
    assert (tmp_path / "logs" / "x.log").stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    log = LogFile(tmp_path / "logs" / "x.log")
    log.write("host", "words")
    log.close()


def test_lines_come_whole() -> None:
    said: list[str] = []
    lines = LineLog(lambda _source, text: said.append(text), "engine 7")
    for piece in ("on", "e\ntw", "o\nthree", "\n", "fo"):
        lines.feed(piece)
    assert said == ["one", "two", "three"]
    lines.finish()
    assert said[-1] == "fo"
    lines.feed("x" * 10_000)
    assert len(said[-1]) == 10_000, "a line without an end is not kept forever"


@pytest.mark.parametrize(
    ("status", "loading", "oom", "kind", "words"),
    [
        (-9, False, False, "worker-died", "killed by signal 9 (SIGKILL)"),
        (-9, True, True, "out-of-memory", "ran out of memory"),
        (-6, True, False, "bad-file", "llama.cpp aborted (signal 6, SIGABRT)"),
        (-11, True, False, "bad-file", "SIGSEGV"),
        (-11, False, False, "worker-died", "SIGSEGV"),
        (70, False, False, "worker-died", "exit code 70"),
        (None, False, False, "worker-died", "unknown reason"),
    ],
)
def test_words_for_a_death(status: int | None, loading: bool, oom: bool, kind: str, words: str) -> None:
    err = death.explain("m.gguf", status, loading=loading, tail="", out_of_memory=oom)
    assert err.kind == kind
    assert words in err.message
    assert "m.gguf" in err.message
    assert err.hint


def test_the_line_with_the_cause_is_quoted() -> None:
    tail = "loading\nggml.c:12: GGML_ASSERT(n > 0) failed\n#0 0x1 in main\n#1 0x2 in start\n\n"
    assert death.last_words(tail) == "ggml.c:12: GGML_ASSERT(n > 0) failed"
    assert death.last_words("one\ntwo\n") == "two"
    assert death.last_words(" \n") == ""
    assert len(death.last_words("x" * 5000)) <= 300


def test_a_host_started_ahead(
    connect: Callable[..., HostClient], paths: Paths, settings: Any, model: Any, wait_gone: Any
) -> None:
    starting = begin(paths, settings(host__idle_s=0))
    assert starting is not None
    assert begin(paths, settings()) is None, "one start at a time"
    started = connect_to(paths, settings(engine__keep_alive_s=0), starting)
    assert begin(paths, settings()) is None, "it runs"
    pid = started.status().pid
    assert connect().status().pid == pid
    started.close()


def connect_to(paths: Paths, settings: Any, starting: Any) -> HostClient:
    return connect(paths, settings, starting=starting)


def test_a_start_that_is_abandoned_is_there_for_others(
    connect: Callable[..., HostClient], paths: Paths, settings: Any, processes: Any, wait_gone: Any
) -> None:
    starting = begin(paths, settings(host__idle_s=0))
    assert starting is not None
    starting.abandon()
    started_s = time.monotonic()
    client = connect()
    assert client.status()
    deadline_s = time.monotonic() + 3
    while len([command for command in processes().values() if "--ready" in command]) > 1:
        assert time.monotonic() < deadline_s, "the second one goes"
        time.sleep(0.01)
    assert time.monotonic() - started_s < 3
    client.close()
    # One that had not begun to run when it was looked for comes to be the host once the other is gone, and nobody comes
    # to it: it waits for ten seconds.
    assert not wait_gone(15.0)


def test_the_worker_started_ahead_is_the_one_that_loads(
    connect: Callable[..., HostClient], model: Any, processes: Any
) -> None:
    client = connect(idle=60, keep_alive=60)
    deadline_s = time.monotonic() + 5
    while not (ahead := [pid for pid, command in processes().items() if "--door" in command]):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    client.open_engine(model())
    assert [engine.pid for engine in client.status().engines] == ahead
    client.shutdown()


def test_a_worker_started_ahead_that_died_is_replaced(
    connect: Callable[..., HostClient], model: Any, processes: Any
) -> None:
    client = connect(idle=60, keep_alive=60)
    deadline_s = time.monotonic() + 5
    while not (ahead := [pid for pid, command in processes().items() if "--door" in command]):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    os.kill(ahead[0], signal.SIGKILL)
    while ahead[0] in processes():
        time.sleep(0.01)
    client.open_engine(model())
    assert [engine.pid for engine in client.status().engines] != ahead
    client.shutdown()
