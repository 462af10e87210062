"""The window or the terminal app in the environment's language: `german_faces.py window|terminal MODEL [FOLDER]`.

A program of its own, since modules keep the language in which they were first read. Takes the model in, prints JSON:
what is on the screens, and which buttons have less room than their words need; pictures of the window go into FOLDER.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings

_LIMIT_S = 30.0


def open_app() -> App:
    paths = find_paths()
    engine = FakeEngine(["Hallo"])
    return App(paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: engine)


def look_at_window() -> dict[str, Any]:
    """Every page at 900 x 600, the chat with a question and its answer."""
    from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

    from rushlight.ui.gui.application import Application

    qt = QApplication([])
    application = Application(find_paths(), open_app=open_app, theme_choice="light")
    window = application.open_window()
    window.resize(900, 600)
    window.show()

    def until(condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, "it did not come about"
            qt.processEvents()
            time.sleep(0.005)

    desk = window._made["chat"].desk  # type: ignore[attr-defined]
    desk.send("Hallo?")
    until(lambda: len(desk.turns) == 2 and desk.state.activity == "idle")
    found: dict[str, Any] = {}
    for page in ("chat", "models", "jobs", "settings"):
        window.show_page(page)
        for _ in range(3):  # what a page reads from the store is answered in order
            answered: list[bool] = []
            application.background.read(lambda app: True, answered.append)
            until(lambda answered=answered: answered)
        qt.processEvents()
        if len(sys.argv) > 3:
            window.grab().save(str(Path(sys.argv[3]) / f"{page}.png"))
        buttons = [one for one in window.findChildren(QAbstractButton) if one.isVisible() and one.text()]
        clipped = [
            f"{one.text()}: {one.width()} < {one.sizeHint().width()}"
            for one in buttons
            if one.width() < one.sizeHint().width()
        ]
        said = [one.text() for one in (*buttons, *window.findChildren(QLabel)) if one.isVisible()]
        found[page] = {"size": [window.width(), window.height()], "clipped": clipped, "said": said}
    application.close()
    return found


def look_at_terminal() -> dict[str, Any]:
    """The first screen at 80 x 24, and the keys."""
    from rushlight.ui.tui.application import RushlightTerminal

    async def main() -> dict[str, Any]:
        app = RushlightTerminal(open_app, find_paths(), "")

        def screen() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        async with app.run_test(size=(80, 24)) as pilot:

            async def shows(words: str) -> str:
                deadline_s = time.monotonic() + _LIMIT_S
                while words not in screen() and time.monotonic() < deadline_s:
                    await pilot.pause(0.02)
                return screen()

            found = {"chat": await shows("Worum geht es?")}
            for key, page, words in (
                ("f2", "models", "Tiny"), ("f3", "jobs", "im Hintergrund"), ("f4", "settings", "System"),
            ):  # fmt: skip
                await pilot.press(key)
                found[page] = await shows(words)
        app.finish()
        return found

    return asyncio.run(main())


if __name__ == "__main__":
    assert "RUSHLIGHT_HOME" in os.environ, "this writes into the home of Rushlight: name one of its own"
    with open_app() as prepared:
        import_model(prepared.catalogue, Path(sys.argv[2]), how="in-place")
    print(json.dumps(look_at_window() if sys.argv[1] == "window" else look_at_terminal()))
