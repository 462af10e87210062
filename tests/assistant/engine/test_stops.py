"""Text comes out whole and early, and ends before the first stop string, however the bytes were cut."""

import codecs
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.stops import TextStream

# Few letters, so that stop strings occur, overlap themselves and each other.
ALPHABET = "ab#é日😀"
texts = st.text(ALPHABET, max_size=40)
stop_lists = st.lists(st.text(ALPHABET, min_size=1, max_size=5), max_size=4)


def expected_end(text: str, stops: list[str]) -> tuple[str, str]:
    """The slow and obvious way: (text before the stop string that is complete first, the stop string)."""
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            longest = max(complete, key=len)
            return text[: end - len(longest)], longest
    return text, ""


def expected_held(text: str, stops: list[str]) -> str:
    """The longest end of the text with which a stop string begins."""
    for start in range(len(text)):
        if any(stop.startswith(text[start:]) for stop in stops):
            return text[start:]
    return ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(texts, stop_lists, st.lists(st.integers(0, 10_000), max_size=30))
def test_any_cut_gives_the_same_text(text: str, stops: list[str], places: list[int]) -> None:
    stream = TextStream(stops)
    said = ""
    for piece in cut(text.encode(), places):
        said += stream.feed(piece)
    said += stream.finish()
    assert (said, stream.stopped) == expected_end(text, stops)
    assert not any(stop in said for stop in stops)


@given(texts, stop_lists, st.lists(st.integers(0, 10_000), max_size=30))
def test_no_more_is_held_back_than_must_be(text: str, stops: list[str], places: list[int]) -> None:
    stream = TextStream(stops)
    decoder = codecs.getincrementaldecoder("utf-8")()
    whole = said = ""
    for piece in cut(text.encode(), places):
        whole += decoder.decode(piece)
        said += stream.feed(piece)
        if stream.stopped:
            assert said == expected_end(whole, stops)[0]
            assert stream.held == ""
            return
        assert stream.held == expected_held(whole, stops)
        assert said + stream.held == whole


@given(st.binary(max_size=40), st.lists(st.integers(0, 10_000), max_size=30))
def test_bytes_that_are_no_text_read_as_in_one_piece(data: bytes, places: list[int]) -> None:
    stream = TextStream()
    said = "".join(stream.feed(piece) for piece in cut(data, places)) + stream.finish()
    assert said == data.decode(errors="replace")


@given(st.binary(max_size=40), stop_lists, st.lists(st.integers(0, 10_000), max_size=30))
def test_stop_strings_in_bytes_that_are_no_text(data: bytes, stops: list[str], places: list[int]) -> None:
    stream = TextStream([*stops, "\ufffd\ufffd"])
    said = "".join(stream.feed(piece) for piece in cut(data, places)) + stream.finish()
    assert (said, stream.stopped) == expected_end(data.decode(errors="replace"), [*stops, "\ufffd\ufffd"])


def test_a_character_waits_for_its_last_byte() -> None:
    stream = TextStream()
    assert [stream.feed(bytes([byte])) for byte in "é😀".encode()] == ["", "é", "", "", "", "😀"]
    assert stream.finish() == ""


def test_an_unfinished_character_at_the_end_is_marked() -> None:
    stream = TextStream()
    assert stream.feed("caf\u00e9".encode()[:-1]) == "caf"
    assert stream.finish() == "\ufffd"


def test_nothing_comes_after_a_stop_string() -> None:
    stream = TextStream(("###",))
    assert stream.feed(b"one ##") == "one "
    assert stream.feed(b"# two") == ""
    assert stream.stopped == "###"
    assert stream.feed(b"three") == "" and stream.finish() == "" and stream.held == ""


def test_what_was_held_back_comes_at_the_end() -> None:
    stream = TextStream(("###",))
    assert stream.feed(b"one ##") == "one "
    assert stream.held == "##"
    assert stream.finish() == "##"
    assert stream.stopped == ""


def test_a_false_start_is_let_go_at_once() -> None:
    stream = TextStream(("aab",))
    assert stream.feed(b"aa") == ""
    assert stream.feed(b"a") == "a"  # "aa" may still become the stop string
    assert stream.feed(b"c") == "aac"


@pytest.mark.parametrize(
    ("stops", "said", "stopped"),
    [
        (("stop", "top"), "non-", "stop"),            # complete at one character: the longest
        (("nonstop", "st"), "non-", "st"),            # complete first, though another began earlier
        (("", "st"), "non-", "st"),                   # the empty one never matches
        (("-st", "-st"), "non", "-st"),
    ],
)  # fmt: skip
def test_which_of_several_wins(stops: tuple[str, ...], said: str, stopped: str) -> None:
    stream = TextStream(stops)
    assert stream.feed(b"non-stop") == said
    assert stream.stopped == stopped


def test_time_grows_only_with_the_length() -> None:
    """A text that nearly matches everywhere, byte by byte: no quadratic search."""
    stream = TextStream(("a" * 5000 + "b",))
    said = "".join(stream.feed(b"a") for _ in range(20_000))
    assert len(said) == 15_000 and stream.held == "a" * 5000
