"""One job as a card: its title, how far it is, what came of it, and the orders one may give.

Knows a `JobRow` and whom to tell; keeps its widgets while the row changes, so that the focus stays where it is.
"""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from rushlight.ui.desk.job_results import result_model, result_text
from rushlight.ui.desk.jobs_desk import JobRow
from rushlight.ui.gui.pages.parts import FocusCard
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, IconButton, Meter, button, label, with_role
from rushlight.ui.words import text

_CHIPS = {"done": "chip-good", "failed": "chip-bad", "running": "chip-accent"}


class Orders(Protocol):
    """Whoever takes orders for jobs: `JobsDesk`."""

    def pause(self, job_id: str) -> None: ...
    def resume(self, job_id: str) -> None: ...
    def cancel(self, job_id: str) -> None: ...
    def retry(self, job_id: str) -> None: ...
    def remove(self, job_id: str) -> None: ...
    def set_priority(self, job_id: str, priority: int) -> None: ...


class JobCard(FocusCard):
    """card.show_row(row) as often as the job changes. `on_log` None: without a button for the log."""

    def __init__(
        self,
        theme: Theme,
        row: JobRow,
        orders: Orders,
        *,
        on_log: Callable[[str], None] | None = None,
        on_model: Callable[[str], None] | None = None,
        on_step: Callable[[int], None] = lambda step: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self.row = row
        self._orders = orders
        self._on_step = on_step
        self._on_log = on_log
        self._on_model = on_model
        self._title = label("", "heading", wrap=True)
        self._chip = label("", "chip")
        self._meter = Meter(theme, text("Progress"), width=0)
        self._meter.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._detail = label("", "small", wrap=True)
        self._hint = label("", "", wrap=True)
        self._result = label("", "good", wrap=True)
        self._notices = label("", "small", wrap=True)
        for words in (self._detail, self._hint, self._result, self._notices):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._chip, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(head)
        for widget in (self._meter, self._detail, self._hint, self._result, self._notices):
            self.body.addWidget(widget)
        self._buttons = QWidget()
        self._flow = FlowLayout(self._buttons, spacing=theme.px(8))
        self.pause = self._add(text("Pause"), lambda: orders.pause(self.row.id))
        self.resume = self._add(text("Go on"), lambda: orders.resume(self.row.id))
        self.retry = self._add(text("Try again"), lambda: orders.retry(self.row.id))
        self.model = self._add(text("Show the model"), self._show_model)
        self.cancel = self._add(text("Cancel"), lambda: orders.cancel(self.row.id))
        self.log = self._add(text("Log"), lambda: on_log(self.row.id) if on_log else None)
        self.remove = self._add(text("Remove"), lambda: orders.remove(self.row.id))
        self.sooner = IconButton(theme, "arrow-up", text("Sooner"), size=16, on_click=lambda: self._hurry(1))
        self.later = IconButton(theme, "arrow-down", text("Later"), size=16, on_click=lambda: self._hurry(-1))
        self._flow.addWidget(self.sooner)
        self._flow.addWidget(self.later)
        self.body.addWidget(self._buttons)
        self.show_row(row)

    def show_row(self, row: JobRow) -> None:
        self.row = row
        job = row.job
        self._title.setText(row.title)
        self._chip.setText(row.status)
        with_role(self._chip, _CHIPS.get(job.state, "chip"))
        self._meter.setVisible(not job.is_over)
        self._meter.set_fraction(row.fraction or 0.0, "flame" if job.state == "running" else "faint")
        _say(self._detail, row.detail)
        with_role(self._detail, "bad" if job.state == "failed" else "small")
        _say(self._hint, row.hint)
        _say(self._result, result_text(job))
        _say(self._notices, "\n".join(row.notices))
        shown = {
            self.pause: row.can_pause,
            self.resume: row.can_resume,
            self.retry: row.can_retry,
            self.cancel: row.can_cancel,
            self.remove: row.can_remove,
            self.log: self._on_log is not None,
            self.model: self._on_model is not None and bool(result_model(job)),
            self.sooner: job.state == "waiting",
            self.later: job.state == "waiting",
        }
        had_focus = any(widget.hasFocus() for widget in shown)
        for widget, is_shown in shown.items():
            widget.setVisible(is_shown)
        if had_focus and not any(widget.hasFocus() for widget in shown):
            self.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that was pressed has gone
        self.setAccessibleName(f"{row.title}: {row.status}")
        self.setAccessibleDescription(" ".join((row.detail, row.hint, result_text(job))).strip())
        for widget, _ in shown.items():
            widget.setAccessibleDescription(row.title)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Up:
            self._on_step(-1)
        elif key == Qt.Key.Key_Down:
            self._on_step(1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._on_log is not None:
            self._on_log(self.row.id)
        else:
            super().keyPressEvent(event)

    def _add(self, words: str, slot: Callable[[], None]) -> QPushButton:
        made = button(words, slot)
        self._flow.addWidget(made)
        return made

    def _hurry(self, step: int) -> None:
        self._orders.set_priority(self.row.id, self.row.job.priority + step)

    def _show_model(self) -> None:
        if self._on_model is not None:
            self._on_model(result_model(self.row.job))


def _say(words: QLabel, sentence: str) -> None:
    words.setText(sentence)
    words.setVisible(bool(sentence))
