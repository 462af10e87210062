"""The answer's bytes as whole characters, up to a stop string.

Tokens split characters and stop strings anywhere. `TextStream` hands out text as early as it is certain: a character
once it is whole, and never a piece that could still become part of a stop string. Knows no tokens.
"""

import codecs
from collections.abc import Iterable


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
        return self._take(self._decoder.decode(piece))

    def finish(self) -> str:
        """What was held back, at the end of the answer. An unfinished character becomes U+FFFD."""
        text = self._take(self._decoder.decode(b"", final=True))
        if self.stopped:
            return text
        text += self._held
        self._held = ""
        for stop in self._stops:
            stop.n_matched = 0
        return text

    def _take(self, new: str) -> str:
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
