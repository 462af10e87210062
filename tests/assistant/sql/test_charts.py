"""Charts: 300 results of many shapes, each with a valid spec or none, drawn as XML whose labels are only text."""

import random
from typing import Any
from xml.etree import ElementTree

import pytest

from rushlight import Error
from rushlight.assistant.sql.chart_data import number_text
from rushlight.assistant.sql.chart_svg import draw_chart
from rushlight.assistant.sql.charts import KINDS, ChartSpec, charts_for, check, choose_chart
from rushlight.assistant.sql.values import Cell, Result

HOSTILE = [
    "<script>alert(1)</script>", "</text><script/>", "\x1b]0;x\x07red\x1b[31m", "]]>", "&lt;", "=1+1", "\x00",
    "\u202eabc", '" onload="x', "a\nb", "\ufffe", "x" * 100_000, "", "<!ENTITY a 'b'>", "\ud800", "'; DROP TABLE x",
]  # fmt: skip
ALLOWED = {"svg", "title", "rect", "text", "line", "circle", "polyline"}


def drawn(spec: ChartSpec, result: Result, title: str = "") -> set[str]:
    """The SVG's elements; asserts that it is XML, that nothing in it acts, and that every place is a number."""
    svg = draw_chart(spec, result, title)
    assert len(svg) < 3_000_000 and "nan" not in svg and "inf" not in svg.replace("infinite", "")
    root = ElementTree.fromstring(svg.encode())
    for element in root.iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ALLOWED
        assert not any(name.startswith("on") or "href" in name for name in element.attrib)
        for name in ("x", "y", "cx", "cy", "width", "height"):
            assert -1e6 < float(element.attrib.get(name, 0)) < 1e6
    return {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}


def shapes(seed: int) -> Result:
    """Rows of some shape: names, times, numbers, nothing, bytes, and what is hostile."""
    rng = random.Random(seed)
    makers: list[Any] = [
        lambda: rng.choice(HOSTILE),
        lambda: rng.choice(["Oslo", "Bergen", "Kyiv"]),
        lambda: f"20{rng.randint(10, 29)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        lambda: f"{rng.randint(1990, 2030)}",
        lambda: rng.randint(-1000, 1000),
        lambda: rng.gauss(0, 10.0 ** rng.randint(-200, 200)),
        lambda: rng.choice([1e308, -1e308, float("inf"), 0.0, 5e-324, 2**70]),
        lambda: None,
        lambda: b"\x00\xff",
    ]
    weights = [3, 6, 6, 2, 8, 8, 1, 1, 1]
    chosen = rng.choices(makers, weights, k=rng.randint(1, 5))
    n_rows = rng.choice([0, 1, 2, 5, 12, 40, 41, 300])
    rows = tuple(tuple(None if rng.random() < 0.03 else one() for one in chosen) for _ in range(n_rows))
    names = tuple(rng.choice(["n", "year", "city", "customer_id", "day", rng.choice(HOSTILE)]) for _ in chosen)
    return Result(names, rows)


def test_300_answers_have_a_valid_chart_or_none() -> None:
    kinds: dict[str, int] = {}
    for seed in range(300):
        result = shapes(seed)
        spec = choose_chart(result)
        kinds[spec.kind if spec else ""] = kinds.get(spec.kind if spec else "", 0) + 1
        if spec is not None:
            check(spec, result)
            drawn(spec, result, HOSTILE[seed % len(HOSTILE)])
    assert set(kinds) == {"", *KINDS} and kinds[""] < 200, kinds


@pytest.mark.parametrize(
    ("columns", "rows", "kind"),
    [
        (("city", "n"), [("Oslo", 3), ("Bergen", 2)], "bar"),
        (("month", "total"), [("2024-01", 3.5), ("2024-02", 2)], "line"),
        (("year", "total"), [(2023, 3.5), (2024, 2)], "line"),
        (("age", "fee"), [(3, 3.5), (4, 2)], "scatter"),
        (("fee",), [(1,), (2,), (3,), (3,), (9,)], "histogram"),
        (("n",), [(1,)], ""),
        (("city",), [("Oslo",), ("Bergen",)], ""),
        (("customer_id", "name"), [(1, "a"), (2, "b")], ""),
    ],
)
def test_the_shape_chooses(columns: tuple[str, ...], rows: list[tuple[Cell, ...]], kind: str) -> None:
    spec = choose_chart(Result(columns, tuple(rows)))
    assert (spec.kind if spec else "") == kind
    if spec is not None:
        drawn(spec, Result(columns, tuple(rows)), "Question?")


@pytest.mark.parametrize(
    "spec",
    [
        ChartSpec("pie", 0, (1,)),
        ChartSpec("bar", 0, (2,)),
        ChartSpec("bar", -1, (1,)),
        ChartSpec("bar", 0, (0,)),
        ChartSpec("bar", 1, (0,)),
        ChartSpec("bar", 0),
        ChartSpec("histogram", 1, (0,)),
        ChartSpec("histogram", 0),
        ChartSpec("scatter", 0, (1,)),
        ChartSpec("line", 1, (1, 1)),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(spec: ChartSpec) -> None:
    with pytest.raises(Error, match="No chart"):
        draw_chart(spec, Result(("city", "n"), (("Oslo", 3), ("Bergen", 2))))


def test_too_many_rows_for_a_kind_are_refused() -> None:
    with pytest.raises(Error, match="40 rows"):
        draw_chart(ChartSpec("bar", 0, (1,)), Result(("a", "b"), tuple((str(i), i) for i in range(41))))


def test_other_kinds_that_fit_are_offered() -> None:
    """The first is the one that is drawn unasked; every one of them can be drawn."""
    days = Result(("day", "n"), tuple((f"2024-01-0{i}", i) for i in range(1, 8)))
    assert [one.kind for one in charts_for(days)] == ["line", "scatter", "bar", "histogram"]
    names = Result(("city", "fee", "visits"), tuple((f"city {i}", 2.0 * i, i) for i in range(6)))
    assert [one.kind for one in charts_for(names)] == ["bar", "scatter", "histogram"]
    assert charts_for(Result(("city",), (("Oslo",), ("Bergen",)))) == ()
    for seed in range(300):
        result = shapes(seed)
        offered = charts_for(result)
        assert (offered[0] if offered else None) == choose_chart(result)
        for spec in offered:
            drawn(spec, result)


def test_numbers_beside_a_chart() -> None:
    said = {
        0.0: "0",
        2_680_178.0: "2,680,178",
        99_999.5: "99,999.5",
        0.25: "0.25",
        1e-9: "1e-09",
        -123456.7: "-123,457",
    }
    assert {number: number_text(number) for number in said} == said and number_text(1e15) == "1e+15"
