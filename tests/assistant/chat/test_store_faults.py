"""Every Nth write and sync of the disk fails in turn: a typed error, and nothing acknowledged is lost.

The faults come from a VFS of apsw's that lies between SQLite and the files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.store.database import Store

# What the VFS raises where SQLite goes on regardless (as at the last checkpoint) is told by apsw in this way.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FAULTS = {"full": (apsw.FullError, "disk-full"), "io": (apsw.IOError, "store-io")}


class Disk:
    """Counts writes and syncs; the one with the number `fails_at` raises, and with `stays` every later one too."""

    def __init__(self) -> None:
        self.count = 0
        self.fails_at = -1
        self.stays = False
        self.fault: type[Exception] = apsw.FullError

    def act(self) -> None:
        self.count += 1
        if self.count == self.fails_at or (self.stays and 0 < self.fails_at < self.count):
            raise self.fault("made to fail")


class FaultyFile(apsw.VFSFile):
    disk: Disk

    def __init__(self, name: Any, flags: Any) -> None:
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.act()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self.disk.act()
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        self.disk.act()
        super().xTruncate(size)


class FaultyVFS(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> FaultyFile:
        return FaultyFile(name, flags)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk under every store that the test opens."""
    made = Disk()
    monkeypatch.setattr(FaultyFile, "disk", made, raising=False)
    vfs = FaultyVFS()
    yield made
    vfs.unregister()


def work(conversations: Conversations, kept: list[tuple[str, str]]) -> None:
    """A little of everything that writes; `kept` gets (message id, content) of what was acknowledged."""
    made = conversations.create("Lamps")
    one = conversations.append(made.id, None, "user", "one " * 300, attachments=[NewAttachment("a.txt", "A" * 9000)])
    kept.append((one.id, one.content))
    reply = conversations.append(made.id, one.id, "assistant", "", state="partial")
    conversations.update_partial(reply.id, "half " * 200)
    done = conversations.finish(reply.id, "complete", "whole " * 300)
    kept.append((done.id, done.content))
    edited = conversations.edit(one.id, "edited")
    kept.append((edited.id, edited.content))
    FeedbackBook(conversations).thumb(done.id, "up")
    copied = conversations.path(conversations.branch(done.id).id)
    kept += [(each.id, each.content) for each in copied]
    conversations.move(made.id, conversations.folders.at("A/B", create=True).id)
    conversations.delete(made.id)
    conversations.restore(made.id)


def run_with_fault(path: Path, disk: Disk, fails_at: int, fault: str, *, stays: bool) -> bool:
    """One run with the fault at that place, then without: whether the fault came at all."""
    disk.fault, kind = FAULTS[fault]
    disk.count, disk.fails_at, disk.stays = 0, fails_at, stays
    kept: list[tuple[str, str]] = []
    store = None
    came = False
    try:
        store = Store(path)
        work(Conversations(store), kept)
    except Error as err:
        came = True
        assert err.kind == kind, err
        assert str(path) in err.message
    disk.fails_at = -1
    if store is not None and came:
        # The same process goes on once the disk is well.
        again = Conversations(store)
        later = again.append(again.create("after").id, None, "user", "after the fault")
        kept.append((later.id, later.content))
    if store is not None:
        store.close()
    fresh = Store(path)
    conversations = Conversations(fresh)
    assert fresh.rows("PRAGMA integrity_check") == [("ok",)]
    assert fresh.rows("PRAGMA foreign_key_check") == []
    for message_id, content in kept:
        assert conversations.message(message_id).content == content
    for table in ("message_search", "title_search"):
        fresh.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
    fresh.close()
    return came or disk.count >= fails_at


def every(tmp_path: Path, disk: Disk, step: int, fault: str, *, stays: bool) -> int:
    n_runs = 0
    fails_at = 1
    while True:
        path = tmp_path / f"{fault}-{stays}-{fails_at}" / "rushlight.db"
        if not run_with_fault(path, disk, fails_at, fault, stays=stays):
            return n_runs
        n_runs += 1
        fails_at += step


@pytest.mark.parametrize("fault", list(FAULTS))
def test_some_writes_fail(tmp_path: Path, disk: Disk, fault: str) -> None:
    assert every(tmp_path, disk, 29, fault, stays=fault == "full") > 3


@pytest.mark.faults
@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_seventh_write_fails_in_turn(tmp_path: Path, disk: Disk, fault: str, stays: bool) -> None:
    assert every(tmp_path, disk, 7, fault, stays=stays) > 10


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_write_fails_in_turn(tmp_path: Path, disk: Disk, fault: str, stays: bool) -> None:
    assert every(tmp_path, disk, 1, fault, stays=stays) > 50
