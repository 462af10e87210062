"""The last gate before the terminal: whatever a widget draws, of its own or of Textual's, passes here as letters only.

Texts are cleaned where they come in as well; this holds also for what is typed or pasted into an input, and for a place
that somebody forgot. What goes takes no cell, so lines keep their width.
"""

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Controls, separators that some terminals obey, what reorders or hides text, tags; surrogates, which no encoder takes.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\U000e0000-\U000e007f\ud800-\udfff]"
)


class Gate(LineFilter):
    """One for the app: lines remember what it made of them."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments; new ones only where something had to go."""
        if not any(_UNSEEN.search(one.text) for one in segments):
            return segments
        return [Segment(_UNSEEN.sub(_shown, one.text), one.style, one.control) for one in segments]


def _shown(found: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= found.group() <= "\udfff" else ""
