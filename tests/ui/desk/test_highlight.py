"""Colours of code: kinds per line, in slices, for named languages only."""

import gc
import time

import pytest

from rushlight.ui.desk.highlight import _NAMES, _OTHER_NAMES, Lines, can_highlight, highlight, highlight_for


def lines_of(text: str, language: str) -> Lines:
    lines: Lines = []
    for _ in highlight(text, language, lines):
        pass
    return lines


def test_kinds_of_python() -> None:
    lines = lines_of('def f(x):  # why\n    return "a" + 1\n', "py")
    assert len(lines) == 3 and lines[2] == ()
    assert (3, "keyword") in lines[0] and (1, "name") in lines[0] and (5, "comment") in lines[0]
    assert (6, "keyword") in lines[1] and (1, "number") in lines[1]
    assert [sum(n for n, _kind in line) for line in lines] == [16, 18, 0]


@pytest.mark.parametrize("language", sorted(_NAMES | _OTHER_NAMES.keys()))
def test_every_named_language_is_there_and_loses_no_letter(language: str) -> None:
    text = "int x = 1; // one\n# two 'three' \"four\"\n<five six='7'> { } end\n\n-- eight\n"
    lines = lines_of(text, language)
    assert [sum(n for n, _kind in line) for line in lines] == [len(line) for line in text.split("\n")]


@pytest.mark.parametrize("language", ["", "nonsense", "pyth\non", "markdown", "../python", "x" * 500])
def test_other_names_stay_plain(language: str) -> None:
    assert not can_highlight("x = 1", language)
    assert lines_of("x = 1", language) == []


def test_large_texts_and_long_lines_stay_plain() -> None:
    assert not can_highlight("x = 1\n" * 40_000, "python")
    assert not can_highlight("x" * 2_001, "python")
    assert can_highlight("x = 1\n" * 16_000, "python")


def test_work_can_be_stopped_and_goes_on() -> None:
    text = "value = compute(1, 'text')  # comment\n" * 2_000
    lines: Lines = []
    work = highlight(text, "python", lines)
    start_s = time.thread_time()
    assert not highlight_for(work, 3)
    assert time.thread_time() - start_s < 0.5
    assert 0 < len(lines) < 2_000
    while not highlight_for(work, 50):
        pass
    assert len(lines) == 2_001


def test_no_plug_in_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from pygments import lexers

    def refuse(*_names: object) -> None:
        raise AssertionError("plug-ins were looked for")

    monkeypatch.setattr(lexers, "find_plugin_lexers", refuse)
    assert lines_of("x = 1", "python") and lines_of("x = 1", "no-such-language") == []


HOSTILE = [
    ("a" * 1_900 + "\n") * 20, ("(" * 1_900 + "\n") * 20, ('"' * 1_901 + "\n") * 20, ("<" * 1_900 + "\n") * 20,
    ("/*" * 900 + "\n") * 20, (" " * 1_900 + "\n") * 20, ("\\" * 1_901 + "\n") * 20, ("{[" * 900 + "\n") * 20,
    ("'\\" * 900 + "\n") * 20, ("-=" * 900 + "\n") * 20, ("0x_" * 600 + "\n") * 20, ("$$@`" * 450 + "\n") * 20,
    " \n" * 40_000, "a\n" * 40_000, "/*\n" * 30_000,
]  # fmt: skip
COMMON = ("python", "javascript", "json", "bash", "html", "css", "c", "cpp", "java", "sql", "yaml", "rust")


def slowest_s(language: str, text: str) -> float:
    """The longest time between two moments in which the work could be stopped."""
    for _ in highlight("x", language, []):  # its patterns are compiled once
        pass
    slowest = 0.0
    gc.disable()  # to collect what all tests before left takes a second of this thread, and is no pattern's fault
    try:
        start_s = time.thread_time()
        work = highlight(text, language, [])
        end_s = start_s + 0.1  # the view gives up as well, later
        for _ in work:
            now_s = time.thread_time()
            slowest = max(slowest, now_s - start_s)
            start_s = now_s
            if now_s > end_s:
                break
    finally:
        gc.enable()
    return slowest


@pytest.mark.parametrize("language", COMMON)
def test_no_common_lexer_stops_on_hostile_text(language: str) -> None:
    """A pattern that takes seconds would stop the window: such a lexer does not belong into the list."""
    for text in HOSTILE:
        assert slowest_s(language, text) < 1.0, text[:4]


@pytest.mark.slow
@pytest.mark.parametrize("language", sorted(_NAMES - set(COMMON)))
def test_no_lexer_stops_on_hostile_text(language: str) -> None:
    for text in HOSTILE:
        assert slowest_s(language, text) < 1.0, text[:4]
