"""One turn of a conversation as lines: bubble or reply, what was attached, how it ended, figures and thumbs.

Keeps what it has drawn until the width, the theme or the turn changes; a reply that grows draws only its open block
again. Knows no widget.
"""

from dataclasses import dataclass, replace

from rich.style import Style
from textual.strip import Strip

from rushlight.assistant.safety.plain import plain
from rushlight.ui.desk.turn import Turn
from rushlight.ui.tui.lines import Piece, beside, fitted, grounded, padded, piece, wrapped
from rushlight.ui.tui.look import Look
from rushlight.ui.tui.markdown_lines import MarkdownLines, literal_lines
from rushlight.ui.words import plural, text

_COLUMN_MAX = 100  # cells; longer lines read badly
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """How a turn is to be drawn now."""

    look: Look
    width: int
    is_last: bool = False
    is_selected: bool = False
    shows_reasoning: bool = False
    notice: str = ""  # drawn before the turn
    keys: str = ""  # what can be done with the selected turn, and by which keys


class TurnBlock:
    """A turn and its lines."""

    def __init__(self, turn: Turn, heading: str = "") -> None:
        """`heading`: it is no message but an answer without a name, which is called so."""
        self.turn = turn
        self.heading = heading
        self.shows_reasoning = False
        self._body: MarkdownLines | None = None
        self._body_key: tuple[str, int] = ("", 0)
        self._drawn: list[Strip] = []
        self._drawn_for: Frame | None = None

    def change(self, turn: Turn) -> None:
        """The turn is this one now."""
        if turn.text != self.turn.text or self.turn.is_being_written:
            self._body = None
        elif self._body is not None:
            self._body.close()
        self.turn = turn
        self._drawn_for = None

    def grow(self, more: str, reasoning: str) -> None:
        """More of the reply; only its last block is drawn again."""
        self.turn = replace(self.turn, text=self.turn.text + more, reasoning=self.turn.reasoning + reasoning)
        if self._body is not None:
            self._body.feed(more)
        self._drawn_for = None

    def estimate(self, width: int) -> int:
        """About how many lines it will take, without drawing it."""
        column = max(8, min(_COLUMN_MAX, width - 2 * _MARGIN))
        n_lines = sum(1 + len(line) // column for line in self.turn.text.split("\n", 2000))
        return n_lines + (3 if self.turn.role == "assistant" else 2)

    def is_drawn(self, frame: Frame) -> bool:
        """Whether `lines` would cost nothing."""
        return self._drawn_for == frame

    def lines(self, frame: Frame) -> list[Strip]:
        """The lines, each of the full width."""
        if self._drawn_for != frame:
            self._drawn = self._draw(frame)
            self._drawn_for = frame
        return self._drawn

    def _draw(self, frame: Frame) -> list[Strip]:
        look, width = frame.look, frame.width
        column = max(8, min(_COLUMN_MAX, width - 2 * _MARGIN))
        left = max(_MARGIN, (width - column) // 2)
        lines: list[Strip] = [padded(line, left, width, look.page) for line in self._notice(frame, column)]
        mine = self._user(look, column) if self.turn.role == "user" else self._reply(frame, column)
        for line in mine:
            whole = padded(line, left, width, look.page)
            if frame.is_selected:
                whole = Strip([*fitted([("▌", look.selected)], 1, look.page), *whole.crop(1, width)])
            lines.append(whole)
        lines.append(padded(Strip([]), 0, width, look.page))
        return lines

    def _notice(self, frame: Frame, column: int) -> list[Strip]:
        if not frame.notice:
            return []
        look = frame.look
        rule = fitted([("╌" * column, look.code_line)], column, look.page)
        return [rule, *wrapped([("▲ ", look.flame), piece(frame.notice, look.muted)], column), rule, Strip([])]

    def _user(self, look: Look, column: int) -> list[Strip]:
        ground = look.bubble
        room = max(6, column * 3 // 4 - 3)
        rows = literal_lines(self.turn.text, look, room, ground)
        for name, size_bytes in self.turn.attachments:
            label = f"▤ {plain(name)} · {size_in_words(size_bytes)}".replace("\n", " ")
            rows.append(fitted([piece(label, ground + Style(color=look.tokens.muted))], min(room, len(label)), ground))
        wide = max((row.cell_length for row in rows), default=1)
        bar: list[Piece] = [("▌ ", ground + Style(color=look.tokens.accent))]
        lines = []
        for row in rows:
            bubble = Strip([*fitted(bar, 2, ground), *padded(row, 0, wide + 1, ground)])
            lines.append(padded(bubble, column - wide - 3, column, look.page))
        if self.turn.n_versions > 1:
            lines.append(beside([], [(self._versions(), look.faint)], column, look.page))
        return lines

    def _reply(self, frame: Frame, column: int) -> list[Strip]:
        look, turn = frame.look, self.turn
        lines = self._reasoning(look, column)
        if self.heading:
            rule = "─" * max(0, column - len(self.heading) - 4)
            lines.append(
                fitted([("── ", look.muted), (self.heading, look.accent), (f" {rule}", look.muted)], column, look.page)
            )
        body = [grounded(line, Style()) for line in self._body_lines(look, column)]
        if turn.is_being_written:
            caret = fitted([("▍", look.flame)], 1, look.page)
            if body and body[-1].cell_length < column:
                body[-1] = Strip([*body[-1], *caret])
            else:
                body.append(caret)
        lines += body
        if turn.correction is not None:
            lines.append(Strip([]))
            lines += wrapped([(text("It should have been:"), look.good)], column)
            for row in wrapped([piece(turn.correction, look.page)], column - 2):
                lines.append(Strip([*fitted([("▎ ", look.good)], 2, look.page), *row]))
        if not turn.is_being_written and not self.heading:
            lines.append(self._foot(frame, column))
        return lines

    def _reasoning(self, look: Look, column: int) -> list[Strip]:
        turn = self.turn
        if not turn.reasoning:
            return []
        is_open = self.shows_reasoning or (turn.is_being_written and not turn.text)
        count = len(turn.reasoning.split())
        head = ("▾ " if is_open else "▸ ") + plural("Thought in {count} word", "Thought in {count} words", count)
        lines = [fitted([(head, look.muted)], column, look.page)]
        if is_open:
            shown = turn.reasoning.strip()[-20_000:]
            for row in wrapped([piece(shown, look.muted)], column - 2):
                lines.append(Strip([*fitted([("│ ", look.code_line)], 2, look.page), *row]))
        return [*lines, Strip([])] if turn.text else lines

    def _body_lines(self, look: Look, column: int) -> list[Strip]:
        key = (look.tokens.name, column)
        if self._body is None or self._body_key != key:
            self._body = MarkdownLines(look, column)
            self._body.feed(self.turn.text)
            if not self.turn.is_being_written:
                self._body.close()
            self._body_key = key
        return list(self._body.lines)

    def _versions(self) -> str:
        return f"‹ {self.turn.version} / {self.turn.n_versions} ›"

    def _foot(self, frame: Frame, column: int) -> Strip:
        look, turn = frame.look, self.turn
        left: list[Piece] = []

        def say(words: str, style: Style) -> None:
            if left:
                left.append(("  ", look.page))
            left.append((words, style))

        if turn.state != "complete" or turn.finish_reason == "length":
            say(*_ending(turn, look))
        if turn.thumb:
            say(text("▲ good") if turn.thumb == "up" else text("▼ bad"), look.good if turn.thumb == "up" else look.bad)
        if turn.correction is not None:
            say(text("✎ corrected"), look.good)
        if turn.is_kept:
            say(text("✓ kept"), look.good)
        if turn.n_versions > 1:
            say(self._versions(), look.muted)
        if frame.is_selected and frame.keys:
            say(frame.keys, look.muted)
        return beside(left, [(statistics_in_words(turn), look.faint)], column, look.page)


def _ending(turn: Turn, look: Look) -> tuple[str, Style]:
    match turn.state:
        case "stopped":
            return text("■ stopped"), look.muted
        case "failed":
            return text("✗ failed"), look.bad
        case "partial":
            return text("… broken off"), look.bad
        case _:
            return text("… cut at the longest answer allowed"), look.muted


def statistics_in_words(turn: Turn) -> str:
    """The figures of a reply: "41 tok/s · first word 0.18 s · 212 tokens"; "" where none is known."""
    figures, said = turn.statistics, []
    if figures.tokens_per_s > 0:
        said.append(text("{rate} tok/s", rate=f"{figures.tokens_per_s:.3g}"))
    if figures.first_token_s > 0:
        said.append(text("first word {seconds} s", seconds=f"{figures.first_token_s:.2f}"))
    if figures.n_tokens > 0:
        said.append(plural("{count} token", "{count} tokens", figures.n_tokens))
    return " · ".join(said)


def size_in_words(size_bytes: int) -> str:
    """Bytes as people read them."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""
