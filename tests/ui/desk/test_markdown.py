"""Markdown into blocks: what is read, what is refused, and that pieces give what the whole gives."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.ui.desk.blocks import (
    Block,
    CodeBlock,
    FormulaBlock,
    Place,
    RuleBlock,
    Span,
    TableBlock,
    TextBlock,
    plain_text,
)
from rushlight.ui.desk.markdown import WINDOW, MarkdownDocument, literal_blocks, parse

LINES = [
    "", " ", "\t", "word", "two words ", "# head", "#", "###### six", "---", "- - -", "===", "***", "- item", "-",
    "* item", "+ other", "  - nested", "    - deeper", "1. one", "2) two", "10. ten", "1.", "> quote", ">",
    "> - in quote", "> ```", "```", "```py", "~~~", "````", "  ```", "   ~~~ x", "    indented", "\tindented",
    "| a | b |", "|---|---|", "a | b", "--|--", "| 1 | 2 |", "$$", "$$x$$", "\\[", "\\]", "\\[x\\]", "$x$ and $5",
    "**bold", "*em* `code", "`` ` ``", "[a](https://example.org)", "[b](javascript:x)", "![i](file:///etc/passwd)",
    "[r]: https://example.org", "[r]", "<b>html</b>", "<!-- c -->", "&amp; &#0;", "\\", "\\$", "\x1b[31mred\x1b[0m",
    "\x1b]0;t", "\u202eRTL", "- [ ] todo", "- [x] done", "~~struck~~", "+ ```", "- $$", "- | a | b |", "  |---|---|",
    "  text", "   text",
]  # fmt: skip
texts = st.one_of(
    st.lists(st.sampled_from(LINES), max_size=14).map("\n".join),
    st.lists(st.sampled_from(LINES), max_size=10).map("\n".join).map(lambda text: text + "\n"),
    st.text(alphabet=st.sampled_from("ab -#>*_`~|$\\[]()!\n\n1.:\t<&"), max_size=80),
)


def _in_pieces(text: str, cuts: list[int]) -> list[Block]:
    document = MarkdownDocument()
    begin = 0
    for cut in [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]:
        document.feed(text[begin:cut])
        begin = cut
    document.close()
    return document.blocks


@settings(max_examples=400, deadline=None)
@given(texts, st.lists(st.integers(min_value=0, max_value=500), max_size=12))
def test_pieces_give_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    assert tuple(_in_pieces(text, cuts)) == parse(text)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(texts, st.lists(st.integers(min_value=0, max_value=500), max_size=12))
def test_many_pieces_give_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    assert tuple(_in_pieces(text, cuts)) == parse(text)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_letter_by_letter_final_blocks_stay(text: str) -> None:
    document = MarkdownDocument()
    final: list[Block] = []
    for letter in text:
        document.feed(letter)
        assert document.blocks[: len(final)] == final
        assert document.n_final >= len(final)
        final = document.blocks[: document.n_final]
    document.close()
    assert tuple(document.blocks) == parse(text)


def test_long_texts_without_boundaries_are_the_same_in_pieces() -> None:
    text = "- a line of a list\n" * (2 * WINDOW // 19) + "word " * WINDOW + "\n\n```\n" + "code\n" * WINDOW + "```\nend"
    whole = parse(text)
    assert whole == tuple(_in_pieces(text, list(range(0, len(text), 5_000))))
    assert whole[-1] == TextBlock(Place(), (Span("end"),))
    assert all(len(plain_text([block])) < 5_000 for block in whole if isinstance(block, TextBlock))


def test_a_reply_of_all_kinds() -> None:
    blocks = parse(
        "# Title\n\nText **bold** *it* ~~no~~ `code`\nnext line\n\n- one\n- two\n  - three\n\n1. first\n\n   more\n\n"
        "> said\n\n---\n\n| a | b |\n|:--|--:|\n| 1 | `2` |\n\n```python\nx = 1\n```\n\n$$\nx^2\n$$\n"
    )
    kinds = [type(block) for block in blocks]
    assert kinds == [TextBlock] * 8 + [RuleBlock, TableBlock, CodeBlock, FormulaBlock]
    assert isinstance(blocks[0], TextBlock) and blocks[0].level == 1
    assert blocks[1] == TextBlock(
        Place(),
        (
            Span("Text "),
            Span("bold", is_bold=True),
            Span(" "),
            Span("it", is_italic=True),
            Span(" "),
            Span("no", is_struck=True),
            Span(" "),
            Span("code", is_code=True),
            Span("\nnext line"),
        ),
    )
    assert [block.place for block in blocks[2:7]] == [
        Place(("list",), "•"),
        Place(("list",), "•", is_tight=True),
        Place(("list", "list"), "•", is_tight=True),
        Place(("list",), "1."),
        Place(("list",)),
    ]
    assert blocks[7].place == Place(("quote",))
    assert blocks[9] == TableBlock(
        Place(),
        (((Span("a"),), (Span("b"),)), ((Span("1"),), (Span("2", is_code=True),))),
        ("left", "right"),
    )
    assert blocks[10] == CodeBlock(Place(), "x = 1", "python")
    assert blocks[11] == FormulaBlock(Place(), "x^2", "$$\nx^2\n$$")


def test_tasks_have_boxes() -> None:
    assert [block.place.marker for block in parse("- [ ] a\n- [x] b\n- [X] c\n- d\n-\n")] == [
        "[ ]", "[x]", "[x]", "•", "•",
    ]  # fmt: skip


def test_code_is_open_until_its_fence_is_closed() -> None:
    document = MarkdownDocument()
    document.feed("```py\nprint(")
    assert document.blocks == [CodeBlock(Place(), "print(", "py", is_open=True)]
    document.feed("1)\n``")
    document.feed("`")
    assert document.blocks == [CodeBlock(Place(), "print(1)", "py", is_open=True)]
    document.feed("\nafter")
    assert document.blocks == [CodeBlock(Place(), "print(1)", "py"), TextBlock(Place(), (Span("after"),))]
    assert document.n_final == 1


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("the area $\\pi r^2$ of it", ["\\pi r^2"]),
        ("\\(a\\) and \\[b\\] and $$c$$", ["a", "b", "c"]),
        ("it costs $5 and not $10", []),
        ("from $5-$10", []),
        ("`$x$`", []),
        ("\\$x$", []),
        ("$ x$", []),
        ("$" + "x" * 2000 + "$", []),
    ],
)
def test_formulas_are_found_and_money_is_not(text: str, formulas: list[str]) -> None:
    (block,) = parse(text)
    assert isinstance(block, TextBlock)
    assert [span.formula for span in block.spans if span.formula] == formulas


def test_only_web_and_mail_addresses_are_links() -> None:
    for address in ("https://example.org/a?b#c", "http://localhost:1", "mailto:a@example.org"):
        (block,) = parse(f"[here]({address})")
        assert isinstance(block, TextBlock) and block.spans == (Span("here", link=address),)
    for address in (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "//host/share",
        "ms-word:x",
        "a b",
    ):
        (block,) = parse(f"[here](<{address}>)")
        assert isinstance(block, TextBlock)
        assert block.spans == (Span("here"), Span(f" ({address})", is_aside=True)), address


def test_bare_addresses_are_links_without_what_ends_the_sentence() -> None:
    (block,) = parse("See https://example.org/x_(y), or (http://example.com/z).")
    assert isinstance(block, TextBlock)
    assert [span.link for span in block.spans if span.link] == ["https://example.org/x_(y)", "http://example.com/z"]


def test_images_are_words_and_references_are_no_links() -> None:
    blocks = parse("![a cat](https://e.org/c.png)\n\n![x][r] [y][r]\n\n[r]: https://e.org/leak?d=1\n")
    assert isinstance(blocks[0], TextBlock)
    assert blocks[0].spans == (Span("a cat", image="https://e.org/c.png"),)
    assert plain_text(blocks[1:]) == "![x][r] [y][r]\n\n[r]: https://e.org/leak?d=1"


def test_html_is_text() -> None:
    assert plain_text(parse("<script>alert(1)</script> <img src=x onerror=y>")) == (
        "<script>alert(1)</script> <img src=x onerror=y>"
    )
    assert plain_text(parse("one<br>two<BR />three")) == "one\ntwo\nthree"


def test_control_characters_do_not_pass() -> None:
    assert plain_text(parse("a\x1b[31mb\x1b[0m \x1b]52;c;aGk=\x07c\u202ed\x00e\x9b1me")) == "ab cdee"


def test_what_a_person_typed_stays_as_it_is() -> None:
    blocks = literal_blocks("2 * 3 * 4 = **x**\n  # not a title\n```py\n*a*\n```\n<b>\n\n```\nopen")
    assert blocks == (
        TextBlock(Place(), (Span("2 * 3 * 4 = **x**\n  # not a title"),)),
        CodeBlock(Place(), "*a*", "py"),
        TextBlock(Place(), (Span("<b>"),)),
        CodeBlock(Place(), "open"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000, "![" * 9_000, "*a " * 3_000, "*a_" * 3_000, "`" * 9_999,
        "".join("`" * n + " " for n in range(130)), "> " * 5_000 + "x", "- " * 5_000 + "x", "1. " * 3_000,
        "$" * 9_999, "$x" * 4_999, "\\[" * 4_999, "$$x\n" * 3_000, "<" * 9_999, "&" * 9_999, "~" * 9_999,
        "**" * 4_999, "[a](" * 2_400, "(" * 9_999, "a|" * 5_000 + "\n" + "-|" * 5_000,
        "|a|b|\n|-|-|\n" + "|\n" * 10_000, "https://" * 1_200, "\n" * 100_000, "    x\n" * 20_000, "\\" * 9_999,
        "[a](<b" * 1_600, "_" * 9_999, "- x\n\n" * 8_000, "!" + "[" * 4_000 + "](" * 2_000, "<br" * 3_000,
        " " * 200_000 + "x", "***" * 3_300, "_*_*" * 2_400, "a**b" * 2_400, "~~a" * 3_300, "```\n" * 20_000,
        "$$\n" * 20_000,
    ],
    ids=lambda text: ascii(text[:8]),
)  # fmt: skip
def test_hostile_text_costs_no_time(text: str) -> None:
    start_s = time.perf_counter()
    parse(text)
    assert time.perf_counter() - start_s < 4.0
