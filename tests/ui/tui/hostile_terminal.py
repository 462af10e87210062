"""The real terminal app, walked through by a program of its own in a terminal: `hostile_terminal.py SAYS RESULT`.

Opens what tests/hostile_home.py has prepared and looks at all of it; copies nothing, so that the clipboard is never
written. What reaches the terminal is judged by who started it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings
from rushlight.ui.desk.chat_view import Problem, Queued
from rushlight.ui.tui.application import RushlightTerminal
from rushlight.ui.tui.panel import LinePanel, ReadPanel, TextPanel

_LIMIT_S = 60.0
_LINES = 12


class Walk:
    """One app and what it is to show."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.texts: list[str] = given["texts"]
        self.some = self.texts[:: max(1, len(self.texts) // _LINES)]
        self.given = given
        self.engine = FakeEngine([self.texts[0]])
        self.app = RushlightTerminal(self._open_app, find_paths(), given["conversations"][0])
        self.n_screens = 0
        self.worked_s: dict[str, float] = {}

    def _open_app(self) -> App:
        paths = find_paths()
        return App(
            paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: self.engine
        )

    async def play(self, _pilot: Pilot[None]) -> None:
        for part in (self.conversations, self.answers, self.said, self.lists, self.pages):
            began_s = time.process_time()
            await part()
            self.worked_s[part.__name__] = round(time.process_time() - began_s, 2)
        self.app.exit()

    async def draw(self) -> None:
        """Until what was asked for is on the screen."""
        drawn = asyncio.Event()
        self.app.call_after_refresh(drawn.set)
        try:
            await asyncio.wait_for(drawn.wait(), _LIMIT_S)
        except TimeoutError:
            if self.app.crash is not None:
                raise self.app.crash from None
            raise
        self.n_screens += 1

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await self.draw()

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        end_s = time.monotonic() + _LIMIT_S
        while not condition():
            if self.app.crash is not None:
                raise self.app.crash
            if time.monotonic() > end_s:
                raise RuntimeError(f"This did not come about: {what}")
            await asyncio.sleep(0.01)
        await self.draw()

    async def leave(self) -> None:
        """Escape, and whatever asked something is gone."""
        await self.press("escape")
        if self.app._panel is not None:
            self.app._panel.action_close()
        await self.until("nothing is asked", lambda: self.app._panel is None)

    async def conversations(self) -> None:
        for conversation_id in self.given["conversations"]:
            self.app.open_conversation(conversation_id)
            await self.until(
                "a conversation is shown",
                lambda wanted=conversation_id: self.app.chat.state.conversation_id == wanted and self.app.chat.turns,
            )
            messages = self.app.deeds.page.messages
            messages.focus()
            messages.action_end_of(-1)
            before = -1.0
            while messages.scroll_y != before:
                before = messages.scroll_y
                await self.draw()
                messages.action_page(1)
            for key in ("up", "up", "t", "o"):
                await self.press(key)
            await self.leave()

    async def answers(self) -> None:
        """A reply is written, some letters at a time, as a model would write it."""
        self.app.do("chat.new")
        await self.until("a new chat", lambda: not self.app.chat.turns)
        joined = "\n\n".join(self.some)
        self.engine.pieces = tuple(joined[start : start + 7] for start in range(0, len(joined), 7))
        self.app.chat.send(self.some[0])
        await self.until("an answer begins", lambda: len(self.app.chat.turns) >= 2)
        await self.until("an answer ends", lambda: self.app.chat.state.activity == "idle")

    async def said(self) -> None:
        """Errors, problems, notices, titles, questions."""
        state = self.app.chat.state
        for said in self.some:
            attached = (NewAttachment(said, said),)
            self.app.deeds.page.show_state(
                replace(
                    state, title=said, model_label=said, adapter=said, notice=said, problem=Problem(said, said, said),
                    queue=(Queued(said, attached),), attachments=attached, progress_what=said, undo=said,
                    activity="loading",
                )
            )  # fmt: skip
            self.app.tell(said)
            await self.draw()
            self.app._show_error(Error(said, hint=said))
            for panel in (
                LinePanel(said, lambda _said: None, value=said.replace("\n", " "), hint=said),
                TextPanel(said, lambda _said: None, value=said, hint=said),
                ReadPanel(said, said),
            ):
                self.app.ask(panel)
                await self.draw()
                panel.action_close()
                await self.until("nothing is asked", lambda: self.app._panel is None)
            self.app.deeds.page.set_composer(said)
            await self.draw()
        self.app.deeds.page.set_composer("")
        self.app.deeds.page.show_state(state)
        for action in ("chat.sampler", "chat.left-out", "chat.model", "chat.move", "chat.system", "chat.attach"):
            self.app.do(action)
            await asyncio.sleep(0.1)
            await self.draw()
            await self.leave()

    async def lists(self) -> None:
        self.app.do("app.palette")
        await self.until("the palette is there", lambda: self.app._panel is not None and self.app._panel.query(Input))
        assert self.app._panel is not None
        field = self.app._panel.query_one(Input)
        for said in self.some:
            field.value = said.replace("\n", " ")
            await asyncio.sleep(0.02)
            await self.draw()
        await self.leave()
        side = self.app.side
        side.display = True
        for one in [one for one in self.app.conversations.state.rows if one.kind == "folder"][:20]:
            self.app.conversations.toggle_folder(one.id)
        for query in ("", *self.some):
            self.app.conversations.search(query)
            await self.until("the list has found", lambda: not self.app.conversations.state.is_loading)
            side.take_focus()
            await self.press("end" if query else "down")
        self.app.conversations.search("")
        await self.walk_down(20)
        for key in ("r", "m", "x"):
            await self.press(key)
            await self.leave()
            side.take_focus()
        self.app.do("conversations.trash")
        await self.draw()

    async def pages(self) -> None:
        for page in ("models", "jobs", "settings", "first-run"):
            self.app.show_page(page)
            await asyncio.sleep(0.3)
            await self.walk_down(5)
            if page in ("models", "jobs"):
                for at in range(5):
                    await self.press("home", *["down"] * at, "enter")
                    await asyncio.sleep(0.05)
                    await self.press(*["down"] * at, "enter")
                    await asyncio.sleep(0.05)
                    await self.leave()
            if page == "jobs":
                for at in range(4):
                    await self.press("home", *["down"] * at, "l")
                    await asyncio.sleep(0.05)
                    await self.draw()
                    await self.leave()

    async def walk_down(self, n: int) -> None:
        await self.press(*["pagedown"] * n)


def main(says: Path, result: Path) -> None:
    walk = Walk(json.loads(says.read_text()))
    try:
        walk.app.run(auto_pilot=walk.play)
    finally:
        walk.app.finish()
    crash = repr(walk.app.crash) if walk.app.crash is not None else ""
    result.write_text(json.dumps({"n_screens": walk.n_screens, "crash": crash, "worked_s": walk.worked_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
