"""What an import does to the store: all of a file or nothing, and the same file only once."""

import errno
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat import importing, transfer_store
from rushlight.assistant.chat.importing import ImportReport, import_file
from rushlight.assistant.chat.transfer import TransferConversation
from rushlight.assistant.chat.transfer_store import TransferStore

Write = Callable[..., Path]


def shape(conversation: TransferConversation) -> list[tuple[Any, ...]]:
    """The tree without its ids: (number of the parent, role, content, reasoning)."""
    numbers: dict[str | None, int] = {None: -1}
    for number, message in enumerate(conversation.messages):
        numbers[message.id] = number
    return [(numbers[one.parent_id], one.role, one.content, one.reasoning) for one in conversation.messages]


def rows(store: TransferStore) -> dict[str, int]:
    return {
        table: int(str(store.store.rows(f"SELECT count(*) FROM {table}")[0][0]))
        for table in (
            "conversations",
            "messages",
            "attachments",
            "attachment_texts",
            "feedback",
            "folders",
            "imported_conversations",
            "message_search",
        )
    }


@pytest.fixture
def chatgpt(samples: ModuleType, write: Write) -> Path:
    return write(samples.chatgpt_export(), "conversations.json")


def test_the_report(store: TransferStore, chatgpt: Path) -> None:
    report = import_file(store, chatgpt)
    assert report == ImportReport(
        formats=("ChatGPT",),
        n_conversations=2,
        n_continued=0,
        n_messages=12,
        n_known=0,
        n_empty=1,
        n_missing_files=2,
        skipped=(),
        conversation_ids=report.conversation_ids,
    )
    assert len(report.conversation_ids) == 2


def test_what_is_stored_is_what_was_read(store: TransferStore, samples: ModuleType, write: Write) -> None:
    from rushlight.assistant.chat.importing import read_file

    for name in ("chatgpt_export", "openwebui_export", "sharegpt_lines", "rushlight_export"):
        path = write(getattr(samples, name)())
        read = [one for one in read_file(path) if one.messages]
        stored = [store.read(one) for one in import_file(store, path).conversation_ids]
        for before, after in zip(read, stored, strict=True):
            assert shape(before) == shape(after)
            assert [one.id for one in before.messages].index(before.head_id or "") == [
                one.id for one in after.messages
            ].index(after.head_id or "")
            for one, other in zip(before.messages, after.messages, strict=True):
                assert (one.model, one.adapter, one.state, one.finish_reason, one.usage, one.attachments) == (
                    other.model,
                    other.adapter,
                    other.state,
                    other.finish_reason,
                    other.usage,
                    other.attachments,
                )
                assert one.created_at in (None, other.created_at)
                assert [(f.kind, f.text, f.note) for f in one.feedback] == [
                    (f.kind, f.text, f.note) for f in other.feedback
                ]
            assert (before.title, before.model, before.system, before.options, before.pinned, before.folder) == (
                after.title,
                after.model,
                after.system,
                after.options,
                after.pinned,
                after.folder,
            )
            assert before.created_at in (None, after.created_at) and before.updated_at in (None, after.updated_at)


def test_it_can_be_found_and_read_as_any_other(store: TransferStore, chatgpt: Path) -> None:
    import_file(store, chatgpt)
    rye = store.find("Rye sour")
    assert [message.content for message in store.path(rye.id)][-1] == "A baker."
    assert len(store.siblings(store.path(rye.id)[0].id)) == 2
    assert store.latest() is not None
    found = store.store.rows("SELECT rowid FROM message_search WHERE message_search MATCH 'baker'")
    assert len(found) == 1


@pytest.mark.parametrize("name", ["chatgpt_export", "openwebui_export", "sharegpt_lines", "rushlight_export"])
def test_the_same_file_twice_adds_nothing(store: TransferStore, samples: ModuleType, write: Write, name: str) -> None:
    path = write(getattr(samples, name)())
    first = import_file(store, path)
    before = rows(store)
    report = import_file(store, path)
    assert rows(store) == before
    assert (report.n_conversations, report.n_continued, report.n_messages, report.conversation_ids) == (0, 0, 0, ())
    assert report.n_known == first.n_conversations


def test_again_adds_it_a_second_time(store: TransferStore, chatgpt: Path) -> None:
    import_file(store, chatgpt)
    assert import_file(store, chatgpt, again=True).n_conversations == 2
    assert import_file(store, chatgpt).n_known == 2
    assert rows(store)["conversations"] == 4


def test_what_was_thrown_away_comes_back(store: TransferStore, chatgpt: Path) -> None:
    for conversation_id in import_file(store, chatgpt).conversation_ids:
        store.delete(conversation_id)
    assert import_file(store, chatgpt).n_conversations == 2


def test_a_later_export_continues_the_conversation(store: TransferStore, samples: ModuleType, write: Write) -> None:
    export = samples.chatgpt_export()
    first = import_file(store, write(export))
    nodes = export[0]["mapping"]
    nodes["a3"]["children"] = ["q4"]
    nodes["q4"] = samples.node("q4", "a3", "a4", message=samples.said("q4", "user", "Thanks"))
    nodes["a4"] = samples.node("a4", "q4", message=samples.said("a4", "assistant", "Bake well."))
    nodes["q1"]["children"].append("a1-again")
    nodes["a1-again"] = samples.node("a1-again", "q1", message=samples.said("a1-again", "assistant", "Overnight."))
    export[0]["current_node"] = "a4"
    report = import_file(store, write(export))
    assert (report.n_conversations, report.n_continued, report.n_messages, report.n_known) == (0, 1, 3, 1)
    assert report.conversation_ids == first.conversation_ids[:1]
    rye = store.read(first.conversation_ids[0])
    assert [message.content for message in rye.path][-2:] == ["Thanks", "Bake well."]
    assert [one.content for one in rye.messages[:3]] == [
        "How long does a rye sour take?",
        "About 16 hours.",
        "Overnight.",
    ]
    assert import_file(store, write(export)).n_known == 2


def test_who_went_on_here_keeps_what_is_shown(store: TransferStore, samples: ModuleType, write: Write) -> None:
    export = samples.chatgpt_export()
    rye = import_file(store, write(export)).conversation_ids[0]
    mine = store.append(rye, store.get(rye).head_id, "user", "My own question")
    nodes = export[0]["mapping"]
    nodes["a3"]["children"] = ["q4"]
    nodes["q4"] = samples.node("q4", "a3", message=samples.said("q4", "user", "Thanks"))
    export[0]["current_node"] = "q4"
    assert import_file(store, write(export)).n_messages == 1
    assert store.get(rye).head_id == mine.id
    assert {one.content for one in store.siblings(mine.id)} == {"My own question", "Thanks"}


def test_equal_siblings_are_matched_one_by_one(store: TransferStore, write: Write) -> None:
    def export(n_replies: int) -> Path:
        replies = [
            {"id": f"a{number}", "parent": "q", "role": "assistant", "content": "same"} for number in range(n_replies)
        ]
        return write(
            [
                {
                    "format": "rushlight.conversation",
                    "version": 1,
                    "id": "x",
                    "messages": [{"id": "q", "parent": None, "role": "user", "content": "q"}, *replies],
                }
            ]
        )

    import_file(store, export(2))
    assert import_file(store, export(3)).n_messages == 1
    assert import_file(store, export(2)).n_known == 1
    assert rows(store)["messages"] == 4


def test_an_export_of_this_store_is_known_here(store: TransferStore, tmp_path: Path) -> None:
    from rushlight.assistant.chat.exporting import export_file

    chat = store.create("Lamps")
    store.append(chat.id, None, "user", "Hello")
    report = import_file(store, export_file(store, tmp_path / "out.json").path)
    assert (report.n_conversations, report.n_known) == (0, 1)


def test_a_broken_conversation_stops_the_whole_file(store: TransferStore, samples: ModuleType, write: Write) -> None:
    export = samples.chatgpt_export()
    export[1]["mapping"]["n2"]["message"]["author"]["role"] = "robot"
    before = rows(store)
    with pytest.raises(Error, match="conversation 2"):
        import_file(store, write(export))
    assert rows(store) == before


def test_broken_ones_can_be_left_out(store: TransferStore, samples: ModuleType, write: Write) -> None:
    export = samples.chatgpt_export()
    export[1]["title"] = "Cheers"
    export[1]["mapping"]["n2"]["message"]["author"]["role"] = "robot"
    report = import_file(store, write(export), skip_broken=True)
    ((number, title, reason),) = [(one.number, one.title, one.reason) for one in report.skipped]
    assert (report.n_conversations, number, title) == (1, 2, "Cheers") and '"robot"' in reason
    lines = json.dumps(samples.sharegpt_lines()[0]) + '\n{"messages": [1 2]}\n{"x": 1}\n'
    report = import_file(store, write(lines), skip_broken=True)
    assert report.n_conversations == 1 and [one.number for one in report.skipped] == [2, 3]


def test_a_stop_leaves_nothing(store: TransferStore, samples: ModuleType, write: Write) -> None:
    path = write([{"messages": [{"role": "user", "content": str(number)}]} for number in range(50)])
    before = rows(store)
    stop = Stop()

    def stop_while_writing(progress: Progress) -> None:
        if progress.what == "Importing" and progress.done == 20:
            assert rows(store)["conversations"] == 20
            stop.set()

    with pytest.raises(Error) as caught:
        import_file(store, path, stop=stop, on_progress=stop_while_writing)
    assert caught.value.kind == "stopped" and rows(store) == before


def test_a_full_disk_is_told_and_leaves_nothing(
    store: TransferStore, chatgpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = rows(store)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(Error, match="No space left") as caught:
        import_file(store, chatgpt)
    assert caught.value.kind == "disk-full" and rows(store) == before


def test_a_large_import_is_searchable_and_lets_others_write(
    store: TransferStore, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its full-text index is made in steps after the import; what is really being written stays out of it."""
    monkeypatch.setattr(importing, "SEARCH_LATER_MESSAGES", 10)
    monkeypatch.setattr(transfer_store, "_STEP_MESSAGES", 4)
    mine = store.append(store.create("mine").id, None, "assistant", "half a reply", state="partial")
    steps: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.what == "Indexing":
            steps.append(progress.done)
            store.update_partial(mine.id, f"more of it {progress.done}")
        else:
            assert rows(store)["message_search"] == 0

    path = write([{"messages": [{"role": "user", "content": f"walrus {number}"}]} for number in range(10)])
    import_file(store, path, on_progress=on_progress)
    assert steps == [4, 8, 10]
    found = store.store.rows("SELECT rowid FROM message_search WHERE message_search MATCH 'walrus'")
    assert len(found) == 10 and rows(store)["message_search"] == 10
    assert store.message(mine.id).is_being_written
    assert not any(message.is_being_written for message in store.messages(store.list(limit=1)[0].id))


def test_a_stop_of_the_indexing_keeps_the_import(
    store: TransferStore, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "SEARCH_LATER_MESSAGES", 10)
    monkeypatch.setattr(transfer_store, "_STEP_MESSAGES", 4)
    stop = Stop()
    path = write([{"messages": [{"role": "user", "content": f"walrus {number}"}]} for number in range(10)])
    report = import_file(
        store, path, stop=stop, on_progress=lambda progress: stop.set() if progress.what == "Indexing" else None
    )
    assert report.n_conversations == 10 and rows(store)["message_search"] == 4


def test_nothing_is_left_beside_the_store(store: TransferStore, chatgpt: Path) -> None:
    import_file(store, chatgpt)
    assert {path.name for path in store.store.path.parent.iterdir()} <= {
        "rushlight.db",
        "rushlight.db-wal",
        "rushlight.db-shm",
    }


def test_into_a_folder(store: TransferStore, samples: ModuleType, write: Write) -> None:
    import_file(store, write(samples.chatgpt_export()), folder="From/ChatGPT")
    import_file(store, write(samples.rushlight_export()), folder="Elsewhere")
    assert [one.path for one in store.folders.list()] == ["From", "From/ChatGPT", "Work", "Work/Light"]
    assert len(store.list(store.folders.at("From/ChatGPT").id)) == 2


@pytest.mark.parametrize(("change", "words"), [
    ({"version": 2}, ["/version", "the version 1", "the number 2"]),
    ({"head": "gone"}, ['message "gone"', "is not in the conversation"]),
    ({"options": {"temperature": 1}}, ["/options/temperature", "expected a text"]),
    ({"folder": "a/" * 30}, ['export.json, conversation "Lamps"', "20 deep"]),
    ({"pinned": "yes"}, ["/pinned", "true or false"]),
])  # fmt: skip
def test_faults_of_our_own_format(
    store: TransferStore, samples: ModuleType, write: Write, change: dict[str, Any], words: list[str]
) -> None:
    export = samples.rushlight_export()
    export[0].update(change)
    before = rows(store)
    with pytest.raises(Error) as caught:
        import_file(store, write(export))
    for word in words:
        assert word in caught.value.message
    assert rows(store) == before


@pytest.mark.parametrize(("change", "words"), [
    ({"state": "asleep"}, ["/messages/1/state", '"asleep"']),
    ({"parent": "m2"}, ["run in a circle"]),
    ({"id": "m1"}, ["two messages have this id"]),
    ({"usage": {"decode_s": -1}}, ["/usage/decode_s", "the number -1"]),
    ({"usage": {"n_prompt_tokens": 1.5}}, ["/usage/n_prompt_tokens", "a whole number"]),
    ({"feedback": [{"kind": "kept"}]}, ["names the reply that was given up"]),
    ({"feedback": [{"kind": "kept", "rejected": "m9"}]}, ['the reply "m9"']),
    ({"feedback": [{"kind": "correction"}]}, ["has a text"]),
    ({"feedback": [{"kind": "up", "text": "x"}]}, ["has a text"]),
    ({"attachments": [{"name": 1}]}, ["/attachments/0/name"]),
])  # fmt: skip
def test_faults_of_our_own_messages(
    store: TransferStore, samples: ModuleType, write: Write, change: dict[str, Any], words: list[str]
) -> None:
    export = samples.rushlight_export()
    export[0]["messages"][1].update(change)
    with pytest.raises(Error) as caught:
        import_file(store, write(export))
    for word in words:
        assert word in caught.value.message
    assert rows(store)["conversations"] == 0
