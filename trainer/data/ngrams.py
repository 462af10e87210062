"""N-gram models of texts: estimated, kept in files, and asked how likely a text is. The work is done by native kernels.

A file of ours, `.ngrams`, is the model as the kernels use it and is mapped into memory; `.arpa` is the text form of
other toolkits. Without a compiler the plain version runs, which keeps its models as ARPA text.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight import Error, Stop
from rushlight.native import COMPILED, estimate_ngrams, ngrams_from_arpa, ngrams_to_arpa, score_ngrams, score_words
from rushlight.quant.whole_file import whole_file
from rushlight.trainer.data import plain_ngrams
from rushlight.trainer.data.columns import Column

MOST_ORDER = 5
_HEADER_BYTES = 80


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each text: log10 of its probability, how many words and ends of lines it has, and how many are unknown."""

    sums: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]

    def perplexities(self) -> npt.NDArray[np.float64]:
        """Per word, ends of lines among them; not-a-number for a text without words."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found: npt.NDArray[np.float64] = 10.0 ** (-self.sums / np.where(self.counts > 0, self.counts, np.nan))
        return found


class NgramModel:
    """A model in memory or mapped from its file."""

    def __init__(self, image: Any) -> None:
        self._image = image
        self._plain = None if COMPILED else plain_ngrams.from_arpa(bytes(image))

    @property
    def order(self) -> int:
        return int.from_bytes(self._image[8:16], "little") if self._plain is None else len(self._plain)

    def score(self, column: Column, n_threads: int = 1) -> Scores:
        """What the model says of every text."""
        found = Scores(np.zeros(column.n), np.zeros(column.n, np.int64), np.zeros(column.n, np.int64))
        if self._plain is None:
            score_ngrams(
                self._image, column.offsets, column.data, column.validity, column.first, found.sums, found.counts,
                found.unknown, n_threads,
            )  # fmt: skip
            return found
        for i in range(column.n):
            words = plain_ngrams.word_scores(self._plain, column.text(i) or b"")
            found.sums[i], found.counts[i] = sum(score for score, _ in words), len(words)
            found.unknown[i] = sum(not is_known for _, is_known in words)
        return found

    def word_scores(self, text: str) -> list[float]:
        """log10 of the probability of each word and each end of line."""
        raw = text.encode("utf-8", "surrogatepass")
        if self._plain is not None:
            return [score for score, _ in plain_ngrams.word_scores(self._plain, raw)]
        found: list[float] = np.frombuffer(score_words(self._image, raw) or b"", np.float32).tolist()
        return found

    def arpa(self) -> bytes:
        """The model as an ARPA file."""
        return bytes(self._image) if self._plain is not None else ngrams_to_arpa(self._image) or b""

    def save(self, path: Path) -> None:
        """Into a new file, whole or not at all: ARPA text under a name that ends in .arpa."""
        content = self.arpa() if path.suffix.lower() == ".arpa" else self._image
        with whole_file(path) as file:
            file.write(content)


def estimate(
    columns: Sequence[Column], order: int = MOST_ORDER, *, stop: Stop | None = None, n_threads: int = 1
) -> NgramModel:
    """The model of the texts: interpolated modified Kneser-Ney, see plain_ngrams.py."""
    if not 1 <= order <= MOST_ORDER:
        raise Error(f"The order is {order}, expected 1 to {MOST_ORDER}.", kind="bad-setting")
    stop = stop or Stop()
    if not COMPILED:
        texts = [column.text(i) for column in columns for i in range(column.n)]
        if not any(plain_ngrams.sentences(text or b"") for text in texts):
            raise _no_words()
        return NgramModel(plain_ngrams.to_arpa(plain_ngrams.estimate(texts, order)))
    flag = bytearray(1)
    forget = stop.on_set(lambda: flag.__setitem__(0, 1))
    try:
        lent: list[Any] = [(one.offsets, one.data, one.validity, one.first, one.n) for one in columns]
        image = estimate_ngrams(lent, order, flag, n_threads)
    except ValueError as error:
        if "must have a word" in str(error):
            raise _no_words() from None
        raise Error(f"Cannot make a model of these texts: {error}", "Take fewer of them.", kind="bad-data") from None
    finally:
        forget()
    stop.check()
    assert image is not None
    return NgramModel(image)


def open_model(path: Path) -> NgramModel:
    """A model from its file: ours, or ARPA text."""
    try:
        with path.open("rb") as file:
            is_ours = file.read(8) == b"RLngram1"
            if not is_ours or not COMPILED:
                file.seek(0)
                content: Any = file.read()
            else:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise Error(f"Cannot read {path}: {error.strerror}.", "Check the file.", kind="file-error") from None
    try:
        if not is_ours and COMPILED:
            content = ngrams_from_arpa(content)
        if COMPILED:
            score_words(content, b"")  # looks at the sizes
        return NgramModel(content)
    except ValueError as error:
        said = "it is damaged, or not whole." if is_ours else str(error)
        raise Error(
            f"{path.name} is no n-gram model: {said}",
            "Expected a file that `rushlight data score --keep-model` wrote, or an ARPA file up to order 5.",
            kind="bad-data",
        ) from None


def _no_words() -> Error:
    return Error("The texts have no words to make a model of.", "Name other files.", kind="bad-data")
