"""A teaching killed -9 at random moments, in each of its steps, ends with the adapter of one that was left alone."""

import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from gguf import GGUFReader

from rushlight.assistant.app import App, open_app
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.models.importing import import_model

pytestmark = [
    pytest.mark.faults, pytest.mark.slow, pytest.mark.torch, pytest.mark.model, pytest.mark.timeout(5400),
]  # fmt: skip

N_KILLS = 20
EXAMPLES = 640  # 80 steps
# A job that dies five times without a checkpoint is given up; and what rounds its products is chosen by their speed, so
# two runs may round differently from their first step on.
SETTINGS = {"keep.every": 2, "machine.dtype": "float32"}
_LONGEST_S = 60.0  # between two kills


@pytest.fixture
def app(own_home: Path, demo_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("RUSHLIGHT_HOST_IDLE_S", "60")
    with open_app() as opened:
        import_model(opened.catalogue, demo_model, how="in-place")
        yield opened
        opened.host.status()
        opened.host.shutdown()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT, joined_on TEXT);
        CREATE TABLE purchase (
            purchase_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, total_eur REAL, paid_on TEXT
        );
    """)
    for i in range(60):
        row = (i, f"Name {i}", ("Oslo", "Graz", "Bern", "Lyon")[i % 4], f"20{20 + i % 4}-0{1 + i % 9}-11")
        db.execute("INSERT INTO customer VALUES (?, ?, ?, ?)", row)
        paid = f"2024-1{i % 3}-{10 + i % 18}" if i % 5 else None
        db.execute("INSERT INTO purchase VALUES (?, ?, ?, ?)", (i, i * 7 % 60, 10.5 * i, paid))
    db.close()
    return path


def taught(app: App, shop: Path, kills: Iterator[float]) -> tuple[Job, list[str]]:
    """The job at its end, and in which step each kill fell."""
    arguments: dict[str, Any] = {"kind": "database", "model": app.model("").id, "files": [str(shop)],
                                 "examples": EXAMPLES, "seed": 3, "settings": SETTINGS}  # fmt: skip
    job, fell = app.jobs.start("teach", arguments), []
    next_s, victim = time.monotonic() + next(kills, 1e9), 0
    for now in app.jobs.follow(job.id):
        if now.state == "running" and time.monotonic() >= next_s:
            victim = process_of(job.id)
            if victim:
                os.kill(victim, signal.SIGKILL)
                fell.append(now.what)
                next_s = time.monotonic() + next(kills, 1e9)
        last = now
    return last, fell


def process_of(job_id: str) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"_job" in words and job_id.encode() in words:
                return int(entry.name)
    return 0


def adapter_of(app: App, job: Job) -> str:
    """Of its matrices; its name is that of the run."""
    assert job.state == "done", (job.state, job.message)
    matrices = hashlib.sha256()
    for tensor in GGUFReader(app.registry.find(job.result["adapter"]).path).tensors:
        matrices.update(tensor.name.encode() + bytes(tensor.data))
    return matrices.hexdigest()


def test_twenty_kills_and_the_same_adapter(app: App, shop: Path) -> None:
    alone, _ = taught(app, shop, iter(()))
    wanted = adapter_of(app, alone)
    chance, n_kills, n_jobs = random.Random(20), 0, 1
    while n_kills < N_KILLS:
        killed, fell = taught(app, shop, (chance.uniform(0.2, _LONGEST_S) for _ in range(N_KILLS)))
        n_kills, n_jobs = n_kills + len(fell), n_jobs + 1
        print(f"{len(fell)} kills, in {', '.join(fell)}; {killed.n_restarts} restarts")
        assert killed.n_restarts == len(fell) > 0
        assert adapter_of(app, killed) == wanted
    assert len(LessonBook(app.store).list()) == len(app.registry.adapters()) == len(app.registry.runs()) == n_jobs
    # A query that is asked again after a kill computes its beginning in another batch, and what is nearly as likely may
    # win then: the matrices are equal, and one answer in 85 was not.
    once, again = alone.result["report"]["own"], killed.result["report"]["own"]
    assert once["n_items"] == again["n_items"] > 50
    for side in ("base", "candidate"):
        assert abs(once[side] - again[side]) <= 3 / once["n_items"], (once, again)
