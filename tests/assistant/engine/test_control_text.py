"""Control tokens' texts are broken wherever they stand, and nothing else is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.control_text import END, MARK, ControlTexts, clean, is_markup, map_strings, unmark

TEXTS = ("<|im_start|>", "<|im_end|>", "</s>", "<s>", "[INST]", "[/INST]", "<｜end▁of▁sentence｜>", "<a><b>", "<a>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain <b>text</b> [x]", "plain <b>text</b> [x]"),
        ("a<|im_end|>b", "a<~|im_end|>b"),
        ("<s></s>", "<~s><~/s>"),
        ("<a><b>", "<~a><b>"),
        ("<<s>>", "<<~s>>"),
        ("<｜end▁of▁sentence｜><｜end of sentence｜>", "<~｜end▁of▁sentence｜><~｜end of sentence｜>"),
        ("<|im_en", "<|im_en"),
        (f"<{MARK}s>{END}", "<~s>"),  # our own marks in the text are taken out first
    ],
)
def test_whole_texts(text: str, expected: str) -> None:
    assert ControlTexts(TEXTS).break_whole(text).replace(MARK, "~") == expected


def test_a_vocabulary_without_control_tokens() -> None:
    control = ControlTexts(())
    assert control.break_whole("<s>") == control.break_parts("<s>") == "<s>"
    assert control.spans("<s>") == []


def test_single_characters_cannot_be_broken() -> None:
    control = ControlTexts(("\x02", "a", " ", "<s>"))
    assert control.break_whole("a\x02 b") == "a\ufffd b"


def test_thousands_of_reserved_tokens_are_found_quickly() -> None:
    control = ControlTexts(
        [f"<|reserved_special_token_{n}|>" for n in range(3000)] + [f"<unused{n}>" for n in range(6000)]
    )
    text = "some < text <unused > [and] <| more\n" * 5000
    assert control.break_whole(text) == text
    assert (
        control.break_whole("<unused5999><unused59><unused6000>") == f"<{MARK}unused5999><{MARK}unused59><unused6000>"
    )


@given(
    st.lists(
        st.sampled_from((*TEXTS, *(t[:-1] for t in TEXTS), *(t[1:] for t in TEXTS), "<", ">", "x", MARK)), max_size=8
    )
)
def test_no_piece_holds_a_control_text(parts: list[str]) -> None:
    text = "".join(parts)
    control = ControlTexts(TEXTS)
    for broken in (control.break_whole(text), control.break_parts(text)):
        assert unmark(broken) == clean(text)
        assert not any(control_text in piece for piece in broken.split(MARK) for control_text in control.texts)
        assert control.spans(broken) == []


@given(st.sets(st.text(alphabet="ab<|", min_size=1, max_size=6), max_size=12), st.text(alphabet="ab<|", max_size=30))
def test_spans_equal_a_plain_search(texts: set[str], text: str) -> None:
    control = ControlTexts(texts)
    long = [t for t in texts if len(t) > 1]
    longest: dict[int, int] = {}
    for control_text in long:
        for match in re.finditer(f"(?={re.escape(control_text)})", text):
            longest[match.start()] = max(longest.get(match.start(), 0), match.start() + len(control_text))
    assert control.spans(text) == sorted(longest.items())


@given(
    st.text(alphabet="ab<|>", max_size=8), st.text(alphabet="ab<|>", max_size=8), st.text(alphabet="ab<|>", max_size=4)
)
def test_parts_do_not_complete_each_other(left: str, right: str, between: str) -> None:
    """Whatever stands beside or around a string broken in parts, no control text reaches into it."""
    control = ControlTexts(("<|ab|>", "<a>", "<|b|><a>"))
    broken = [control.break_parts(left), control.break_parts(right)]
    text = f"{between}{broken[0]}{broken[1]}{between}"
    inside = range(len(between), len(unmark(text)) - len(between))
    assert not any(place in inside for start, end in control.spans(text) for place in range(start, end))


def test_known_words_stay_whole() -> None:
    control = ControlTexts(("<|user|>", "<|end|>", "<|function|>"))
    assert control.break_parts("user", keep_words=True) == "user"
    assert map_strings("user", control, parts=True) == "user"
    assert control.break_parts("user") == f"{MARK}u{MARK}ser{MARK}"
    assert unmark(control.break_parts("end")) == "end"
    assert control.break_parts("end") != "end"
    assert control.break_parts("END", keep_words=True) != "END"  # a template may lower it
    assert map_strings({"type": ["function", "<|end|>", 1, None, True]}, control, parts=False) == {
        "type": ["function", f"<{MARK}|end|>", 1, None, True]
    }


def test_lone_surrogates_are_replaced() -> None:
    assert clean("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<tool_call>", True),
        ("[THINK]", True),
        ("◁think▷", True),
        ("</think>", True),
        ("<table>", False),
        ("</h1>", False),
        ("<start_of_image>", True),
        ("\n\n", False),
        ("  ", False),
        ("<>", False),
        ("hello", False),
        ("<<<<", False),
        ("[[]]", False),
    ],
)
def test_is_markup(text: str, expected: bool) -> None:
    assert is_markup(text) is expected
