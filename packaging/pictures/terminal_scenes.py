"""Pictures of the terminal app: `terminal_scenes.py FOLDER [NAME...]`, as SVG, at the size of a real terminal.

Knows the app's own test driver; every scene presses keys as a user does. Those of Learn are in `terminal_learn.py`.
"""

import asyncio
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import terminal_learn  # noqa: F401 - its scenes
from sample import requests
from terminal_stage import SCENES, SIZES, scene, until

from rushlight.assistant.paths import find_paths
from rushlight.ui.desk.background import open_face_app

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")


async def _chat(app: Any, ids: dict[str, str], name: str) -> None:
    app.chat.open(ids[name])
    await until(lambda: app.chat.state.conversation_id == ids[name], "the conversation is shown")


@scene("terminal-80x24", "The terminal app at 80 x 24.", (80, 24))
async def _small(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    await _chat(app, ids, "letter")


@scene("terminal-160x50", "The terminal app at 160 x 50.", (160, 50))
async def _large(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    await _chat(app, ids, "letter")


@scene("terminal-code", "Code, a table and a quotation in the terminal.", (120, 50))
async def _code(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    await _chat(app, ids, "rope")


@scene("terminal-palette", "Ctrl+P finds everything in the terminal too.", (120, 36))
async def _palette(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    await _chat(app, ids, "letter")
    await pilot.press("ctrl+p", "t", "e")
    await asyncio.sleep(0.5)


@scene("terminal-models", "Models in the terminal.", (120, 36))
async def _models(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    app.show_page("models")
    await asyncio.sleep(2.0)


@scene(
    "terminal-quantize", "Quantizing in the terminal: target, forecast, what was made and how it compares.", (120, 40)
)
async def _quantize(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    app.show_page("quantize")
    await asyncio.sleep(0.5)
    await until(lambda: app._pages["quantize"].desk.state.can_make, "the sizes are worked out")


@scene("terminal-server", "The server in the terminal.", (120, 30))
async def _server(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    app.show_page("server")
    await asyncio.sleep(0.5)
    desk = app._pages["server"].desk
    desk.start()
    await until(lambda: desk.state.server is not None and desk.state.models, "the server serves")
    await asyncio.to_thread(requests, desk.state.server.url)
    await until(lambda: len(desk.state.requests) >= 4, "the requests are seen")


@scene("terminal-jobs", "Jobs in the terminal.", (120, 36))
async def _jobs(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    app.show_page("jobs")
    await asyncio.sleep(1.5)


@scene("terminal-settings", "Settings in the terminal.", (120, 36))
async def _settings(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    app.show_page("settings")
    await asyncio.sleep(1.0)


@scene("terminal-first-run", "The first start in the terminal.", (100, 30))
async def _first_run(app: Any, pilot: Any, ids: dict[str, str]) -> None:
    await asyncio.sleep(2.5)


async def _draw(name: str, folder: Path, ids: dict[str, str]) -> None:
    from rushlight.ui.tui.application import RushlightTerminal

    paths = find_paths()
    app = RushlightTerminal(partial(open_face_app, paths), paths)
    async with app.run_test(size=SIZES[name]) as pilot:
        await pilot.pause()
        await SCENES[name][1](app, pilot, ids)
        await asyncio.sleep(0.8)
        await pilot.pause()
        # Without the addresses of fonts: a picture of ours asks nobody for anything.
        drawn = _FONT_FACE.sub("", app.export_screenshot(title="Rushlight"))
        (folder / f"{name}.svg").write_text(drawn)
    print(f"  {name}.svg", flush=True)


def main(arguments: list[str]) -> None:
    folder, names = Path(arguments[0]), arguments[1:] or list(SCENES)
    ids = dict(pair.split("=", 1) for pair in os.environ.get("PICTURE_IDS", "").split(",") if pair)
    for name in names:
        asyncio.run(_draw(name, folder, ids))


if __name__ == "__main__":
    main(sys.argv[1:])
