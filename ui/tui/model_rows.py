"""Rows of models for lists in the terminal: of the catalogue, of what lies on the disk, and of what was measured."""

from collections.abc import Sequence

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.bench_desk import BenchState
from rushlight.ui.desk.figures import context_text, size_text, speed_text
from rushlight.ui.desk.model_values import ModelRow, OnDisk
from rushlight.ui.tui.row_list import ListRow, RowLine, Words
from rushlight.ui.words import text


def model_rows(models: Sequence[ModelRow], current: str = "") -> list[ListRow]:
    """Rows of models: name and state, then size, context, fit, speed."""
    rows = []
    for one in models:
        head: list[tuple[str, str]] = [(plain_line(one.label) or one.id, "strong")]
        if one.is_default:
            head.append((f"  {text('default')}", "accent"))
        if one.is_remote:
            head.append((f"  ▲ {text('leaves this machine')}", "bad"))
        if one.is_loaded:
            now = f" {speed_text(one.speed_now)}" if one.in_use and one.speed_now else ""
            head.append((f"  ● {text('loaded')}{now}", "good"))
        if one.is_loading:
            done = f" {one.load_fraction:.0%}" if one.load_fraction is not None else ""
            head.append((f"  {text('loading')}{done}", "accent"))
        lines = [RowLine(tuple(head), _fit(one)), RowLine(((_figures(one), "muted"),))]
        if one.live_text:
            lines.append(RowLine(((f"  {plain_line(one.live_text)}", "good"),)))
        if one.problem:
            lines.append(RowLine(((f"✗ {plain_line(one.problem)}", "bad"), (f" {plain_line(one.hint)}", "muted"))))
        rows.append(ListRow(one.id, tuple(lines), is_current=bool(current) and one.id == current))
    return rows


def _fit(one: ModelRow) -> Words:
    meaning = {"yes": "good", "no": "bad", "unknown": "muted"}[one.fits]
    return ((plain_line(one.fit_text), meaning),) if one.fit_text else ()


def _figures(one: ModelRow) -> str:
    known = [
        plain_line(one.url) if one.is_remote else size_text(one.size_bytes),
        text("{count} context", count=context_text(one.n_ctx)) if one.n_ctx else "",
        speed_text(one.speed),
        ", ".join(one.adapters),
        ", ".join(name for name in one.aliases if name != "default"),
        "" if one.owned else text("used in place"),
        text("for embeddings") if one.purpose != "chat" else "",
    ]
    return "  " + " · ".join(plain_line(part) for part in known if part)


def bench_lines(state: BenchState) -> list[str]:
    """A line for each way to load it, the fastest marked."""
    lines = []
    for one in state.rows:
        how = text("{count} threads, context as {kv_type}", count=one.n_threads, kv_type=one.kv_type)
        if one.problem:
            lines.append(f"{how}: {one.problem}")
            continue
        said = text("reads {reads}, writes {writes}", reads=speed_text(one.reads), writes=speed_text(one.writes))
        lines.append(f"{how}, {one.where}: {said}{'  ●' if one.is_best else ''}")
    return lines


def found_rows(found: Sequence[OnDisk], recommended: int = -1) -> list[ListRow]:
    """Rows of model files on the disk, by path."""
    rows = []
    for at, one in enumerate(found):
        head: list[tuple[str, str]] = [(plain_line(one.name), "strong")]
        if at == recommended:
            head.append((f"  ✦ {text('a good one to begin with')}", "accent"))
        if one.is_known:
            head.append((f"  {text('there already')}", "good"))
        if one.problem:
            head.append((f"  ✗ {plain_line(one.problem)}", "bad"))
        fit = plain_line(one.fit_text)
        meaning = {"yes": "good", "no": "bad", "unknown": "muted"}[one.fits]
        figures = f"  {size_text(one.size_bytes)} · {plain_line(one.origin)}"
        is_usable = one.is_complete and not one.problem
        lines = (RowLine(tuple(head), ((fit, meaning),) if fit else ()), RowLine(((figures, "muted"),)))
        rows.append(ListRow(str(one.path) if is_usable else "", lines))
    return rows
