"""The answer's bytes as whole characters, up to a stop string.

Tokens split characters and stop strings anywhere. `TextStream` hands out text as early as it is certain: a character
once it is whole, and never a piece that could still become part of a stop string. `AnswerStream` does so with what a
model says, apart from what it thinks. Knows no vocabulary.
"""

import codecs
from collections.abc import Iterable, Sequence

from rushlight.assistant.engine.reasoning import ReasoningSplitter
from rushlight.assistant.events import ReasoningDelta, TextDelta, TokenLogprob


class TextStream:
    """Bytes in, text out.

        stream = TextStream(("###",))
        stream.feed(b"caf\\xc3")      # "caf"
        stream.feed(b"\\xa9 ##")      # "é "   ("##" may become a stop string)
        stream.feed(b"# more")        # ""      stream.stopped == "###"

    The text ends before the stop string that is complete first; of those that end at the same character, before the
    longest. Bytes that are no UTF-8 become U+FFFD as in `bytes.decode(errors="replace")`.
    """

    def __init__(self, stop_strings: Iterable[str] = ()) -> None:
        self.stopped = ""  # the stop string that was found
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stops = tuple(_Stop(text) for text in dict.fromkeys(stop_strings) if text)
        self._held = ""  # text that may become part of a stop string

    @property
    def held(self) -> str:
        """Text that came in and waits for what follows it."""
        return self._held

    def feed(self, piece: bytes) -> str:
        """The text that has become certain with these bytes; "" after a stop string."""
        return self.feed_text(self._decoder.decode(piece))

    @property
    def is_inside(self) -> bool:
        """A character has begun and is not whole."""
        return bool(self._decoder.getstate()[0])

    def finish(self) -> str:
        """What was held back, at the end of the answer. An unfinished character becomes U+FFFD."""
        text = self.feed_text(self._decoder.decode(b"", final=True))
        if self.stopped:
            return text
        text += self._held
        self._held = ""
        for stop in self._stops:
            stop.n_matched = 0
        return text

    def feed_text(self, new: str) -> str:
        """`feed` with text instead of bytes."""
        if self.stopped or not new:
            return ""
        if not self._stops:
            return new
        text = self._held + new
        for at, char in enumerate(new, len(self._held) + 1):
            found = ""
            for stop in self._stops:
                if stop.step(char) and len(stop.text) > len(found):
                    found = stop.text
            if found:
                self.stopped = found
                self._held = ""
                return text[: at - len(found)]
        certain = len(text) - max(stop.n_matched for stop in self._stops)
        self._held = text[certain:]
        return text[:certain]


class _Stop:
    """A stop string and how many of its characters the text ends with (Knuth, Morris and Pratt 1977)."""

    __slots__ = ("_fallback", "n_matched", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.n_matched = 0
        # fallback[n]: the longest proper prefix that the first n characters also end with.
        self._fallback = [0] * (len(text) + 1)
        n = 0
        for i in range(1, len(text)):
            while n and text[i] != text[n]:
                n = self._fallback[n]
            n += text[i] == text[n]
            self._fallback[i + 1] = n

    def step(self, char: str) -> bool:
        """Go on by one character; True where the stop string is complete."""
        n = self.n_matched
        while n and self.text[n] != char:
            n = self._fallback[n]
        n += self.text[n] == char
        self.n_matched = n
        return n == len(self.text)


class AnswerStream:
    """Bytes of tokens in, deltas out: thoughts, and the answer up to a stop string.

    Stop strings are looked for in the answer only. One that the model thinks of ends nothing, nor does one in a mark of
    its reasoning or in the white space beside it. A log-probability given with a token comes with the first text of
    that token; those of thoughts, of marks and of what the stop string took away are dropped.
    """

    def __init__(self, stop_strings: Iterable[str], splitter: ReasoningSplitter) -> None:
        self._characters = TextStream()
        self._splitter = splitter
        self._answer = TextStream(stop_strings)
        self._n_heard = self._n_said = 0  # characters of the answer: that came in, that went out
        self._waiting: list[tuple[int, TokenLogprob]] = []  # with how much of the answer came in before the token
        self._deltas: list[TextDelta | ReasoningDelta] = []  # not taken yet

    @property
    def stopped(self) -> str:
        """The stop string that was found; nothing may be fed after it."""
        return self._answer.stopped

    @property
    def has_news(self) -> bool:
        """There is something to take."""
        return bool(self._deltas)

    def feed(self, piece: bytes, logprob: TokenLogprob | None = None) -> None:
        """The bytes of the next token."""
        if logprob is not None:
            self._waiting.append((self._n_heard, logprob))
        self._hear(self._splitter.feed(self._characters.feed(piece)))
        self._forget()

    def take(self) -> list[TextDelta | ReasoningDelta]:
        """What has become certain since the last time, neighbours of one kind as one."""
        deltas, self._deltas = self._deltas, []
        return deltas

    def finish(self) -> list[TextDelta | ReasoningDelta]:
        """The same with what was held back, at the end of the answer."""
        if not self.stopped:
            self._hear([*self._splitter.feed(self._characters.finish()), *self._splitter.close()])
            self._forget()
        if not self.stopped:
            self._say(self._answer.finish())
            if self._waiting:  # of tokens without text of their own
                self._add(TextDelta("", tuple(logprob for _n_before, logprob in self._waiting)))
        return self.take()

    def _forget(self) -> None:
        """Log-probabilities of tokens that were thought, or are a mark; not of one that is a part of a character."""
        if self._waiting and self._splitter.is_apart and not self._characters.is_inside:
            self._waiting = [one for one in self._waiting if one[0] < self._n_heard]

    def _hear(self, deltas: Sequence[TextDelta | ReasoningDelta]) -> None:
        for delta in deltas:
            if isinstance(delta, ReasoningDelta):
                self._add(delta)
                continue
            self._n_heard += len(delta.text)
            self._say(self._answer.feed_text(delta.text))
            if self.stopped:
                return

    def _say(self, text: str) -> None:
        if not text:
            return
        self._n_said += len(text)
        n = 0
        while n < len(self._waiting) and self._waiting[n][0] < self._n_said:
            n += 1
        self._add(TextDelta(text, tuple(logprob for _n_before, logprob in self._waiting[:n])))
        del self._waiting[:n]

    def _add(self, delta: TextDelta | ReasoningDelta) -> None:
        last = self._deltas[-1] if self._deltas else None
        if isinstance(last, TextDelta) and isinstance(delta, TextDelta):
            self._deltas[-1] = TextDelta(last.text + delta.text, last.logprobs + delta.logprobs)
        elif isinstance(last, ReasoningDelta) and isinstance(delta, ReasoningDelta):
            self._deltas[-1] = ReasoningDelta(last.text + delta.text)
        else:
            self._deltas.append(delta)
