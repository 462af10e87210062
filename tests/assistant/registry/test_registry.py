"""Adapters are taken in, promoted only when the gate lets them through, rolled back, and traced to what they are of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.learn.example import Draft, Origin, Turn
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.registry.registry import Registry
from rushlight.assistant.registry.scopes import check_scope, sql_scope
from rushlight.assistant.registry.values import Adapter, LessonUse, NewAdapter, NewRun, Source
from rushlight.assistant.store.database import Store

BASE, OTHER = "b" * 64, "c" * 64
Proven = Callable[..., Adapter]


def test_an_adapter_is_copied_and_is_the_same_when_it_comes_again(
    registry: Registry, adapter_file: Callable[..., Path]
) -> None:
    file = adapter_file()
    new = NewAdapter(file, "sql:clinic-1a2b3c4d", BASE, "tiny", form="sql-short-1", licence="Apache-2.0")
    first = registry.add_adapter(new)
    assert (first.name, first.state, first.form) == ("clinic-1a2b3c4d-1", "candidate", "sql-short-1")
    assert first.path.read_bytes() == file.read_bytes() and first.path != file
    named = NewAdapter(file, new.scope, BASE, "tiny", name=first.name)
    assert registry.add_adapter(named).id == first.id
    first.path.unlink()
    assert registry.add_adapter(named).path.read_bytes() == file.read_bytes(), "it was deleted, and is given anew"
    with pytest.raises(Error, match="already"):
        registry.add_adapter(NewAdapter(adapter_file("two"), new.scope, BASE, "tiny", name=first.name))
    assert registry.find(first.id[-6:]).name == first.name
    with pytest.raises(Error) as caught:
        registry.find("clinic-1a2b3c4d-2")
    assert "Did you mean clinic-1a2b3c4d-1?" in caught.value.hint


def test_what_is_no_adapter_is_refused(registry: Registry, tiny_gguf: Path, adapter_file: Callable[..., Path]) -> None:
    with pytest.raises(Error, match="is no adapter"):
        registry.add_adapter(NewAdapter(tiny_gguf, "chat", BASE, "tiny"))
    for name in ("candidate", "../x", "-x", "a b", ""):
        if name:
            with pytest.raises(Error, match="cannot be an adapter's name"):
                registry.add_adapter(NewAdapter(adapter_file(), "chat", BASE, "tiny", name=name))
    for scope in ("", "sql:", "sql:../x", "Chat", "sql:Ünder"):
        with pytest.raises(Error, match="is no scope"):
            check_scope(scope)
    assert registry.adapters() == []


def test_only_what_the_gate_lets_through_is_promoted(
    registry: Registry, adapter_file: Callable[..., Path], proven: Proven
) -> None:
    new = registry.add_adapter(NewAdapter(adapter_file(), "chat", BASE, "tiny"))
    with pytest.raises(Error, match="was not evaluated"):
        registry.promote(new.name)
    bad = proven("bad", passed=False)
    with pytest.raises(Error, match="It loses 12 of 50") as caught:
        registry.promote(bad.name)
    assert caught.value.kind == "gate"
    good = proven("good")
    with good.path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(Error, match="changed since"):
        registry.promote(good.name)
    assert registry.promoted("chat") is None


def test_promoting_and_rolling_back_is_a_pile(registry: Registry, proven: Proven) -> None:
    one, two, other = proven("one"), proven("two"), proven("other", scope="sql:shop-00000000")
    assert registry.promote("one").retired is None
    assert registry.promote("one").promoted is not None  # twice is once
    change = registry.promote("two")
    assert change.promoted and change.retired and (change.promoted.name, change.retired.name) == ("two", "one")
    registry.promote("other")
    assert [registry.find(one.name).state for one in (one, two, other)] == ["retired", "promoted", "promoted"]
    back = registry.rollback("chat")
    assert back.promoted and back.retired and (back.promoted.name, back.retired.name) == ("one", "two")
    assert registry.rollback("chat").promoted is None
    with pytest.raises(Error, match="Nothing is promoted for chat"):
        registry.rollback("chat")
    assert registry.promoted("sql:shop-00000000") is not None
    registry.promote("two")
    assert [(one.adapter, one.before, one.undone_at is None) for one in registry.history("chat")] == [
        ("two", "", True), ("two", "one", False), ("one", "", False),
    ]  # fmt: skip


def test_each_base_model_has_its_own(registry: Registry, proven: Proven) -> None:
    proven("one"), proven("two", base=OTHER)
    registry.promote("one"), registry.promote("two")
    found = registry.promoted("chat", BASE), registry.promoted("chat", OTHER), registry.promoted("chat")
    assert [one.name for one in found if one] == ["one", "two", "two"]
    assert registry.promoted("chat", "d" * 64) is None
    assert registry.rollback("chat", BASE).promoted is None
    assert registry.promoted("chat", OTHER) is not None


def test_what_serves_is_not_removed(registry: Registry, proven: Proven) -> None:
    one, two = proven("one"), proven("two")
    registry.promote("one"), registry.promote("two")
    for work in (registry.retire, registry.remove):
        with pytest.raises(Error, match="serves chat"):
            work("two")
    registry.remove("one")
    assert not one.path.exists() and two.path.exists()
    assert registry.rollback("chat").promoted is None  # what was before it is gone: the base


def use(lesson_id: str, *sources: Source) -> LessonUse:
    return LessonUse(lesson_id, 3, f"lesson {lesson_id}", "feedback", "1" * 64, len(sources), sources)


def test_deleting_a_conversation_marks_what_learned_from_it(registry: Registry, store: Store, proven: Proven) -> None:
    conversations = Conversations(store)
    kept, deleted = conversations.create("kept"), conversations.create("deleted")
    lessons = (
        use("a", Source("conversation", deleted.id, 2), Source("conversation", kept.id)),
        use("b", Source("conversation", kept.id), Source("file", "/nowhere.jsonl")),
    )
    registry.add_run(NewRun("r1", "both", BASE, "tiny", lessons, Path("/runs/both"), {"seed": 1}))
    registry.add_run(NewRun("r1", "again", OTHER, "tiny"))  # known: left as it is
    registry.add_run(NewRun("r2", "other", BASE, "tiny", (use("b", Source("conversation", kept.id)),)))
    proven("both", run_id="r1"), proven("other", run_id="r2")
    registry.promote("other")

    def stale() -> list[bool]:
        run = registry.lineage("both").run
        assert run is not None and run.name == "both" and run.manifest == {"seed": 1}
        adapters = [registry.find("both").is_stale, registry.find("other").is_stale]
        return [run.is_stale, *(one.is_stale for one in run.lessons), *adapters]

    assert stale() == [False] * 5
    conversations.delete(deleted.id)
    assert stale() == [True, True, False, True, False]
    conversations.restore(deleted.id)
    assert stale() == [False] * 5
    conversations.delete(deleted.id)
    conversations.purge(deleted.id)
    assert stale() == [True, True, False, True, False]
    assert [one.name for one in registry.trained_on("conversation", deleted.id)] == ["both"]
    assert [one.name for one in registry.trained_on("conversation", kept.id)] == ["other", "both"]
    assert registry.promoted("chat") is not None  # marked, not taken away


def test_an_adapter_of_a_run_is_taken_in_once_while_it_is_whole_and_a_candidate(
    registry: Registry, adapter_file: Callable[..., Path]
) -> None:
    registry.add_run(NewRun("r1", "one", BASE, "tiny"))
    new = NewAdapter(adapter_file(), "chat", BASE, "tiny", run_id="r1")
    first = registry.add_adapter(new)
    assert registry.add_adapter(new) == first
    first.path.unlink()
    second = registry.add_adapter(new)
    assert second.name != first.name and second.path.is_file()
    registry.retire(second.name)
    assert registry.add_adapter(new).state == "candidate"


def test_a_lesson_is_stale_until_what_was_deleted_is_left_out(store: Store) -> None:
    conversations, book = Conversations(store), LessonBook(store)
    chats = [conversations.create(name).id for name in ("kept", "deleted")]
    lesson = book.create("Style", "feedback", scope="chat")
    lesson, _ = book.add(
        lesson,
        [
            Draft(prompt=(Turn("user", chat),), answer="A", origins=(Origin("conversation", chat, "m"),))
            for chat in chats
        ],
    )
    assert not lesson.is_stale
    conversations.delete(chats[1])
    lesson = book.find("Style")
    assert (lesson.is_stale, lesson.n_gone) == (True, 1)
    conversations.restore(chats[1])
    assert not book.find("Style").is_stale
    conversations.delete(chats[1])
    conversations.purge(chats[1])
    gone = [one.id for one in book.examples(lesson) if one.draft.asked == chats[1]]
    assert book.find("Style").is_stale and not book.leave_out(lesson, gone).is_stale


def test_a_run_is_registered_by_the_training_and_its_lessons_by_whoever_asked_for_it(registry: Registry) -> None:
    made = {"made": [{"name": "x.gguf", "sha256": "e" * 64}], "data": []}
    registry.add_run(NewRun("job", "run", BASE, "tiny", folder=Path("/runs/run"), manifest=made))
    lessons = (use("a", Source("file", "x.jsonl")),)
    run = registry.add_run(NewRun("job", "clinic", BASE, "tiny", lessons, manifest={"plan": 1}))
    assert (run.name, run.folder, run.manifest) == ("clinic", Path("/runs/run"), {**made, "plan": 1})
    assert run.lessons == lessons
    assert registry.add_run(NewRun("job", "again", BASE, "tiny", (use("b"),))).lessons == lessons
    found = registry.run_that_made("e" * 64)
    assert found is not None and found.id == "job" and registry.run_that_made("f" * 64) is None
    anew = registry.add_run(NewRun("job", "run", BASE, "tiny", folder=Path("/runs/run.2"), manifest={"second": 2}))
    assert (anew.folder, anew.manifest, anew.lessons) == (Path("/runs/run.2"), {"second": 2}, ()), "it began anew there"
    assert registry.add_run(NewRun("job", "run", BASE, "tiny", (use("b"),))).lessons == (use("b"),)


def test_a_scope_of_a_database_names_its_tables() -> None:
    assert sql_scope("Klinik Süd.2024", "1a2b3c4d" + "0" * 56) == "sql:klinik-sud-2024-1a2b3c4d"
    assert check_scope(sql_scope("数据", "f" * 64)) == "sql:database-ffffffff"
