"""Feedback: thumbs, corrections, kept versions; withdrawn and never lost; handed out for training."""

import pytest

from rushlight import Error
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.feedback import FeedbackBook


@pytest.fixture
def book(conversations: Conversations) -> FeedbackBook:
    return FeedbackBook(conversations)


@pytest.fixture
def replies(conversations: Conversations) -> list[str]:
    """Three versions of a reply; the ids."""
    made = conversations.create()
    user = conversations.append(made.id, None, "user", "Q")
    return [conversations.append(made.id, user.id, "assistant", text).id for text in ("a", "b", "c")]


def test_a_thumb_replaces_a_thumb_and_the_history_stays(book: FeedbackBook, replies: list[str]) -> None:
    up = book.thumb(replies[0], "up", "nice")
    down = book.thumb(replies[0], "down")
    assert book.of(replies[0]) == [down]
    assert [one.id for one in book.list()] == [down.id]
    history = book.list(withdrawn=True)
    assert [one.id for one in history] == [down.id, up.id]
    assert history[1].withdrawn_at is not None and history[1].note == "nice"
    book.withdraw(down.id)
    assert book.of(replies[0]) == []
    withdrawn_at = book.list(withdrawn=True)[0].withdrawn_at
    book.withdraw(down.id)
    assert book.list(withdrawn=True)[0].withdrawn_at == withdrawn_at


def test_a_correction_leaves_the_reply_as_it_was(
    book: FeedbackBook, replies: list[str], conversations: Conversations
) -> None:
    book.correct(replies[0], "first")
    second = book.correct(replies[0], "second", "shorter")
    book.thumb(replies[0], "up")
    assert [(one.kind, one.text) for one in book.of(replies[0])] == [("correction", "second"), ("up", "")]
    assert conversations.message(replies[0]).content == "a"
    assert book.list(kind="correction") == [second]


def test_kept_is_a_pair_with_each_other_version(book: FeedbackBook, replies: list[str]) -> None:
    kept = book.keep(replies[1])
    assert [(one.message_id, one.rejected_id) for one in kept] == [(replies[1], replies[0]), (replies[1], replies[2])]
    assert {one.id for one in book.of(replies[0])} == {kept[0].id}
    (turned,) = book.keep(replies[0], replies[1])
    assert {(one.message_id, one.rejected_id) for one in book.list(kind="kept")} == {
        (replies[1], replies[2]),
        (replies[0], replies[1]),
    }
    assert turned.rejected_id == replies[1]


def test_examples_hold_all_that_training_needs(
    book: FeedbackBook, replies: list[str], conversations: Conversations
) -> None:
    book.keep(replies[1], replies[0])
    book.correct(replies[2], "better")
    with conversations.together():
        for number in range(150):
            book.thumb(replies[0], "up" if number % 2 else "down")
    examples = list(book.examples())
    assert [one.feedback.kind for one in examples] == ["kept", "correction", "up"]
    assert [message.content for message in examples[0].prompt] == ["Q"]
    assert examples[0].reply.content == "b"
    assert examples[0].rejected is not None and examples[0].rejected.content == "a"
    assert examples[1].feedback.text == "better" and examples[1].rejected is None
    assert [one.feedback.kind for one in book.examples(kind="up")] == ["up"]


def test_the_trash_hides_and_purging_takes_along(
    book: FeedbackBook, replies: list[str], conversations: Conversations
) -> None:
    book.keep(replies[1])
    conversation_id = conversations.message(replies[0]).conversation_id
    conversations.delete(conversation_id)
    assert book.list() == [] == list(book.examples())
    conversations.restore(conversation_id)
    assert len(book.list()) == 2
    conversations.delete(conversation_id)
    conversations.purge(conversation_id)
    assert conversations.store.rows("SELECT * FROM feedback") == []


def test_what_is_wrong_is_refused(book: FeedbackBook, replies: list[str], conversations: Conversations) -> None:
    made = conversations.create()
    user = conversations.append(made.id, None, "user", "Q")
    running = conversations.append(made.id, user.id, "assistant", "", state="partial")
    for act, expected in (
        (lambda: book.thumb("nothing", "up"), "message-not-found"),
        (lambda: book.thumb(user.id, "up"), "bad-feedback"),
        (lambda: book.thumb(replies[0], "sideways"), "bad-feedback"),
        (lambda: book.thumb(running.id, "up"), "reply-busy"),
        (lambda: book.correct(replies[0], " \n"), "bad-feedback"),
        (lambda: book.keep(replies[0], replies[0]), "bad-feedback"),
        (lambda: book.keep(replies[0], user.id), "bad-feedback"),
        (lambda: book.withdraw("nothing"), "feedback-not-found"),
    ):
        with pytest.raises(Error) as caught:
            act()
        assert caught.value.kind == expected
    assert book.list(withdrawn=True) == []
