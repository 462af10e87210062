"""Databases in the composer of the terminal app: /sql with a question, and @ with the name of one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rushlight.assistant.models.model import Model

Perform = Callable[..., None]


def test_a_database_is_asked_from_the_composer(perform: Perform, model: Model, tmp_path: Path) -> None:
    """/sql with words, and a message that names a database that was open before."""
    data = tmp_path / "towns.csv"
    data.write_text("town,people\nOslo,700\n")

    async def play(stage: Any) -> None:
        stage.app.remembered.set("sql_recent", [[str(data)]])
        asked: list[Any] = []
        stage.app.ask_database = lambda question, paths: asked.append((question, tuple(paths)))
        await stage.type("/sql How many towns?")
        await stage.press("enter")
        await stage.until(lambda: asked == [("How many towns?", ())])
        await stage.type("@tow")
        await stage.until(lambda: stage.app.deeds.page.composer.is_offering)
        await stage.press("tab")
        await stage.until(lambda: stage.app.deeds.page.composer.text == "@towns.csv ")
        await stage.type("How many towns?")
        await stage.press("enter")
        await stage.until(lambda: asked[1:] == [("How many towns?", (str(data),))])
        del stage.app.ask_database
        stage.app.ask_database("How many towns?", [str(data)])
        desk = stage.app._pages["sql"].desk
        await stage.until(lambda: bool(desk.state.tables) and not desk.state.busy)

    perform(play)
