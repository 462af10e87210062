"""Hostile text in the message view: drawn as words, nothing opened, nothing asked of a network, nothing stops.

Payloads are of the kinds that broke others: images and links in all of Markdown's and HTML's spellings, local and UNC
paths, style sheets, terminal sequences, text that reorders itself; and random text.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QLabel

from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.message_view import MessageView
from rushlight.ui.gui.message_view.formulas import formulas
from rushlight.ui.gui.message_view.turn_widget import TurnWidget
from rushlight.ui.gui.theme import Theme

pytestmark = pytest.mark.filterwarnings("ignore:(path|open_text) is deprecated:DeprecationWarning")

TARGETS = (
    "file:///etc/passwd", "/etc/passwd", "//attacker/share/x.png", "\\\\attacker\\share\\x.png", "http://127.0.0.1:9/x",
    "https://attacker.example/?q=secret", "qrc:/x", "data:image/png;base64,iVBORw0KGgo=", "C:\\Windows\\win.ini",
    "javascript:alert(1)", "smb://attacker/x", "../../etc/passwd",
)  # fmt: skip
FORMS = (
    "![x]({0})", "![x](<{0}>)", "[![x]({0})]({0})", "![x][r]\n\n[r]: {0}", "[x]({0})", "<{0}>", "{0}", "![]({0})",
    '<img src="{0}">', '<a href="{0}">x</a>', '<link rel="stylesheet" href="{0}">', '<style>@import "{0}"</style>',
    '<div style="background:url({0})">x</div>', "<svg><image href='{0}'/></svg>", '<iframe src="{0}"></iframe>',
    '<object data="{0}"></object>', '<body background="{0}">', "<script src='{0}'></script>",
    "$\\includegraphics{{{0}}}$",
    "$$\\href{{{0}}}{{x}}$$", "$\\input{{{0}}}$", "```html\n<img src='{0}'>\n```", "| a |\n|---|\n| ![x]({0}) |",
    "- ![x]({0})\n  > ![x]({0})", "`![x]({0})`", "# <img src='{0}'>", "<meta http-equiv=refresh content='0;url={0}'>",
    "\\[\\text{{<image href='{0}'/>}}\\]", '<math><mglyph src="{0}"/></math>', "```{0}\nx\n```",
)  # fmt: skip
SEQUENCES = (
    "\x1b]8;;http://attacker.example\x07link\x1b]8;;\x07", "\x1b]52;c;aGFjaw==\x07", "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\u202etxt.exe", "\u2066a\u2069", "".join(chr(0xE0000 + ord(one)) for one in "hidden"), "\x00\x07\x08\x7f\x9b31m",
    "\ud800 \udfff alone", "a\u0300" * 3_000, "\u200b" * 5_000, "\ufffc\ufffd\ufeff",
    "🏳️‍🌈👩‍👩‍👧‍👦" * 300,
    "\u2028\u2029" * 500,
)  # fmt: skip
LETTERS = (
    "abc defg \n\n\t #*_`~>-+|![]()<>{}$\\\"'&;:/.,0123456789"
    "éßøאבגدهو漢字かな한글🎉👩‍👧\u0301\u200d\u202e\x1b\x00\ud800"
)  # fmt: skip
# What the program opens of its own: Python's files, those of the packages wherever they lie, and the window's.
_PACKAGES = {one for one in sys.path if Path(one).name == "site-packages"}
OWN = tuple(
    str(Path(one).resolve()) for one in {sys.prefix, sys.base_prefix, str(Path(__file__).parents[3]), *_PACKAGES}
)

_seen: list[tuple[str, str]] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None or not event.startswith(("open", "socket.", "subprocess.", "os.", "webbrowser.", "urllib.")):
        return
    if event == "open":
        path = str(arguments[0])
        if not isinstance(arguments[0], int) and not str(Path(path).absolute()).startswith(OWN):
            _seen.append((event, path))
    elif event.startswith(
        ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "webbrowser.", "urllib.")
    ):
        _seen.append((event, repr(arguments)))


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """What Python opens, connects to and starts meanwhile. The hook stays, as hooks do, but looks no more."""
    global _seen
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


@pytest.fixture(scope="module", autouse=True)
def hook() -> None:
    sys.addaudithook(_audit)


@pytest.fixture
def view(theme: Theme, qtbot: Any) -> MessageView:
    made = MessageView(theme)
    qtbot.addWidget(made)
    made.resize(800, 900)
    made.show()
    return made


def show(view: MessageView, text: str) -> None:
    """Whole, in pieces, as a question and as a name; painted, pointed at, selected, copied, found."""
    view.show_turns(
        [
            Turn("u", "user", text, attachments=((text[:200], 1),)),
            Turn("a", "assistant", text, reasoning=text, model=text[:99], adapter=text[:99]),
            Turn("w", "assistant", "", is_being_written=True),
        ]
    )
    for at in range(0, min(len(text), 600), 37):
        view.grow_turn("w", text[at : at + 37])
    view.grab()
    for widget in view.findChildren(TurnWidget):
        if widget.layout_ is not None:
            for y in range(4, min(300, widget.height()), 40):
                widget.mouse.link_at(QPointF(90, y))
                widget.mouse.spot_at(QPointF(200, y))
    view.select_all()
    view.selected_text()
    view.find(text[:7] or "x", 1)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[:20])
def test_nothing_that_text_names_is_opened(view: MessageView, form: str, qtbot: Any) -> None:
    asked: list[str] = []
    view.link.connect(asked.append)
    with watched() as seen:
        for target in TARGETS:
            show(view, form.format(target))
        qtbot.waitUntil(lambda: formulas().is_idle and view._slices.is_idle)
        view.grab()
    assert seen == []
    assert asked == [], "only a press asks"


def test_qt_opens_nothing_that_text_names(view: MessageView, tmp_path: Path, qtbot: Any) -> None:
    """Files that are really there, as pictures a program would take: their time of access stays."""
    import os

    from PySide6.QtGui import QPixmap

    picture = tmp_path / "picture.png"
    QPixmap(8, 8).save(str(picture))
    os.utime(picture, ns=(1, 1))
    for form in FORMS:
        for target in (str(picture), picture.as_uri()):
            show(view, form.format(target))
    qtbot.waitUntil(lambda: formulas().is_idle)
    assert picture.stat().st_atime_ns == 1


@pytest.mark.parametrize("text", SEQUENCES, ids=lambda text: ascii(text[:4]))
def test_sequences_and_odd_letters_are_drawn(view: MessageView, text: str) -> None:
    with watched() as seen:
        show(view, text)
        show(view, f"- **{text}** `{text}`\n\n```py\n{text}\n```\n\n| {text} |\n|---|\n| {text} |")
    assert seen == []
    view.select_all()
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in _shown(view))


def _shown(view: MessageView) -> str:
    """Everything that is drawn of messages."""
    return "".join(
        item.view.text
        for widget in view.findChildren(TurnWidget)
        if widget.layout_ is not None
        for section in widget.layout_.sections
        for item in section.flow.items
        if item.view is not None
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_text_is_drawn(view: MessageView, seed: int, qtbot: Any) -> None:
    """2,000 texts in all."""
    rng = random.Random(seed)
    with watched() as seen:
        for _ in range(250):
            show(view, "".join(rng.choices(LETTERS, k=rng.choice((3, 20, 80, 300)))))
        qtbot.waitUntil(lambda: formulas().is_idle and view._slices.is_idle, timeout=30_000)
    assert seen == []


@pytest.mark.parametrize(
    "text",
    [
        "x" * 300_000, "x " * 150_000, "\n\n".join("word" for _ in range(20_000)), "# " * 4_000, "- a\n" * 20_000,
        "> " * 400 + "deep", "```\n" + "y" * 300_000, "```python\n" + "z = 1\n" * 30_000,
        "|a" * 600 + "|\n" + "|-" * 600 + "|\n",
        "| a | b |\n|---|---|\n" + "| c | d |\n" * 700, "$" + "\\frac{1}{" * 99 + "}" * 99 + "$", "$\\sqrt{" * 300,
        "[a](https://e.org) " * 5_000, "`c` " * 5_000, "🎉" * 20_000, "العربية " * 8_000, "**b** " * 8_000,
    ],
    ids=lambda text: ascii(text[:8]),
)  # fmt: skip
def test_large_texts_do_not_stop_the_window(view: MessageView, text: str) -> None:
    """Measured in time of this thread, since other tests may run beside it."""
    start_s = time.thread_time()
    view.show_turns([Turn("a", "assistant", text)])
    view.grab()
    assert time.thread_time() - start_s < 20.0
    start_s = time.thread_time()
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    view.grab()
    assert time.thread_time() - start_s < 10.0


def test_labels_take_no_markup(view: MessageView) -> None:
    """What stands in labels and tool tips of foreign text is never read as markup."""
    from PySide6.QtGui import Qt

    text = "<img src='file:///etc/passwd'><b>x</b>"
    view.show_turns([Turn("a", "assistant", text, model=text, state="failed"), Turn("u", "user", text)])
    view.set_notice(3)
    for label in view.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert not Qt.mightBeRichText(label.toolTip())
