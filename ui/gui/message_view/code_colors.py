"""Colours of a block of code while it grows and while the window stays quick: work in slices of a few milliseconds.

Knows the highlighter; `Slices` is the one timer that all blocks of a view share. A text that has grown keeps the
colours of its finished lines until it has been read again, which happens more rarely the longer it is.
"""

import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

from rushlight.ui.desk.highlight import Lines, Run, can_highlight, highlight, highlight_for

FIRST_SLICE_MS = 4.0
SLICE_MS = 6.0
MOST_S = 2.0  # for one text; what is not read by then stays plain
_REST = 12.0  # a growing text is read again after this many times of what reading it took


class CodeColors:
    """The runs of each line of one text, as far as they are known."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._text = ""
        self._lines: Lines = []
        self._coming: Lines = []
        self._work: Iterator[None] | None = None
        self._worked_text = ""
        self._spent_s = 0.0
        self._last_s = 0.0
        self._done_s = 0.0

    def runs(self, line: int) -> tuple[Run, ...]:
        """The runs of a line, () while they are not known."""
        return self._lines[line] if line < len(self._lines) else ()

    def set_text(self, text: str, *, is_growing: bool) -> bool:
        """Another text, most often one that has grown. True: there is something to do (`go_on`)."""
        if text == self._text and self._work is None:
            return False
        if not text.startswith(self._text):
            self._lines, self._work = [], None
        self._text = text
        if not can_highlight(text, self._language):
            self._lines, self._work = [], None
            return False
        return not is_growing or self._is_due()

    def _is_due(self) -> bool:
        return self._work is not None or time.perf_counter() - self._done_s >= _REST * max(self._last_s, 0.005)

    def go_on(self, milliseconds: float) -> bool:
        """Work for so long. True: all is done."""
        start_s = time.perf_counter()
        if self._work is None:
            if self._worked_text == self._text:
                return True
            self._coming, self._spent_s, self._worked_text = [], 0.0, self._text
            self._work = highlight(self._text, self._language, self._coming)
        is_done = highlight_for(self._work, milliseconds)
        end_s = time.perf_counter()
        self._spent_s += end_s - start_s
        is_done = is_done or self._spent_s > MOST_S
        if is_done or len(self._coming) > len(self._lines):
            self._lines = list(self._coming)
        if is_done:
            self._work = None
            self._last_s, self._done_s = self._spent_s, end_s
        return is_done


class Slices(QObject):
    """Gives each block of code that asked some milliseconds in turn, between other events."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: dict[int, tuple[CodeColors, Callable[[], None]]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(8)
        self._timer.timeout.connect(self._go_on)

    def add(self, colors: CodeColors, on_change: Callable[[], None]) -> None:
        """Work on these; `on_change` after each slice."""
        self._waiting[id(colors)] = (colors, on_change)
        if not self._timer.isActive():
            self._timer.start()

    def drop_all(self) -> None:
        """Nothing of what waits is shown any more."""
        self._waiting.clear()
        self._timer.stop()

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    def _go_on(self) -> None:
        key, (colors, on_change) = next(iter(self._waiting.items()))
        del self._waiting[key]
        if not colors.go_on(SLICE_MS):
            self._waiting[key] = (colors, on_change)
        if not self._waiting:
            self._timer.stop()
        on_change()
