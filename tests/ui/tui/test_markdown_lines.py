"""Markdown in a terminal: how it looks, that a growing text is drawn as the whole one, that nothing is obeyed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.ui.tui.look import look_of
from rushlight.ui.tui.markdown_lines import MarkdownLines, links_in, literal_lines, markdown_lines

LOOK = look_of("rushlight-dark")
SOURCE = """# Candles

A *candle* is **wax** around a `wick`, see [here](https://example.org/candle).

- one
- two
  1. nested
  2. list

> said somebody

```python
burn(wax)  # slowly
```

| wax | hours |
|:----|------:|
| bee | 12 |
"""


def shown(text: str, width: int = 40) -> list[str]:
    return [line.text.rstrip() for line in markdown_lines(text, LOOK, width)]


def test_blocks_are_drawn() -> None:
    assert shown(SOURCE) == [
        "Candles",
        "",
        "A candle is wax around a wick, see here",
        "(https://example.org/candle).",
        "",
        "• one",
        "• two",
        "  1. nested",
        "  2. list",
        "",
        "▎ said somebody",
        "",
        "▏ python",
        "▏ burn(wax)  # slowly",
        "",
        "wax │ hours",
        "────┼──────",
        "bee │    12",
    ]


@pytest.mark.parametrize("width", [1, 2, 7, 13, 40, 200])
def test_no_line_is_wider_than_the_column(width: int) -> None:
    wide = SOURCE + "\n\n中文的蜡烛燃烧得很慢 and 👩‍👩‍👧 " + "x" * 300
    lines = markdown_lines(wide, LOOK, max(width, 24))
    assert max(line.cell_length for line in lines) <= max(width, 24)
    assert markdown_lines(wide, LOOK, width)  # narrower than anybody's terminal: no error


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_growing_text_is_drawn_as_the_whole(data: st.DataObject) -> None:
    text = data.draw(st.text(alphabet="ab *_`#>-1.|\n[]()<>&;~$", max_size=200)) + SOURCE
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    growing = MarkdownLines(LOOK, 40)
    for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True):
        growing.feed(text[first:last])
    growing.close()
    assert growing.lines == markdown_lines(text, LOOK, 40)


CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from("\x1b]0;[31m\x07\x9b\x9d\x90&#27;&#155;x `*[](!\n|-\u202e\u2066\U000e0041"),
        max_size=80,
    )
)
def test_no_control_character_comes_through(text: str) -> None:
    code = f"```\x1b[2J\n{text}\n```\n"
    for one in (text, f"`{text}`", f"[{text}]({text})", f"![{text}]({text})", code, f"| {text} |\n|---|\n| {text} |\n"):
        for line in [*markdown_lines(one, LOOK, 30), *literal_lines(one, LOOK, 30, LOOK.bubble)]:
            assert CONTROL.search(line.text) is None


def test_entities_hide_no_escape() -> None:
    assert "\x1b" not in "".join(shown("&#27;]0;owned&#7; &#x9b;31m"))


def test_pictures_are_named_and_files_are_no_links() -> None:
    text = "![cat](file:///etc/passwd) [a](file:///etc/passwd) [b](javascript:alert(1)) [c](https://example.org)"
    said = " ".join(shown(text, 200))
    assert "picture, not loaded: cat file:///etc/passwd" in said
    assert links_in(text) == [("c", "https://example.org")]


def test_a_very_long_paragraph_is_drawn_in_time() -> None:
    import time

    began_s = time.perf_counter()
    lines = markdown_lines("word " * 100_000, LOOK, 80)
    assert len(lines) > 1000
    assert time.perf_counter() - began_s < 10
