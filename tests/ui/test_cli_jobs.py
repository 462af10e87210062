"""`rushlight jobs` and `--background`, as people and scripts use them: tables, JSON, exit codes, Ctrl+C."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.paths import find_paths
from rushlight.ui.cli.job_views import clock_text
from rushlight.ui.cli.main import run

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]
ORDER_S = 1.0


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], stopped_host: None) -> Callable[..., tuple[int, str, str]]:
    """cli("jobs", "list") -> (exit code, stdout, stderr). The host that runs the jobs ends with the test."""

    def call(*words: object) -> tuple[int, str, str]:
        code = run([*map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def large(gguf_builder: ModuleType, tmp_path: Path, own_home: Path) -> Iterator[Path]:
    """A model file whose copy takes some time: nearly all of it is a hole."""
    yield gguf_builder.hollow_gguf(tmp_path / "large.gguf", 1024 * 1024 * 1024)
    shutil.rmtree(find_paths().models, ignore_errors=True)


@pytest.fixture
def copying(cli: Any, large: Path) -> str:
    """The id of a job that copies it."""
    code, out, err = cli("models", "import", large, "--background")
    assert code == 0 and "jobs follow" in err
    job_id: str = out.strip()
    wait_for(lambda: shown(cli, job_id)["done"] > 0)
    return job_id


def test_the_end_of_the_host_is_not_that_of_its_jobs(cli: Any, copying: str) -> None:
    code, out, _err = cli("host", "stop")
    assert code == 0 and out.startswith("The host has ended.\n1 job is not done: it goes on when Rushlight is used")
    assert out.splitlines()[-1] == f"To end one for good: rushlight jobs cancel {copying[-6:]}"
    assert shown(cli, copying)["state"] in ("waiting", "running"), "whoever looks has it go on"
    assert json.loads(cli("host", "stop", "--json")[1]) == {"stopped": True, "unfinished_jobs": [copying[-6:]]}
    cli("jobs", "cancel", copying)


def shown(cli: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("jobs", "show", name, "--json")[1])
    return found


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_an_import_in_the_background(cli: Any, tiny_gguf: Path) -> None:
    code, out, err = cli("models", "import", tiny_gguf, "--background", "--alias", "tiny")
    assert code == 0 and re.fullmatch(r"[0-9a-z]{18}\n", out) and "“Import tiny.gguf” goes on" in err
    job_id = out.strip()
    assert cli("jobs", "follow", job_id[-6:]) == (0, "“Import tiny.gguf” is done.\n", "")
    assert cli("models", "path", "tiny")[0] == 0
    lines = cli("jobs", "list")[1].splitlines()
    assert lines[0].split() == ["ID", "STATE", "DONE", "LEFT", "STARTED", "TITLE"]
    assert lines[1].split()[:3] == [job_id[-6:], "done", "100%"] and lines[1].endswith("Import tiny.gguf")
    assert cli("jobs", "list", "--unfinished")[1] == "No job is unfinished.\n"
    page = cli("jobs", "show")[1]
    assert page.startswith("Import tiny.gguf, done\n") and job_id in page and "→ id = local/Tiny-Llama@F32" in page
    assert "Done." in cli("jobs", "log")[1]
    assert cli("jobs", "path")[1] == f"{find_paths().jobs}\n"
    assert cli("jobs", "path", "last")[1] == f"{find_paths().jobs / job_id}\n"
    assert cli("jobs", "remove", "last")[1] == "1 job was removed.\n"
    assert cli("jobs", "list")[1] == "There is no job yet.\n"


def test_json_everywhere(cli: Any, tiny_gguf: Path) -> None:
    job = json.loads(cli("models", "import", tiny_gguf, "--background", "--json")[1])
    assert job["kind"] == "model-import" and job["state"] in ("waiting", "running")
    done = json.loads(cli("jobs", "follow", job["id"], "--json")[1])
    assert (done["state"], done["fraction"], done["result"]["id"]) == ("done", 1.0, "local/Tiny-Llama@F32")
    assert json.loads(cli("jobs", "list", "--json")[1]) == [done] == [shown(cli, "last")]
    assert json.loads(cli("jobs", "list", "-u", "--json")[1]) == []
    assert "Done." in json.loads(cli("jobs", "log", "--json")[1])["log"]
    assert json.loads(cli("jobs", "path", "--json")[1]) == {"path": str(find_paths().jobs)}
    (changed,) = json.loads(cli("jobs", "priority", job["id"], "-5", "--json")[1])
    assert changed["priority"] == -5
    assert json.loads(cli("jobs", "remove", "--over", "--json")[1]) == {"removed": 1}
    code, out, err = cli("jobs", "show", "nothing", "--json")
    assert code == 1 and err == "" and json.loads(out)["error"]["kind"] == "job-not-found"


def test_follow_as_events(cli: Any, tiny_gguf: Path) -> None:
    cli("models", "import", tiny_gguf, "--background")
    code, out, err = cli("jobs", "follow", "--events", "jsonl")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {event["event"] for event in events} == {"job"} and events[-1]["state"] == "done"


def test_conversations_in_the_background(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "Hello"}]}) + "\n")
    assert cli("conversations", "import", path, "--background", "-f", "Old")[0] == 0
    assert cli("jobs", "follow")[0] == 0
    assert json.loads(cli("jobs", "show", "--json")[1])["result"]["imported"] == 1
    assert json.loads(cli("conversations", "list", "--json")[1])[0]["folder"] == "Old"


def test_a_failed_job_says_why_and_is_exit_code_1(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "letter.gguf"
    path.write_text("Dear model,")
    assert cli("models", "import", path, "--background")[0] == 0
    code, out, err = cli("jobs", "follow")
    assert code == 1 and out == "" and "“Import letter.gguf” failed: " in err
    assert "Reason: " in cli("jobs", "show")[1]
    assert cli("jobs", "list")[1].splitlines()[1].split()[1] == "failed"
    assert cli("jobs", "retry", "last")[0] == 0
    assert cli("jobs", "follow")[0] == 1
    code, out, err = cli("jobs", "pause", "last")
    assert code == 1 and "is over" in err and "jobs retry" in err


def test_pause_resume_and_cancel(cli: Any, copying: str) -> None:
    took_s = {}
    for order, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        begun_s = time.monotonic()
        assert cli("jobs", order, copying) == (0, f"“Import large.gguf” is {state}.\n", "")
        took_s[order] = time.monotonic() - begun_s
    print({order: f"{took:.3f} s" for order, took in took_s.items()})
    assert max(took_s.values()) < ORDER_S, took_s
    assert cli("jobs", "follow", copying)[0] == 1
    assert json.loads(cli("models", "list", "--json")[1]) == []


def test_ctrl_c_leaves_the_watching_only(cli: Any, copying: str) -> None:
    watcher = subprocess.Popen(
        [*RUSHLIGHT, "jobs", "follow", copying, "--events", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    assert json.loads(watcher.stdout.readline())["state"] == "running"
    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate(timeout=10)
    assert watcher.returncode == 130
    assert err == f"“Import large.gguf” goes on. Look again with: rushlight jobs follow {copying[-6:]}\n"
    assert shown(cli, copying)["state"] == "running"
    cli("jobs", "cancel", copying)


def test_follow_in_a_terminal_shows_what_rate_and_time(cli: Any, copying: str, terminal: Any) -> None:
    watcher = terminal(*RUSHLIGHT, "jobs", "follow", copying)
    watcher.wait_for(r"Copying \d+%, \d+\.\d [MG]B/s, \d+:\d\d left")
    cli("jobs", "cancel", copying)
    watcher.wait_for("is cancelled.")
    assert watcher.wait_end() == 1


def test_orders_to_several_and_to_none(cli: Any, tiny_gguf: Path) -> None:
    assert cli("jobs", "show")[0] == 1, "there is none"
    assert cli("jobs", "pause")[0] == 2, "wrong usage"
    assert cli("jobs", "remove")[0] == 2 and cli("jobs", "remove", "last", "--over")[0] == 2
    ids = [cli("models", "import", tiny_gguf, "--background")[1].strip() for _ in range(3)]
    for one in ids:
        done = cli("jobs", "follow", one)
        assert done[0] == 0, done
    code, out, err = cli("jobs", "cancel", ids[0], "nobody")
    assert code == 1 and out == "" and "nobody" in err
    assert cli("jobs", "remove", *ids)[1] == "3 jobs were removed.\n"
    assert cli("jobs", "priority", "nobody", "101")[0] == 1


def test_titles_cannot_write_to_the_terminal(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd\x1b]0;title\x07\u202e.gguf"
    path.write_bytes(b"GGUF")
    cli("models", "import", path, "--background")
    for words in (["list"], ["show"], ["log"], ["follow"], ["list", "--json"], ["follow", "--events", "jsonl"]):
        _, out, err = cli("jobs", *words)
        assert not set(out + err) & {"\x1b", "\x07", "\u202e"}, words


def test_help_ends_with_a_session(cli: Any) -> None:
    code, out, _ = cli("jobs", "--help")
    assert code == 0 and "$ rushlight jobs list" in out
    for verb in ("list", "show", "path", "log", "follow", "pause", "resume", "cancel", "retry", "remove", "priority"):
        assert verb in out and cli("jobs", verb, "--help")[0] == 0


def test_times_as_a_clock_shows_them() -> None:
    shown = [clock_text(seconds) for seconds in (0, 8.6, 61, 3600, 90061)]
    assert shown == ["0:00", "0:09", "1:01", "1:00:00", "25:01:01"]
