"""The picture of a comparison: XML that holds, whatever files are called."""

import math
from xml.etree import ElementTree

import pytest

from rushlight.quant.compare_plot import Point, draw


def texts_of(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_it_shows_every_file() -> None:
    points = [Point("Q4_0", 91e6, 0.2, 60.0), Point("Q8_0", 145e6, 0.001, 50.0), Point("Q6_K", 120e6, 0.004)]
    svg = draw(points, "poet")
    assert svg.count("<circle") == 3
    said = texts_of(svg)
    assert "Q4_0, 60 tokens/s" in said and "Q6_K" in said and "100 MB" in said and "0.01" in said


def test_llama_cpps_own_is_a_line_beside_ours() -> None:
    ours = [Point("Q4_0", 91e6, 0.2), Point("Q8_0", 145e6, 0.001)]
    svg = draw([*ours, Point("Q4_0", 91e6, 0.3, by_llama=True), Point("Q8_0", 145e6, 0.001, by_llama=True)], "poet")
    assert svg.count("<circle") == 4 and svg.count("<polyline") == 1
    assert "- - llama.cpp at the same size" in texts_of(svg)
    assert "<polyline" not in draw(ours, "poet")


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point("one", 1.0, 0.0)],
        [Point("same", 5e9, 0.1), Point("same", 5e9, 0.1)],
        [Point("none", 5e9, math.nan), Point("much", 5e9, math.inf), Point("nothing", 0, 0.1)],
        [Point(str(i), 1e6 * (i + 1), 10.0**-i, i) for i in range(12)],
    ],
)
def test_it_holds_for_any_numbers(points: list[Point]) -> None:
    svg = draw(points, "x")
    assert "nan" not in svg and "inf" not in svg.replace("info", "")
    texts_of(svg)


def test_names_are_strangers() -> None:
    svg = draw([Point('</text><script>alert("1")</script>\x1b[31m\0', 1e6, 0.1)], "<&\u202e>")
    assert "<script" not in svg and "\x1b" not in svg and "\0" not in svg and "\u202e" not in svg
    assert any("<script>" in said for said in texts_of(svg))
