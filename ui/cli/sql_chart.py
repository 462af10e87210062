"""`rushlight sql ask --chart FILE.svg`: the rows of an answer as a picture, where one fits them."""

import os
from pathlib import Path

from rushlight import Error
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.ui.words import text


def check_target(path: Path, replace: bool) -> None:
    """Before a model is asked: whether the file could be written at its end."""
    if path.suffix.lower() != ".svg":
        raise Error(
            text("{file} cannot be written: its ending names no kind of picture.", file=path.name),
            hint=text("Charts are SVG files: chart.svg"),
            kind="unknown-file",
        )
    if path.exists() and not replace:
        raise Error(
            text("The file {file} is there already.", file=path),
            hint=text("Choose another name, or add --replace."),
            kind="file-exists",
        )


def write_chart(path: Path, answer: SqlAnswer) -> str:
    """Draw the rows, whole or not at all; the kind of chart, "" where none fits them."""
    from rushlight.assistant.sql.chart_svg import draw_chart
    from rushlight.assistant.sql.charts import choose_chart

    if answer.result is None:
        return ""
    spec = choose_chart(answer.result)
    if spec is None:
        return ""
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        staged.write_text(draw_chart(spec, answer.result, answer.question), encoding="utf-8")
        staged.replace(path)
    except OSError as err:
        raise Error(
            text("The file {file} cannot be written: {reason}.", file=path, reason=err.strerror or ""),
            hint=text("Choose another folder."),
            kind="cannot-write",
        ) from err
    finally:
        staged.unlink(missing_ok=True)
    return spec.kind


def chart_line(path: Path, kind: str) -> str:
    """What was drawn, or that nothing was."""
    names = {
        "bar": text("A bar chart was written to {file}.", file=path),
        "line": text("A line chart was written to {file}.", file=path),
        "scatter": text("A scatter plot was written to {file}.", file=path),
        "histogram": text("A histogram was written to {file}.", file=path),
    }
    return names.get(kind) or text("No chart fits these rows; none was written.")
