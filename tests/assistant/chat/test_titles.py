"""Titles: what a model writes is cleaned; without a model the first words serve."""

from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.chat.titles import clean_title, first_words, made_title
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import Message


@pytest.mark.parametrize(("written", "expected"), [
    ('"How Candles Burn."', "How Candles Burn"),
    ("Title: The wax of candles", "The wax of candles"),
    ("Sure! Title: **Wax**\nMore text", "Wax"),
    ("\n\n  # Heading \n", "Heading"),
    ("\x1b]0;owned\x07Lamps\u202e", "Lamps"),
    ("Titles of books", "Titles of books"),
    ("...", ""),
    ("", ""),
    ("word " * 30, "word word word word word word word word word word word…"),
    ("x" * 100, "x" * 59 + "…"),
    ("„Kerzen“", "Kerzen"),
])  # fmt: skip
def test_cleaning(written: str, expected: str) -> None:
    assert clean_title(written) == expected
    assert len(clean_title(written)) <= 60


def test_first_words_are_of_the_first_line_that_says_something() -> None:
    assert first_words("\n---\n  How do candles burn?\nAnd why?") == "How do candles burn?"
    assert first_words("\n--- ...") == ""


EXCHANGE = (Message("user", "Q"), Message("assistant", "A"))


def test_the_model_is_asked_briefly(word_engine: Any) -> None:
    engine = FakeEngine(["Wax", " and fire."])
    assert made_title(engine, EXCHANGE, Stop()) == "Wax and fire"
    request = engine.requests[0]
    assert request.messages[:2] == EXCHANGE
    assert request.grammar is not None and request.max_tokens < 50 and request.reasoning == "off"


def test_a_failing_or_stopped_model_gives_none(word_engine: Any) -> None:
    assert made_title(word_engine([Error("broken", kind="worker-died")]), EXCHANGE, Stop()) == ""
    stop = Stop()
    stop.set()
    assert made_title(word_engine(["Wax"]), EXCHANGE, stop) == ""
