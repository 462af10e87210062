"""The message view, offscreen: opening 1,000 turns, one streamed token among 1,000 turns beside 10, scrolling.

Turns are made-up replies of two to four kilobytes with lists, code, tables and formulas. A frame is what one step costs
until it is painted (events processed, the window rendered into memory), in time of the window's own thread, so that
other programs on the machine do not count. Figures to reach: 1,000 turns open in 500 ms;
a token at 1,000 turns costs at most 1.5 times what it costs at 10; no frame of scrolling takes over 50 ms.

    python tests/bench/bench_message_view.py [--rounds N]
"""

import os
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import measure

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

WORDS = (
    "the", "lamp", "of", "reed", "and", "tallow", "burns", "with", "a", "clear", "light", "for", "half", "an", "hour",
    "in", "still", "room", "at", "night",
)  # fmt: skip
N_TURNS, N_FEW = 1_000, 10
N_TOKENS = 300
OPEN_MS, TOKEN_RATIO, FRAME_MS = 500.0, 1.5, 50.0


def sentence(rng: random.Random, n_words: int) -> str:
    return " ".join(rng.choices(WORDS, k=n_words)).capitalize() + "."


def reply(rng: random.Random) -> str:
    """Markdown of two to four kilobytes."""
    parts = []
    for _ in range(rng.randint(4, 7)):
        kind = rng.random()
        if kind < 0.45:
            parts.append(" ".join(sentence(rng, rng.randint(6, 14)) for _ in range(4)) + " Some **bold** and `code`.")
        elif kind < 0.65:
            parts.append("\n".join(f"- {sentence(rng, rng.randint(4, 18))}" for _ in range(rng.randint(3, 7))))
        elif kind < 0.85:
            lines = [f"value_{n} = compute({n}, 'text')  # {' '.join(rng.choices(WORDS, k=5))}" for n in range(12)]
            parts.append("```python\n" + "\n".join(lines) + "\n```")
        elif kind < 0.95:
            rows = [f"| {rng.choice(WORDS)} | {rng.randint(1, 999)} | {sentence(rng, 5)} |" for _ in range(5)]
            parts.append("| word | count | sentence |\n|---|--:|---|\n" + "\n".join(rows))
        else:
            parts.append("So $E = mc^2$ holds, and\n\n$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$")
    return f"## {sentence(rng, 3)}\n\n" + "\n\n".join(parts)


def make_turns(n: int, rng: random.Random) -> list[Any]:
    from rushlight.ui.desk.turn import Turn

    turns = []
    for number in range(n // 2):
        turns.append(Turn(f"u{number}", "user", sentence(rng, rng.randint(5, 30))))
        turns.append(Turn(f"a{number}", "assistant", reply(rng)))
    return turns


class Window:
    """A view of the size of the page, and its frames."""

    def __init__(self) -> None:
        from PySide6.QtGui import QPixmap
        from PySide6.QtWidgets import QApplication

        from rushlight.ui.gui.message_view import MessageView
        from rushlight.ui.gui.theme import Theme

        self.app = QApplication.instance() or QApplication([])
        self.theme = Theme("light")
        self.theme.apply()
        self.view = MessageView(self.theme)
        self.view.resize(1032, 690)
        self.view.show()
        self.pixmap = QPixmap(self.view.size())

    def frame(self) -> None:
        """Events and painting of one frame."""
        self.app.processEvents()
        self.view.render(self.pixmap)

    def open(self, turns: Sequence[Any]) -> float:
        """Milliseconds until the turns are painted."""
        self.view.show_turns([])
        self.frame()
        start_s = time.thread_time()
        self.view.show_turns(turns)
        self.frame()
        return (time.thread_time() - start_s) * 1000

    def token_ms(self, n: int, rng: random.Random) -> float:
        """Median cost of one token of a reply at the end of n turns."""
        from rushlight.ui.desk.turn import Turn

        self.view.show_turns([*make_turns(n, rng), Turn("w", "assistant", "", is_being_written=True)])
        for _ in range(30):
            self.frame()
        text = reply(random.Random(11))
        times_ms = []
        for number in range(N_TOKENS):
            start_s = time.thread_time()
            self.view.grow_turn("w", text[number * 4 : number * 4 + 4], "")
            self.app.processEvents()
            times_ms.append((time.thread_time() - start_s) * 1000)
        return statistics.median(times_ms)

    def scroll(self, rng: random.Random) -> list[float]:
        """Milliseconds of each frame: by the wheel, by pages, by jumps."""
        bar = self.view.verticalScrollBar()
        times_ms = []
        steps = [-120] * 250 + [120] * 100 + [-600] * 80
        for step in steps:
            start_s = time.thread_time()
            bar.setValue(bar.value() + step)
            self.frame()
            times_ms.append((time.thread_time() - start_s) * 1000)
        for _ in range(60):
            start_s = time.thread_time()
            bar.setValue(rng.randint(0, bar.maximum()))
            self.frame()
            times_ms.append((time.thread_time() - start_s) * 1000)
        return times_ms


def main() -> None:
    rounds = measure.n_rounds(5, __doc__)
    before = measure.machine()
    window = Window()
    rng = random.Random(3)
    window.open(make_turns(4, rng))  # imports, fonts
    for _ in range(100):
        window.frame()
    turns = make_turns(N_TURNS, rng)
    opened = [window.open(turns) for _ in range(rounds)]
    frames = window.scroll(rng)
    sides = {
        "many": lambda: window.token_ms(N_TURNS, rng),
        "few": lambda: window.token_ms(N_FEW, rng),
    }
    tokens = measure.alternate(rounds, sides)
    rows = [
        measure.Row("open 1,000 turns / the figure", statistics.median(opened), OPEN_MS, "ms", 1.0),
        measure.median_row("a token at 1,000 turns / at 10", tokens, "many", "few", "ms", TOKEN_RATIO),
        measure.Row("slowest frame of scrolling / the figure", max(frames), FRAME_MS, "ms", 1.0),
    ]
    frames.sort()
    p95_ms = frames[int(len(frames) * 0.95)]
    notes = [f"frames of scrolling: median {statistics.median(frames):.1f} ms, 95th percentile {p95_ms:.1f} ms"]
    measure.report("message view", rows, before, notes)


if __name__ == "__main__":
    main()
