"""The table of models: what each is, whether it fits, how fast it answered here, and loading it.

Knows rows of the models desk and whom to tell. A row keeps its widgets while it changes, and with them the focus.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import context_text, size_text, speed_text
from rushlight.ui.desk.model_values import ModelRow
from rushlight.ui.gui.chat.elided import ElidedButton
from rushlight.ui.gui.models.row_table import RowTable, TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label, with_role
from rushlight.ui.words import text

_NAME_WIDTH = 280  # unscaled, at most; the whole name is in the tool tip
_FIT_ROLES = {"yes": "chip-good", "no": "chip-bad", "unknown": "chip"}


class Loading(Protocol):
    """Whoever does what the buttons say: `ModelsDesk`."""

    def wish_to_load(self, model_id: str) -> None: ...
    def unload(self, model_id: str) -> None: ...
    def stop_loading(self, model_id: str) -> None: ...
    def remove(self, model_id: str) -> None: ...


class _Line:
    """The widgets of one model."""

    def __init__(
        self,
        theme: Theme,
        row: ModelRow,
        desk: Loading,
        on_open: Callable[[str], None],
        on_smaller: Callable[[str], None],
        parent: QWidget,
    ) -> None:
        self._theme = theme
        self.row = row
        self._named = QWidget(parent)
        self.name = with_role(ElidedButton("", self._named, min_chars=8), "name")
        self.name.clicked.connect(lambda _checked=False: on_open(self.row.id))
        self.mark = label(text("default"), "chip-accent", parent=self._named)
        self.remote = label(text("leaves this machine"), "chip-bad", parent=self._named)
        self.remote.setToolTip(text("It runs on another machine: what is written to it goes there."))
        named = QHBoxLayout(self._named)
        named.setContentsMargins(0, 0, 0, 0)
        named.addWidget(self.name)
        named.addWidget(self.mark)
        named.addWidget(self.remote)
        named.addStretch(1)
        self.type, self.size, self.context, self.speed, self.adapters = (label("", parent=parent) for _ in range(5))
        self.fits = label("", "chip", parent=parent)
        self._buttons = QWidget(parent)
        self.load = button(text("Load"), lambda: desk.wish_to_load(self.row.id), parent=self._buttons)
        self.unload = button(text("Unload"), lambda: desk.unload(self.row.id), parent=self._buttons)
        self.stop = button(text("Stop"), lambda: desk.stop_loading(self.row.id), parent=self._buttons)
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        self.forget = button(text("Forget it"), lambda: desk.remove(self.row.id), parent=self._buttons)
        self.smaller = button(text("Make a smaller one"), lambda: on_smaller(self.row.id), "link", parent=self._buttons)
        for one in (self.load, self.unload, self.stop, self.smaller, self.forget):
            buttons.addWidget(one)
        self.problem = label("", "bad", wrap=True, parent=parent)
        middle = [self.type, self.size, self.context, self.fits, self.speed, self.adapters]
        self.table_row = TableRow([self._named, *middle, self._buttons], self.problem)
        self._show(row)

    def show_row(self, row: ModelRow) -> bool:
        """Whether it now needs other room."""
        before = self._words()
        self.row = row
        self._show(row)
        return self._words() != before

    def _show(self, row: ModelRow) -> None:
        name = plain_line(row.label).removesuffix(f" · {row.quantization}")
        metrics = QFontMetrics(self._theme.font("list", bold=True))
        width = self._theme.px(_NAME_WIDTH)
        short = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, width)
        self.name.set_words(short)
        self.name.setAccessibleName(text("Card of {model}", model=name))
        self.name.setToolTip(plain_line(row.id).replace("<", "‹"))
        self.mark.setVisible(row.is_default)
        self.remote.setVisible(row.is_remote)
        for words, header, value in (
            (self.type, text("Type"), row.quantization),
            (self.size, text("Size"), "" if row.is_remote else size_text(row.size_bytes)),
            (self.context, text("Context"), context_text(row.n_ctx)),
            (self.fits, text("Fits"), _fit_words(row)),
            (self.speed, text("Speed here"), _speed_words(row)),
            (self.adapters, text("Adapters"), ", ".join(row.adapters)),
        ):
            _say(words, header, plain_line(value))
        with_role(self.fits, "chip-bad" if row.problem else _FIT_ROLES[row.fits])
        detail = plain_line(row.live_text or row.fit_detail)
        self.fits.setToolTip(detail.replace("<", "‹"))
        self.fits.setAccessibleDescription(detail)
        had_focus = any(one.hasFocus() for one in (self.load, self.unload, self.stop, self.smaller, self.forget))
        is_idle = not row.is_loaded and not row.is_loading and not row.is_remote and not _is_gone(row)
        can_load = is_idle and row.purpose == "chat"
        for one, is_shown in (
            (self.load, can_load),
            (self.unload, row.is_loaded),
            (self.stop, row.is_loading),
            (self.smaller, can_load and row.fits == "no"),
            (self.forget, _is_gone(row)),
        ):
            one.setVisible(is_shown)
            one.setAccessibleDescription(name)
            if had_focus and is_shown:
                one.setFocus(Qt.FocusReason.OtherFocusReason)
        self.unload.setEnabled(not row.in_use)
        self.unload.setToolTip(text("It is answering somebody now.") if row.in_use else "")
        sentence = " ".join(plain_line(one) for one in (row.problem, row.hint) if one)
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))

    def _words(self) -> tuple[object, ...]:
        shown = (self.type, self.size, self.context, self.fits, self.speed, self.adapters, self.name)
        row = self.row
        return (*(one.text() for one in shown), row.is_loaded, row.is_loading, row.is_default, row.is_remote, row.fits)


def _speed_words(row: ModelRow) -> str:
    """What it writes now, else what it wrote before."""
    if row.in_use and row.speed_now:
        return text("{speed} now", speed=speed_text(row.speed_now))
    return speed_text(row.speed_now if row.speed_now else row.speed)


def _fit_words(row: ModelRow) -> str:
    if row.is_loading:
        done = "" if row.load_fraction is None else f" {row.load_fraction:.0%}"
        return text("loading{done}", done=done)
    if row.problem:
        return text("cannot be used") if _is_gone(row) else text("not loaded")
    return row.fit_text


def _is_gone(row: ModelRow) -> bool:
    return bool(row.problem) and not row.fit_text


def _say(words: QLabel, header: str, value: str) -> None:
    words.setText(value)
    words.setAccessibleName(f"{header}: {value}" if value else header)
    words.setVisible(bool(value))


class ModelTable(RowTable):
    """table.show_rows(state.rows)"""

    def __init__(
        self,
        theme: Theme,
        desk: Loading,
        on_open: Callable[[str], None],
        on_smaller: Callable[[str], None] = lambda _model_id: None,
        parent: QWidget | None = None,
    ) -> None:
        headers = (text("Model"), text("Type"), text("Size"), text("Context"), text("Fits"), text("Speed here"),
                   text("Adapters"), "")  # fmt: skip
        super().__init__(theme, headers, parent)
        self._desk = desk
        self._on_open = on_open
        self._on_smaller = on_smaller
        self.lines: dict[str, _Line] = {}
        theme.changed.connect(self._again)

    def show_rows(self, rows: Sequence[ModelRow]) -> None:
        order = [row.id for row in rows]
        has_changed = order != list(self.lines)
        lines: dict[str, _Line] = {}
        needs_room = False
        for row in rows:
            line = self.lines.get(row.id)
            if line is None:
                line = _Line(self._theme, row, self._desk, self._on_open, self._on_smaller, self)
            elif line.row != row:
                needs_room |= line.show_row(row)
            lines[row.id] = line
        self.lines = lines
        if has_changed:
            self.set_rows([line.table_row for line in lines.values()])
            buttons: list[QPushButton] = []
            for line in lines.values():
                buttons += [line.name, line.load, line.unload, line.stop, line.smaller, line.forget]
            for before, after in itertools.pairwise(buttons):
                QWidget.setTabOrder(before, after)
        elif needs_room:
            self.lay_out()

    def _again(self) -> None:
        """Names are cut by the font's width."""
        for line in self.lines.values():
            line.show_row(line.row)
        self.lay_out()
