"""The page of jobs: what runs and waits, what came of the rest, and the log of one of them.

Knows the jobs desk and its cards. It follows the store, so that jobs of other faces come and go by themselves.
"""

import itertools
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from rushlight.ui.desk.jobs_desk import JobRow, JobsDesk, JobsState
from rushlight.ui.gui.jobs.job_card import JobCard
from rushlight.ui.gui.jobs.log_panel import LogPanel
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, View
from rushlight.ui.gui.pages.showing import show_item
from rushlight.ui.gui.widgets import EmptyState, button, label
from rushlight.ui.words import plural, text

_LOG_EVERY_MS = 700


class JobsPage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self.cards: dict[str, JobCard] = {}
        self._order: tuple[str, ...] = ()
        self._current = ""
        self.setAccessibleName(text("Jobs"))
        self._head = PageHead(theme, text("Jobs"))
        self._count = label("", "small")
        self._head.add_beside_title(self._count)
        self.clear_button = button(text("Clear the history"), self._clear)
        self._head.add(self.clear_button)
        self.empty = EmptyState(
            theme,
            text("No background work"),
            text("Imports and downloads run here. They go on when you close the window, and can be paused."),
            [(text("Get a model…"), self._get_model)],
            icon_name="align-left",
        )
        self._column = PageColumn(theme, text("List of jobs"))
        self._now = label(text("Now"), "muted")
        self._past = label(text("History"), "muted")
        self.more_button = button(text("Show older ones"), lambda: self.desk.more())
        self.log = LogPanel(theme, self._focus_current)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._column)
        self._split.addWidget(self.log)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self._split, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOG_EVERY_MS)
        self._timer.timeout.connect(self._read_log)
        self.desk = JobsDesk(frame.background, View(self.show_state))
        self._bind()
        self.show_state(self.desk.state)
        self.desk.refresh()

    # --- the view -----------------------------------------------------------------------------------------------
    def show_state(self, state: JobsState) -> None:
        rows = {row.id: row for row in state.rows}
        for job_id in [job_id for job_id in self.cards if job_id not in rows]:
            self._drop(job_id)
        for job_id, row in rows.items():
            card = self.cards.get(job_id)
            if card is None:
                self.cards[job_id] = self._card(row)
            elif card.row != row:
                card.show_row(row)
        self._arrange(state)
        n_over = len(state.rows) - sum(not row.job.is_over for row in state.rows)
        self.empty.setVisible(not rows and not state.is_loading)
        self._split.setVisible(bool(rows))
        self.clear_button.setVisible(n_over > 0)
        self._count.setText(
            plural("{count} job under way", "{count} jobs under way", state.n_unfinished) if state.n_unfinished else ""
        )
        self.more_button.setVisible(state.has_more)
        if self.log.job_id and self.log.job_id not in rows:
            self.log.close_log()

    def _arrange(self, state: JobsState) -> None:
        order = tuple(row.id for row in state.rows)
        n_now = sum(not row.job.is_over for row in state.rows)
        self._now.setVisible(n_now > 0)
        self._past.setVisible(n_now < len(order))
        shape = (*order[:n_now], "", *order[n_now:])
        if shape == self._order:
            return
        self._order = shape
        body = self._column.body
        widgets: list[QWidget] = [self._now, *(self.cards[one] for one in order[:n_now])]
        widgets += [self._past, *(self.cards[one] for one in order[n_now:]), self.more_button]
        for at, widget in enumerate(widgets):
            if body.indexOf(widget) != at:
                body.insertWidget(at, widget)
        for before, after in itertools.pairwise(widgets):
            QWidget.setTabOrder(before, after)

    def _card(self, row: JobRow) -> JobCard:
        job_id = row.id
        return JobCard(
            self._frame.theme,
            row,
            self.desk,
            on_log=self.open_log,
            on_model=lambda model_id: self._show_model(model_id),
            on_step=lambda step: self._step(job_id, step),
        )

    def _drop(self, job_id: str) -> None:
        card = self.cards.pop(job_id)
        if card.isAncestorOf(self.focusWidget() or self) or card.hasFocus():
            self._step(job_id, 1)
        self._column.body.removeWidget(card)
        card.hide()
        card.deleteLater()

    # --- what can be done ---------------------------------------------------------------------------------------
    def _bind(self) -> None:
        bind = self._frame.bind
        bind("jobs.pause", lambda: self._with_current(self.desk.pause, "can_pause"), self)
        bind("jobs.resume", lambda: self._with_current(self.desk.resume, "can_resume"), self)
        bind("jobs.cancel", lambda: self._with_current(self.desk.cancel, "can_cancel"), self)
        bind("jobs.retry", lambda: self._with_current(self.desk.retry, "can_retry"), self)
        bind("jobs.remove", self._remove_current, self)
        bind("jobs.log", lambda: self._with_current(self.open_log, ""), self)

    def current(self) -> JobRow | None:
        """The job that has the focus, or had it last, or the first."""
        for job_id, card in self.cards.items():
            if card.hasFocus() or card.isAncestorOf(self.focusWidget() or self):
                self._current = job_id
        if self._current not in self.cards:
            self._current = next((job_id for job_id in self._order if job_id), "")
        card_now = self.cards.get(self._current)
        return card_now.row if card_now else None

    def _with_current(self, order: Callable[[str], None], needs: str) -> None:
        row = self.current()
        if row is None:
            self._frame.tell(text("There is no job."))
        elif needs and not getattr(row, needs):
            self._frame.tell(text("“{job}” is in a state that does not allow it.", job=row.title))
        else:
            order(row.id)

    def _remove_current(self) -> None:
        if not self.log.words.hasFocus():  # its key is Delete, which means nothing in a log
            self._with_current(self.desk.remove, "can_remove")

    def open_log(self, job_id: str) -> None:
        card = self.cards.get(job_id)
        if card is None:
            return
        self._current = job_id
        if self.log.isHidden():
            self._split.setSizes([self._split.height() * 3 // 5, self._split.height() * 2 // 5])
        self.log.open(job_id, card.row.title)
        self._column.show_widget(card)
        self.log.words.setFocus(Qt.FocusReason.OtherFocusReason)
        self._read_log()
        self._timer.start()

    def _read_log(self) -> None:
        job_id = self.log.job_id
        if not job_id or not self.isVisible():
            self._timer.stop()
            return
        card = self.cards.get(job_id)
        if card is None or card.row.job.is_over:
            self._timer.stop()  # this look is the last

        def then(log: str) -> None:
            if self.log.job_id == job_id:
                self.log.show_log(log)

        self.desk.log(job_id, then)

    def _focus_current(self) -> None:
        card = self.cards.get(self._current)
        if card is not None:
            card.setFocus(Qt.FocusReason.OtherFocusReason)

    def _step(self, job_id: str, step: int) -> None:
        order = [one for one in self._order if one in self.cards or one == job_id]
        if job_id not in order:
            return
        at = order.index(job_id) + step
        if not 0 <= at < len(order):
            at = order.index(job_id) - step
        if 0 <= at < len(order) and order[at] in self.cards:
            card = self.cards[order[at]]
            card.setFocus(Qt.FocusReason.TabFocusReason)
            self._column.show_widget(card)

    def _show_model(self, model_id: str) -> None:
        show_item(self._frame, "models", model_id)

    def _get_model(self) -> None:
        self._frame.show_page("models")
        self._frame.run_action("models.get")

    def _clear(self) -> None:
        self.desk.remove_over()

    # --- events -------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        if self.log.job_id:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        self.desk.rest()
        super().hideEvent(event)

    def leave(self) -> None:
        self._timer.stop()
        self.desk.close()
