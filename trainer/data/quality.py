"""How surprised a language model of good texts is by others: perplexity as a measure of quality (CCNet, Wenzek et al.
2019, arXiv:1911.00359). Low is like the good texts; what is very low is often a list or a repetition.

Texts are put into lower case, their digits become 0, and marks stand apart from words: so a small model knows much.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rushlight import Error, Progress
from rushlight.trainer.data.columns import Column, text_column
from rushlight.trainer.data.ngrams import NgramModel, estimate
from rushlight.trainer.data.reading import Watch, each_record

_PIECES = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d")
_COLUMN_CHARS = 32 * 2**20


def as_words(text: str) -> str:
    """Words and marks with a blank between, line by line."""
    lines = _DIGITS.sub("0", text.lower()).split("\n")
    return "\n".join(" ".join(_PIECES.findall(line)) for line in lines)


def model_of(paths: Sequence[Path], field: str, order: int, watch: Watch) -> NgramModel:
    """A model of the texts of records. They are held while it is made, with some ten times their size beside them."""
    columns: list[Column] = []
    texts: list[str] = []
    n_chars = 0
    for record in each_record(paths, watch, "Reading good texts"):
        texts.append(as_words(record.text(field)))
        n_chars += len(texts[-1])
        if n_chars >= _COLUMN_CHARS:
            columns.append(text_column(texts))
            texts, n_chars = [], 0
    columns.append(text_column(texts))
    watch.tell(Progress("Making a model of them", 0, None, ""))
    return estimate(columns, order, stop=watch.stop, n_threads=min(os.cpu_count() or 1, 64))


@contextmanager
def kept_model(
    model: str, good: Sequence[str], keep_model: str, field: str, order: int, beside: Path, watch: Watch
) -> Iterator[str]:
    """The file of a model: the one that is there, or one made of good texts, which lies where it is to be kept or, for
    as long as this lasts, in `beside`. "" where neither is named."""
    if model and good:
        raise Error("There are both a model and good texts to make one of.",
                    "Give --model or --good.", kind="bad-setting")  # fmt: skip
    if keep_model and not good:
        raise Error("There are no good texts to make a model of.", "Name them with --good.", kind="bad-setting")
    if keep_model and Path(keep_model).exists():
        raise Error(f"{keep_model} is there already.", "Give another name, or move it away.", kind="exists")
    if not good:
        yield model
        return
    made = model_of([Path(path) for path in good], field, order, watch)
    path = Path(keep_model) if keep_model else beside
    made.save(path)
    del made
    try:
        yield str(path)
    finally:
        if path == beside:
            beside.unlink(missing_ok=True)


def measures(model: NgramModel, texts: Sequence[str]) -> list[dict[str, float]]:
    """Of each text its perplexity per word, not-a-number where it has no words, and the share of unknown words."""
    scores = model.score(text_column([as_words(text) for text in texts]))
    found = []
    for perplexity, n, n_unknown in zip(scores.perplexities(), scores.counts, scores.unknown, strict=True):
        share = float(n_unknown) / max(1, int(n))
        found.append({"perplexity": round(float(perplexity), 2), "unknown_words": round(share, 6)})
    return found
