"""Stores of earlier versions: brought up to date with what they hold, also when killed at a step."""

import os
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.store import database, migrations
from rushlight.assistant.store.database import Store

NAMES = list(migrations.MIGRATIONS)


def store_with(path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A store as a version that knew only these migrations left it, with a model in it."""
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", {name: migrations.MIGRATIONS[name] for name in names})
        store = Store(path)
        store.execute("INSERT INTO model_templates VALUES ('kept', 'x', 0)")
        assert [row[0] for row in store.rows("SELECT name FROM migrations ORDER BY name")] == names
        store.close()


@pytest.mark.parametrize("n_known", range(1, len(NAMES)))
def test_an_older_store_is_brought_up_to_date(tmp_path: Path, n_known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rushlight.db"
    store_with(path, NAMES[:n_known], monkeypatch)
    store = Store(path)
    assert store.rows("SELECT model_id FROM model_templates") == [("kept",)]
    assert [row[0] for row in store.rows("SELECT name FROM migrations ORDER BY name")] == NAMES
    conversations = Conversations(store)
    made = conversations.create("Lamps")
    conversations.append(made.id, None, "user", "text")
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    assert store.rows("PRAGMA foreign_key_check") == []
    store.close()


@pytest.mark.parametrize("step", NAMES[1:])
def test_killed_in_a_step_and_opened_again(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rushlight.db"
    store_with(path, NAMES[:1], monkeypatch)
    child = os.fork()
    if child == 0:

        def killed(db: apsw.Connection) -> None:
            migrations.MIGRATIONS[step](db)
            os._exit(9)

        database.MIGRATIONS = {**migrations.MIGRATIONS, step: killed}
        Store(path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    store = Store(path)
    assert [row[0] for row in store.rows("SELECT name FROM migrations ORDER BY name")] == NAMES
    assert store.rows("SELECT model_id FROM model_templates") == [("kept",)]
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    store.close()


def test_common_reads_go_through_indexes(conversations: Conversations) -> None:
    """A million messages are read by these; a plan that scans a table is not noticed in a small test otherwise."""
    from rushlight.assistant.chat import message_rows

    plans = {
        "path": message_rows.LINE,
        "children": message_rows.MESSAGES + "WHERE m.conversation = ? AND m.parent IS ? ORDER BY m.number",
        "list": "SELECT c.number FROM conversations c WHERE c.deleted_at IS NULL "
        "ORDER BY c.pinned DESC, c.updated_at DESC, c.number DESC LIMIT 50",
        "folder": "SELECT c.number FROM conversations c WHERE c.deleted_at IS NULL AND c.folder = ? "
        "ORDER BY c.pinned DESC, c.updated_at DESC, c.number DESC LIMIT 50",
        "latest": "SELECT number FROM conversations c WHERE c.deleted_at IS NULL "
        "ORDER BY c.updated_at DESC, c.number DESC LIMIT 1",
        "settle": "SELECT number, writer FROM messages WHERE writer <> ''",
    }
    for name, sql in plans.items():
        db = conversations.store._db
        steps = [str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + sql, (None,) * sql.count("?"))]
        for step in steps:
            assert "USE TEMP B-TREE" not in step or name == "path", (name, steps)
            assert not step.startswith("SCAN ") or "INDEX" in step or step == "SCAN line", (name, steps)
