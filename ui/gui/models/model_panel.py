"""The card of one model: what is known of it, its sampler defaults, other names, and what may be done with it.

Knows the models desk. Checking a file reads every byte of it, so that is asked for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from rushlight import Error, Progress, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.model_loading import PlanRow
from rushlight.ui.desk.model_values import ModelCard, ModelRow
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.models.load_form import LoadForm
from rushlight.ui.gui.models.sampler_form import SamplerForm
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, ErrorPanel, FlowLayout, IconButton, button, label, with_role
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.verify import Verdict
    from rushlight.ui.desk.models_desk import ModelsDesk


class ModelPanel(Card):
    """panel.open(model_id) fills it; hidden until then, and again when it is closed or the model is gone."""

    def __init__(
        self,
        theme: Theme,
        desk: "ModelsDesk",
        background: Background,
        *,
        on_close: Callable[[], None] = lambda: None,
        on_smaller: Callable[[str], None] = lambda _model_id: None,
        on_bench: Callable[[str], None] = lambda _model_id: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, " ", parent=parent)
        self._theme, self._desk, self._background = theme, desk, background
        self._on_close = on_close
        self.model_id = ""
        self._card: ModelCard | None = None
        self._checking: Running | None = None
        self.close_button = IconButton(theme, "x", text("Close the card"), size=16, on_click=self.close_panel)
        self.body.removeWidget(self.title)
        self.title.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(head)
        self.problem = ErrorPanel(theme)
        self.notices = label("", "bad", wrap=True)
        self.fit = label("", "muted", wrap=True)
        buttons = QWidget()
        flow = FlowLayout(buttons)
        self.default_button = button(text("Make it the default"), lambda: desk.set_default(self.model_id))
        self.check_button = button(text("Check the file"), self._check)
        self.template_button = button(text("Show the template"), self._show_template)
        self.plan_button = button(text("What loading takes"), self._ask_plan)
        self.bench_button = button(text("Measure its speed"), lambda: on_bench(self.model_id))
        self.smaller_button = button(text("Make a smaller one"), lambda: on_smaller(self.model_id))
        self.remove_button = button(text("Remove"), self._remove, "danger")
        for one in (self.default_button, self.plan_button, self.bench_button, self.smaller_button, self.check_button,
                    self.template_button, self.remove_button):  # fmt: skip
            flow.addWidget(one)
        self.live = label("", "good", wrap=True)
        self.plan_lines = label("", "muted", wrap=True)
        self.load_form = LoadForm(theme, lambda name, value: desk.set_load_options(self.model_id, {name: value}))
        self._load_head = label(text("How it is loaded"), "strong")
        self.checked = label("", "muted", wrap=True)
        self.template = QPlainTextEdit()
        self.template.setReadOnly(True)
        self.template.setTabChangesFocus(True)
        self.template.setAccessibleName(text("Chat template"))
        self._facts_box = QWidget()
        self._facts = QFormLayout(self._facts_box)
        self._facts.setContentsMargins(0, 0, 0, 0)
        self._facts.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.sampler = SamplerForm(theme, lambda name, value: desk.set_card_options(self.model_id, {name: value}))
        self.names = QWidget()
        self._names_flow = FlowLayout(self.names)
        self.new_name = QLineEdit()
        self.new_name.setPlaceholderText(text("another name"))
        self.new_name.setAccessibleName(text("Another name for the model"))
        self.new_name.returnPressed.connect(self._add_name)
        for widget in (self.problem, self.notices, self.live, self.fit, buttons, self.plan_lines, self.checked,
                       self.template, self._facts_box):  # fmt: skip
            self.body.addWidget(widget)
        self.body.addWidget(label(text("Other names"), "strong"))
        self.body.addWidget(self.names)
        self.body.addWidget(self.new_name)
        self.body.addWidget(self._load_head)
        self.body.addWidget(self.load_form)
        self.body.addWidget(label(text("Sampler defaults"), "strong"))
        self.body.addWidget(
            label(text("They hold for every chat with this model that sets no others."), "small", wrap=True)
        )
        self.body.addWidget(self.sampler)
        for hidden in (self.problem, self.notices, self.live, self.fit, self.plan_lines, self.checked, self.template):
            hidden.hide()
        self._dress_panel()
        theme.changed.connect(self._dress_panel)
        self.hide()

    # --- opening ------------------------------------------------------------------------------------------------
    def open(self, model_id: str) -> None:
        if model_id != self.model_id:
            self._stop_check()
            self.checked.hide()
            self.template.hide()
            self.plan_lines.hide()
        self.model_id = model_id
        self.read()

    def read(self) -> None:
        """Once more from the catalogue."""
        if self.model_id:
            self._desk.card(self.model_id, self._show_card)

    def close_panel(self) -> None:
        self._stop_check()
        self.model_id = ""
        self._card = None
        if not self.isHidden():
            self.hide()
            self._on_close()

    def follow(self, row: ModelRow | None) -> None:
        """The row of the table has changed, or there is none any more."""
        if row is None:
            self.close_panel()
            return
        if self._card is not None and row != self._card.row:
            stale = (row.is_default, row.aliases) != (self._card.row.is_default, self._card.row.aliases)
            self._show_row(row)
            if stale:
                self.read()

    # --- showing ------------------------------------------------------------------------------------------------
    def _show_card(self, card: ModelCard) -> None:
        if card.row.id != self.model_id:
            return
        is_first = self._card is None or self._card.row.id != card.row.id
        self._card = card
        self._show_row(card.row)
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for name, value in card.facts:
            self._facts.addRow(label(name, "small"), _fact(name, value))
        self.notices.setText("\n".join(card.notices))
        self.notices.setVisible(bool(card.notices))
        self.template_button.setEnabled(bool(card.template))
        self.template.setPlainText(card.template)
        self.sampler.show_values(card.sampling)
        self.load_form.show_values(card.load)
        self._show_names(card.row)
        self.show()
        if is_first:
            self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_row(self, row: ModelRow) -> None:
        if self._card is not None:
            from dataclasses import replace

            self._card = replace(self._card, row=row)
        self.set_title(plain_line(row.label))
        self.default_button.setEnabled(not row.is_default and row.purpose == "chat")
        self.default_button.setText(text("It is the default") if row.is_default else text("Make it the default"))
        self.live.setText(plain_line(row.live_text))
        self.live.setVisible(bool(row.live_text))
        for one in (self.plan_button, self.bench_button, self.smaller_button, self.check_button, self.load_form,
                    self._load_head):  # fmt: skip
            one.setVisible(not row.is_remote)
        self.fit.setText(plain_line(row.fit_detail))
        self.fit.setVisible(bool(row.fit_detail))
        if row.problem:
            self.problem.show_problem(row.problem, row.hint)
        else:
            self.problem.hide()
        removes = text("Remove it and its file") if row.owned else text("Forget it; its file stays")
        self.remove_button.setText(removes)
        self.remove_button.setAccessibleName(removes)

    def _show_names(self, row: ModelRow) -> None:
        while self._names_flow.count():
            item = self._names_flow.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        for alias in row.aliases:
            chip = Chip(self._theme, plain_line(alias), removable=True, parent=self.names)
            chip.removed.connect(lambda alias=alias: self._desk.remove_alias(alias))
            self._names_flow.addWidget(chip)
        self.names.setVisible(bool(row.aliases))

    # --- doing --------------------------------------------------------------------------------------------------
    def _add_name(self) -> None:
        alias = self.new_name.text().strip()
        if alias:
            self.new_name.clear()
            self._desk.set_alias(self.model_id, alias)

    def _remove(self) -> None:
        model_id = self.model_id
        self.close_panel()
        self._desk.remove(model_id)

    def _ask_plan(self) -> None:
        """What loading it would take; nothing is loaded."""
        model_id = self.model_id

        def show(plan: PlanRow) -> None:
            if model_id == self.model_id:
                self.plan_lines.setText("\n".join((plan.sentence, *plan.lines)))
                self.plan_lines.show()
                announce(self.plan_button, plan.sentence)

        def failed(err: Error) -> None:
            self.plan_lines.setText(plain_line(f"{err.message} {err.hint or ''}"))
            self.plan_lines.show()

        self._desk.plan(model_id, show, failed)

    def _show_template(self) -> None:
        is_shown = self.template.isHidden()
        self.template.setVisible(is_shown)
        self.template_button.setText(text("Hide the template") if is_shown else text("Show the template"))

    def _check(self) -> None:
        """Every byte of the file against what was imported; a second press stops it."""
        if self._checking is not None:
            self._stop_check()
            return
        model_id = self.model_id

        def work(app: "App", stop: Stop, report: Callable[[Progress], None]) -> "Verdict":
            from rushlight.assistant.models.verify import hash_all

            return hash_all(app.catalogue.find(model_id), stop, report)

        def progress(at: Progress) -> None:
            done = at.fraction
            self._say_checked(text("Reading {part}", part="…" if done is None else f"{done:.0%}"), "muted")

        def then(verdict: "Verdict") -> None:
            from rushlight.assistant.models.verify import OK

            self._end_check()
            if verdict.state == OK:
                self._say_checked(text("Every byte is as it was imported."), "good")
            else:
                where = plain_line(f"{verdict.path}: {verdict.detail}")
                self._say_checked(text("The file is not what was imported. {where}", where=where), "bad")

        def failed(err: Error) -> None:
            self._end_check()
            self._say_checked(plain_line(f"{err.message} {err.hint}"), "bad")

        self.check_button.setText(text("Stop checking"))
        self._say_checked(text("Reading {part}", part="…"), "muted")
        self._checking = self._background.task(work, then, failed, progress)

    def _stop_check(self) -> None:
        if self._checking is not None:
            self._checking.drop()
            self._end_check()
            self.checked.hide()

    def _end_check(self) -> None:
        self._checking = None
        self.check_button.setText(text("Check the file"))

    def _say_checked(self, sentence: str, role: str) -> None:
        self.checked.setText(sentence)
        with_role(self.checked, role)
        self.checked.show()
        if role != "muted":
            announce(self.check_button, sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)

    def _dress_panel(self) -> None:
        self.template.setFont(self._theme.font("code"))
        self.template.setFixedHeight(self._theme.px(220))
        self.new_name.setMaximumWidth(self._theme.px(280))
        self._facts.setHorizontalSpacing(self._theme.px(16))


def _fact(name: str, value: str) -> QWidget:
    """A value that can be marked and copied. Paths and digests have no place to break a line at, so they scroll."""
    if len(value) < 48:
        shown = label(value, "", wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setAccessibleName(f"{name}: {value}")
        return shown
    field = QLineEdit(value)
    field.setProperty("role", "bare")
    field.setReadOnly(True)
    field.setCursorPosition(0)
    field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    field.setAccessibleName(name)
    field.setToolTip(value.replace("<", "‹"))
    return field
