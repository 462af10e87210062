"""Pictures of the page of learning in the terminal app: the wizard, columns, training, proof, history."""

import asyncio
from dataclasses import replace
from typing import Any

from learn_sample import PLANNED, forecast
from terminal_stage import scene, until

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_forecast import forecast_of
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import Choice


@scene("terminal-learn", "Learn in the terminal: the wizard, with what it would take.", (120, 44))
async def _wizard(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    page = await _learn(app, pilot)
    page.desk.want(kind="database", files=(ids["clinic"],), minutes=15, settings=PLANNED, is_expert=False)
    page.desk.wishes.forecast = forecast_of(forecast())
    page.look_at(Choice())
    page.desk._show()


@scene("terminal-learn-columns", "Columns of files of examples in the terminal; Enter maps one.", (120, 36))
async def _columns(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    page = await _learn(app, pilot)
    page.desk.want(kind="imported", files=(ids["examples"],), settings=(), is_expert=False)
    page.look_at(Choice())
    await until(lambda: page.desk.state.look is not None, "the file is looked into")
    page.desk.map_column("ask", "prompt")
    await until(lambda: page.desk.state.look.columns[0].field == "prompt", "one column is mapped")
    page.desk.map_column("reply", "answer")
    await until(lambda: page.desk.state.look.n_examples, "both are")
    page._asking.take("column", "tone")


@scene(
    "terminal-learn-plan", "Every setting of a training in the terminal; Enter says what one does and costs.", (120, 50)
)
async def _plan(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    page = await _learn(app, pilot)
    page.desk.want(kind="database", files=(ids["clinic"],), is_expert=True, settings=PLANNED)
    page.look_at(Choice())
    await asyncio.sleep(0.5)
    page._asking.take("setting", "adapter.rank")


@scene("terminal-learn-train", "Training in the terminal: steps, curves, how it stands.", (120, 36))
async def _train(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    look = learn_desk.look

    def running(opened: Any, choice: Choice, n_examples: int) -> Found:
        found = look(opened, choice, n_examples)
        jobs = tuple(replace(one, state="running", remaining_s=64.0) if one.id == ids["teaching"] else one
                     for one in found.jobs)  # fmt: skip
        return replace(found, jobs=jobs)

    learn_desk.look = running
    try:
        page = await _learn(app, pilot)
        page.look_at(Choice("job", ids["teaching"]))
        await until(lambda: page.desk.state.job is not None and page.desk.state.job.state == "running", "it runs")
        await until(lambda: page.desk.state.steps, "its curve is drawn")
        await asyncio.sleep(0.5)
        page.desk.rest()
    finally:
        learn_desk.look = look


@scene("terminal-learn-proof", "A proof in the terminal.", (120, 50))
async def _proof(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    page = await _learn(app, pilot)
    page.look_at(Choice("adapter", next(one.name for one in page.desk.state.adapters if one.state == "candidate")))
    await until(lambda: page.desk.state.proof is not None, "the proof is shown")


@scene("terminal-learn-history", "Curves of several runs over one another in the terminal.", (120, 36))
async def _history(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    page = await _learn(app, pilot)
    page.look_at(Choice("runs"))
    await until(lambda: len(page.desk.state.runs) > 2, "the runs are listed")
    for run in [one for one in page.desk.state.runs if one.state == "done" and one.n_steps < 100]:
        page.desk.toggle_run(run.id)
    await until(lambda: len(page.desk.state.curves) > 1, "their curves are drawn")


async def _learn(app: Any, pilot: Any) -> Any:
    app.show_page("learn")
    await asyncio.sleep(0.5)
    page = app._pages["learn"]
    await until(lambda: page.desk.state.adapters, "the adapters are listed")
    return page
