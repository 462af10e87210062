"""Formulas into drawings: what works, what is refused, and that nothing but outlines is in them."""

import random
import re
import time

import pytest

pytest.importorskip("ziamath", reason="formulas need the extra `gui`")

from rushlight.ui.desk.formula import MAX_SIDE, draw

pytestmark = pytest.mark.filterwarnings("ignore:(path|open_text) is deprecated:DeprecationWarning")


@pytest.mark.parametrize(
    "source",
    [
        "E = mc^2", r"\frac{a}{b}", r"\sqrt{x} < 3", r"\int_0^\infty e^{-x^2}\,dx",
        r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
        r"\sum_{i=1}^{n} x_i", r"\mathbb{R} \to \mathcal{L}", r"\begin{cases}1 & x>0\\0\end{cases}", r"\hat{\theta}",
        r"\begin{aligned}a&=b\\&=c\end{aligned}", r"\text{if } x", r"\overline{AB}", r"\xrightarrow{f}", r"\binom n k",
    ],
)  # fmt: skip
def test_formulas_are_drawn(source: str) -> None:
    for is_display in (True, False):
        drawing = draw(source, is_display, 16.0, "#221F1B")
        assert drawing is not None
        assert 0 < drawing.width < MAX_SIDE and 0 < drawing.ascent <= drawing.height < MAX_SIDE
        assert "#221F1B" in drawing.svg


def test_a_larger_size_is_larger() -> None:
    small, large = draw("x^2", True, 14.0, "#000000"), draw("x^2", True, 42.0, "#000000")
    assert small is not None and large is not None and large.width > 2 * small.width


@pytest.mark.parametrize(
    "source",
    [
        r"\frac{a", "x_x_x", "{" * 500, r"\sqrt{" * 60 + "}" * 60, "a" * 1_001, r"\text{a & b}", r"\left( x", "", " ",
        r"\rule{99999em}{99999em}",
    ],
)  # fmt: skip
def test_what_does_not_work_gives_nothing_or_a_small_drawing(source: str) -> None:
    drawing = draw(source, True, 16.0, "#221F1B")
    assert drawing is None or (drawing.width <= MAX_SIDE and drawing.height <= MAX_SIDE)


def test_a_colour_is_a_colour() -> None:
    assert draw("x", True, 16.0, 'red" onload="x') is None


@pytest.mark.parametrize(
    "source",
    [
        r"\text{</mtext></math><script>x</script>}", r"\text{<image href='file:///etc/passwd'/>}",
        r"\href{file:///x}{y}",
        r"\includegraphics{/etc/passwd}", r"\text{&lt;image/&gt;}", "<mglyph src='x'/>", r"\style{fill:url(x)}{y}",
        r"\class{x}{y}", r"\color{url(x)} y", r"\textcolor{red\" href=\"x}{y}",
    ],
)  # fmt: skip
def test_a_drawing_holds_outlines_only(source: str) -> None:
    drawing = draw(source, True, 16.0, "#221F1B")
    if drawing is not None:
        assert set(re.findall(r"<([a-zA-Z]+)", drawing.svg)) <= {"svg", "path", "rect", "line", "g", "polyline"}
        assert "href=" not in drawing.svg and "url" not in drawing.svg


def test_random_formulas_cost_no_time() -> None:
    rng = random.Random(5)
    parts = [
        r"\frac", r"\sqrt", r"\left(", r"\right)", "{", "}", "^", "_", "x", "1", "&", r"\\", r"\begin{matrix}",
        r"\end{matrix}", r"\text{", r"\sum", r"\color{red}", r"\mathbb", "<", ">", " ", r"\hat", r"\overbrace", "$",
        "%", "~",
        r"\binom", r"\limits", "'", "é", "漢", "\\", r"\operatorname", r"\quad", r"\middle|", r"\substack", r"\phantom",
    ]  # fmt: skip
    for _ in range(400):
        source = "".join(rng.choices(parts, k=rng.randint(1, 90)))[:1_000]
        start_s = time.thread_time()
        draw(source, True, 16.0, "#221F1B")
        assert time.thread_time() - start_s < 1.5, source
