"""What the SQL page of the terminal app shows, as rows: files, tables, a question with its statement, rows and chart.

Knows the desk's values. Names and cells are strangers' text: cleaned here, cut to what a line holds.
"""

import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.chart_data import bars_of, counts_of, number_text, series_of
from rushlight.assistant.sql.charts import ChartSpec
from rushlight.assistant.sql.values import Cell, Result
from rushlight.ui.desk.sql_schema import count_text
from rushlight.ui.desk.sql_values import AdviceRow, Answer, SqlState, TableRow
from rushlight.ui.desk.sql_words import cell_text
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.row_list import ListRow, RowLine, heading, row
from rushlight.ui.words import text

WIDTH = 96  # letters of a wrapped line
SHOWN_ROWS = 200
_SHOWN_QUESTIONS = 6
_CELL, _LEAST_CELL = 28, 4
_MAX_WIDTH = 600
_BARS, _BAR = 24, 28
_LINE_STEPS = "▁▂▃▄▅▆▇█"
_CLAUSE = re.compile(r" (?=(?:FROM|(?:LEFT )?JOIN|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT|UNION|INTERSECT|EXCEPT)\b)")


def page_rows(state: SqlState) -> list[ListRow]:
    """Everything, top to bottom."""
    if not state.is_open:
        return start_rows(state)
    rows = [row("ask", text("Ask a question…"), meaning="accent")]
    if len(state.thread) > 1:
        rows += question_rows(state)
    if state.shown is not None:
        rows += answer_rows(state.shown, state.advice)
    else:
        rows += table_rows(state)
    return rows


def start_rows(state: SqlState) -> list[ListRow]:
    """Nothing is open: what was open before, and how to open something."""
    rows = [row("open", text("Open databases, spreadsheets or CSV files"), meaning="accent")]
    if state.recent:
        rows.append(heading(text("Opened before")))
        rows += [row(f"recent:{n}", plain_line(one.title)) for n, one in enumerate(state.recent)]
    else:
        rows += said(text("They are opened for reading only: SQLite itself refuses everything else."), "muted")
    return rows


def table_rows(state: SqlState) -> list[ListRow]:
    """The tables, each with its columns on a second line."""
    if state.is_empty:
        return said(text("There are no tables in it."), "muted")
    rows = [heading(text("Tables"))]
    rows += [_table(one) for one in state.tables]
    for note in state.schema_notes:
        rows += said(plain_line(note), "muted")
    return rows


def _table(one: TableRow) -> ListRow:
    columns = ", ".join(plain_line(each.name) for each in one.columns)
    right = ((count_text(one), "muted"),)
    return ListRow(
        f"table:{one.place}",
        (RowLine(((plain_line(one.name), "strong"),), right), RowLine(((f"  {cut(columns, _MAX_WIDTH)}", "muted"),))),
    )


def question_rows(state: SqlState) -> list[ListRow]:
    """The questions of the thread, the shown one marked."""
    first = max(0, len(state.thread) - _SHOWN_QUESTIONS)
    return [
        heading(text("Questions")),
        *(
            row(f"at:{at}", plain_line(one.question or one.sql), is_current=at == state.at)
            for at, one in enumerate(state.thread)
            if at >= first
        ),
    ]


def answer_rows(shown: Answer, advice: AdviceRow) -> list[ListRow]:
    """A question with what came of it."""
    rows: list[ListRow] = []
    if shown.question:
        rows += said(plain_line(shown.question), "strong")
    for one in shown.choices:
        rows.append(heading(text("“{word}” can mean several things. Which one?", word=plain_line(one.said))))
        rows += [
            row(f"choice:{one.said}={choice}", plain_line(choice), is_current=choice == one.chosen)
            for choice in one.choices
        ]
    if shown.sql:
        lines = [RowLine(((line, "accent"),)) for line in statement_lines(shown.sql)]
        rows.append(ListRow("statement", tuple(lines)))
    rows += said(plain_line(shown.explanation), "muted")
    rows += said(plain_line(shown.way), "muted")
    if shown.problem:
        rows += said(f"✗ {plain_line(shown.problem)}", "bad")
        rows += said(plain_line(shown.hint), "muted")
        if shown.problem_kind == "sql-timeout":
            rows.append(row("more-time", text("Give it a minute"), meaning="accent"))
    for line in shown.unclear:
        rows += said(plain_line(line), "muted")
    if shown.result is not None:
        rows += said(plain_line(shown.sentence), "page")
        if shown.chart is not None:
            rows += chart_rows(shown.chart, shown.result)
        rows += grid_rows(shown.result)
    for number, other in enumerate(shown.others):
        rows.append(row(f"other:{number}", f"{plain_line(other.words)}: {plain_line(other.sql)}", meaning="muted"))
    if advice.words:
        rows.append(row("advice", plain_line(advice.words), meaning="muted"))
    return rows


def statement_lines(sql: str) -> list[str]:
    """A statement with each clause on a line of its own."""
    lines: list[str] = []
    for clause in _CLAUSE.split(plain_line(sql)):
        lines += textwrap.wrap(clause, WIDTH, subsequent_indent="  ", break_on_hyphens=False) or [""]
    return lines[:40]


def grid_rows(result: Result) -> list[ListRow]:
    """The rows under their columns; numbers at the right."""
    if not result.columns:
        return []
    shown = result.rows[:SHOWN_ROWS]
    cells = [[cut(plain_line(cell_text(cell)), _CELL) for cell in one] for one in shown]
    names = [cut(plain_line(name), _CELL) for name in result.columns]
    widths = [max([_LEAST_CELL, len(name), *(len(one[i]) for one in cells)]) for i, name in enumerate(names)]
    right = [bool(shown) and all(_is_number(one[i]) for one in shown) for i in range(len(names))]

    def line(parts: Sequence[str]) -> str:
        padded = (part.rjust(w) if r else part.ljust(w) for part, w, r in zip(parts, widths, right, strict=True))
        return cut("  ".join(padded), _MAX_WIDTH)

    rows = [ListRow("", (RowLine(((line(names), "muted"),)), RowLine((("─" * min(120, len(line(names))), "faint"),))))]
    rows += [ListRow(f"row:{number}", (RowLine(((line(one), "page"),)),)) for number, one in enumerate(cells)]
    if result.more:
        rows.append(row("all-rows", text("There are more rows: read them"), meaning="accent"))
    elif len(result.rows) > len(shown):
        rows += said(text("the first {n} rows, there are more", n=f"{len(shown):,}"), "muted")
    return rows


def row_text(result: Result, number: int) -> str:
    """One row in full, a column a line."""
    return "\n".join(
        f"{plain_line(name)}: {plain_line(cell_text(cell))}"
        for name, cell in zip(result.columns, result.rows[number], strict=True)
    )


def chart_rows(spec: ChartSpec, result: Result) -> list[ListRow]:
    """Bars, or a line of blocks; points are for a picture."""
    if spec.kind == "bar":
        return _bars([(name, value) for name, value in bars_of(spec, result)[:_BARS] if value is not None])
    if spec.kind == "histogram":
        return _bars([(f"{number_text(low)} …", float(count)) for low, _, count in _bins(spec, result)])
    if spec.kind != "line":
        return said(text("The chart is a picture: E writes it to a .svg file."), "muted")
    rows = []
    for name, points in series_of(spec, result):
        values = [point.y for point in points]
        if values:
            drawn = sparkline(values, WIDTH - 30)
            ends = f"{points[0].said} … {points[-1].said}"
            left = ((f"{cut(plain_line(name), 20)}  ", "muted"), (drawn, "accent"), (f"  {plain_line(ends)}", "muted"))
            rows.append(ListRow("", (RowLine(left),)))
    return rows


def sparkline(values: Sequence[float], width: int) -> str:
    """Heights as blocks, at most `width` of them: of many values the mean of each piece."""
    if len(values) > width:
        edges = [round(i * len(values) / width) for i in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(_LINE_STEPS[min(7, int((value - low) / span * 8))] for value in values)


def _bins(spec: ChartSpec, result: Result) -> list[tuple[float, float, int]]:
    low, high, counts = counts_of(spec, result)
    step = (high - low) / len(counts)
    return [(low + i * step, low + (i + 1) * step, count) for i, count in enumerate(counts)]


def _bars(values: Sequence[tuple[str, float]]) -> list[ListRow]:
    most = max((abs(value) for _, value in values), default=0.0) or 1.0
    names = [cut(plain_line(name), _CELL) for name, _ in values]
    width = max(map(len, names), default=0)
    return [
        ListRow(
            "",
            (
                RowLine(
                    (
                        (f"{name.rjust(width)}  ", "muted"),
                        (meter(abs(value) / most, _BAR), "accent"),
                        (f"  {number_text(value)}", "page"),
                    )
                ),
            ),
        )
        for name, (_, value) in zip(names, values, strict=True)
    ]


def said(words: str, meaning: str) -> list[ListRow]:
    """A sentence, wrapped, that cannot be chosen; nothing for none."""
    lines = textwrap.wrap(words, WIDTH)[:8]
    return [ListRow("", tuple(RowLine(((line, meaning),)) for line in lines))] if lines else []


def cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, (int, float))
