"""Reasoning is parted from the answer, however the stream was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.reasoning import (
    FAMILIES,
    GEMMA,
    HARMONY,
    THINK,
    ReasoningSplitter,
    ReasoningTags,
    find_tags,
)
from rushlight.assistant.events import ReasoningDelta, TextDelta


def split(pieces: list[str], tags: ReasoningTags | None, opened: bool) -> tuple[str, str]:
    """(reasoning, answer), joined."""
    splitter = ReasoningSplitter(tags, opened)
    events = [event for piece in pieces for event in splitter.feed(piece)] + splitter.close()
    assert all(event.text for event in events)
    return (
        "".join(e.text for e in events if isinstance(e, ReasoningDelta)),
        "".join(e.text for e in events if isinstance(e, TextDelta)),
    )


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("<think>Two and two.</think>\n\n4", False, ("Two and two.", "4")),
        ("\n <think>\nTwo and\n two.\n</think>\n4\n", False, ("Two and\n two.", "4\n")),
        ("Two and two.\n</think>\n\n4", True, ("Two and two.", "4")),
        ("<think>\nTwo</think>4", True, ("Two", "4")),  # it opens again what the prompt opened
        ("\n\n</think>\n\n4", True, ("", "4")),
        ("<think>never closed \n", False, ("never closed", "")),
        ("never closed <thin", True, ("never closed <thin", "")),
        ("  4 \n", False, ("", "  4 \n")),  # without reasoning: exactly as it is
        (" \n", False, ("", " \n")),
        ("Write <think> like this: <think>x</think>", False, ("", "Write <think> like this: <think>x</think>")),
        ("<think>a <think> b</think>4</think>", False, ("a <think> b", "4</think>")),
        ("<thinking>4", False, ("", "<thinking>4")),
        ("", True, ("", "")),
    ],
)
def test_think(text: str, opened: bool, expected: tuple[str, str]) -> None:
    assert split([text], THINK, opened) == expected
    assert split(list(text), THINK, opened) == expected


def test_harmony_takes_its_marks_out_of_the_answer() -> None:
    text = (
        "<|channel|>analysis<|message|>Simple sum.<|end|><|start|>assistant<|channel|>commentary<|message|>Adding."
        "<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>"
    )
    assert split([text], HARMONY, False) == ("Simple sum.", "Adding.It is 4.")
    assert split(list(text), HARMONY, False) == ("Simple sum.", "Adding.It is 4.")


def test_two_rounds_of_reasoning_where_control_tokens_mark_it() -> None:
    text = "<|channel>thought\nFirst.<channel|>A, <|channel>thought\nthen.<channel|>B"
    assert split(list(text), GEMMA, False) == ("First.then.", "A, B")


def test_without_tags_text_passes_through() -> None:
    assert split(["<think>", "x"], None, False) == ("", "<think>x")


@pytest.mark.parametrize("tags", FAMILIES, ids=lambda tags: tags.family)
def test_every_family(tags: ReasoningTags) -> None:
    text = f"{tags.openers[0]}why{tags.closers[0]}because"
    assert split(list(text), tags, False) == ("why", "because")


@given(data=st.data(), opened=st.booleans(), tags=st.sampled_from((*FAMILIES[:2], THINK, HARMONY, GEMMA)))
def test_any_cut_gives_the_same(data: st.DataObject, opened: bool, tags: ReasoningTags) -> None:
    parts = st.sampled_from((*tags.all, *(mark[:-2] for mark in tags.all), "a", " ", "\n", "<", "b c"))
    text = "".join(data.draw(st.lists(parts, max_size=12)))
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    assert split(pieces, tags, opened) == split([text], tags, opened) == split(list(text), tags, opened)


@given(st.text(alphabet="ab <\n>", max_size=40))
def test_an_answer_without_reasoning_is_untouched(text: str) -> None:
    assert split(list(text), THINK, False) == ("", text)


@pytest.mark.parametrize(
    ("template", "special", "family"),
    [
        ("{{ m.content.split('</think>')[-1] }}", set(), "think"),
        ("<|start|>assistant<|channel|>analysis<|message|>", set(), "harmony"),
        ("{% if x %}[THINK]{{ y }}[/THINK]{% endif %}", set(), "magistral"),
        ("<seed:think> ... <think>", set(), "seed"),
        ("<|channel>thought\n{{ y }}<channel|>", set(), "gemma4"),
        ("<reasoning>", set(), "reasoning"),
        ("{{ m.content }}", {"<think>", "</think>"}, "think"),
        ("{{ m.content }}", {"<|channel|>", "<|message|>", "<|start|>"}, "harmony"),
        ("{{ m.content }}", {"<|im_end|>"}, None),
    ],
)
def test_find_tags(template: str, special: set[str], family: str | None) -> None:
    tags = find_tags(template, frozenset(special))
    assert (tags.family if tags else None) == family
