"""Charts of rows as files, SVG or PNG: the rows of an answer as a picture, where one fits them."""

import os
from pathlib import Path

from rushlight import Error
from rushlight.assistant.sql.values import Result
from rushlight.installing import pip_line
from rushlight.ui.words import text


def check_target(path: Path, replace: bool) -> None:
    """Before a model is asked: whether the file could be written at its end."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise Error(
            text("{file} cannot be written: its ending names no kind of picture.", file=path.name),
            hint=text("Charts are SVG or PNG files: chart.svg"),
            kind="unknown-file",
        )
    if path.exists() and not replace:
        raise Error(
            text("The file {file} is there already.", file=path),
            hint=text("Choose another name, or add --replace."),
            kind="file-exists",
        )
    check_folder(path)
    if path.suffix.lower() == ".png":
        from importlib.util import find_spec

        if find_spec("PySide6") is None:
            raise _no_window()


def check_folder(path: Path) -> None:
    """Before long work: whether there is a folder for what it comes to."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise cannot_write(path, text("there is no folder {folder}", folder=folder))


def cannot_write(path: Path, reason: str) -> Error:
    return Error(
        text("The file {file} cannot be written: {reason}.", file=path, reason=reason),
        hint=text("Choose another folder."),
        kind="cannot-write",
    )


def write_chart(path: Path, result: Result, title: str, kind: str = "auto") -> str:
    """Draw the rows, whole or not at all; the kind of chart, "" where none fits them. `kind`: one of them is wanted."""
    from rushlight.assistant.sql.chart_svg import draw_chart
    from rushlight.assistant.sql.charts import charts_for

    fitting = [one for one in charts_for(result) if kind in ("auto", one.kind)]
    if not fitting:
        return ""
    drawn = draw_chart(fitting[0], result, title)
    made = _png(drawn) if path.suffix.lower() == ".png" else drawn.encode()
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        staged.write_bytes(made)
        staged.replace(path)
    except OSError as err:
        raise cannot_write(path, err.strerror or str(err)) from err
    finally:
        staged.unlink(missing_ok=True)
    return fitting[0].kind


def _png(drawn: str) -> bytes:
    try:
        from rushlight.ui.gui.svg_png import png_of

        return png_of(drawn)
    except ImportError as err:
        raise _no_window() from err


def _no_window() -> Error:
    return Error(
        text("A PNG is drawn by the window's package, which is not installed."),
        hint=text("Write the chart as .svg, or: {command}", command=pip_line("rushlight[gui]")),
        kind="missing-package",
    )


def chart_line(path: Path, kind: str) -> str:
    """What was drawn, or that nothing was."""
    names = {
        "bar": text("A bar chart was written to {file}.", file=path),
        "line": text("A line chart was written to {file}.", file=path),
        "scatter": text("A scatter plot was written to {file}.", file=path),
        "histogram": text("A histogram was written to {file}.", file=path),
    }
    return names.get(kind) or text("No chart fits these rows; none was written.")
