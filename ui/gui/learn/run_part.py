"""A teaching: the steps that it has to take, its curve, how it stands now, and what went wrong."""

from typing import Final, Protocol

from PySide6.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_values import LearnState
from rushlight.ui.desk.learn_words import doing, figures, stage_of, steps
from rushlight.ui.gui.learn.answers_card import AnswersCard
from rushlight.ui.gui.learn.curve_view import CurveView
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, Meter, button, label, with_role
from rushlight.ui.words import text

_MOST_STAGES: Final = 5


class Watching(Protocol):
    """Whoever orders jobs about: `LearnDesk`."""

    def pause(self, job_id: str) -> None: ...
    def resume(self, job_id: str) -> None: ...
    def retry(self, job_id: str) -> None: ...
    def cancel(self, job_id: str) -> None: ...
    def show_adapter(self, name: str) -> None: ...


class StageLine(QWidget):
    """The steps of a teaching beside each other; those that are done have a hook, the present one a flame."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(text("Steps"))
        self._flow = FlowLayout(self, spacing=theme.px(10))
        self.chips = [label("", "chip") for _ in range(_MOST_STAGES)]
        for chip in self.chips:
            self._flow.addWidget(chip)

    def show_stage(self, names: tuple[str, ...], stage: int) -> None:
        """The number of the present step; more than there are: all are done."""
        for chip in self.chips[len(names) :]:
            chip.hide()
        for number, (chip, name) in enumerate(zip(self.chips, names, strict=False)):
            chip.show()
            chip.setText(f"✓ {name}" if number < stage else f"{number + 1} {name}")
            with_role(chip, "chip-good" if number < stage else "chip-accent" if number == stage else "chip")
        done = [name for number, name in enumerate(names) if number < stage]
        self.setAccessibleDescription(", ".join(done))


class RunPart(QWidget):
    """part.show_state(state) while a job is looked at."""

    def __init__(self, theme: Theme, desk: Watching, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._job_id = self._adapter = ""
        self.stages = StageLine(theme)
        self.card = Card(theme, text("Loss"))
        self.curve = CurveView(theme)
        self.card.body.addWidget(self.curve)
        self.answers = AnswersCard(theme)
        self.now = Card(theme, text("Now"))
        self.meter = Meter(theme, text("Progress"), width=0)
        self.doing = label("", "strong", wrap=True)
        self._form_box = QWidget()
        self._form = QFormLayout(self._form_box)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._shown: tuple[tuple[str, str], ...] = ()
        self.problem = label("", "bad", wrap=True)
        self.hint = label("", "small", wrap=True)
        self.pause_button = button(text("Pause"), lambda: desk.pause(self._job_id))
        self.resume_button = button(text("Go on"), lambda: desk.resume(self._job_id))
        self.retry_button = button(text("Try again"), lambda: desk.retry(self._job_id))
        self.cancel_button = button(text("Cancel"), lambda: desk.cancel(self._job_id))
        self.see_button = button(text("See the proof"), lambda: desk.show_adapter(self._adapter), "primary")
        buttons = QWidget()
        flow = FlowLayout(buttons, spacing=theme.px(8))
        for one in (self.see_button, self.pause_button, self.resume_button, self.retry_button, self.cancel_button):
            flow.addWidget(one)
        for widget in (self.doing, self.meter, self._form_box, self.problem, self.hint, buttons):
            self.now.body.addWidget(widget)
        self.note = label(
            text("Training makes way while you chat. You can close this window: the job goes on and is listed under "
                 "Jobs."), "small", wrap=True,
        )  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(16))
        for part in (self.stages, self.card, self.now, self.answers, self.note):
            column.addWidget(part)

    def show_state(self, state: LearnState) -> None:
        job = state.job
        self.setVisible(job is not None)
        if job is None:
            return
        self._job_id, self._adapter = job.id, job.adapter
        self.stages.show_stage(steps(job), stage_of(state, job))
        self.curve.show_steps(state.steps)
        self.card.setVisible(bool(state.steps) or job.stage >= 2)
        self.answers.show_answers(state.answers)
        self.doing.setText(doing(job))
        self.meter.setVisible(job.fraction is not None and not job.is_over)
        self.meter.set_fraction(job.fraction or 0.0)
        shown = figures(job, state.steps)
        if shown != self._shown:
            self._shown = shown
            while self._form.rowCount():
                self._form.removeRow(0)
            for name, words in shown:
                self._form.addRow(label(name, "muted"), label(words))
        self._form_box.setVisible(bool(shown))
        self.problem.setText(job.message)
        self.problem.setVisible(bool(job.message))
        self.hint.setText(job.hint)
        self.hint.setVisible(bool(job.hint))
        self.pause_button.setVisible(job.state in ("running", "waiting"))
        self.resume_button.setVisible(job.state in ("paused", "pausing"))
        self.retry_button.setVisible(job.state in ("failed", "cancelled"))
        self.cancel_button.setVisible(not job.is_over and job.state != "cancelling")
        self.see_button.setVisible(bool(job.adapter))
        self.note.setVisible(not job.is_over)
