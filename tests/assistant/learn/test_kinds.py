"""Kinds of lessons: feedback as corrections, ratings and pairs; files of other programs and what is wrong there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rushlight import Error, Stop
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.learn.example import Draft, Turn
from rushlight.assistant.learn.judgements import follow_judgements
from rushlight.assistant.learn.kinds.feedback import FeedbackLesson
from rushlight.assistant.learn.kinds.imported import ImportedLesson
from rushlight.assistant.learn.kinds.kind import FakeLesson, Watch, make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.store.database import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.db")
    yield opened
    opened.close()


class Talk:
    """Conversations with answers that can be judged."""

    def __init__(self, store: Store) -> None:
        self.conversations = Conversations(store)
        self.feedback = FeedbackBook(self.conversations)

    def ask(self, question: str, *answers: str, system: str | None = None) -> list[str]:
        made = self.conversations.create(system=system)
        user = self.conversations.append(made.id, None, "user", question)
        return [self.conversations.append(made.id, user.id, "assistant", text).id for text in answers]

    def drafts(self, **more: object) -> list[Draft]:
        lesson = FeedbackLesson(self.conversations, self.feedback, **more)  # type: ignore[arg-type]
        return list(lesson.drafts(Watch()))


@pytest.fixture
def talk(store: Store) -> Talk:
    return Talk(store)


def test_a_correction_is_a_pair_and_outweighs_a_thumb(talk: Talk) -> None:
    (reply,) = talk.ask("Hi", "Hello, dear user!", system="Be short.")
    talk.feedback.thumb(reply, "up")
    talk.feedback.correct(reply, "Hi.", "shorter")
    (draft,) = talk.drafts()
    assert draft.prompt == (Turn("system", "Be short."), Turn("user", "Hi"))
    assert (draft.shape, draft.answer, draft.rejected) == ("pair", "Hi.", "Hello, dear user!")
    assert draft.origins[0].kind == "conversation" and draft.origins[0].place == reply
    assert draft.more["note"] == "shorter"


def test_thumbs_are_ratings_under_the_system_prompt_that_held(talk: Talk) -> None:
    (good,) = talk.ask("A", "a")
    (bad,) = talk.ask("B", "b", system="")
    talk.feedback.thumb(good, "up")
    talk.feedback.thumb(bad, "down")
    made = talk.drafts(system="You are Rushlight.")
    assert [(one.shape, one.good, one.answer) for one in made] == [("rating", True, "a"), ("rating", False, "b")]
    assert [one.prompt[0].content for one in made] == ["You are Rushlight.", "B"]


def test_a_kept_version_is_a_pair_with_each_other(talk: Talk) -> None:
    replies = talk.ask("Q", "one", "two", "three")
    talk.feedback.keep(replies[1])
    assert {(one.answer, one.rejected) for one in talk.drafts()} == {("two", "one"), ("two", "three")}


def test_the_branch_that_was_gone_on_with_is_concluded_to_be_better(talk: Talk) -> None:
    replies = talk.ask("Q", "first", "second")
    conversation = talk.conversations.message(replies[1]).conversation_id
    talk.conversations.append(conversation, replies[1], "user", "Go on")
    (draft,) = talk.drafts()
    assert (draft.answer, draft.rejected, draft.more["kind"]) == ("second", "first", "concluded")
    assert talk.drafts(concluded=False) == []
    talk.conversations.append(conversation, replies[0], "user", "This one too")  # now both were gone on with
    assert talk.drafts() == []


def test_a_lesson_follows_what_the_user_takes_back(talk: Talk, store: Store) -> None:
    book = LessonBook(store)
    replies = [talk.ask(f"Question {at}", f"Answer {at}")[0] for at in range(4)]
    for reply in replies:
        talk.feedback.thumb(reply, "up")
    lesson = make_lesson(book, FeedbackLesson(talk.conversations, talk.feedback))
    ids = {one.draft.answer: one.id for one in book.examples(lesson)}

    def now() -> list[str]:
        drafts = talk.drafts()
        found, _ = book.add(book.find(lesson.id), drafts)
        found = follow_judgements(book, talk.feedback, found, drafts)
        return [one.draft.answer for one in book.examples(found) if not one.left_out and one.draft.good]

    assert now() == [f"Answer {at}" for at in range(4)] and book.find(lesson.id).version == lesson.version
    talk.feedback.thumb(replies[1], "down")
    talk.feedback.withdraw(talk.feedback.of(replies[2])[0].id)
    assert now() == ["Answer 0", "Answer 3"]
    talk.feedback.thumb(replies[1], "up")  # meant again, in another judgement
    assert now() == ["Answer 0", "Answer 1", "Answer 3"]
    book.leave_out(book.find(lesson.id), [ids["Answer 2"]], False)
    book.leave_out(book.find(lesson.id), [ids["Answer 0"]])
    assert now() == ["Answer 1", "Answer 2", "Answer 3"], "what the user decided about an example stays decided"
    talk.conversations.delete(talk.conversations.message(replies[3]).conversation_id)
    talk.conversations.delete(talk.conversations.message(replies[1]).conversation_id)  # judged up, down and up again
    assert now() == ["Answer 1", "Answer 2", "Answer 3"], "in the trash is not taken back: the lesson is stale"


def test_what_is_in_the_trash_is_not_learned(talk: Talk) -> None:
    (reply,) = talk.ask("Hi", "Hello")
    talk.feedback.thumb(reply, "up")
    talk.conversations.delete(talk.conversations.message(reply).conversation_id)
    assert talk.drafts() == []


FORMS = {
    "alpaca": {"instruction": "Add", "input": "1 2", "output": "3"},
    "sharegpt": {"conversations": [{"from": "human", "value": "Add\n\n1 2"}, {"from": "gpt", "value": "3"}]},
    "openai": {"messages": [{"role": "user", "content": "Add\n\n1 2"}, {"role": "assistant", "content": "3"}]},
    "completion": {"prompt": "Add\n\n1 2", "completion": "3"},
    "messages": {
        "prompt": [{"role": "user", "content": "Add\n\n1 2"}],
        "completion": [{"role": "assistant", "content": "3"}],
    },
}
PAIRS = {
    "texts": {"prompt": "Q", "chosen": "good", "rejected": "bad"},
    "chats": {
        "chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "good"}],
        "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "bad"}],
    },
    "openai": {
        "input": {"messages": [{"role": "user", "content": "Q"}]},
        "preferred_output": [{"role": "assistant", "content": "good"}],
        "non_preferred_output": [{"role": "assistant", "content": "bad"}],
    },
}


def lines(path: Path, *records: object) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records))
    return path


def drafts(*paths: Path, **more: object) -> list[Draft]:
    return list(ImportedLesson(paths, **more).drafts(Watch()))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_chat_is_the_same_example(form: str, tmp_path: Path) -> None:
    (draft,) = drafts(lines(tmp_path / "a.jsonl", FORMS[form]))
    assert (draft.prompt, draft.answer, draft.shape) == ((Turn("user", "Add\n\n1 2"),), "3", "answer")
    assert draft.origins[0].kind == "file" and draft.origins[0].place == "1"


@pytest.mark.parametrize("form", PAIRS)
def test_every_form_of_a_pair_is_the_same_example(form: str, tmp_path: Path) -> None:
    (draft,) = drafts(lines(tmp_path / "a.jsonl", PAIRS[form]))
    assert (draft.prompt, draft.answer, draft.rejected) == ((Turn("user", "Q"),), "good", "bad")


def test_ratings_tables_and_mapped_columns(tmp_path: Path) -> None:
    made = drafts(lines(tmp_path / "k.jsonl", {"prompt": "Q", "completion": "A", "label": False}))
    assert (made[0].shape, made[0].good) == ("rating", False)
    table = tmp_path / "t.csv"
    table.write_text('Frage,Antwort\n"Wie, bitte?","So\nund so"\nWas?,Das\n')
    made = drafts(table, columns={"prompt": "Frage", "answer": "Antwort"})
    assert [(one.prompt[0].content, one.answer) for one in made] == [("Wie, bitte?", "So\nund so"), ("Was?", "Das")]
    assert [one.origins[0].place for one in made] == ["2", "4"]
    whole = tmp_path / "w.json"
    whole.write_text(json.dumps([FORMS["alpaca"], FORMS["completion"]], indent=1))
    assert [one.origins[0].place for one in drafts(whole)] == ["2", "7"]


def test_all_that_is_wrong_is_told_at_once_with_its_line(store: Store, tmp_path: Path) -> None:
    good = {"prompt": "Q", "completion": "A"}
    bad = lines(
        tmp_path / "bad.jsonl", good, "{no", [1], {"foo": 1}, {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": "x"}]}, {"prompt": "Q", "completion": "  "},
        {"prompt": "Q", "completion": "A", "label": "perhaps"},
    )  # fmt: skip
    with pytest.raises(Error) as raised:
        drafts(bad)
    said = raised.value.message
    for number, words in (
        (2, "no JSON"), (3, "no object"), (4, "it has foo"), (5, "'wizard'"), (6, "no message of the assistant"),
        (7, "not empty"), (8, "'perhaps'"),
    ):  # fmt: skip
        assert f"bad.jsonl line {number}: " in said and words in said
    assert "line 1:" not in said and "7 lines" in said
    (tmp_path / "latin.jsonl").write_bytes(b'{"prompt": "\xe9"}\n')
    with pytest.raises(Error, match="no UTF-8"):
        drafts(tmp_path / "latin.jsonl")
    for name, content in (("x.pdf", "x"), ("empty.jsonl", ""), ("n.json", "{}")):
        (tmp_path / name).write_text(content)
        with pytest.raises(Error):
            make_lesson(LessonBook(store), ImportedLesson([tmp_path / name]))
    with pytest.raises(Error, match="Did you mean prompt"):
        ImportedLesson([bad], columns={"promt": "x"})


def test_a_lesson_is_made_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    book = LessonBook(store)
    made = make_lesson(book, ImportedLesson([lines(tmp_path / "style.jsonl", *FORMS.values())]))
    assert (made.name, made.kind, made.scope, made.n_examples) == ("style", "imported", "chat", 1)
    with pytest.raises(Error):
        make_lesson(book, FakeLesson([Draft(prompt=(), answer="x")]))
    stop = Stop()
    stop.set()
    with pytest.raises(Error, match=r"[Ss]topped"):
        make_lesson(book, FakeLesson([Draft(prompt=(Turn("user", "x"),), answer="x")]), Watch(stop))
    assert [one.name for one in book.list()] == ["style"]
