"""What a model said before, as a table of n-grams: guesses for new answers, from the user's own past replies.

Kept on disk for each model, capped, and only where the user asked for it. A file that is damaged or of another model
is as good as none. Knows token ids; whether guessing pays is decided in `speculate`.

    "RLNGRAM1" | identity 32 B | SHA-256 of the rest 32 B | token ids int32 each, -1 between two replies
"""

import hashlib
import os
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

from rushlight.native import NgramIndex

_MAGIC = b"RLNGRAM1"
_HEAD_BYTES = len(_MAGIC) + 64
_BETWEEN = -1  # no token: nothing is guessed across it
_MIN_NGRAM, MAX_NGRAM = 3, 4  # longer than in the text itself: strangers are alike less often
_LEAST_TOKENS = 8  # a shorter reply teaches nothing


class NgramTable:
    """At most `max_tokens` of past replies, the oldest forgotten first. Belongs to the engine's thread."""

    def __init__(self, path: Path, identity: bytes, max_tokens: int) -> None:
        self._path, self._identity = path, hashlib.sha256(identity).digest()
        self._max_tokens = max_tokens
        self._tokens = self._read()
        self._index = self._indexed()

    def __len__(self) -> int:
        return len(self._tokens)

    def propose(self, last_tokens: Sequence[int], n: int) -> list[int]:
        """What followed these tokens last time; [] where they were never said."""
        index, n_held = self._index, len(self._tokens)
        if not n_held or len(last_tokens) < _MIN_NGRAM:
            return []
        index.extend([_BETWEEN, *last_tokens[-MAX_NGRAM:]])
        guess = index.propose(n)
        index.truncate(n_held)
        return guess[: guess.index(_BETWEEN)] if _BETWEEN in guess else guess

    def learn(self, token_ids: Sequence[int]) -> None:
        """A reply was given."""
        if len(token_ids) < _LEAST_TOKENS:
            return
        new = array("i", [*token_ids[-self._max_tokens + 1 :], _BETWEEN])
        if len(self._tokens) + len(new) > self._max_tokens:
            n_kept = min(self._max_tokens // 2, self._max_tokens - len(new))  # half at once: not each time
            self._tokens = self._tokens[len(self._tokens) - n_kept :] if n_kept else array("i")
            self._tokens.extend(new)
            self._index = self._indexed()
        else:
            self._tokens.extend(new)
            self._index.extend(new)
        self._write()

    def _indexed(self) -> NgramIndex:
        index = NgramIndex(MAX_NGRAM, _MIN_NGRAM, self._max_tokens + MAX_NGRAM + 1)
        index.extend(self._tokens)
        return index

    def _read(self) -> "array[int]":
        tokens = array("i")
        try:
            with self._path.open("rb") as file:
                head, data = file.read(_HEAD_BYTES), file.read(4 * self._max_tokens + 1)
        except OSError:
            return tokens
        whole = head == _MAGIC + self._identity + hashlib.sha256(data).digest()
        if not whole or len(data) % 4 or len(data) > 4 * self._max_tokens:
            return tokens
        tokens.frombytes(data)
        if sys.byteorder == "big":
            tokens.byteswap()
        return tokens

    def _write(self) -> None:
        """Whole or not at all; a disk that is full costs guesses, not answers."""
        tokens = self._tokens
        if sys.byteorder == "big":
            tokens = array("i", tokens)
            tokens.byteswap()
        data = tokens.tobytes()
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.partial")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(partial, "wb", opener=_private) as file:
                file.write(_MAGIC + self._identity + hashlib.sha256(data).digest() + data)
            partial.replace(self._path)
        except OSError:
            try:
                partial.unlink(missing_ok=True)
            except OSError:
                pass


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
