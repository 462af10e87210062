"""Search over everything: what comes first, what comes at all, and how long it takes."""

import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.finder import Finder, Found
from rushlight.ui.desk.matching import Matcher, folded


@pytest.fixture
def find(background: Background, pump: Any) -> Any:
    finder = Finder(background)

    def ask(query: str) -> list[Found]:
        answers: list[list[Found]] = []
        finder.find(query, answers.append)
        pump(lambda: answers)
        return answers[0]

    return ask


def score(query: str, text: str) -> float:
    return Matcher(query).score(folded(text))


def test_the_closer_a_text_is_to_the_query_the_better_it_scores() -> None:
    texts = ["new chat", "New chatter", "A new chat", "renew chats", "chat that is new", "n e w c h a t s"]
    scores = [score("new chat", text) for text in texts]
    assert scores == sorted(scores, reverse=True) and all(scores)
    assert score("new chat", "nothing of the kind") == 0


def test_case_accents_and_blanks_do_not_matter() -> None:
    assert score("  ÉLAN vital", "Elan  vital".replace("  ", " ")) == score("elan vital", "elan vital")
    assert score("strasse", "Straße") > 0


def test_letters_scattered_over_a_long_text_are_no_match() -> None:
    assert score("abc", "a" + "x" * 30 + "b" + "x" * 30 + "c") == 0
    assert score("nch", "New chat") > 0


def test_a_hostile_query_takes_no_time() -> None:
    begun_s = time.perf_counter()
    assert score("a" * 31 + "b", "a" * 5000) == 0
    assert score("x" * 100_000, "a" * 5000) == 0
    assert time.perf_counter() - begun_s < 1


def test_an_action_is_found_by_the_beginning_of_its_title(find: Any) -> None:
    first = find("new ch")[0]
    assert (first.kind, first.id, first.title) == ("action", "chat.new", "New chat")


def test_everything_comes_in_one_list_with_its_kind(find: Any, desk_app: App, desk_model: Any) -> None:
    chat = desk_app.conversations.create("Context of the tiny thing")
    message = desk_app.conversations.append(chat.id, None, "user", "Is the context tiny?")
    kinds = {one.kind for one in find("context")}
    assert kinds == {"setting", "conversation", "message", "action"}
    by_kind = {one.kind: one for one in find("tiny")}
    assert by_kind["model"].id == desk_model.id
    assert by_kind["conversation"].id == chat.id
    assert (by_kind["message"].id, by_kind["message"].message_id) == (chat.id, message.id)
    [(start, end)] = by_kind["message"].ranges
    assert by_kind["message"].detail[start:end] == "tiny"


def test_an_exact_beginning_goes_before_what_only_contains_it(find: Any, desk_app: App) -> None:
    desk_app.conversations.create("A lamp for the hall")
    wanted = desk_app.conversations.create("Lamp oil")
    desk_app.conversations.create("Clamps")
    assert [one.title for one in find("lamp") if one.kind == "conversation"] == [
        "Lamp oil",
        "A lamp for the hall",
        "Clamps",
    ]
    assert find("lamp")[0].id == wanted.id


def test_nothing_typed_shows_recent_chats_then_actions(find: Any, desk_app: App) -> None:
    for number in range(12):
        desk_app.conversations.create(f"Chat {number}")
    found = find("  ")
    assert [one.title for one in found[:2]] == ["Chat 11", "Chat 10"]
    assert {one.kind for one in found} == {"conversation", "action"} and len(found) <= 50


def test_titles_and_passages_are_cleaned(find: Any, desk_app: App) -> None:
    chat = desk_app.conversations.create("Evil \x1b[31mlamp")
    desk_app.conversations.append(chat.id, None, "user", "the \x1b]0;owned\x07 lamp \x1b[2J burns")
    for one in find("lamp"):
        assert "\x1b" not in one.title + one.detail and "\x07" not in one.detail
        assert all(one.detail[a:b].casefold() == "lamp" for a, b in one.ranges)


def test_what_was_renamed_is_found_when_the_palette_opens_again(
    find: Any, desk_app: App, background: Background, pump: Any
) -> None:
    chat = desk_app.conversations.create("Before")
    assert [one.id for one in find("before") if one.kind == "conversation"] == [chat.id]
    desk_app.conversations.rename(chat.id, "Afterwards")
    finder = Finder(background)
    finder.prepare()
    answers: list[Any] = []
    finder.find("afterw", answers.append)
    pump(lambda: answers)
    assert [one.id for one in answers[0]] == [chat.id]


def test_while_one_search_runs_only_the_last_follows(background: Background, pump: Any) -> None:
    finder = Finder(background)
    answers: list[str] = []
    for query in ("n", "ne", "new", "new c"):
        finder.find(query, lambda found, query=query: answers.append(query))  # type: ignore[misc]
    pump(lambda: "new c" in answers)
    assert answers == ["new c"]


def test_an_error_is_told_and_the_next_search_goes_on(
    background: Background, pump: Any, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    from rushlight import Error
    from rushlight.ui.desk import finder as module

    errors: list[Any] = []
    monkeypatch.setattr(background, "on_error", errors.append)

    def broken(*_: Any) -> Any:
        raise Error("The disk is gone.", kind="store-unreadable")

    finder = Finder(background)
    answers: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "_messages", broken)
        finder.find("new", answers.append)
        pump(lambda: errors)
    assert answers == [[]] and errors[0].message == "The disk is gone."
    finder.find("new", answers.append)
    pump(lambda: len(answers) == 2)
    assert answers[1]


@pytest.mark.slow
def test_ten_thousand_conversations_are_searched_in_50_ms(find: Any, desk_app: App) -> None:
    nouns = "lamp rush oil wick tallow candle snuff flame holder grease bark reed dip stick iron burn glow"
    words = nouns.split()
    conversations = desk_app.conversations
    with conversations.together():
        for number in range(10_000):
            title = " ".join(words[(number * step + step) % len(words)] for step in (1, 3, 7, 11)) + f" {number}"
            chat = conversations.create(title)
            conversations.append(chat.id, None, "user", f"{title} and how the {words[number % 17]} burns {number % 97}")
    find("x")  # reads the titles
    times_s = []
    for query in ("l", "la", "lamp", "lamp o", "tallow candle", "glw", "burn", "wick 99", "rsh", "zzzz"):
        begun_s = time.perf_counter()
        find(query)
        times_s.append(time.perf_counter() - begun_s)
    print([f"{1000 * one:.0f}" for one in times_s])
    assert statistics.median(times_s) < 0.05
