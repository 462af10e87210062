"""Conversations: made, listed, filed, thrown away; their tree of messages; what is refused."""

import pytest

from rushlight import Error
from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.events import Usage
from rushlight.assistant.store.database import Store


def kind_of(caught: pytest.ExceptionInfo[Error]) -> str:
    return caught.value.kind


def exchange(conversations: Conversations, *texts: str) -> tuple[str, list[str]]:
    """A conversation of these texts, user and assistant in turn: its id and the messages' ids."""
    made = conversations.create()
    ids: list[str] = []
    for number, text in enumerate(texts):
        role = "assistant" if number % 2 else "user"
        ids.append(conversations.append(made.id, ids[-1] if ids else None, role, text).id)
    return made.id, ids


def contents(messages: list) -> list[str]:
    return [message.content for message in messages]


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(set(ids))
    assert {len(one) for one in ids} == {18}


def test_what_is_created_is_read_back(conversations: Conversations) -> None:
    made = conversations.create(
        "  Lamps\nand  candles ", model="tiny", system="", options={"temperature": "0.5"}, created_at=5.0, pinned=True
    )
    assert made == conversations.get(made.id)
    assert (made.title, made.model, made.system, made.options) == (
        "Lamps and candles",
        "tiny",
        "",
        {"temperature": "0.5"},
    )
    assert (made.created_at, made.updated_at, made.pinned, made.head_id, made.n_messages) == (5.0, 5.0, True, None, 0)
    assert conversations.path(made.id) == []


def test_a_message_keeps_all_that_it_was_given(conversations: Conversations) -> None:
    made = conversations.create(created_at=1.0)
    usage = Usage(12, 4, 30, queue_s=0.1, prompt_s=0.2, decode_s=1.5)
    message = conversations.append(
        made.id,
        None,
        "assistant",
        "Text",
        reasoning="Thought",
        model="tiny",
        adapter="a1",
        state="stopped",
        finish_reason="cancelled",
        created_at=9.0,
        usage=usage,
        first_token_s=0.7,
        attachments=[
            NewAttachment("a/b.md", "# A", "text/markdown"),
            NewAttachment("c.txt", "same"),
            NewAttachment("d.txt", "same"),
        ],
    )
    assert message == conversations.message(message.id) == conversations.path(made.id)[0]
    assert message.usage == usage
    assert (message.first_token_s, message.state, message.finish_reason, message.adapter) == (
        0.7,
        "stopped",
        "cancelled",
        "a1",
    )
    assert [(one.name, one.text, one.media_type, one.size_bytes) for one in message.attachments] == [
        ("a/b.md", "# A", "text/markdown", 3),
        ("c.txt", "same", "text/plain", 4),
        ("d.txt", "same", "text/plain", 4),
    ]
    assert conversations.store.rows("SELECT count(*) FROM attachment_texts") == [(2,)]
    assert conversations.get(made.id).updated_at == 9.0


def test_an_edit_is_a_sibling_and_keeps_the_old_line(conversations: Conversations) -> None:
    conversation_id, ids = exchange(conversations, "one", "two", "three", "four")
    edited = conversations.edit(ids[2], "drei")
    assert contents(conversations.path(conversation_id)) == ["one", "two", "drei"]
    assert contents(conversations.siblings(ids[2])) == ["three", "drei"]
    assert contents(conversations.children(ids[1])) == ["three", "drei"]
    assert contents(conversations.path(conversation_id, ids[3])) == ["one", "two", "three", "four"]
    assert conversations.leaf(ids[2]).id == ids[3]
    assert conversations.leaf(ids[1]).id == edited.id
    conversations.set_head(conversation_id, ids[3])
    assert conversations.get(conversation_id).head_id == ids[3]
    assert contents(conversations.messages(conversation_id)) == ["one", "two", "three", "four", "drei"]


def test_an_edit_of_the_first_message_is_another_root(conversations: Conversations) -> None:
    ids = exchange(conversations, "one", "two")[1]
    conversations.append(conversations.create().id, None, "user", "of another conversation")
    conversations.edit(ids[0], "eins")
    assert contents(conversations.siblings(ids[0])) == ["one", "eins"]


def test_an_edit_keeps_attachments_or_takes_new_ones(conversations: Conversations) -> None:
    made = conversations.create()
    first = conversations.append(made.id, None, "user", "Look", attachments=[NewAttachment("a.txt", "A")])
    assert [one.text for one in conversations.edit(first.id, "Look!").attachments] == ["A"]
    assert conversations.edit(first.id, "Look?", []).attachments == ()


def test_a_branch_is_a_copy_of_the_path(conversations: Conversations) -> None:
    folder = conversations.folders.create("Work")
    made = conversations.create("Lamps", folder_id=folder.id, model="tiny", system="S", options={"seed": "1"})
    one = conversations.append(made.id, None, "user", "one", attachments=[NewAttachment("a.txt", "A")])
    two = conversations.append(made.id, one.id, "assistant", "two", usage=Usage(1, 2, 3), created_at=7.0)
    conversations.append(made.id, two.id, "user", "three")
    new = conversations.branch(two.id)
    copied = conversations.path(new.id)
    assert contents(copied) == ["one", "two"]
    assert copied[1].usage == Usage(1, 2, 3) and copied[1].created_at == 7.0
    assert [each.text for each in copied[0].attachments] == ["A"]
    assert {each.id for each in copied}.isdisjoint({one.id, two.id})
    assert (new.title, new.folder_id, new.model, new.system, new.options) == (
        "Lamps",
        folder.id,
        "tiny",
        "S",
        {"seed": "1"},
    )
    conversations.delete(made.id)
    conversations.purge(made.id)
    assert [each.text for each in conversations.path(new.id)[0].attachments] == ["A"]
    conversations.delete(new.id)
    conversations.purge(new.id)
    assert conversations.store.rows("SELECT * FROM attachment_texts") == []


def test_a_branch_of_a_reply_in_the_making_is_written_by_nobody(conversations: Conversations) -> None:
    made = conversations.create()
    user = conversations.append(made.id, None, "user", "Q")
    reply = conversations.append(made.id, user.id, "assistant", "so far", state="partial")
    copied = conversations.path(conversations.branch(reply.id).id)[-1]
    assert (copied.state, copied.is_being_written, copied.content) == ("partial", False, "so far")


def test_a_reply_is_written_flushed_and_finished(conversations: Conversations) -> None:
    made = conversations.create()
    user = conversations.append(made.id, None, "user", "Q")
    reply = conversations.append(made.id, user.id, "assistant", "", state="partial", model="tiny")
    assert reply.is_being_written and conversations.get(made.id).head_id == reply.id
    conversations.update_partial(reply.id, "Half", "Hm")
    half = conversations.message(reply.id)
    assert (half.content, half.reasoning, half.state, half.is_being_written) == ("Half", "Hm", "partial", True)
    done = conversations.finish(
        reply.id,
        "complete",
        "Half and half",
        "Hm",
        finish_reason="stop",
        usage=Usage(3, 1, 2, decode_s=0.5),
        first_token_s=0.25,
    )
    assert done == conversations.message(reply.id)
    assert (done.state, done.is_being_written, done.n_completion_tokens, done.finish_reason) == (
        "complete",
        False,
        2,
        "stop",
    )
    for change in (
        lambda: conversations.update_partial(reply.id, "x"),
        lambda: conversations.finish(reply.id, "failed", "x"),
    ):
        with pytest.raises(Error) as caught:
            change()
        assert kind_of(caught) == "reply-finished"
    assert conversations.message(reply.id).content == "Half and half"


def test_settle_leaves_what_a_living_process_writes(conversations: Conversations, store: Store) -> None:
    made = conversations.create()
    living = conversations.append(made.id, None, "assistant", "a", state="partial")
    dead = conversations.append(made.id, None, "assistant", "b", state="partial")
    store.execute("UPDATE messages SET writer = '999999999-1' WHERE id = ?", (dead.id,))
    assert conversations.settle() == 1
    assert conversations.message(living.id).is_being_written
    assert not conversations.message(dead.id).is_being_written
    assert conversations.message(dead.id).state == "partial"
    assert conversations.settle() == 0


def test_lists_are_pinned_first_then_newest_and_paged(conversations: Conversations) -> None:
    made = [
        conversations.create(str(number), created_at=float(number % 4), pinned=number in (2, 5)) for number in range(10)
    ]
    expected = [one.title for one in sorted(made, key=lambda one: (one.pinned, one.updated_at, one.id), reverse=True)]
    pages: list[str] = []
    last = None
    while page := conversations.list(limit=3, before=last):
        pages += [one.title for one in page]
        last = page[-1]
    assert pages == expected
    newest = max(made, key=lambda one: (one.updated_at, one.id))
    assert conversations.latest() == newest
    conversations.append(made[0].id, None, "user", "now")
    latest = conversations.latest()
    assert latest is not None and latest.id == made[0].id


def test_folders_nest_and_filter(conversations: Conversations) -> None:
    clients = conversations.folders.at("Work/Clients", create=True)
    work = conversations.folders.at("Work")
    inside = conversations.create("inside", folder_id=clients.id)
    above = conversations.create("above", folder_id=work.id)
    loose = conversations.create("loose")
    titles = {"": [loose.title], clients.id: [inside.title], work.id: [above.title]}
    for folder_id, expected in titles.items():
        assert [one.title for one in conversations.list(folder_id)] == expected
    assert {one.title for one in conversations.list(work.id, below=True)} == {"inside", "above"}
    conversations.move(inside.id, None)
    assert {one.title for one in conversations.list("")} == {"inside", "loose"}
    assert [one.path for one in conversations.folders.list()] == ["Work", "Work/Clients"]


def test_a_deleted_folder_leaves_what_was_in_it(conversations: Conversations) -> None:
    folders = conversations.folders
    inner = folders.at("A/A/B", create=True)
    middle, top = folders.at("A/A"), folders.at("A")
    kept = conversations.create(folder_id=middle.id)
    folders.create("B", top.id)
    folders.delete(middle.id)
    assert [one.path for one in folders.list()] == ["A", "A/B", "A/B (2)"]
    assert folders.get(inner.id).path == "A/B (2)"
    assert conversations.get(kept.id).folder_id == top.id
    folders.delete(top.id)
    assert conversations.get(kept.id).folder_id is None
    assert [one.path for one in folders.list()] == ["B", "B (2)"]


def test_folders_refuse_twins_circles_and_bad_names(conversations: Conversations) -> None:
    folders = conversations.folders
    inner = folders.at("A/B", create=True)
    top = folders.at("A")
    for act, expected in (
        (lambda: folders.create("A"), "folder-exists"),
        (lambda: folders.rename(top.id, "  "), "bad-folder"),
        (lambda: folders.create("a/b"), "bad-folder"),
        (lambda: folders.move(top.id, inner.id), "bad-folder"),
        (lambda: folders.move(top.id, top.id), "bad-folder"),
        (lambda: folders.at("A/C"), "folder-not-found"),
        (lambda: folders.at("//"), "bad-folder"),
        (lambda: folders.get("nothing"), "folder-not-found"),
        (lambda: folders.at("/".join("x" * 30), create=True), "bad-folder"),
    ):
        with pytest.raises(Error) as caught:
            act()
        assert kind_of(caught) == expected
    assert [one.path for one in folders.list()] == ["A", "A/B"]  # also the half-made path is undone
    assert folders.move(inner.id, None).path == "B"
    assert folders.rename(inner.id, "C").path == "C"


def test_the_trash_gives_back_and_is_emptied(conversations: Conversations) -> None:
    conversation_id, ids = exchange(conversations, "one", "two")
    other = conversations.create("stays")
    with pytest.raises(Error) as caught:
        conversations.purge(conversation_id)
    assert kind_of(caught) == "not-in-trash"
    conversations.delete(conversation_id)
    deleted_at = conversations.get(conversation_id).deleted_at
    conversations.delete(conversation_id)
    assert conversations.get(conversation_id).deleted_at == deleted_at
    assert [one.id for one in conversations.list()] == [other.id]
    assert [one.id for one in conversations.trash()] == [conversation_id]
    with pytest.raises(Error) as caught:
        conversations.append(conversation_id, ids[-1], "user", "three")
    assert kind_of(caught) == "conversation-deleted"
    conversations.restore(conversation_id)
    assert contents(conversations.path(conversation_id)) == ["one", "two"]
    conversations.delete(conversation_id)
    assert conversations.purge_trash(older_than_s=3600) == 0
    assert conversations.purge_trash() == 1
    for read in (lambda: conversations.get(conversation_id), lambda: conversations.path(conversation_id)):
        with pytest.raises(Error) as caught:
            read()
        assert kind_of(caught) == "conversation-not-found"
    assert conversations.store.rows("SELECT count(*) FROM messages") == [(0,)]


def test_a_reply_is_finished_in_the_trash_too(conversations: Conversations) -> None:
    made = conversations.create()
    reply = conversations.append(made.id, None, "assistant", "", state="partial")
    conversations.delete(made.id)
    conversations.finish(reply.id, "complete", "All of it")
    conversations.restore(made.id)
    assert contents(conversations.path(made.id)) == ["All of it"]


def test_a_conversation_of_thousands_of_turns_is_read_and_purged(conversations: Conversations) -> None:
    made = conversations.create()
    parent = None
    with conversations.together():
        for number in range(3000):
            parent = conversations.append(made.id, parent, "user", str(number)).id
    assert contents(conversations.path(made.id)) == [str(number) for number in range(3000)]
    assert conversations.leaf(conversations.path(made.id)[0].id).id == parent
    conversations.delete(made.id)
    conversations.purge(made.id)
    assert conversations.store.rows("SELECT count(*) FROM messages") == [(0,)]


def test_together_is_all_or_nothing(conversations: Conversations) -> None:
    with pytest.raises(ZeroDivisionError), conversations.together():
        conversations.create("lost")
        raise ZeroDivisionError
    with conversations.together():
        conversations.create("outer")
        with pytest.raises(Error), conversations.together():
            conversations.create("inner, undone by itself")
            conversations.get("nothing")
    assert [one.title for one in conversations.list()] == ["outer"]


def test_configure_changes_what_is_given(conversations: Conversations) -> None:
    made = conversations.create(model="a", system="S", options={"seed": "1"})
    assert conversations.configure(made.id) == made
    changed = conversations.configure(made.id, model="b", pinned=True, options={})
    assert (changed.model, changed.system, changed.options, changed.pinned) == ("b", "S", {}, True)
    assert conversations.configure(made.id, system=None).system is None


def test_a_title_given_meanwhile_stays(conversations: Conversations) -> None:
    made = conversations.create()
    assert conversations.rename(made.id, "Mine", only_if="")
    assert not conversations.rename(made.id, "The model's", only_if="")
    assert conversations.get(made.id).title == "Mine"
    assert conversations.rename(made.id, "x" * 500)
    assert len(conversations.get(made.id).title) == 200


def test_find_by_id_fragment_or_title(conversations: Conversations) -> None:
    one, two = conversations.create("Lamps"), conversations.create("Wax")
    assert conversations.find(one.id) == one
    assert conversations.find(one.id[-6:].upper()) == one
    assert conversations.find("Wax") == two
    for name, expected in (
        (one.id[:5], "conversation-ambiguous"),
        ("nothing at all", "conversation-not-found"),
        ("", "conversation-not-found"),
        ("%", "conversation-not-found"),
    ):
        with pytest.raises(Error) as caught:
            conversations.find(name)
        assert kind_of(caught) == expected


def test_drafts_are_kept_apart(conversations: Conversations) -> None:
    made = conversations.create()
    conversations.save_draft(None, "new")
    conversations.save_draft(made.id, "first")
    conversations.save_draft(made.id, "second")
    assert (conversations.draft(None), conversations.draft(made.id)) == ("new", "second")
    conversations.save_draft(made.id, "")
    assert (conversations.draft(None), conversations.draft(made.id)) == ("new", "")


def test_files_wait_beside_a_draft(conversations: Conversations) -> None:
    made = conversations.create()
    two = (NewAttachment("b.md", "two", "text/markdown"), NewAttachment("a.txt", "one"))
    conversations.save_draft_attachments(made.id, two)
    conversations.save_draft_attachments(None, two[:1])
    conversations.save_draft(made.id, "with them")
    assert conversations.draft_attachments(made.id) == two
    assert conversations.draft_attachments(None) == two[:1]
    conversations.save_draft(made.id, "")  # the words alone
    assert conversations.draft_attachments(made.id) == two
    conversations.save_draft_attachments(made.id, two[1:])
    assert conversations.draft_attachments(made.id) == two[1:]
    conversations.save_draft_attachments(None, ())
    assert conversations.draft_attachments(None) == ()
    conversations.delete(made.id)
    conversations.purge_trash()
    assert conversations.store.rows("SELECT count(*) FROM draft_attachments") == [(0,)]


@pytest.mark.parametrize(
    "text", ["\x00zero\x00", "\ud83d lone", "\ud83d\ude00 pair", "\x1b[31m", "  ", "é\u0301", "\r\n"]
)
def test_odd_texts_are_stored(conversations: Conversations, text: str) -> None:
    made = conversations.create(text, system=text, options={"seed": text})
    message = conversations.append(
        made.id, None, "user", text, reasoning=text, attachments=[NewAttachment(text, text, text)]
    )
    expected = text.replace("\ud83d\ude00", "😀").replace("\ud83d", "\ufffd")
    assert conversations.message(message.id).content == expected
    assert message.attachments[0].text == expected
    conversations.save_draft(made.id, text)
    assert conversations.draft(made.id) == expected


def test_what_is_wrong_is_refused_and_changes_nothing(conversations: Conversations) -> None:
    one, ids = exchange(conversations, "one", "two")
    _other, other_ids = exchange(conversations, "uno")
    for act, expected in (
        (lambda: conversations.append(one, other_ids[0], "user", "x"), "message-not-found"),
        (lambda: conversations.append(one, "nothing", "user", "x"), "message-not-found"),
        (lambda: conversations.append("nothing", None, "user", "x"), "conversation-not-found"),
        (lambda: conversations.append(one, None, "robot", "x"), "bad-message"),
        (lambda: conversations.append(one, None, "user", "x" * (16 * 2**20 + 1)), "too-long"),
        (lambda: conversations.set_head(one, other_ids[0]), "message-not-found"),
        (lambda: conversations.path(one, other_ids[0]), "message-not-found"),
        (lambda: conversations.message("nothing"), "message-not-found"),
        (lambda: conversations.move(one, "nothing"), "folder-not-found"),
        (lambda: conversations.list("nothing"), "folder-not-found"),
        (lambda: conversations.resume_partial(ids[0]), "bad-message"),
        (lambda: conversations.branch("nothing"), "message-not-found"),
    ):
        with pytest.raises(Error) as caught:
            act()
        assert kind_of(caught) == expected
    assert contents(conversations.messages(one)) == ["one", "two"]
    assert len(conversations.list()) == 2


def test_two_open_stores_see_each_other(conversations: Conversations) -> None:
    other = Conversations(Store(conversations.store.path))
    before = other.store.data_version()
    made = conversations.create("Seen")
    assert other.store.data_version() != before
    assert other.get(made.id) == made
    other.store.close()
