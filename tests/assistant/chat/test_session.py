"""A session: stored before asked, flushed while it streams, ended in every way there is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.chat import reply as reply_module
from rushlight.assistant.chat.conversation import Message, NewAttachment
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.session import ChatSession
from rushlight.assistant.events import Failed, Finished, Notice, ReasoningDelta, TextDelta, Usage
from rushlight.assistant.store.database import Store

Chat = Callable[..., ChatSession]


def last(session: ChatSession) -> Message:
    return session.messages[-1]


def said(events: Iterator[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def asked(session: ChatSession, which: int = -1) -> Any:
    return session._app.engines[0].requests[which]  # type: ignore[attr-defined]


def test_a_message_is_stored_when_send_returns_and_before_the_engine_is_asked(chat: Chat, store: Store) -> None:
    session = chat()
    events = session.send("How do candles burn?")
    other = Conversations(Store(store.path))  # what another process sees
    assert [one.content for one in other.path(session.conversation_id)] == ["How do candles burn?"]
    assert session._app.engines[0].requests == []  # type: ignore[attr-defined]
    assert said(events) == "Hello there"
    path = other.path(session.conversation_id)
    other.store.close()
    assert [(one.role, one.content, one.state) for one in path] == [
        ("user", "How do candles burn?", "complete"),
        ("assistant", "Hello there", "complete"),
    ]
    assert (path[1].model, path[1].finish_reason, path[1].n_completion_tokens) == ("tiny", "stop", 2)
    assert path[1].first_token_s > 0


def test_the_reply_is_stored_before_finished_is_told(chat: Chat) -> None:
    session = chat()
    for event in session.send("Q"):
        if isinstance(event, Finished):
            assert (last(session).content, last(session).state) == ("Hello there", "complete")
            break
    else:
        pytest.fail("no Finished")


def test_the_engine_is_given_the_path_with_the_system_prompt(chat: Chat) -> None:
    session = chat()
    list(session.send("one"))
    list(session.send("two", [NewAttachment("a.txt", "A")]))
    assert [(one.role, one.content) for one in asked(session).messages] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "Hello there"),
        ("user", "two\n\nFile a.txt:\n```txt\nA\n```"),
    ]


def test_system_model_and_options_of_the_conversation_hold(chat: Chat, conversations: Conversations) -> None:
    made = conversations.create(model="other", system="", options={"temperature": "0.5", "seed": "1"})
    session = chat(conversation_id=made.id, options={"seed": "7"}, adjust=lambda one: one)
    list(session.send("Q"))
    request = asked(session)
    assert [one.role for one in request.messages] == ["user"]
    assert (request.sampling.temperature, request.sampling.seed) == (0.5, 7)
    assert last(session).model == "other"


def test_a_system_message_of_an_import_gives_way_to_the_conversations_own(
    chat: Chat, conversations: Conversations
) -> None:
    for own, expected in ((None, "Imported"), ("Own", "Own")):
        made = conversations.create(system=own)
        conversations.append(made.id, None, "system", "Imported")
        session = chat(conversation_id=made.id)
        list(session.send("Q"))
        assert [one.content for one in asked(session).messages] == [expected, "Q"]


def test_reasoning_is_stored_apart_and_not_sent_back(chat: Chat) -> None:
    session = chat([ReasoningDelta("Hm. "), ReasoningDelta("So."), TextDelta("Yes"), Finished("stop")])
    list(session.send("Q"))
    assert (last(session).content, last(session).reasoning) == ("Yes", "Hm. So.")
    list(session.send("Again"))
    assert all("Hm" not in one.content and not one.reasoning for one in asked(session).messages)


def test_what_has_come_is_flushed_in_time(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(reply_module.time, "monotonic", lambda: clock[0])

    def later(seconds: float, text: str) -> Callable[[], TextDelta]:
        def make() -> TextDelta:
            clock[0] += seconds
            return TextDelta(text)

        return make

    session = chat(
        [later(0.1, "a"), later(0.5, "b"), later(0.5, "c"), later(0.1, "d"), later(0.1, "x" * 200), Finished("stop")]
    )
    stored = []
    for event in session.send("Q"):
        if isinstance(event, TextDelta):
            stored.append(last(session).content)
    # Seen when the next piece comes: what was there after the one before it.
    assert [len(one) for one in stored] == [0, 0, 0, 3, 3]
    assert len(last(session).content) == 204


def test_stop_keeps_what_has_come(chat: Chat) -> None:
    session = chat(["one", " two", " three"])
    pieces = []
    for event in session.send("Q"):
        if isinstance(event, TextDelta):
            pieces.append(event.text)
            session.stop()
    assert pieces == ["one"]
    assert (last(session).content, last(session).state, last(session).finish_reason) == ("one", "stopped", "cancelled")
    assert said(session.send("Again")) == "one two three"  # the next one is not stopped


def test_stop_before_the_first_event_counts(chat: Chat) -> None:
    session = chat()
    events = session.send("Q")
    session.stop()
    assert said(events) == ""
    assert last(session).state == "stopped"


def test_closing_the_stream_stops_and_keeps(chat: Chat) -> None:
    session = chat(["one", " two"])
    events = session.send("Q")
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert (last(session).content, last(session).state) == ("one", "stopped")


@pytest.mark.parametrize(("end", "kind"), [
    (Error("The engine died.", kind="worker-died"), "worker-died"), (Failed("Broken.", kind="broken"), "broken"),
])  # fmt: skip
def test_a_failure_keeps_what_had_come_and_is_raised(chat: Chat, end: Any, kind: str) -> None:
    session = chat([TextDelta("one"), end])
    with pytest.raises(Error) as caught:
        list(session.send("Q"))
    assert caught.value.kind == kind
    assert (last(session).content, last(session).state, last(session).finish_reason) == ("one", "failed", kind)


def test_a_bug_keeps_what_had_come_too(chat: Chat) -> None:
    session = chat([TextDelta("one"), ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        list(session.send("Q"))
    assert (last(session).content, last(session).state) == ("one", "failed")
    session = chat([TextDelta("one"), KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        list(session.send("Q"))
    assert (last(session).content, last(session).state) == ("one", "stopped")


def test_a_model_that_is_missing_leaves_the_question_to_be_answered_later(
    chat: Chat, conversations: Conversations
) -> None:
    made = conversations.create(model="missing")
    session = chat(conversation_id=made.id)
    with pytest.raises(Error) as caught:
        list(session.send("Q"))
    assert caught.value.kind == "model-not-found"
    assert [one.content for one in session.messages] == ["Q"]
    conversations.configure(made.id, model="")
    assert said(session.regenerate()) == "Hello there"
    assert [one.content for one in session.messages] == ["Q", "Hello there"]


def test_an_engine_that_has_ended_since_is_opened_again(chat: Chat, word_engine: Any) -> None:
    class Gone(word_engine):  # type: ignore[misc]
        def tokenize(self, request: Any) -> tuple[int, ...]:
            raise Error("Unloaded.", kind="unloaded")

    session = chat(engine=[Gone(), word_engine()])
    assert said(session.send("Q")) == "Hello there"
    assert [type(one) for one in session._app.forgotten] == [Gone]  # type: ignore[attr-defined]
    session = chat(engine=[Gone(), Gone(), word_engine()])
    with pytest.raises(Error) as caught:
        list(session.send("Q"))
    assert caught.value.kind == "unloaded"


def test_an_engine_that_has_ended_since_is_opened_again_for_another_version(chat: Chat, word_engine: Any) -> None:
    """What is asked was counted already: the first that notices is who wants the answer."""

    class Ending(word_engine):  # type: ignore[misc]
        is_gone = False

        def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
            if self.is_gone:
                raise Error("The host ended.", kind="host-ended")
            yield from super().generate(request, stop)

    first, second = Ending(), Ending(["Anew"])
    session = chat(engine=[first, second, Ending(["Later"])])
    list(session.send("Q"))
    first.is_gone = True
    assert said(session.regenerate()) == "Anew"
    assert (last(session).content, last(session).state) == ("Anew", "complete")
    assert session._app.forgotten == [first]  # type: ignore[attr-defined]
    second.is_gone = True
    assert said(session.regenerate()) == "Later"
    session = chat(engine=[first, Ending(["Later"])])
    with pytest.raises(Error) as caught:  # it was not there before: it ended because of what was asked
        list(session.send("Q"))
    assert caught.value.kind == "host-ended" and last(session).state == "failed"
    assert said(session.regenerate()) == "Later"


def test_an_engine_that_ends_in_the_middle_is_not_asked_again_but_another_next_time(
    chat: Chat, word_engine: Any
) -> None:
    dying = word_engine([TextDelta("one"), Error("The engine died.", kind="worker-died")])
    session = chat(engine=[dying, word_engine(["two"])])
    with pytest.raises(Error):
        list(session.send("Q"))
    assert (last(session).content, last(session).state) == ("one", "failed")
    assert said(session.regenerate()) == "two"


def test_regenerate_makes_a_sibling(chat: Chat, conversations: Conversations) -> None:
    session = chat()
    list(session.send("one"))
    first = last(session)
    list(session.send("two"))
    list(session.regenerate(first.id))
    assert [one.content for one in session.messages] == ["one", "Hello there"]
    assert [one.content for one in asked(session).messages] == ["Be brief.", "one"]
    assert [one.id for one in conversations.siblings(first.id)] == [first.id, last(session).id]
    list(session.regenerate())
    assert len(conversations.siblings(first.id)) == 3


def test_edit_answers_the_new_version(chat: Chat, conversations: Conversations) -> None:
    session = chat()
    list(session.send("one", [NewAttachment("a.txt", "A")]))
    question = session.messages[0]
    list(session.edit(question.id, "uno"))
    assert [one.content for one in session.messages] == ["uno", "Hello there"]
    assert session.messages[0].attachments[0].text == "A"
    assert len(conversations.messages(session.conversation_id)) == 4


def test_a_stopped_reply_is_continued_in_place(chat: Chat) -> None:
    session = chat(["one", " two"])
    for event in session.send("Q"):
        if isinstance(event, TextDelta):
            session.stop()
    stopped = last(session)
    assert said(session.continue_reply()) == "one two"
    done = last(session)
    assert (done.id, done.content, done.state) == (stopped.id, "oneone two", "complete")
    assert done.n_completion_tokens == 3
    request = asked(session)
    assert request.continue_final and request.messages[-1].content == "one"
    with pytest.raises(Error) as caught:
        session.continue_reply()
    assert caught.value.kind == "nothing-to-continue"


def test_a_reply_without_text_is_answered_beside(chat: Chat, conversations: Conversations) -> None:
    session = chat(["one"])
    events = session.send("Q")
    session.stop()
    list(events)
    empty = last(session)
    assert said(session.continue_reply()) == "one"
    assert last(session).id != empty.id
    assert not asked(session).continue_final
    assert len(conversations.siblings(empty.id)) == 2


def test_two_at_once_do_not_continue_the_same_reply(chat: Chat, conversations: Conversations) -> None:
    session = chat()
    question = conversations.append(session.conversation_id, None, "user", "Q")
    conversations.append(session.conversation_id, question.id, "assistant", "so far", state="partial")
    with pytest.raises(Error) as caught:
        list(session.continue_reply())
    assert caught.value.kind == "reply-busy"


def test_a_full_context_is_told_with_what_was_left_out(chat: Chat) -> None:
    session = chat(n_ctx=60, options={"max_tokens": "5"})
    list(session.send("first " * 10))
    assert session.left_out is None
    for number in range(4):
        events = list(session.send(f"q{number} " + "w " * 10))
    notices = [event for event in events if isinstance(event, Notice)]
    assert [one.kind for one in notices] == ["left-out"]
    left_out = session.left_out
    assert left_out is not None and left_out.messages[0].content.startswith("first")
    path = session.messages
    assert left_out.ids == tuple(one.id for one in path[: len(left_out.ids)])
    sent = asked(session).messages[1:]
    assert [one.content for one in sent] == [one.content for one in path[len(left_out.ids) : -1]]


def test_the_meter_shows_prompt_and_reply(chat: Chat) -> None:
    session = chat([TextDelta("a"), Usage(40, 10, 5), Finished("stop")], n_ctx=100)
    assert (session.measure().n_used, session.measure().n_total) == (0, 100)
    list(session.send("Q"))
    assert session.context is not None
    assert (session.context.n_used, session.context.n_total) == (45, 100)
    assert session.measure().n_used == 5 + 4 + 4  # a word, and 3 a message: system prompt, question, reply


def test_a_message_that_never_fits_is_kept_and_refused(chat: Chat) -> None:
    session = chat(n_ctx=20)
    with pytest.raises(Error) as caught:
        list(session.send("w " * 100))
    assert caught.value.kind == "context-full"
    assert [one.role for one in session.messages] == ["user"]


def test_wrong_calls_are_refused(chat: Chat) -> None:
    session = chat()
    for act, expected in (
        (lambda: session.send("  "), "empty-message"),
        (lambda: session.regenerate(), "empty-conversation"),
        (lambda: session.continue_reply(), "empty-conversation"),
        (lambda: session.edit("nothing", "x"), "message-not-found"),
    ):
        with pytest.raises(Error) as caught:
            act()
        assert caught.value.kind == expected
    list(session.send("Q"))
    with pytest.raises(Error) as caught:
        session.edit(last(session).id, "x")
    assert caught.value.kind == "bad-message"


def test_a_conversation_is_named_at_once_and_better_later(chat: Chat, conversations: Conversations) -> None:
    session = chat(["Wax and fire"])
    list(session.send("How do candles burn, and why?"))
    assert session.conversation.title == "How do candles burn, and why?"
    assert session.make_title() == "Wax and fire" == session.conversation.title
    assert [one.role for one in asked(session).messages] == ["system", "user", "assistant", "user"]
    conversations.rename(session.conversation_id, "Mine")
    assert session.make_title() == "Mine"


def test_another_sitting_finds_the_better_title(chat: Chat) -> None:
    session = chat(["Wax and fire"])
    list(session.send("How do candles burn?"))
    again = chat(["Wax and fire"], conversation_id=session.conversation_id)
    assert again.make_title() == "Wax and fire"


def test_a_full_disk_does_not_keep_a_conversation_shut(
    chat: Chat, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = conversations.create()
    conversations.append(made.id, None, "user", "Q")

    def fails() -> int:
        raise Error("The disk is full.", kind="disk-full")

    monkeypatch.setattr(conversations, "settle", fails)
    assert [one.content for one in chat(conversation_id=made.id).messages] == ["Q"]


def test_a_title_of_the_user_is_never_replaced(chat: Chat, conversations: Conversations) -> None:
    session = chat(conversation_id=conversations.create("Mine").id)
    list(session.send("Q"))
    assert session.make_title() == "Mine"


def test_a_model_that_gives_no_title_leaves_the_first_words(chat: Chat, word_engine: Any) -> None:
    session = chat([TextDelta("Yes"), Finished("stop")])
    list(session.send("How do candles burn?"))
    session._app.engines[0].script = [Error("broken", kind="broken")]  # type: ignore[attr-defined]
    assert session.make_title(Stop()) == "How do candles burn?"


def test_a_disk_that_fails_in_the_middle_is_told_and_the_end_is_stored(
    chat: Chat, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = chat([TextDelta("x" * 300), TextDelta("y" * 300), Finished("stop")])

    def fails(*_args: Any, **_more: Any) -> None:
        raise Error("The disk is full.", kind="disk-full")

    with monkeypatch.context() as patched:
        patched.setattr(conversations, "update_partial", fails)
        events = list(session.send("Q"))
    assert [one.kind for one in events if isinstance(one, Notice)] == ["not-saved"]
    assert len(last(session).content) == 600
    with monkeypatch.context() as patched:
        patched.setattr(conversations, "finish", fails)
        with pytest.raises(Error) as caught:
            list(session.send("Q"))
    assert caught.value.kind == "disk-full"
    assert last(session).state == "partial" and len(last(session).content) == 600


def test_a_purged_conversation_ends_the_stream_with_an_error(chat: Chat, conversations: Conversations) -> None:
    session = chat(["a"])
    events = session.send("Q")
    next(events)
    conversations.delete(session.conversation_id)
    conversations.purge(session.conversation_id)
    with pytest.raises(Error) as caught:
        list(events)
    assert caught.value.kind == "message-not-found"
