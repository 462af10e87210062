"""Text comes out whole and early, and ends before the first stop string, however the bytes were cut."""

import codecs
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.reasoning import HARMONY, THINK, ReasoningSplitter, ReasoningTags
from rushlight.assistant.engine.stops import AnswerStream, TextStream
from rushlight.assistant.events import ReasoningDelta, TextDelta, TokenLogprob

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


# --- what is said, apart from what is thought ---------------------------------------------------------------------


def answered(
    tokens: list[str], stops: tuple[str, ...], tags: ReasoningTags | None, *, opened: bool = False
) -> tuple[str, str, str, list[str]]:
    """(reasoning, answer, stop string, texts of the tokens with a log-probability)."""
    stream = AnswerStream(stops, ReasoningSplitter(tags, opened))
    deltas: list[TextDelta | ReasoningDelta] = []
    for i, token in enumerate(tokens):
        stream.feed(token.encode(), TokenLogprob(i, token, -1.0))
        deltas += stream.take()
        if stream.stopped:
            break
    deltas += stream.finish()
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)),
        "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)),
        stream.stopped,
        [one.text for delta in deltas if isinstance(delta, TextDelta) for one in delta.logprobs],
    )


@pytest.mark.parametrize(
    ("text", "stop", "tags", "opened", "expected"),
    [
        ("a END b</think>c END d", "END", THINK, True, ("a END b", "c ", "END")),
        ("<think>a END b</think>\n\nc END d", "END", THINK, False, ("a END b", "c ", "END")),
        ("<think>a\nb\n</think>\n\nc\nd", "\n", THINK, False, ("a\nb", "c", "\n")),       # not the border's
        ("a</think>END", "END", THINK, True, ("a", "", "END")),
        ("a</think>ENDE", "ENDED", THINK, True, ("a", "ENDE", "")),
        ("a END b", "END", THINK, True, ("a END b", "", "")),
        ("a END b</think>", "</think>", THINK, True, ("a END b", "", "")),
        ("a END b", "END", None, False, ("", "a ", "END")),
        ("<|channel|>analysis<|message|>END<|end|><|start|>assistant<|channel|>final<|message|>the final END", "final",
         HARMONY, False, ("END", "the ", "final")),                                       # not the mark's
    ],
)  # fmt: skip
def test_stop_strings_are_looked_for_in_the_answer(
    text: str, stop: str, tags: ReasoningTags | None, opened: bool, expected: tuple[str, str, str]
) -> None:
    assert answered([text], (stop,), tags, opened=opened)[:3] == expected
    assert answered(list(text), (stop,), tags, opened=opened)[:3] == expected


def test_log_probabilities_are_those_of_the_answer() -> None:
    tokens = ["<think>", "hm", "</think>", "\n\n", "Hi", " you", " E", "ND", "."]
    assert answered(tokens, (" END",), THINK) == ("hm", "Hi you", " END", ["Hi", " you"])
    assert answered(tokens, ("x",), THINK)[3] == ["Hi", " you", " E", "ND", "."]


def test_a_character_of_several_tokens_behind_thoughts_keeps_its_log_probabilities() -> None:
    stream = AnswerStream((), ReasoningSplitter(THINK, False))
    for i, piece in enumerate([b"<think>", b"h", b"\xc3", b"\xa9", b"</think>", b"\xf0\x9f", b"\x98", b"\x80", b"!"]):
        stream.feed(piece, TokenLogprob(i, "", -1.0))
    said = [delta for delta in stream.finish() if isinstance(delta, TextDelta)]
    assert "".join(delta.text for delta in said) == "\U0001f600!"
    assert [one.token_id for delta in said for one in delta.logprobs] == [5, 6, 7, 8]
    unfinished = AnswerStream((), ReasoningSplitter(THINK, False))
    for i, piece in enumerate([b"<think>", b"h", b"\xc3"]):
        unfinished.feed(piece, TokenLogprob(i, "", -1.0))
    assert not [delta for delta in unfinished.finish() if isinstance(delta, TextDelta)], "it was only thought"


@given(st.lists(st.text("ab#é", min_size=1, max_size=3), max_size=20), stop_lists, st.lists(st.booleans(), min_size=20))
def test_log_probabilities_do_not_depend_on_when_they_are_taken(
    tokens: list[str], stops: list[str], taken: list[bool]
) -> None:
    """Each comes once and in order, with a text that its token has a part in; none of what a stop string took away."""
    stream = AnswerStream(stops, ReasoningSplitter(None, False))
    deltas: list[TextDelta | ReasoningDelta] = []
    for i, token in enumerate(tokens):
        stream.feed(token.encode(), TokenLogprob(i, token, -1.0))
        if stream.stopped:
            break
        if taken[i]:
            deltas += stream.take()
    deltas += stream.finish()
    said = "".join(delta.text for delta in deltas)
    named = [one for delta in deltas if isinstance(delta, TextDelta) for one in delta.logprobs]
    assert (said, stream.stopped) == expected_end("".join(tokens), stops)
    assert [one.token_id for one in named] == list(range(len(named)))
    texts = [one.text for one in named]
    assert "".join(texts).startswith(said)
    assert not named or len("".join(texts[:-1])) < len(said)
