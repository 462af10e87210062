"""The store: opened by several processes, migrated, refused where it is not ours, never half-written."""

import multiprocessing
import os
import stat
from pathlib import Path

import apsw
import pytest

from rushlight import Error, __version__
from rushlight.assistant.paths import Paths
from rushlight.assistant.store import database
from rushlight.assistant.store.database import Store, journal_for, open_store
from rushlight.assistant.store.migrations import MIGRATIONS


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", cache=tmp_path / "cache", runtime=tmp_path / "run")


@pytest.fixture
def store(paths: Paths) -> Store:
    with_store = open_store(paths)
    yield with_store
    with_store.close()


def pragma(store: Store, name: str) -> object:
    return store.rows(f"PRAGMA {name}")[0][0]


def test_a_new_store_is_private_durable_and_in_wal(paths: Paths, store: Store) -> None:
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "synchronous") == 2
    assert pragma(store, "foreign_keys") == 1
    assert pragma(store, "mmap_size") == 0
    assert pragma(store, "application_id") == database.APPLICATION_ID
    assert stat.S_IMODE(paths.store.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.data.stat().st_mode) == 0o700


def test_defensive_forbids_writing_the_schema_table(store: Store) -> None:
    with pytest.raises(apsw.SQLError):
        store._db.execute("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'x'")


def test_all_migrations_are_applied_once(paths: Paths, store: Store) -> None:
    assert [row[0] for row in store.rows("SELECT name FROM migrations ORDER BY name")] == list(MIGRATIONS)
    open_store(paths).close()
    assert store.rows("SELECT count(*) FROM migrations") == [(len(MIGRATIONS),)]


def test_a_migration_of_a_wrong_name_is_refused() -> None:
    from rushlight.assistant.store.migrations import migration

    with pytest.raises(ValueError, match="must be named"):
        migration(lambda db: None)


def test_a_failing_migration_leaves_the_store_as_it_was(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(paths).close()

    def m999_breaks(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise RuntimeError("broken")

    monkeypatch.setitem(MIGRATIONS, "m999_breaks", m999_breaks)
    with pytest.raises(RuntimeError):
        open_store(paths)
    monkeypatch.delitem(MIGRATIONS, "m999_breaks")
    with_store = open_store(paths)
    assert with_store.rows("SELECT 1 FROM sqlite_schema WHERE name = 'half'") == []
    with_store.close()


def test_a_newer_store_is_refused_with_both_versions(paths: Paths) -> None:
    first = open_store(paths)
    first.execute("INSERT INTO migrations VALUES ('m999_future', 0, '9.1.0')")
    first.close()
    before = paths.store.read_bytes()
    with pytest.raises(Error) as caught:
        open_store(paths)
    assert caught.value.kind == "store-newer"
    assert "9.1.0" in caught.value.message and __version__ in caught.value.message
    assert paths.store.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database, but long enough" * 40, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_named_and_kept(paths: Paths, content: bytes) -> None:
    paths.data.mkdir()
    paths.store.write_bytes(content)
    with pytest.raises(Error) as caught:
        open_store(paths)
    assert caught.value.kind in ("not-a-store", "store-corrupt")
    assert str(paths.store) in caught.value.message
    assert paths.store.read_bytes() == content


def test_another_programs_database_is_left_alone(paths: Paths) -> None:
    paths.data.mkdir()
    other = apsw.Connection(str(paths.store))
    other.execute("CREATE TABLE theirs (x); PRAGMA application_id=77")
    other.close()
    with pytest.raises(Error) as caught:
        open_store(paths)
    assert caught.value.kind == "not-a-store"
    other = apsw.Connection(str(paths.store))
    assert list(other.execute("SELECT name FROM sqlite_schema")) == [("theirs",)]
    other.close()


def test_a_damaged_page_is_reported(paths: Paths) -> None:
    first = open_store(paths)
    (n_pages_of_schema,) = first.rows("PRAGMA page_count")[0]
    with first.transaction():
        for number in range(500):
            first.execute("INSERT INTO model_templates VALUES (?, ?, 0)", (f"id{number}", "x" * 100))
    first.close()
    damaged = bytearray(paths.store.read_bytes())
    for page in range(int(str(n_pages_of_schema)), len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 64] = os.urandom(64)
    paths.store.write_bytes(damaged)
    second = open_store(paths)
    with pytest.raises(Error) as caught:
        second.rows("SELECT * FROM model_templates")
    assert caught.value.kind == "store-corrupt"
    second.close()


def test_a_locked_store_is_reported(paths: Paths) -> None:
    holder = open_store(paths)
    waiter = Store(paths.store, busy_timeout_ms=50)
    with holder.transaction():
        holder.execute("INSERT INTO model_templates VALUES ('a', 'b', 0)")
        with pytest.raises(Error) as caught, waiter.transaction():
            pass
    assert caught.value.kind == "store-locked"
    waiter.execute("INSERT INTO model_templates VALUES ('c', 'd', 0)")
    holder.close()
    waiter.close()


def test_a_full_disk_is_reported_and_nothing_is_lost(store: Store) -> None:
    store.execute("INSERT INTO model_templates VALUES ('kept', 'x', 0)")
    (pages,) = store.rows("PRAGMA page_count")[0]
    store.execute(f"PRAGMA max_page_count={int(str(pages))}")  # SQLite's own way to run out of space
    with pytest.raises(Error) as caught, store.transaction():
        for number in range(2000):
            store.execute("INSERT INTO model_templates VALUES (?, ?, 0)", (str(number), "x" * 200))
    assert caught.value.kind == "disk-full"
    assert str(store.path) in caught.value.message
    store.execute("PRAGMA max_page_count=1073741823")
    assert store.rows("SELECT model_id FROM model_templates") == [("kept",)]
    assert store.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Paths(data=tmp_path / "file" / "data", cache=tmp_path, runtime=tmp_path)
    with pytest.raises(Error) as caught:
        open_store(blocked)
    assert caught.value.kind == "store-unwritable"
    assert str(blocked.store) in caught.value.message


def test_data_version_tells_of_others_only(paths: Paths, store: Store) -> None:
    other = open_store(paths)
    before = store.data_version()
    store.execute("INSERT INTO model_templates VALUES ('mine', 'x', 0)")
    assert store.data_version() == before
    other.execute("INSERT INTO model_templates VALUES ('theirs', 'x', 0)")
    assert store.data_version() != before
    other.close()


def test_a_transaction_that_fails_is_undone(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.execute("INSERT INTO model_templates VALUES ('a', 'b', 0)")
        raise ZeroDivisionError
    assert store.rows("SELECT * FROM model_templates") == []


def test_use_across_fork_is_a_bug_that_shows(store: Store) -> None:
    child = os.fork()
    if child == 0:
        try:
            store.rows("SELECT 1")
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize(
    ("version", "journal"),
    [("3.46.1", "exclusive"), ("3.51.2", "exclusive"), ("3.51.3", "wal"), ("3.54.1", "wal"), ("4.0.0", "wal")],
)
def test_wal_only_where_it_is_sound(version: str, journal: str) -> None:
    assert journal_for(version) == journal


def test_an_old_sqlite_gets_a_rollback_journal_and_one_owner(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(paths).close()  # a store that newer SQLite left in WAL
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.46.1")
    owner = open_store(paths)
    assert pragma(owner, "journal_mode") == "delete"
    owner.execute("INSERT INTO model_templates VALUES ('a', 'b', 0)")
    with pytest.raises(Error) as caught:
        Store(paths.store, busy_timeout_ms=50)
    assert caught.value.kind == "store-locked"
    owner.close()


def _open_and_write(path: Path, number: int) -> None:
    opened = Store(path)
    for count in range(20):
        opened.execute("INSERT INTO model_templates VALUES (?, ?, 0)", (f"process{number}", f"{count}"))
    opened.close()


def test_processes_that_start_at_once_share_one_store(paths: Paths) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_open_and_write, args=(paths.store, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    opened = open_store(paths)
    assert opened.rows("SELECT count(*) FROM model_templates") == [(80,)]
    assert opened.rows("PRAGMA integrity_check") == [("ok",)]
    opened.close()
