"""The sanitizer: nothing that a terminal obeys comes out, split or whole, and honest text comes out as it was."""

import re
import unicodedata

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rushlight.assistant.safety.plain import PlainStream, plain, plain_line, plain_stream

# Letters that build sequences are frequent, so that random texts hold many of them, whole and broken.
_BUILDING = st.sampled_from(
    ["\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b_", "\x1b\\", "\x9b", "\x9d", "\x90", "\x9c", "\x07", "\x18", "\x1a",
     "\x7f", "\r", "\b", "\0", "\n", "\t", "0;", "52;c;", "8;;http://x", "31m", "2J", "H", "A", "?", " ", "#8", "(0",
     "\u202e", "\u2066", "\U000e0041", "\ud800", "\udfff", "é", "日", "😀", "hello"]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(_BUILDING, st.characters(), st.text(max_size=5)), max_size=40).map("".join)


def forbidden(text: str) -> list[str]:
    """Characters that must never reach a terminal."""
    bidi = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)}
    return [
        char
        for char in text
        if (unicodedata.category(char) == "Cc" and char not in "\n\t")
        or 0xE0000 <= ord(char) <= 0xE007F
        or 0xD800 <= ord(char) <= 0xDFFF
        or ord(char) in bidi
    ]


@settings(max_examples=2000, deadline=None)
@given(HOSTILE)
def test_no_control_character_comes_out(text: str) -> None:
    clean = plain(text)
    assert forbidden(clean) == []
    clean.encode()
    assert plain(clean) == clean


@settings(max_examples=2000, deadline=None)
@given(HOSTILE)
@example("\x1b]0;owned\x07")
@example("\x1b]52;c;aGFjaw==\x1b\\")
def test_a_terminal_shows_it_and_obeys_nothing(text: str) -> None:
    """pyte is a real terminal emulator: title, modes, colours and cursor keys stay as they were."""
    screen = pyte.Screen(200, 60)
    before = (set(screen.mode), screen.cursor.attrs, screen.margins, screen.charset, screen.g0_charset)
    pyte.Stream(screen).feed(plain(text).replace("\n", "\r\n"))
    assert (screen.title, screen.icon_name) == ("", "")
    assert (set(screen.mode), screen.cursor.attrs, screen.margins, screen.charset, screen.g0_charset) == before


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_a_split_at_any_position_changes_nothing(text: str) -> None:
    whole = plain(text)
    for position in range(len(text) + 1):
        stream = PlainStream()
        pieces = [stream.feed(text[:position]), stream.feed(text[position:]), stream.close()]
        assert "".join(pieces) == whole
        assert not any(forbidden(piece) for piece in pieces)
    assert "".join(plain_stream(text)) == whole


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=80))
def test_honest_text_is_left_alone(text: str) -> None:
    if not forbidden(text):
        assert plain(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGFjaw==\x07x", "x"),
        ("\x9b31mred", "red"),
        ("\x9d0;t\x9cx", "x"),
        ("\x1bP1$r0m\x1b\\x", "x"),
        ("\x1b(0lqk", "lqk"),
        ("\x1bcreset", "reset"),
        ("a\x1b[2J\x1b[Hb", "ab"),
        ("a\rb", "ab"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("ab\b\bcd", "abcd"),
        ("\x1b[\x1b[31mx", "x"),
        ("\x1b\x1b[31mx", "x"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("a\U000e0068\U000e0069b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("family 👨‍👩‍👧 and नमस्ते", "family 👨‍👩‍👧 and नमस्ते"),
        ("", ""),
    ],
)
def test_examples(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


@pytest.mark.parametrize(
    "opening", ["\x1b]0;", "\x1bP", "\x1b_", "\x9d", "\x1b[", "\x1b[1;2", "\x1b", "\x1b(" + " " * 50]
)
def test_text_after_an_unfinished_sequence_is_not_swallowed(opening: str) -> None:
    """Who could hide the rest of an answer with one introducer could hide a warning."""
    rest = "\nThe important warning." + " more" * 2000
    assert plain(opening + rest).endswith("The important warning." + " more" * 2000)


def test_the_body_of_an_endless_sequence_is_shown() -> None:
    body = "x" * 10_000
    assert plain("\x1b]0;" + body) == "0;" + body
    stream = PlainStream()
    shown = "".join(stream.feed("\x1b]0;" + "x" * 100) for _ in range(3))
    assert shown == "0;" + "x" * 100 + "0;" + "x" * 100  # only the last may still end
    assert stream.close() == "0;" + "x" * 100


def test_a_long_text_takes_no_quadratic_time() -> None:
    import time

    start = time.monotonic()
    plain("\x1b]" * 200_000)
    plain("\x1b[" + "1" * 1_000_000)
    assert time.monotonic() - start < 5


def test_plain_line_is_one_line() -> None:
    assert plain_line("a\n\nb\tc\r\nd\u2028e\x1b[2J") == "a b c d e"
    assert not re.search(r"[\n\t]", plain_line("\n\t"))
