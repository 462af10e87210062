"""Parts what a model thinks from what it answers, while the text streams in.

Knows how model families mark their reasoning; which of them a model uses is read from its chat template. Knows
nothing of tokens: the caller hands in text in which these marks are visible, though some are control tokens.
"""

from dataclasses import dataclass

from rushlight.assistant.events import ReasoningDelta, TextDelta


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """How one family marks reasoning. The first of `openers` is the one that a template's prompt may end with."""

    family: str
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    dropped: tuple[str, ...] = ()  # marks without meaning for the reader, taken out of the answer
    anywhere: bool = False  # control tokens open it at any place; plain tags only as the answer's first word

    @property
    def all(self) -> tuple[str, ...]:
        """Every mark: those of them that are control tokens must be visible in the text that is fed in."""
        return (*self.openers, *self.closers, *self.dropped)


def _pair(family: str, opener: str, closer: str) -> ReasoningTags:
    return ReasoningTags(family, (opener,), (closer,))


HARMONY = ReasoningTags(
    "harmony",
    ("<|channel|>analysis<|message|>",),
    ("<|end|>",),
    ("<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>commentary<|message|>", "<|return|>"),
    anywhere=True,
)
GEMMA = ReasoningTags("gemma4", ("<|channel>thought\n", "<|channel>thought"), ("<channel|>",), anywhere=True)
THINK = _pair("think", "<think>", "</think>")

# Special families before the common one: their templates may speak of <think> too, to clean it from old turns.
FAMILIES = (
    _pair("seed", "<seed:think>", "</seed:think>"),
    _pair("magistral", "[THINK]", "[/THINK]"),
    _pair("command", "<|START_THINKING|>", "<|END_THINKING|>"),
    _pair("kimi-vl", "◁think▷", "◁/think▷"),
    _pair("apertus", "<|inner_prefix|>", "<|inner_suffix|>"),
    THINK,
    _pair("reasoning", "<reasoning>", "</reasoning>"),
    _pair("thinking", "<thinking>", "</thinking>"),
    _pair("thought", "<thought>", "</thought>"),
)


def find_tags(template: str, special_texts: frozenset[str] = frozenset()) -> ReasoningTags | None:
    """The family whose marks the template, else the vocabulary, speaks of. None: this model does not think aloud."""
    if "<|channel|>" in template and "analysis" in template:
        return HARMONY
    if "<|channel>" in template and "<channel|>" in template:
        return GEMMA
    for tags in FAMILIES:
        # A template may only close: it cleans old turns, and the model opens by itself.
        if tags.openers[0] in template or tags.closers[0] in template:
            return tags
    if {"<|channel|>", "<|message|>", "<|start|>"} <= special_texts:
        return HARMONY
    return next((tags for tags in FAMILIES if {tags.openers[0], tags.closers[0]} <= special_texts), None)


class ReasoningSplitter:
    """Feed text in any pieces; the joined output does not depend on how it was cut.

    Reasoning is trimmed at both borders, and so is the start of the answer that follows it; an answer without
    reasoning is left exactly as it is. Reasoning that never ends is flushed by `close`.

    splitter = ReasoningSplitter(THINK, opened=False)
    splitter.feed("<think>Two and") + splitter.feed(" two.</think>\n4") + splitter.close()
    """

    def __init__(self, tags: ReasoningTags | None, opened: bool) -> None:
        self._tags = tags
        self._thinking = opened and tags is not None
        self._held = ""  # might be the beginning of a mark
        self._space = ""  # white space that is said only if something follows it
        self._at_start = True  # nothing but white space and marks so far
        self._trim = self._thinking  # white space here belongs to a border

    @property
    def is_apart(self) -> bool:
        """Inside reasoning or at one of its borders: what came last is no part of the answer."""
        return not self._held and (self._thinking or self._trim)

    def feed(self, text: str) -> list[TextDelta | ReasoningDelta]:
        if self._tags is None:
            return [TextDelta(text)] if text else []
        out: list[TextDelta | ReasoningDelta] = []
        self._held += text
        while self._held:
            marks = self._marks()
            place, mark = _first_mark(self._held, marks)
            keep = _unfinished(self._held, marks)
            if mark and place < keep:  # else a longer mark may still begin there
                self._say(self._held[:place], out)
                if not self._applies(mark):
                    self._say(mark, out)
                else:
                    self._pass(mark)
                self._held = self._held[place + len(mark) :]
                continue
            self._say(self._held[:keep], out)
            self._held = self._held[keep:]
            break
        return _joined(out)

    def close(self) -> list[TextDelta | ReasoningDelta]:
        """What was held back, now that nothing follows."""
        out: list[TextDelta | ReasoningDelta] = []
        while self._held:
            place, mark = _first_mark(self._held, self._marks())
            if not mark:
                self._say(self._held, out)
                break
            self._say(self._held[:place], out)
            if self._applies(mark):
                self._pass(mark)
            else:
                self._say(mark, out)
            self._held = self._held[place + len(mark) :]
        self._held = ""
        if self._space and not self._thinking and not self._trim:
            out.append(TextDelta(self._space))
        self._space = ""
        return _joined(out)

    def _marks(self) -> tuple[str, ...]:
        assert self._tags is not None
        tags = self._tags
        if self._thinking:
            return (*tags.closers, *tags.openers) if self._at_start or tags.anywhere else tags.closers
        if tags.anywhere:
            return tags.all
        return tags.openers if self._at_start else ()

    def _applies(self, mark: str) -> bool:
        """A plain tag opens only as the first word; by the time it is found something may have been said."""
        assert self._tags is not None
        return self._tags.anywhere or self._at_start or (self._thinking and mark in self._tags.closers)

    def _pass(self, mark: str) -> None:
        assert self._tags is not None
        if mark in self._tags.openers:
            self._thinking = True  # a second opener, after the template's own, changes nothing
            self._trim, self._space = True, ""
        elif mark in self._tags.closers and self._thinking:
            self._thinking = False
            self._trim, self._space = True, ""
            self._at_start = False
        elif not self._thinking:
            self._trim, self._space = True, ""

    def _say(self, text: str, out: list[TextDelta | ReasoningDelta]) -> None:
        if not text:
            return
        if self._trim:
            text = text.lstrip()
            if not text:
                return
        elif self._at_start and not self._thinking and not text.strip():
            self._space += text  # before an opener it is dropped, before an answer it is said
            return
        self._trim = False
        if self._thinking:
            self._at_start = False
            core = text.rstrip()
            if core:
                out.append(ReasoningDelta(self._space + core))
                self._space = text[len(core) :]
            else:
                self._space += text
            return
        self._at_start = False
        out.append(TextDelta(self._space + text))
        self._space = ""


def _first_mark(text: str, marks: tuple[str, ...]) -> tuple[int, str]:
    """(place, mark) of the earliest mark, the longest at that place; (len, "") where none is."""
    best, found = len(text), ""
    for mark in marks:
        place = text.find(mark)
        if place >= 0 and (place < best or (place == best and len(mark) > len(found))):
            best, found = place, mark
    return best, found


def _unfinished(text: str, marks: tuple[str, ...]) -> int:
    """Where the tail begins that could still become a (longer) mark; len(text) where none could."""
    longest = max((len(mark) for mark in marks), default=0)
    for place in range(max(0, len(text) - longest), len(text)):
        tail = text[place:]
        if any(len(mark) > len(tail) and mark.startswith(tail) for mark in marks):
            return place
    return len(text)


def _joined(events: list[TextDelta | ReasoningDelta]) -> list[TextDelta | ReasoningDelta]:
    """Neighbours of one kind as one event."""
    out: list[TextDelta | ReasoningDelta] = []
    for event in events:
        if out and type(out[-1]) is type(event):
            out[-1] = type(event)(out[-1].text + event.text)
        else:
            out.append(event)
    return out
