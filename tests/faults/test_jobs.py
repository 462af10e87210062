"""kill -9 of jobs and of their hosts at random moments, and orders against the clock, with real processes and files."""

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.app import App, open_app
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.models import staging
from rushlight.assistant.paths import find_paths
from rushlight.assistant.store.database import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

MODEL_BYTES = 96 * 1024 * 1024
N_CHATS, N_TURNS = 300, 20
ORDER_S = 1.0
OVER_S = 60.0


def processes_of(home: Path) -> dict[int, str]:
    """Other living processes whose RUSHLIGHT_HOME is `home`: process id and command line."""
    mark = f"RUSHLIGHT_HOME={home}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass
    return found


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def app(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app whose host is a process of its own. Afterwards nothing of it is left."""
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "30")
    with open_app() as opened:
        yield opened
        opened.host.status()  # starts one where it has ended
        opened.host.shutdown()
    gone = wait_until(lambda: not processes_of(own_home), 6)
    left = processes_of(own_home)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(opened.paths.models, ignore_errors=True)
    assert gone, left


@dataclass
class Work:
    """A job that can be started again and again, and how to see that what it made is whole."""

    app: App
    home: Path
    kind: str
    arguments: dict[str, Any]
    size_bytes: int = 0
    sha256: str = ""
    n_chats: int = 0
    duration_s: float = 0.0
    states: dict[JobState, int] = field(default_factory=dict)

    def start(self) -> Job:
        return self.app.jobs.start(self.kind, self.arguments)

    def pid(self) -> int:
        """Its process, 0 while there is none."""
        return next((pid for pid, command in processes_of(self.home).items() if " _job " in command), 0)

    def named(self) -> list[Path]:
        models = self.app.paths.models
        return [path for path in models.rglob("*") if path.is_file() and not path.name.startswith(".")]

    def hidden(self) -> list[Path]:
        return list(self.app.paths.models.rglob(f".*{staging.SUFFIX}"))

    def check_nothing_half_made(self) -> None:
        """At any moment: what has its final name is whole; of conversations all are there, or none."""
        for path in self.named():
            assert path.stat().st_size == self.size_bytes, f"{path} is incomplete under its final name"
        n_conversations = int(str(self.app.store.rows("SELECT count(*) FROM conversations")[0][0]))
        assert n_conversations in (0, self.n_chats), n_conversations

    def over(self, job: Job) -> Job:
        """Watch it to its end. Whoever watches starts the next host where one was killed."""
        end_s = time.monotonic() + OVER_S
        for now in self.app.jobs.follow(job.id):
            assert time.monotonic() < end_s, now
        self.states[now.state] = self.states.get(now.state, 0) + 1
        return now

    def check_result(self, job: Job) -> None:
        """Done and right, or failed with a reason; nothing beside it, nobody left who works on it."""
        assert wait_until(lambda: not any(" _job " in one for one in processes_of(self.home).values()), 5)
        assert not self.hidden(), self.app.jobs.log(job.id)
        self.check_nothing_half_made()
        if job.state == "failed":
            assert job.message and job.hint and job.error_kind
            return
        assert job.state == "done", job
        if self.kind == "model-import":
            (path,) = self.named()
            (model,) = self.app.models
            assert model.path == path and model.sha256 == self.sha256 == job.result["sha256"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256
        else:
            assert job.result["imported"] + job.result["known"] == self.n_chats
            found = self.app.store.rows("SELECT count(*), count(DISTINCT conversation) FROM messages")
            assert found == [(self.n_chats * N_TURNS, self.n_chats)]
        # Through a new connection: in one that has used the index before, SQLite 3.54 compares what another process
        # has merged since with what it remembers, and calls that corrupt.
        fresh = Store(self.app.paths.store)
        assert fresh.rows("PRAGMA integrity_check") == [("ok",)]
        fresh.close()

    def undo(self) -> None:
        """Ready for the next round."""
        for model in self.app.models:
            self.app.catalogue.remove(model.id)
        for name in ("imported_conversations", "conversations"):
            self.app.store.execute(f"DELETE FROM {name}")


@pytest.fixture
def model_import(app: App, own_home: Path, gguf_builder: ModuleType, tmp_path: Path) -> Work:
    """Takes in a model of a hundred megabytes, most of them a hole."""
    return timed(importing(app, own_home, gguf_builder.hollow_gguf(tmp_path / "victim.gguf", MODEL_BYTES)))


@pytest.fixture
def long_import(app: App, own_home: Path, gguf_builder: ModuleType, tmp_path: Path) -> Work:
    """The same with so much that it can be paused before its end."""
    return importing(app, own_home, gguf_builder.hollow_gguf(tmp_path / "victim.gguf", 8 * MODEL_BYTES))


def importing(app: App, home: Path, path: Path) -> Work:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Work(app, home, "model-import", {"path": str(path)}, path.stat().st_size, digest)


@pytest.fixture
def chat_import(app: App, own_home: Path, tmp_path: Path) -> Work:
    """Takes in six thousand messages."""
    return timed(importing_chats(app, own_home, tmp_path / "chats.jsonl", N_CHATS))


@pytest.fixture
def long_chat_import(app: App, own_home: Path, tmp_path: Path) -> Work:
    """The same with ten times as many."""
    return importing_chats(app, own_home, tmp_path / "chats.jsonl", 10 * N_CHATS)


def importing_chats(app: App, home: Path, path: Path, n_chats: int) -> Work:
    with path.open("w") as file:
        for number in range(n_chats):
            turns = [
                {"role": ("user", "assistant")[turn % 2], "content": f"turn {turn} of chat {number} " * 10}
                for turn in range(N_TURNS)
            ]
            file.write(json.dumps({"title": f"chat {number}", "messages": turns}) + "\n")
    return Work(app, home, "conversation-import", {"path": str(path)}, n_chats=n_chats)


def timed(work: Work) -> Work:
    """How long its process works, with the host there already, so that kills fall anywhere in between."""
    for _ in range(2):
        job = work.start()
        assert wait_until(lambda: bool(work.pid()), 10)
        begun_s = time.monotonic()
        ended = work.over(job)
        work.duration_s = time.monotonic() - begun_s
        work.check_result(ended)
        work.undo()
    work.states.clear()
    return work


def kill(pid: int) -> bool:
    """False where it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


# --- kills ----------------------------------------------------------------------------------------------------------
def kill_jobs(work: Work, n_kills: int) -> None:
    """One process a round is killed, at a random moment from its start to its end."""
    rng = random.Random(n_kills)
    n_killed = n_restarted = 0
    for _ in range(n_kills):
        job = work.start()
        assert wait_until(lambda: bool(work.pid()), 10)
        victim = work.pid()
        time.sleep(rng.random() * work.duration_s * 0.9)
        n_killed += kill(victim)
        work.check_nothing_half_made()
        ended = work.over(job)
        n_restarted += ended.n_restarts
        work.check_result(ended)
        work.undo()
        work.app.jobs.remove(job.id)
    print(f"{work.kind}: {n_killed} of {n_kills} kills found a process, {n_restarted} restarts, ends {work.states}")
    assert n_restarted >= n_kills // 3, "too few kills fell into the work to prove anything"
    assert work.states == {"done": n_kills}


@pytest.mark.parametrize("n_kills", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_of_a_model_import(model_import: Work, n_kills: int) -> None:
    kill_jobs(model_import, n_kills)


@pytest.mark.parametrize("n_kills", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_kill_9_of_a_conversation_import(chat_import: Work, n_kills: int) -> None:
    kill_jobs(chat_import, n_kills)


@pytest.mark.parametrize("n_kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_of_the_host(model_import: Work, n_kills: int) -> None:
    """Its jobs die with it; the next host, started by whoever looks, lets them go on."""
    work, rng = model_import, random.Random(n_kills)
    slowest_s, n_taken_over = 0.0, 0
    for _ in range(n_kills):
        host_pid = work.app.host.status().pid
        job = work.start()
        assert wait_until(lambda: bool(work.pid()), 10)
        time.sleep(rng.random() * work.duration_s * 0.9)
        victims = [host_pid, *(pid for pid, command in processes_of(work.home).items() if " _job " in command)]
        begun_s = time.monotonic()
        kill(host_pid)
        assert wait_until(lambda victims=victims: not set(victims) & set(processes_of(work.home)), 2), "orphans"
        work.check_nothing_half_made()
        with open_app() as face:  # somebody who only looks
            was_over = face.jobs.get(job.id).is_over
            assert was_over or face.host.status().pid != host_pid
        ended = work.over(job)
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
        n_taken_over += ended.n_restarts
        work.check_result(ended)
        work.undo()
    print(f"{n_kills} killed hosts, {n_taken_over} jobs taken over, slowest end after the kill {slowest_s:.2f} s")
    assert n_taken_over >= n_kills // 3
    assert work.states == {"done": n_kills}


@pytest.mark.parametrize("n_rounds", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_9_of_everything_again_and_again(model_import: Work, n_rounds: int) -> None:
    """The job's process and the host in turn, until the job is left alone: it is done then."""
    work, rng = model_import, random.Random(n_rounds)
    for _ in range(n_rounds):
        job = work.start()
        for number in range(4):
            wait_until(lambda job=job: bool(work.pid()) or work.app.jobs.get(job.id).is_over, 10)
            time.sleep(rng.random() * work.duration_s * 0.5)
            kill(work.app.host.status().pid if number % 2 else work.pid() or work.app.host.status().pid)
            work.check_nothing_half_made()
            work.app.jobs.get(job.id)
        ended = work.over(job)
        work.check_result(ended)
        work.undo()
    assert work.states == {"done": n_rounds}


# --- orders ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n_rounds", [4, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["long_import", "long_chat_import"])
def test_pause_resume_and_cancel_within_a_second(request: pytest.FixtureRequest, kind: str, n_rounds: int) -> None:
    work: Work = request.getfixturevalue(kind)
    rng = random.Random(n_rounds)
    slowest_s = {"pause": 0.0, "resume": 0.0, "cancel": 0.0}
    follows: dict[str, JobState] = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
    for number in range(n_rounds):
        job = work.start()
        assert wait_until(lambda job=job: work.app.jobs.get(job.id).state == "running", 10)
        for order in ("pause", "resume", "cancel") if number % 2 else ("pause", "resume", "pause", "cancel"):
            time.sleep(rng.random() * 0.3)
            begun_s = time.monotonic()
            getattr(work.app.jobs, order)(job.id)
            assert wait_until(lambda job=job, order=order: work.app.jobs.get(job.id).state == follows[order], 5)
            slowest_s[order] = max(slowest_s[order], time.monotonic() - begun_s)
        assert wait_until(lambda: not work.hidden() and not work.app.store.rows("SELECT 1 FROM conversations"), 5)
        assert work.named() == [] and work.app.models == ()
        assert wait_until(lambda: not work.pid(), 5)
    figures = ", ".join(f"{order} {took:.3f} s" for order, took in slowest_s.items())
    print(f"{work.kind}, {n_rounds} rounds; slowest: {figures}")
    assert max(slowest_s.values()) < ORDER_S, slowest_s


def test_a_pause_outlives_its_host(long_import: Work) -> None:
    work = long_import
    job = work.start()
    assert wait_until(lambda: bool(work.hidden()), 10)
    work.app.jobs.pause(job.id)
    assert wait_until(lambda: work.app.jobs.get(job.id).state == "paused", 5)
    kill(work.app.host.status().pid)
    assert wait_until(lambda: not processes_of(work.home), 5)
    assert work.app.jobs.get(job.id).state == "paused"
    assert not processes_of(work.home), "a paused job needs no host"
    work.check_nothing_half_made()
    work.app.jobs.resume(job.id)
    work.check_result(work.over(job))


def test_a_host_with_a_job_does_not_end_as_idle(long_import: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work = long_import
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "0")
    with open_app() as face:
        job = face.jobs.start(work.kind, work.arguments)
        assert wait_until(lambda: bool(work.hidden()), 10)
        face.jobs.pause(job.id)
    work.app.host.close()
    time.sleep(11)  # a host waits ten seconds for its first front
    assert any(" _host " in command for command in processes_of(work.home).values())
    assert work.app.jobs.get(job.id).state == "paused"
    with open_app() as face:
        face.jobs.resume(job.id)
    assert wait_until(lambda: not processes_of(work.home), 20), "without a job it ends"
    assert work.app.jobs.get(job.id).state == "done", "nobody watched, and it was done all the same"
    assert find_paths().store.exists()
