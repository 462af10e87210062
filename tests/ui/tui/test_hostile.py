"""What a stranger wrote reaches the terminal as letters only: nothing but the app's own sequences is sent.

The app runs in a terminal of its own, once with ordinary texts, whose sequences are the only ones allowed, and once
with hostile ones.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pyte
import pytest

from rushlight.assistant.app import App
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings

_WALK = Path(__file__).with_name("hostile_terminal.py")
_LIMIT_S = 900.0
_MOST_BYTES = 500_000  # given to pyte, which is slow
_TOKEN = re.compile(
    "(?P<csi>\x1b\\[[0-?]*[ -/]*[@-~])"
    "|(?P<string>\x1b[\\]PX^_](?:[^\x07\x1b]|\x1b(?!\\\\))*(?:\x07|\x1b\\\\))"
    "|(?P<short>\x1b[ -/]*[0-Z\\\\`-~])"
    "|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    "|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
# Invisible, or obeyed by terminals that know the order of scripts.
_UNSEEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u206f\U000e0000-\U000e007f\ud800-\udfff]")
_COLOURS = re.compile(r"^\x1b\[[0-9;]*m$")
_PLACES = re.compile(r"^\x1b\[\d*(?:;\d*)?([ABCDGHfJKX])$")


@dataclass
class Sent:
    """What a walk sent to its terminal."""

    raw: bytes
    report: dict[str, Any]
    kinds: Counter[str] = field(default_factory=Counter)
    unseen: set[str] = field(default_factory=set)


def read_output(raw: bytes, report: dict[str, Any]) -> Sent:
    """Cut into sequences, strings, controls and text; all but text is counted by what it does."""
    sent = Sent(raw, report)
    text = raw.decode("utf-8")  # a stray C1 byte would be no UTF-8
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None, f"an unfinished sequence: {text[position : position + 40]!r}"
        position = token.end()
        if token.lastgroup == "text":
            sent.unseen |= set(_UNSEEN.findall(token[0]))
        else:
            sent.kinds[kind_of(token[0])] += 1
    return sent


def kind_of(sequence: str) -> str:
    """Colours are one kind, moves and clearing one each; whatever sets a mode, a title or else is its own."""
    if _COLOURS.match(sequence):
        return "colours"
    move = _PLACES.match(sequence)
    return f"place {move[1]}" if move else repr(sequence)


@pytest.fixture
def walk(
    terminal: Callable[..., Any],
    tmp_path: Path,
    make_gguf: Callable[..., Path],
    hostile_home: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, tuple[str, ...]], Sent]:
    """walk("name", texts) fills a home with the texts and walks through the terminal app."""

    def run(name: str, texts: tuple[str, ...]) -> Sent:
        home = tmp_path / name
        home.mkdir()
        monkeypatch.setenv("RUSHLIGHT_HOME", str(home))
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        monkeypatch.delenv("COLORTERM", raising=False)
        paths = find_paths()
        says, result = tmp_path / f"{name}.json", tmp_path / f"{name}-seen.json"
        with App(paths, read_settings(paths)[0], host="in-process") as app:
            hostile_home.fill(app, texts, make_gguf(f"{name}.gguf"), says)
        started = terminal(sys.executable, "-P", str(_WALK), str(says), str(result))
        end_s = time.monotonic() + _LIMIT_S
        raw = b""
        while data := read(started, end_s):
            raw += data
        assert started.process.wait(timeout=10) == 0, raw[-3000:].decode("utf-8", "replace")
        return read_output(raw, json.loads(result.read_text()))

    return run


def read(started: Any, end_s: float) -> bytes:
    """What comes next, without drawing it: drawing all of it takes longer than the app does."""
    import select

    if not select.select([started._fd], [], [], max(0.0, end_s - time.monotonic()))[0]:
        raise AssertionError("the walk does not end")
    try:
        return os.read(started._fd, 1 << 16)
    except OSError:  # the program has gone
        return b""


@pytest.mark.parametrize(
    ("n_random", "every"),
    [
        pytest.param(40, 12, id="some"),
        pytest.param(5000, 1, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_hostile_text_sends_nothing_but_letters(
    walk: Callable[[str, tuple[str, ...]], Sent], tmp_path: Path, payloads: ModuleType, hostile_home: ModuleType,
    n_random: int, every: int,
) -> None:  # fmt: skip
    texts = payloads.everything(tmp_path, n_random, every=every)
    harmless = walk("harmless", hostile_home.harmless(60))
    hostile = walk("hostile", texts)
    print(f"{len(texts)} texts, {hostile.report['n_screens']} screens, {len(hostile.raw):,} bytes")
    print(hostile.report["worked_s"])
    assert harmless.report["crash"] == hostile.report["crash"] == ""
    assert hostile.unseen == set()
    assert set(hostile.kinds) - set(harmless.kinds) == set()
    often = {kind for kind in harmless.kinds if kind in ("colours", "'\\r'", "'\\n'") or kind.startswith("place")}
    assert hostile.raw.count(b"\r\n") == hostile.kinds["'\\r'"] == hostile.kinds["'\\n'"]  # never one alone
    rare = {kind: n for kind, n in hostile.kinds.items() if kind not in often}
    assert rare == {kind: n for kind, n in harmless.kinds.items() if kind not in often}
    assert not any(kind.startswith(("'\\x1b]0", "'\\x1b]2;", "'\\x1b]52", "'\\x1b]8")) for kind in harmless.kinds)
    look_at_the_screen(hostile.raw, n_looks=40)


def look_at_the_screen(raw: bytes, n_looks: int) -> None:
    """At so many moments, evenly spread, the terminal shows no control character and has no title."""
    screen = pyte.Screen(100, 40)
    titles: list[str] = []
    screen.set_title = titles.append  # type: ignore[method-assign, assignment]
    screen.set_icon_name = titles.append  # type: ignore[method-assign, assignment]
    stream = pyte.ByteStream(screen)
    raw = raw[:_MOST_BYTES]
    step = max(1, len(raw) // n_looks)
    for start in range(0, len(raw), step):
        stream.feed(raw[start : start + step])
        shown = "".join(cell.data for line in screen.buffer.values() for cell in line.values())
        assert not re.search("[\x00-\x1f\x7f-\x9f]", shown)
        assert not _UNSEEN.search(shown)
    assert set(titles) <= {";default"}  # pyte takes the shape of the pointer, OSC 22, for OSC 2 and "2;default"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\x1b]0;owned\x07", "'\\x1b]0;owned\\x07'"),
        (b"\x1b]52;c;b3duZWQ=\x1b\\", "'\\x1b]52;c;b3duZWQ=\\x1b\\\\'"),
        (b"\x1b[?1049l", "'\\x1b[?1049l'"),
        (b"a\x07b", "'\\x07'"),
        ("a\x9b31mb".encode(), "'\\x9b'"),
        (b"\x1b[31m", "colours"),
        (b"\x1b[3;4H", "place H"),
        (b"\x1bP+q544e\x1b\\", "'\\x1bP+q544e\\x1b\\\\'"),
        (b"\x1bc", "'\\x1bc'"),
    ],
)
def test_the_reader_would_have_shown_it(raw: bytes, kind: str) -> None:
    assert set(read_output(raw, {}).kinds) == {kind}


def test_the_reader_sees_what_is_unseen() -> None:
    assert read_output("a\u202eb\U000e0041c".encode(), {}).unseen == {"\u202e", "\U000e0041"}
