"""A conversation's title: a short one made by the model after the first exchange, or the first words of the question.

Making one is never a reason for anything to fail: whatever goes wrong, the first words stay.
"""

import re
from collections.abc import Sequence

from rushlight import Error, Stop
from rushlight.assistant.chat.text_rules import one_line
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import GenerateRequest, Grammar, Message, Sampling
from rushlight.assistant.events import TextDelta
from rushlight.assistant.safety.plain import plain_line

MAX_TITLE_CHARS = 60
_MAX_TOKENS = 24
_ASK = "Give this conversation a title of at most six words, in its language. Write the title only."
# One line without marks and brackets; a letter or digit at its beginning.
_GRAMMAR = Grammar("regex", r"[\p{L}\p{N}][^\n\r*#`\"<>{}\[\]|\\]{2,58}")
_LEAD_IN = re.compile(
    r"^\s*(?:sure[,!:.]?\s*)?(?:(?:the|a)\s+)?(?:conversation\s+)?titles?\s*(?:is)?\s*[:\-–—]\s*", re.IGNORECASE
)
_EDGES = " \t\"'“”‘’«»„`*_#.,:;-–—"


def made_title(engine: Engine, exchange: Sequence[Message], stop: Stop) -> str:
    """The model's title for a conversation that begins so; "" when it has none to give or is stopped."""
    request = GenerateRequest(
        messages=(*exchange, Message("user", _ASK)),
        max_tokens=_MAX_TOKENS,
        grammar=_GRAMMAR,
        sampling=Sampling(),
        stop=("\n",),
        reasoning="off",
    )
    pieces: list[str] = []
    try:
        for event in engine.generate(request, stop):
            if isinstance(event, TextDelta):
                pieces.append(event.text)
    except Error:
        return ""
    return "" if stop.is_set() else clean_title("".join(pieces))


def clean_title(text: str) -> str:
    """What a model wrote as a title, without quotes, lead-ins and marks; cut at a word."""
    lines = [line for line in plain_line_by_line(text) if line.strip(_EDGES)]
    if not lines:
        return ""
    return _shortened(_LEAD_IN.sub("", lines[0]).strip(_EDGES))


def first_words(text: str) -> str:
    """A title from the question itself."""
    lines = [line for line in plain_line_by_line(text) if line.strip(_EDGES)]
    return _shortened(lines[0].strip().lstrip(_EDGES)) if lines else ""


def plain_line_by_line(text: str) -> list[str]:
    """The first lines, each without anything that a terminal would obey."""
    return [plain_line(line) for line in text[:4000].splitlines()]


def _shortened(line: str) -> str:
    line = one_line(line)
    if len(line) <= MAX_TITLE_CHARS:
        return line
    cut = line[: MAX_TITLE_CHARS - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > MAX_TITLE_CHARS // 2 else cut).rstrip(_EDGES) + "…"
