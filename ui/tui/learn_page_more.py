"""More rows of the page of learning of the terminal app: columns, settings, what it would take, exports, the history.

Knows the desk's values. Names of columns and their samples are strangers' text: the rows clean them, none is markup.
"""

from collections.abc import Sequence

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.learn_forecast import Forecast, Pieces, lower_rows, memory_rows, summary, time_rows
from rushlight.ui.desk.learn_settings import parameters, problem_of, said_text, usual_text
from rushlight.ui.desk.learn_values import FilesRow, HeldOutAnswer, LearnState
from rushlight.ui.desk.learn_words import export_text, fields, look_text, look_words, run_text
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.learn_page_curve import overlay_lines
from rushlight.ui.tui.learn_page_lines import lines_of, said
from rushlight.ui.tui.row_list import ListRow, RowLine, heading, row
from rushlight.ui.words import plural, text

_CURVE_LINES = 9
_MOST_TOLD = 6
_BAR = 24


def column_rows(look: FilesRow, width: int) -> list[ListRow]:
    """What files of examples hold: how many, what is wrong, and each column with what it is taken for."""
    words = dict(fields())
    rows = said(look_text(look), "bad" if look.n_wrong else "good", width)
    for problem in look.problems[:_MOST_TOLD]:
        rows += said(f"✗ {problem}", "bad", width)
    if len(look.problems) > _MOST_TOLD:
        rows += said(plural("{count} more", "{count} more", len(look.problems) - _MOST_TOLD), "bad", width)
    for one in look.columns:
        taken = (words.get(one.field, one.field), "accent" if one.field else "faint")
        samples = " · ".join(one.samples) or text("empty")
        rows.append(
            ListRow(f"column:{one.name}", (RowLine(((f"{plain_line(one.name)}  ", "strong"), taken)),
                                           RowLine(((f"  {samples}", "muted"),))))
        )  # fmt: skip
    return rows


def setting_rows(state: LearnState, width: int) -> list[ListRow]:
    """Every setting with its value; Enter changes it and says what it costs."""
    told, kind = dict(state.wish.settings), state.wish.kind
    wide = max(len(one.title) for one in parameters())
    rows, group = [], ""
    for one in parameters():
        if one.group != group:
            group = one.group
            rows.append(heading(group.upper()))
        words = dict(one.choices)
        if one.key in told:
            value = (words.get(told[one.key], told[one.key]), "accent")
        else:
            usual = usual_text(kind, one.key)
            value = (words.get(usual, usual) or text("follows from the time"), "muted")
        rows.append(ListRow(f"setting:{one.key}", (RowLine(((f"{one.title.ljust(wide)}  ", "page"), value)),)))
        problem = problem_of(state.setting_problems, one.key)
        rows += said(f"✗ {problem}", "bad", width) if problem else []
    return rows


def forecast_rows(found: Forecast, width: int) -> list[ListRow]:
    """What it would take, part by part."""
    rows = said(summary(found), "strong" if found.fits else "bad", width)
    parts = [(text("Memory"), memory_rows(found)), (text("Time"), time_rows(found))]
    parts += [(text("Smaller with"), lower_rows(found))] if found.lower else []
    wide = max(len(name) for _, lines in parts for name, _ in lines)
    wide = min(wide, max(12, width - 11))
    for title, lines in parts:
        rows.append(heading(title.upper()))
        rows += [ListRow("", (RowLine(((f"{name[:wide].ljust(wide)}  ", "muted"), (amount, "page"))),))
                 for name, amount in lines]  # fmt: skip
    if found.examples:
        words = text("The first examples as the model reads them: what is coloured is learned, the rest is only read.")
        rows += [heading(""), *said(words, "muted", width)]
        for one in found.examples:
            rows += [heading(""), *piece_rows(one, width)]
    return rows


def piece_rows(example: Pieces, width: int) -> list[ListRow]:
    """An example as the model reads it: what it learns is coloured."""
    lines: list[RowLine] = []
    for words, is_learned in example:
        for line in plain(words).splitlines():
            lines += lines_of(line, "flame" if is_learned else "muted", width)
    return [ListRow("", (line,)) for line in lines]


def answer_rows(answers: Sequence[HeldOutAnswer], width: int) -> list[ListRow]:
    """What is said to held-out questions as training goes on."""
    rows = [heading(text("Held-out answers"))] if answers else []
    for one in answers:
        rows += said(plain_line(one.asked), "strong", width)
        rows += said(text("wanted: {answer}", answer=plain_line(one.wanted)), "muted", width)
        for look in one.looks:
            rows += said(plain_line(look_words(look)), "good" if look.is_right else "page", width)
    return rows


def export_rows(state: LearnState, width: int) -> list[ListRow]:
    """Handing it out, and how that stands."""
    rows = [heading(text("Use it elsewhere").upper()), row("export", text("Export…"), meaning="accent")]
    for at, one in enumerate(state.exports):
        meaning = "bad" if one.state == "failed" or one.proof == "failed" else "good" if one.is_over else "muted"
        rows += said(export_text(one), meaning, width)
        rows += said(one.hint, "muted", width)
        if not one.is_over:
            rows.append(ListRow("", (RowLine(((meter(one.fraction or 0.0, min(_BAR, width // 2)), "flame"),)),)))
            rows.append(row(f"stop-export:{at}", text("Cancel"), meaning="muted"))
    return rows


def history_rows(state: LearnState, width: int) -> list[ListRow]:
    """The chosen curves over one another, then the runs: Enter chooses one."""
    if not state.runs:
        return said(text("Nothing was taught yet."), "muted", width)
    rows = [heading(text("Loss by step").upper())]
    if state.curves:
        rows.append(ListRow("curves", overlay_lines(state.curves, width, _CURVE_LINES)))
    if len(state.curves) < 2:
        rows += said(text("Choose two to four runs below."), "muted", width)
    rows.append(heading(text("Runs").upper()))
    for one in state.runs:
        lines = [RowLine(((f"{'☑' if one.is_chosen else '☐'} {one.title}", "page"),)),
                 RowLine(((f"  {run_text(one)}", "muted"),))]  # fmt: skip
        settings = {} if one.wish is None else dict(one.wish.settings)
        if settings:
            lines.append(RowLine(((f"  {plain_line(said_text(settings))}", "faint"),)))
        rows.append(ListRow(f"run:{one.id}", tuple(lines)))
    return rows
