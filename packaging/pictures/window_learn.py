"""Pictures of the Learn page in the window, step by step: what is learned from, plan, training, proof, history."""

from dataclasses import replace
from typing import Any

from learn_sample import PLANNED, forecast
from window_stage import SIZE, Stage, scene

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_forecast import forecast_of
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import Choice


@scene("learn-lesson", "Learn: what a model is taught from, which model, from quick to thorough.")
def _lesson(ids: dict[str, str]) -> Stage:
    stage, page = _learn()
    page.desk.want(kind="database", files=(ids["clinic"],), minutes=15, settings=(), is_expert=False)
    return stage


@scene("learn-columns", "Files of examples: what each column is, mapped by hand; wrong lines are named.")
def _columns(ids: dict[str, str]) -> Stage:
    stage, page = _learn()
    page.desk.want(kind="imported", files=(ids["examples"],), settings=(), is_expert=False)
    stage.wait(lambda: page.desk.state.look is not None, "the file is looked into")
    page.desk.map_column("ask", "prompt")
    stage.wait(lambda: page.desk.state.look.columns[0].field == "prompt", "one column is mapped")
    page.desk.map_column("reply", "answer")
    stage.wait(lambda: page.desk.state.look.n_examples, "both are")
    return stage


@scene("learn-preview", "A lesson: what is asked and answered, what is held out; to be corrected or left out.")
def _preview(ids: dict[str, str]) -> Stage:
    stage, page = _learn()
    page.desk.choose(Choice("lesson", ids["lesson"]))
    stage.wait(lambda: page.desk.state.examples, "the examples are shown")
    page.lesson.table.setCurrentCell(3, 0)
    return stage


@scene("learn-plan", "The plan for experts: every setting with what it does and costs.")
def _plan(ids: dict[str, str]) -> Stage:
    stage, page = _planned(ids)
    page._column.show_widget(page.new.expert.inputs["method"].widget)
    return stage


@scene("learn-forecast", "What it would take: memory and time by part, and what makes it smaller.")
def _forecast(ids: dict[str, str]) -> Stage:
    stage, page = _planned(ids)
    page.desk.want(is_expert=False)
    stage.rest()
    page._column.show_widget(page.new.teach_button)
    return stage


@scene("learn-train", "Training: steps, the curves of what is learned and of what is held out, how it stands now.")
def _train(ids: dict[str, str]) -> Stage:
    return _under_way(ids, "light")


@scene("learn-train-dark", "The same in the dark theme.")
def _train_dark(ids: dict[str, str]) -> Stage:
    return _under_way(ids, "dark")


@scene("learn-proof", "The proof: before and after with its interval, the guards, answers side by side.")
def _proof(ids: dict[str, str]) -> Stage:
    return _proven("light")


@scene("learn-proof-dark", "The same in the dark theme.")
def _proof_dark(ids: dict[str, str]) -> Stage:
    return _proven("dark")


@scene("learn-proof-300", "The same with text at 300 %.")
def _proof_large(ids: dict[str, str]) -> Stage:
    stage = _proven("light", 3.0)
    page: Any = stage.window.page()
    page._column.show_widget(page.proof.own)
    return stage


@scene("learn-export", "An adapter for other programs: as its own file, or added into its model's weights.")
def _export(ids: dict[str, str]) -> Stage:
    stage = _proven("light")
    page: Any = stage.window.page()
    page.proof.export.form.field.setCurrentIndex(1)
    page.proof.export.form.field.activated.emit(1)
    stage.rest()
    page._column.show_widget(page.proof.export)
    stage.rest()
    page._column.show_widget(page.proof.export)  # what wraps above it has its height by now
    return stage


@scene("learn-history", "Runs with their curves over one another; one is gone on with, or run again with a change.")
def _history(ids: dict[str, str]) -> Stage:
    stage, page = _learn()
    page.desk.choose(Choice("runs"))
    stage.wait(lambda: len(page.desk.state.runs) > 2, "the runs are listed")
    for run in [one for one in page.desk.state.runs if one.state == "done" and one.n_steps < 100]:
        page.desk.toggle_run(run.id)
    stage.wait(lambda: len(page.desk.state.curves) > 1, "their curves are drawn")
    return stage


def _learn(theme: str = "light", scale: float = 1.0) -> tuple[Stage, Any]:
    stage = Stage(theme, SIZE, scale)
    stage.window.show_page("learn")
    page: Any = stage.window.page()
    stage.wait(lambda: page.desk.state.adapters, "the adapters are listed")
    return stage, page


def _planned(ids: dict[str, str]) -> tuple[Stage, Any]:
    """With the plan as it was worked out where it was recorded: here is no torch."""
    stage, page = _learn()
    page.desk.want(kind="database", files=(ids["clinic"],), is_expert=True, settings=PLANNED)
    page.desk.wishes.forecast = forecast_of(forecast())
    page.desk._show()
    stage.rest()
    return stage, page


def _under_way(ids: dict[str, str], theme: str) -> Stage:
    """The job is paused in the store, and shown as it looked while it ran."""
    stage, page = _learn(theme)
    look = learn_desk.look

    def running(app: Any, choice: Choice, n_examples: int) -> Found:
        found = look(app, choice, n_examples)
        jobs = tuple(replace(one, state="running", remaining_s=64.0) if one.id == ids["teaching"] else one
                     for one in found.jobs)  # fmt: skip
        return replace(found, jobs=jobs)

    learn_desk.look = running
    try:
        page.desk.choose(Choice("job", ids["teaching"]))
        stage.wait(lambda: page.desk.state.job is not None and page.desk.state.job.state == "running", "it runs")
        stage.wait(lambda: page.desk.state.steps, "its curve is drawn")
        stage.rest()
        page.desk.rest()
    finally:
        learn_desk.look = look
    return stage


def _proven(theme: str, scale: float = 1.0) -> Stage:
    stage, page = _learn(theme, scale)
    page.desk.show_adapter(next(one.name for one in page.desk.state.adapters if one.state == "candidate"))
    stage.wait(lambda: page.desk.state.proof is not None, "the proof is shown")
    return stage
