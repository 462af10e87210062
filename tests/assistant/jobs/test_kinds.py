"""The built-in kinds as jobs: what they make, what a cancel leaves, that a second run knows the first one's work."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.chat.importing import ImportReport, Skipped
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult
from rushlight.assistant.jobs.kinds.conversation_import import KIND, ConversationImport, report_json
from rushlight.assistant.models import staging

Reach = Callable[..., Job]


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "title": f"chat {number}",
                    "messages": [
                        {"role": "user", "content": f"Question {number}"},
                        {"role": "assistant", "content": "Answer"},
                    ],
                }
            )
            + "\n"
            for number in range(40)
        )
    )
    return path


def hidden(app: App) -> list[Path]:
    return list(app.paths.models.rglob(f".*{staging.SUFFIX}"))


def test_a_model_is_imported_with_every_byte_hashed(app: App, jobs: Jobs, reach: Reach, tiny_gguf: Path) -> None:
    job = jobs.start("model-import", {"path": str(tiny_gguf), "alias": "tiny"})
    assert job.title == "Import tiny.gguf"
    done = reach(job, "done")
    digest = hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    (model,) = app.models
    assert done.result == {
        "id": model.id,
        "path": str(model.path),
        "sha256": digest,
        "size_bytes": tiny_gguf.stat().st_size,
        "already_there": False,
    }
    assert model.sha256 == digest and model.aliases == ("tiny",)
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == digest
    assert done.unit == "bytes" and done.done == done.total == tiny_gguf.stat().st_size
    again = reach(jobs.start("model-import", {"path": str(tiny_gguf)}), "done")
    assert again.result["already_there"] is True and again.result["id"] == model.id


def test_a_file_that_is_no_model_fails_with_its_name(jobs: Jobs, reach: Reach, tmp_path: Path) -> None:
    path = tmp_path / "letter.gguf"
    path.write_text("Dear model,")
    failed = reach(jobs.start("model-import", {"path": str(path)}), "failed")
    assert failed.error_kind == "bad-file" and "letter.gguf" in failed.message and failed.hint
    missing = reach(jobs.start("model-import", {"path": str(tmp_path / "none.gguf")}), "failed")
    assert "none.gguf" in missing.message


def test_an_import_that_is_cancelled_leaves_nothing(app: App, jobs: Jobs, reach: Reach, large_gguf: Path) -> None:
    job = jobs.start("model-import", {"path": str(large_gguf)})
    end_s = time.monotonic() + 20
    while not jobs.get(job.id).done:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    jobs.pause(job.id)
    paused = reach(job, "paused")
    assert len(hidden(app)) == 1 and paused.total is not None and paused.done < paused.total
    jobs.resume(job.id)
    reach(job, "running")
    jobs.cancel(job.id)
    reach(job, "cancelled")
    while hidden(app):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    assert app.models == () and not list(app.paths.models.rglob("*.gguf"))
    assert large_gguf.exists()


def test_conversations_are_imported(app: App, jobs: Jobs, reach: Reach, chats: Path) -> None:
    done = reach(jobs.start("conversation-import", {"path": str(chats), "folder": "Old"}), "done")
    assert (done.result["imported"], done.result["messages"], done.result["formats"]) == (40, 80, ["ShareGPT"])
    assert len(app.conversations.list(limit=100)) == 40
    again = reach(jobs.start("conversation-import", {"path": str(chats)}), "done")
    assert (again.result["imported"], again.result["known"]) == (0, 40)
    assert len(app.conversations.list(limit=100)) == 40


def test_of_a_large_import_all_is_counted_and_the_first_are_named() -> None:
    skipped = tuple(Skipped(number, "A title", "The message 7 has no author.") for number in range(1, 50_001))
    ids = tuple(f"0190-{number:032}" for number in range(50_000))
    result = report_json(ImportReport(("ChatGPT",), 49_000, 1_000, 100_000, 0, 0, 0, skipped, ids))
    assert (result["imported"], result["continued"], result["n_skipped"]) == (49_000, 1_000, 50_000)
    assert result["conversations"] == list(ids[:1_000])
    assert [one["number"] for one in result["skipped"]] == list(range(1, 1_001))
    assert len(json.dumps(result)) < 500_000


def test_one_that_is_halted_behind_its_transaction_imports_nothing_twice(app: App, chats: Path, tmp_path: Path) -> None:
    with chats.open("a") as file:
        file.write('{"messages": 7}\n')
    saved: list[str] = []
    stop = Stop()

    def run() -> Iterator[JobEvent]:
        context = JobContext(
            app, "job1", tmp_path, stop, checkpoint=saved[-1] if saved else None, tell=lambda _event: None,
            save=saved.append, further=lambda: None,
        )  # fmt: skip
        return KIND.run(context, ConversationImport(str(chats), again=True, skip_broken=True))

    assert isinstance(next(run()), Notice)
    stop.set()  # too late: it is done
    *_, last = run()
    assert isinstance(last, JobResult) and last.value["imported"] == 40 and last.value["n_skipped"] == 1
    assert len(app.conversations.list(limit=100)) == 40


def test_a_stop_or_a_full_disk_behind_the_transaction_is_too_late(app: App, chats: Path, tmp_path: Path) -> None:
    stop = Stop()

    def full(_checkpoint: str) -> None:
        stop.set()
        raise Error("The disk is full.", kind="disk-full")

    context = JobContext(
        app, "job1", tmp_path, stop, checkpoint=None, tell=lambda _event: None, save=full, further=lambda: None
    )
    *_, last = KIND.run(context, ConversationImport(str(chats)))
    assert isinstance(last, JobResult) and last.value["imported"] == 40


def test_a_broken_export_imports_nothing_or_what_it_can(app: App, jobs: Jobs, reach: Reach, chats: Path) -> None:
    with chats.open("a") as file:
        file.write('{"messages": 7}\n')
    failed = reach(jobs.start("conversation-import", {"path": str(chats)}), "failed")
    assert failed.error_kind == "bad-import" and app.conversations.list() == []
    done = reach(jobs.start("conversation-import", {"path": str(chats), "skip_broken": True}), "done")
    assert done.result["imported"] == 40 and len(done.result["skipped"]) == 1
    assert len(done.notices) == 1 and "Left out" in done.notices[0]
