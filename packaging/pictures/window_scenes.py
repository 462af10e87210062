"""Pictures of the window: `window_scenes.py FOLDER [NAME...]`, drawn without a screen by the program itself.

Every scene opens the real window on a home made by `sample.py`, brings it to where it should be by the actions that a
user has, waits until nothing moves, and keeps what the window draws. Those of the Learn page are in `window_learn.py`.
"""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from sample import requests
from window_stage import SCENES, Stage, scene

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.charts import ChartSpec
from rushlight.ui.desk.background import open_face_app
from rushlight.ui.desk.sql_values import Answer


@scene("chat-light", "A conversation, light theme: versions, thumbs, statistics, the context meter.")
def _chat_light(ids: dict[str, str]) -> Stage:
    return Stage().open(ids["letter"])


@scene("chat-dark", "The same in the dark theme.")
def _chat_dark(ids: dict[str, str]) -> Stage:
    return Stage("dark").open(ids["letter"])


@scene("chat-answering", "While the model writes: the flame at the end of the text, tokens a second, Stop.")
def _answering(ids: dict[str, str]) -> Stage:
    stage = Stage().open(None)
    stage.desk.send("Write a long story about the keeper of a lighthouse.")
    stage.wait(lambda: len(stage.desk.turns) == 2 and len(stage.desk.turns[1].text) > 400, "the model writes")
    return stage


@scene("chat-formulas", "Formulas, a table and highlighted code.")
def _formulas(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["rope"])
    stage.rest(3.0)
    return stage


@scene("chat-1000-turns", "A conversation of 1,000 messages, at its end.")
def _long(ids: dict[str, str]) -> Stage:
    return Stage().open(ids["long"])


@scene("chat-900x600", "The smallest comfortable window: the side column gives way.")
def _small(ids: dict[str, str]) -> Stage:
    return Stage(size=(900, 600)).open(ids["letter"])


@scene("chat-1920x1080", "A large screen.")
def _large(ids: dict[str, str]) -> Stage:
    return Stage(size=(1920, 1080)).open(ids["letter"])


@scene("chat-text-200", "Text at 200 %.")
def _twice(ids: dict[str, str]) -> Stage:
    return Stage(scale=2.0).open(ids["letter"])


@scene("chat-empty", "A new chat.")
def _empty(ids: dict[str, str]) -> Stage:
    return Stage().open(None)


@scene("sampler", "The sampler panel beside the chat.")
def _sampler(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["letter"])
    stage.window.run_action("chat.sampler")
    return stage


@scene("correct", "Correcting a reply: what it should have said is kept for learning.")
def _correct(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["letter"])
    stage.window.run_action("chat.correct")
    return stage


@scene("error-worker", "The model's process was killed while it answered.")
def _worker(ids: dict[str, str]) -> Stage:
    import psutil

    stage = Stage().open(None)
    stage.desk.send("Write a long story about the keeper of a lighthouse.")
    stage.wait(lambda: len(stage.desk.turns) == 2 and len(stage.desk.turns[1].text) > 80, "the model writes")
    with open_face_app(find_paths()) as app:
        host = psutil.Process(app.host.status().pid)
    for child in host.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended by itself just now
            if "_engine" in child.cmdline():
                child.kill()
    stage.wait(lambda: stage.desk.state.problem, "the death is told")
    return stage


@scene("error-disk", "The disk is full: what was written is back in the composer.")
def _disk(ids: dict[str, str]) -> Stage:
    import apsw

    from rushlight.assistant.chat.conversations import Conversations
    from rushlight.assistant.store.errors import explain

    stage = Stage().open(ids["letter"])
    before = Conversations.append

    def full(*_given: object, **_more: object) -> None:
        raise explain(apsw.FullError("database or disk is full"), find_paths().store)

    Conversations.append = full  # type: ignore[assignment]
    try:
        stage.desk.send("And in French, please.")
        stage.wait(lambda: stage.desk.state.problem, "the full disk is told")
    finally:
        Conversations.append = before  # type: ignore[method-assign]
    return stage


@scene("error-model", "The model's file is gone.")
def _model(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["rope"])
    with open_face_app(find_paths()) as app:
        gone = next(model for model in app.models if "gone" in model.aliases)
    stage.desk.set_model(gone.id)
    stage.wait(lambda: stage.desk.state.model == gone.id, "the model is chosen")
    stage.desk.send("And in French, please.")
    stage.wait(lambda: stage.desk.state.problem, "the missing file is told")
    return stage


@scene("models", "Models: memory, what fits, speed measured here.")
def _models(ids: dict[str, str]) -> Stage:
    return _page("models")


@scene("model-card", "The card of a model: what loading takes, and how it is loaded unless told otherwise.")
def _model_card(ids: dict[str, str]) -> Stage:
    stage = _page("models")
    page: Any = stage.window.page()
    page.show_model(next(row.id for row in page.desk.state.rows if row.is_default))
    stage.wait(lambda: page.panel.isVisible(), "the card is shown")
    page.panel.plan_button.click()
    stage.wait(lambda: page.panel.plan_lines.text(), "the plan is told")
    return stage


@scene("quantize", "Quantizing: a target and what to expect of it, what was made with its proof.")
def _quantize(ids: dict[str, str]) -> Stage:
    stage = _page("quantize")
    page: Any = stage.window.page()
    stage.wait(lambda: page.desk.state.can_make, "the sizes are worked out")
    return stage


@scene("quantize-comparison", "Quality against size of what was made, as plot and table.")
def _comparison(ids: dict[str, str]) -> Stage:
    stage = _quantize(ids)
    page: Any = stage.window.page()
    stage.rest()
    page._column.show_widget(page.comparison)
    return stage


@scene("sql-dark", "A database: the question, its statement, what that does, the rows, a chart, and advice.")
def _sql_dark(ids: dict[str, str]) -> Stage:
    stage = _database(ids["clinic"], "dark")
    page: Any = stage.window.page()
    page.question.fill("What is the mean fee per specialty in March 2024, highest first?")
    sql = """SELECT d.specialty, ROUND(AVG(v.fee_eur), 2) AS mean_fee
FROM visit v JOIN doctor d ON d.doctor_id = v.doctor_id
WHERE v.day BETWEEN '2024-03-01' AND '2024-03-31'
GROUP BY d.specialty ORDER BY mean_fee DESC"""
    page.desk.run(sql, question=page.question.field.text())
    stage.wait(lambda: page.desk.state.advice.phase, "the scan is seen")
    page.desk.advise()
    stage.wait(lambda: page.desk.state.advice.phase == "tried", "an index is tried")
    return stage


@scene("sql-error", "A statement that is wrong, and what may be meant.")
def _sql_error(ids: dict[str, str]) -> Stage:
    stage = _database(ids["clinic"])
    page: Any = stage.window.page()
    page.question.fill("Which visits had the highest fees?")
    page.desk.run("SELECT day, fee\nFROM visit\nORDER BY fee DESC LIMIT 10", question=page.question.field.text())
    stage.wait(lambda: page.desk.state.shown is not None, "the error is told")
    return stage


@scene("sql-empty", "A database without tables.")
def _sql_empty(ids: dict[str, str]) -> Stage:
    return _database(ids["empty"])


@scene("sql-200-tables", "A database of 200 tables: the search finds tables and columns.")
def _sql_wide(ids: dict[str, str]) -> Stage:
    stage = _database(ids["wide"])
    page: Any = stage.window.page()
    page.find_table()
    QTest.keyClicks(page.side.filter, "invoice")
    return stage


@scene("sql-dashboard", "Saved questions on a dashboard, run again with another year.")
def _sql_dashboard(ids: dict[str, str]) -> Stage:
    stage = _database(ids["clinic"])
    page: Any = stage.window.page()
    for name, sql in (
        ("Visits per specialty", "SELECT d.specialty, count(*) AS visits FROM visit v JOIN doctor d ON d.doctor_id = "
         "v.doctor_id WHERE strftime('%Y', v.day) = :year GROUP BY 1 ORDER BY 2 DESC"),
        ("Fees per month", "SELECT strftime('%m', day) AS month, round(sum(fee_eur)) AS fees FROM visit "
         "WHERE strftime('%Y', day) = :year GROUP BY 1 ORDER BY 1"),
        ("Patients by city", "SELECT city, count(*) AS patients FROM patient GROUP BY 1 ORDER BY 2 DESC"),
        ("How fees are spread", "SELECT fee_eur FROM visit WHERE strftime('%Y', day) = :year"),
    ):  # fmt: skip
        answer = Answer(name, sql, given=(("year", "2024"),), charts=(), chart=None)
        ended: list[Error | None] = []
        chart = ChartSpec("bar", 0, (1,)) if name == "Fees per month" else None
        page.saved.desk.save(page.desk.held, replace(answer, chart=chart), name, dashboard="Clinic", replace_it=True,
                             then=ended.append)  # fmt: skip
        stage.wait(lambda ended=ended: ended, "it is saved")
    page.show_view("saved")
    page.saved.desk.choose("Clinic")
    stage.wait(lambda: page.saved.desk.state.parameters, "the dashboard is shown")
    page.saved.desk.run()
    stage.wait(lambda: not page.saved.desk.state.is_running, "it was run")
    stage.window.status_line.hide()
    return stage


@scene("server-dark", "The server at rest, dark theme.")
def _server_dark(ids: dict[str, str]) -> Stage:
    stage = Stage("dark")
    stage.window.show_page("server")
    stage.rest(2.0)
    return stage


@scene("server", "The server: where it is reached, its figures, the last requests.")
def _server(ids: dict[str, str]) -> Stage:
    stage = _page("server")
    page: Any = stage.window.page()
    page.desk.start()
    stage.wait(lambda: page.desk.state.server is not None and page.desk.state.models, "the server serves")
    requests(page.desk.state.server.url)
    stage.wait(lambda: len(page.desk.state.requests) >= 4, "the requests are seen")
    stage.rest(1.5)
    return stage


@scene("jobs", "Jobs: what runs in the background, with rate and remaining time.")
def _jobs(ids: dict[str, str]) -> Stage:
    return _page("jobs")


@scene("settings", "Settings: each with its text, limits, default and where its value comes from.")
def _settings(ids: dict[str, str]) -> Stage:
    return _page("settings")


@scene("palette", "Ctrl+K finds actions, settings, conversations and models.")
def _palette(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["letter"])
    stage.window.run_action("app.palette")
    stage.rest(0.3)
    focused = QApplication.focusWidget()
    if focused is None:
        raise SystemExit("The palette has no field to type into.")
    QTest.keyClicks(focused, "cont")
    stage.rest(0.5)
    return stage


@scene("shortcuts", "Ctrl+/ lists the keys.")
def _shortcuts(ids: dict[str, str]) -> Stage:
    stage = Stage().open(ids["letter"])
    stage.window.run_action("app.shortcuts")
    return stage


@scene("first-run", "The first start: models that are on this machine already.")
def _first_run(ids: dict[str, str]) -> Stage:
    stage = Stage()
    stage.rest(2.5)
    return stage


import window_learn  # noqa: E402, F401 - its scenes stand at the end of the list


def _page(page_id: str) -> Stage:
    stage = Stage()
    stage.window.show_page(page_id)
    stage.rest(2.5)
    return stage


def _database(path: str, theme: str = "light") -> Stage:
    """The SQL page with that file open."""
    stage = Stage(theme)
    stage.window.show_page("sql")
    page: Any = stage.window.page()
    page.desk.open([path])
    stage.wait(lambda: page.desk.state.is_open and not page.desk.state.busy, "the file is open")
    stage.rest(1.5)
    return stage


def main(arguments: list[str]) -> None:
    folder, names = Path(arguments[0]), arguments[1:] or list(SCENES)
    application = QApplication.instance() or QApplication([])
    ids = dict(pair.split("=", 1) for pair in os.environ.get("PICTURE_IDS", "").split(",") if pair)
    for name in names:
        try:
            SCENES[name][1](ids).keep(folder / f"{name}.png")
        except Error as err:
            raise SystemExit(f"{name}: {err}") from err
        print(f"  {name}.png", flush=True)
    application.quit()


if __name__ == "__main__":
    main(sys.argv[1:])
