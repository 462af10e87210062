"""The cast of the terminal app's tests: the app without a terminal, an engine that says what it is told, pictures."""

import asyncio
import os
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, ReasoningDelta, TextDelta, Usage
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings
from rushlight.ui.tui.application import RushlightTerminal

SNAPSHOTS = Path(__file__).with_name("snapshots")
_LIMIT_S = 15.0


class TalkingEngine(FakeEngine):
    """Answers with the next of `answers`; holds where a piece is `HOLD`, until `release`; dies where it is `DIE`."""

    HOLD = "\0hold"
    DIE = "\0die"

    def __init__(self) -> None:
        super().__init__([])
        self.answers: list[Sequence[str]] = []
        self.is_held = threading.Event()
        self.release = threading.Event()

    def says(self, *answers: Sequence[str]) -> None:
        self.answers += answers

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        if request.grammar is not None:  # a title is asked for: the first words of the question will do
            yield Finished("stop")
            return
        self.requests.append(request)
        pieces = self.answers.pop(0) if self.answers else ["I have nothing to say."]
        reason = "stop"
        for piece in pieces:
            if piece == self.HOLD:
                self.is_held.set()
                while not self.release.is_set() and not stop.is_set():
                    self.release.wait(0.01)
                self.is_held.clear()
                self.release.clear()
            elif piece == self.DIE:
                raise Error("The model's process ended.", hint="Send it again.", kind="worker-died")
            if stop.is_set():
                reason = "cancelled"
                break
            if piece.startswith("\0think:"):
                yield ReasoningDelta(piece[7:])
            elif not piece.startswith("\0"):
                yield TextDelta(piece)
        yield Usage(n_prompt_tokens=20, n_cached_tokens=0, n_completion_tokens=212, prompt_s=0.1, decode_s=5.0)
        yield Finished(reason)


class Stage:
    """A running app and its keyboard."""

    def __init__(self, app: RushlightTerminal, pilot: Any, engine: TalkingEngine, failed: Path) -> None:
        self.app = app
        self.pilot = pilot
        self.engine = engine
        self._failed = failed

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def write(self, text: str) -> None:
        """Put it in at once: keys one by one take their time."""
        await self.paste(text)

    async def type(self, text: str) -> None:
        """Type it, key by key."""
        await self.pilot.press(*("space" if char == " " else _KEYS.get(char, char) for char in text))

    async def paste(self, text: str) -> None:
        """As a terminal does it."""
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"it did not come about; the screen was:\n{self.screen()}"
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def shows(self, *words: str) -> None:
        """Until all of these are on the screen."""
        await self.until(lambda: all(one in self.screen() for one in words))

    async def hides(self, words: str) -> None:
        await self.until(lambda: words not in self.screen())

    def screen(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def picture(self, name: str) -> None:
        """Compare with the kept picture, or keep this one where RUSHLIGHT_WRITE_SNAPSHOTS is set."""
        kept = SNAPSHOTS / f"{name}.svg"
        is_writing = bool(os.environ.get("RUSHLIGHT_WRITE_SNAPSHOTS"))
        expected = kept.read_text(encoding="utf-8") if kept.exists() else ""
        found, deadline_s = "", time.monotonic() + 3
        while time.monotonic() < deadline_s:  # what follows the store comes a moment later
            await self.pilot.pause(0.6 if is_writing else 0.02)
            before, found = found, normal(self.app.export_screenshot())
            if found == (before if is_writing else expected):
                break
        if is_writing:
            SNAPSHOTS.mkdir(exist_ok=True)
            kept.write_text(found, encoding="utf-8")
        elif found != expected:
            self._failed.mkdir(exist_ok=True)
            beside = self._failed / f"{name}.svg"
            beside.write_text(found, encoding="utf-8")
            pytest.fail(f"the screen {name} is another one: {beside}, kept: {kept}\n{self.screen()}")


_KEYS = {"/": "slash", "@": "at", "#": "number_sign", "\n": "ctrl+j", "-": "minus", ".": "full_stop", "_": "underscore",
         ",": "comma", "?": "question_mark", "!": "exclamation_mark", ":": "colon", "=": "equals_sign"}  # fmt: skip


def normal(svg: str) -> str:
    """A screenshot without what differs from run to run: ids made of a hash, and the fonts' addresses."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = re.sub(r"terminal-\d+-", "terminal-", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


@pytest.fixture
def engine() -> TalkingEngine:
    return TalkingEngine()


@pytest.fixture
def open_app(engine: TalkingEngine) -> Callable[[], App]:
    def open_one() -> App:
        paths = find_paths()
        return App(paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: engine)

    return open_one


@pytest.fixture
def assistant(open_app: Callable[[], App]) -> Iterator[App]:
    """An app of the test's own, to prepare the store and to look into it."""
    with open_app() as app:
        yield app


@pytest.fixture
def model(assistant: App, tiny_gguf: Path) -> Model:
    return import_model(assistant.catalogue, tiny_gguf, how="in-place", alias="tiny").model


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that are measured are the same in every picture."""
    monkeypatch.setattr(
        "rushlight.ui.tui.turn_block.statistics_in_words", lambda turn: "41 tok/s · first word 0.18 s · 212 tokens"
    )
    monkeypatch.setattr("rushlight.ui.tui.status_line.rate_in_words", lambda rate: "41 tok/s")


@pytest.fixture
def perform(open_app: Callable[[], App], engine: TalkingEngine, tmp_path: Path, still: None) -> Callable[..., None]:
    """perform(play) runs `async def play(stage)` with the app on a screen of 100 by 30."""

    def run(
        play: Callable[[Stage], Awaitable[None]], size: tuple[int, int] = (100, 30), conversation_id: str = ""
    ) -> None:
        async def main() -> None:
            app = RushlightTerminal(open_app, find_paths(), conversation_id)
            try:
                async with app.run_test(size=size) as pilot:
                    await play(Stage(app, pilot, engine, tmp_path / "failed"))
            finally:
                engine.release.set()
                app.finish()

        asyncio.run(main())

    return run
