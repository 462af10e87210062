"""What fits into the context: whole turns, the newest, and an exact account of the rest."""

import pytest

from rushlight import Error
from rushlight.assistant.chat.context import ContextWindow, Fitted, as_turns
from rushlight.assistant.chat.conversation import Attachment, Message
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.engine.request import Message as Turn


def line(*turns: tuple[str, str], attachments: tuple[Attachment, ...] = ()) -> list[Message]:
    return [
        Message(
            id=f"m{number}",
            conversation_id="c",
            parent_id=f"m{number - 1}" if number else None,
            role=role,
            content=content,
            created_at=float(number),
            attachments=attachments if not number else (),
        )
        for number, (role, content) in enumerate(turns)
    ]


def dialogue(n_turns: int, n_words: int = 10) -> list[Message]:
    """Each turn: a question and a reply of that many words."""
    return line(
        *(
            (role, f"{role}{number} " + "w " * (n_words - 1))
            for number in range(n_turns)
            for role in ("user", "assistant")
        )
    )


class Counting:
    """A token a word, and the system prompt of 5."""

    def __init__(self, max_tokens: int = 20) -> None:
        self.n_calls = 0
        self.max_tokens = max_tokens

    def build(self, turns: tuple[Turn, ...]) -> GenerateRequest:
        return GenerateRequest(messages=(Turn("system", "a b c d e"), *turns), max_tokens=self.max_tokens)

    def count(self, turns: tuple[Turn, ...]) -> int:
        self.n_calls += 1
        return sum(len(turn.content.split()) for turn in turns)

    def fit(self, window: ContextWindow, path: list[Message], n_total: int) -> Fitted:
        return window.fit(path, n_total, self.build, self.count)


def test_what_fits_is_given_whole_and_counted_once() -> None:
    counting, window, path = Counting(), ContextWindow(), dialogue(4)
    fitted = counting.fit(window, path, 1000)
    assert (fitted.use.n_used, fitted.use.n_total, fitted.use.left_out) == (85, 1000, None)
    assert len(fitted.request.messages) == 9
    assert counting.n_calls == 1
    counting.fit(window, path, 1000)
    assert counting.n_calls == 1


def test_the_oldest_turns_go_whole_and_are_named() -> None:
    counting, path = Counting(), dialogue(10)
    fitted = counting.fit(ContextWindow(), path, 120)  # 20 for the reply; filled to three quarters of 100
    left_out = fitted.use.left_out
    assert left_out is not None
    assert left_out.ids == tuple(f"m{number}" for number in range(14))
    assert left_out.n_path == 20
    assert fitted.use.n_used == 65
    assert [turn.content.split()[0] for turn in fitted.request.messages[1:]] == [
        "user7",
        "assistant7",
        "user8",
        "assistant8",
        "user9",
        "assistant9",
    ]
    notice = left_out.notice()
    assert notice.kind == "left-out"
    assert "14 of 20 messages" in notice.text
    assert "user0 w" in notice.text and "assistant6 w" in notice.text


def test_the_cut_stays_in_place_until_it_is_full_again() -> None:
    counting, window = Counting(), ContextWindow()
    firsts = []
    for n_turns in range(1, 30):
        path = dialogue(n_turns)
        fitted = counting.fit(window, path, 120)
        assert fitted.use.n_used <= 100
        left_out = fitted.use.left_out
        firsts.append(len(left_out.ids) if left_out else 0)
        shown = [turn.content.split()[0] for turn in fitted.request.messages[1:]]
        gone = [one.content.split()[0] for one in left_out.messages] if left_out else []
        assert gone + shown == [one.content.split()[0] for one in path]  # nothing is in neither, nothing in both
    assert firsts == sorted(firsts)
    assert len(set(firsts)) < 15  # not moved with every turn


def test_an_earlier_cut_is_forgotten_on_another_branch() -> None:
    counting, window = Counting(), ContextWindow()
    counting.fit(window, dialogue(10), 120)
    assert counting.fit(window, dialogue(2), 120).use.left_out is None
    assert counting.fit(window, dialogue(4), 1000).use.left_out is None


def test_leading_system_messages_stay() -> None:
    path = line(("system", "from an import"), *((one.role, one.content) for one in dialogue(10)))
    fitted = Counting().fit(ContextWindow(), path, 120)
    assert fitted.request.messages[1].content == "from an import"
    assert fitted.use.left_out is not None and fitted.use.left_out.ids[0] == "m1"


def test_a_last_turn_may_take_the_room_of_the_reply_but_no_more() -> None:
    counting = Counting()
    fitted = counting.fit(ContextWindow(), dialogue(5) + line(("user", "w " * 105))[:1], 120)
    assert fitted.use.n_used == 110
    with pytest.raises(Error) as caught:
        counting.fit(ContextWindow(), line(("user", "w " * 115)), 120)
    assert caught.value.kind == "context-full"
    assert "120 tokens" in caught.value.message


def test_an_unknown_size_cuts_nothing() -> None:
    assert Counting().fit(ContextWindow(), dialogue(50), 0).use.left_out is None


def test_turns_alternate_whatever_the_path_holds() -> None:
    file = Attachment("a", "n.txt", "text/plain", "0", 1, "x")
    path = line(
        ("user", "one"),
        ("assistant", ""),
        ("user", "two"),
        ("assistant", "three"),
        ("tool", "result"),
        ("system", "late"),
        ("assistant", "four"),
        attachments=(file,),
    )
    assert [(turn.role, turn.content) for turn in as_turns(path)] == [
        ("user", "one\n\nFile n.txt:\n```txt\nx\n```\n\ntwo"),
        ("assistant", "three"),
        ("user", "result\n\nlate"),
        ("assistant", "four"),
    ]
