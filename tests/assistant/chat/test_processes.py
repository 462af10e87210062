"""Several processes on one store, and processes that are killed: what was acknowledged is there."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.search import search
from rushlight.assistant.store.database import Store

# A process that talks for ever. It prints a line when a call has returned: that is what is promised to be kept.
TALKER = """
import sys, time
from pathlib import Path
from typing import Any, cast
sys.path.insert(0, sys.argv[2])
from conftest import FakeApp
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.search import search
from rushlight.assistant.chat.session import ChatSession
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished
from rushlight.assistant.store.database import Store

conversations = Conversations(Store(Path(sys.argv[1])))
made = conversations.create("talk")
session = ChatSession(FakeApp(FakeEngine([f"piece{n} " * 20 for n in range(20)])), conversations, made.id)
print("ready", made.id, flush=True)
number = 0
while True:
    events = session.send(f"question{number}")
    print("sent", session.conversation.head_id, f"question{number}", flush=True)
    for event in events:
        if isinstance(event, Finished):
            print("replied", session.conversation.head_id, flush=True)
    if number % 3 == 0:
        root = session.messages[0]
        for event in session.edit(root.id, f"edited{number}"):
            pass
        print("edited", session.messages[0].id, f"edited{number}", flush=True)
    if number % 5 == 0:
        search(conversations, f"question{number}")
        conversations.branch(session.messages[-1].id)
    number += 1
"""

WRITER = """
import sys, time
from pathlib import Path
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.store.database import Store

conversations = Conversations(Store(Path(sys.argv[1])))
name, shared, until = sys.argv[2], sys.argv[3], time.monotonic() + float(sys.argv[4])
number = 0
while time.monotonic() < until:
    head = conversations.get(shared).head_id
    message = conversations.append(shared, head, "user", f"{name} {number}")
    print(message.id, flush=True)
    own = conversations.create(f"{name} {number}")
    conversations.move(own.id, conversations.folders.at(f"Shared/{name}", create=True).id)
    if number % 4 == 0:
        conversations.edit(message.id, f"{name} {number} edited")
    number += 1
"""


def start(script: str, *args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.PIPE, text=True)


def lines_until(talker: "subprocess.Popen[str]", n_lines: int) -> list[list[str]]:
    assert talker.stdout is not None
    return [talker.stdout.readline().split() for _ in range(n_lines)]


def kill_and_read_rest(talker: "subprocess.Popen[str]") -> list[list[str]]:
    talker.send_signal(signal.SIGKILL)
    assert talker.stdout is not None
    rest = talker.stdout.read()
    talker.stdout.close()
    talker.wait()
    # A line cut by the kill was not said.
    return [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]


def check_kept(path: Path, said: list[list[str]]) -> int:
    """Every acknowledged message is there; how many replies were left partial."""
    store = Store(path)
    conversations = Conversations(store)
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    assert store.rows("PRAGMA foreign_key_check") == []
    for what, message_id, *text in said:
        if what == "ready":
            conversations.get(message_id)
            continue
        message = conversations.message(message_id)
        if what == "replied":
            assert message.state == "complete" and message.content.endswith("piece19 ")
        else:
            assert (message.role, message.content) == ("user", text[0])
            assert search(conversations, text[0])
    left = [
        one
        for row in store.rows("SELECT id FROM messages WHERE state = 'partial'")
        if not (one := conversations.message(str(row[0]))).is_being_written
    ]
    for one in left:
        conversations.append(one.conversation_id, one.id, "user", "and on it goes")
    for table in ("message_search", "title_search"):
        store.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
    store.close()
    return len(left)


def kill_loop(tmp_path: Path, n_kills: int) -> None:
    rng = random.Random(3)
    path = tmp_path / "data" / "rushlight.db"
    n_left = 0
    for _ in range(n_kills):
        talker = start(TALKER, str(path), str(Path(__file__).parent))
        said = lines_until(talker, rng.randint(1, 6))
        time.sleep(rng.random() * 0.05)
        said += kill_and_read_rest(talker)
        assert said and said[0][0] == "ready", said
        store = Store(path)
        assert Conversations(store).settle() >= 0
        store.close()
        n_left = check_kept(path, said)
    print(f"{n_kills} kills, {n_left} replies found partial")


def test_killed_in_the_middle_of_a_chat(tmp_path: Path) -> None:
    kill_loop(tmp_path, 3)


@pytest.mark.faults
def test_killed_many_times(tmp_path: Path) -> None:
    kill_loop(tmp_path, 30)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    kill_loop(tmp_path, 200)


def test_a_crash_leaves_a_partial_reply_that_the_next_open_shows(tmp_path: Path) -> None:
    path = tmp_path / "data" / "rushlight.db"
    store = Store(path)
    conversations = Conversations(store)
    made = conversations.create()
    child = os.fork()
    if child == 0:
        own = Conversations(Store(path))
        question = own.append(made.id, None, "user", "Q")
        reply = own.append(made.id, question.id, "assistant", "", state="partial")
        own.update_partial(reply.id, "Half of")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    reply = conversations.path(made.id)[-1]
    assert (reply.content, reply.state, reply.is_being_written) == ("Half of", "partial", True)
    assert conversations.settle() == 1
    assert not conversations.message(reply.id).is_being_written
    assert conversations.message(reply.id).state == "partial"
    store.close()


def write_at_once(tmp_path: Path, n_processes: int, seconds: float) -> int:
    path = tmp_path / "data" / "rushlight.db"
    store = Store(path)
    conversations = Conversations(store)
    shared = conversations.create("shared").id
    writers = [start(WRITER, str(path), f"writer{number}", shared, str(seconds)) for number in range(n_processes)]
    written = []
    for writer in writers:
        assert writer.stdout is not None
        written += writer.stdout.read().split()
        writer.stdout.close()
        assert writer.wait() == 0
    stored = {one.id for one in conversations.messages(shared)}
    assert set(written) <= stored
    assert len(written) == len(set(written))
    n_edits = sum(one.content.endswith("edited") for one in conversations.messages(shared))
    assert len(stored) == len(written) + n_edits
    assert {one.path for one in conversations.folders.list()} == {
        "Shared",
        *(f"Shared/writer{number}" for number in range(n_processes)),
    }
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    store.close()
    return len(written)


def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    assert write_at_once(tmp_path, 2, 1.5) > 2


@pytest.mark.slow
@pytest.mark.faults
def test_four_processes_write_for_a_minute(tmp_path: Path) -> None:
    print(write_at_once(tmp_path, 4, 60.0), "messages")


def test_another_process_is_seen_within_a_second(tmp_path: Path, poll: Callable[[Callable[[], bool]], float]) -> None:
    path = tmp_path / "data" / "rushlight.db"
    store = Store(path)
    conversations = Conversations(store)
    shared = conversations.create("shared").id
    version = store.data_version()
    writer = start(WRITER, str(path), "writer", shared, "0.5")
    lines_until(writer, 1)
    assert poll(lambda: store.data_version() != version) < 1.0
    assert len(conversations.messages(shared)) > 0
    assert writer.stdout is not None
    writer.stdout.read()
    writer.stdout.close()
    assert writer.wait() == 0
    store.close()
