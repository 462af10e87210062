"""The terminal app in a terminal of its own: what reaches the screen, what survives a kill, what it costs to start."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from rushlight.assistant.app import App
from rushlight.assistant.models.model import Model

_CODE = "import sys; from rushlight.ui.tui.main import main; raise SystemExit(main(sys.argv[1:]))"
START = (sys.executable, "-P", "-c", _CODE)
N_HOSTILE = 1000
# The only sequences that the app itself sends: modes, moves, colours, clearing, the shape of the pointer, the keyboard.
OWN = re.compile(rb"\x1b(?:\[[?>=<]?[0-9;:]*(?:\$p|[hlHJKmnqtucABCDGdSTX])|\]22;[a-z]*(?:\x07|\x1b\\)|[78=>]|\(B)")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
BAIT = (
    "\x1b]0;owned\x07", "\x1b]52;c;b3duZWQ=\x07", "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\", "\x1b[2J",
    "\x1b[31m", "\x9b31m", "\x9d0;owned\x9c", "\x90q\x9c", "\x1bP+q\x1b\\", "\x1b_Gowned\x1b\\", "\x07", "\x08", "\r",
    "\u202e", "\u2066", "\U000e0041", "&#27;]0;owned&#7;", "&#x9b;31m", "`\x1b[1m`", "[x](\x1b]0;owned\x07)",
    "![\x1b[2J](file:///etc/passwd)", "[red]markup[/red]", "[@click=app.quit]x[/]", "| a | \x1b[2J |\n|---|---|\n",
    "```\x1b]0;owned\x07\n\x1b[2J\n```\n", "\x1b", "\x9b", "\ud800",
)  # fmt: skip


def hostile(count: int) -> list[str]:
    """Random strings of bait and of characters from everywhere."""
    chance = random.Random(7)
    made = []
    for _ in range(count):
        pieces = []
        for _ in range(chance.randint(1, 5)):
            kind = chance.random()
            if kind < 0.5:
                pieces.append(chance.choice(BAIT))
            elif kind < 0.8:
                pieces.append("".join(chr(chance.randint(0, 0x2FF)) for _ in range(chance.randint(1, 8))))
            else:
                pieces.append(chr(chance.randint(0x300, 0x1FFFF)))
        made.append("".join(pieces))
    return made


def test_hostile_text_reaches_the_screen_as_text_only(
    terminal: Callable[..., Any], assistant: App, model: Model
) -> None:
    conversations = assistant.conversations
    strings = [one.encode("utf-8", "replace").decode() for one in hostile(N_HOSTILE)]
    strings[0], strings[-1] = "THE-FIRST", "THE-LAST"
    conversation = conversations.create(title=strings[1] + "hostile")
    parent = None
    with conversations.together():
        for at, one in enumerate(strings):
            role = "user" if at % 2 == 0 else "assistant"
            parent = conversations.append(conversation.id, parent, role, one).id
    app = terminal(*START, conversation.id)
    deadline_s = time.monotonic() + 60
    while b"THE-LAST" not in app.seen:  # `wait_for` would forget what it has seen
        assert time.monotonic() < deadline_s, app.screen.display
        app._read(0.1)
    app.type("\x1b[Z")  # shift+tab: to the messages
    while b"THE-FIRST" not in app.seen:
        assert time.monotonic() < deadline_s, app.screen.display
        app.type("\x1b[5~")  # page up, and all of it drawn before the next one
        while app._read(0.03):
            pass
    app.type("\x11")
    app.wait_end()
    received = app.seen
    assert len(received) > 80_000, "the messages were not scrolled through"
    text = OWN.sub(b"", received).decode("utf-8", "replace")
    found = CONTROL.search(text.replace("\r", ""))
    assert found is None, repr(text[max(0, found.start() - 40) : found.end() + 40])
    assert app.screen.title in ("", ";default")  # pyte takes the shape of the pointer (OSC 22) for a title
    assert b"owned\x07" not in received


def test_a_draft_and_the_open_chat_survive_a_kill(
    terminal: Callable[..., Any], assistant: App, model: Model, own_home: Path
) -> None:
    conversation = assistant.conversations.create(title="Candles at night")
    assistant.conversations.append(conversation.id, None, "user", "beeswax burns slowly")
    first = terminal(*START)
    first.wait_for("Candles at night")
    first.type("\x1bOQ\x1bOP")  # F2 and back
    first.type("\x1b[1;3B")  # alt+down: the next chat
    first.wait_for("beeswax")
    first.type("half a sentence")
    deadline_s = time.monotonic() + 20
    while assistant.conversations.draft(conversation.id) != "half a sentence":
        assert time.monotonic() < deadline_s, "the draft was not kept"
        first._read(0.1)
    os.killpg(first.process.pid, signal.SIGKILL)
    second = terminal(*START)
    second.wait_for("half a sentence")
    second.type("\x11")
    second.wait_end()


def test_it_starts_soon_and_light(terminal: Callable[..., Any], assistant: App, model: Model) -> None:
    """The figures of the bench are stricter; this one notices when something heavy came in."""
    began_s = time.monotonic()
    app = terminal(*START)
    app.wait_for("for commands")
    seconds = time.monotonic() - began_s
    rss = psutil.Process(app.process.pid).memory_info().rss
    app.type("\x11")
    assert app.wait_end() == 0
    print(f"{seconds:.2f} s to the first screen, {rss / 1e6:.0f} MB resident")
    assert seconds < 5
    assert rss < 100e6


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; import rushlight.ui.tui.main, rushlight.ui.tui.application\n"
        "heavy = {'torch', 'llama_cpp', 'numpy', 'PySide6', 'lancedb', 'httpx', 'pygments', 'markdown_it', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("theme", ["rushlight-dark", "rushlight-light"])
def test_sixteen_colours_are_legible(theme: str) -> None:
    """On a terminal with 16 colours no text falls on a ground of its own colour."""
    from rich.color import ColorSystem

    from rushlight.ui.tui.look import look_of

    def brightness(color: Any) -> float:
        parts = [one / 255 for one in color.get_truecolor()]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    look = look_of(theme)
    for name in ("page", "muted", "accent", "strong", "good", "bad", "info", "bubble", "code", "chip_on", "found_now"):
        style = getattr(look, name)
        dark, bright = sorted(
            brightness(color.downgrade(ColorSystem.STANDARD)) for color in (style.color, style.bgcolor)
        )
        contrast = (bright + 0.05) / (dark + 0.05)
        assert contrast > 2.5, (name, contrast)


_FAULTY = """
from rushlight.ui.tui import message_list, chat_page, main
def broken(self, *args):
    raise ZeroDivisionError("planted")
chat_page.ChatPage.show_state = broken
raise SystemExit(main.main([]))
"""


def test_a_fault_ends_in_two_lines_and_a_log(
    terminal: Callable[..., Any], assistant: App, model: Model, own_home: Path
) -> None:
    app = terminal(sys.executable, "-P", "-c", _FAULTY)
    assert app.wait_end() == 1
    said = app.seen.decode(errors="replace")
    assert "What you wrote is kept." in said
    assert "Traceback" not in said
    (log,) = own_home.rglob("faults.log")
    assert "planted" in log.read_text()
