"""Cleans texts and leaves rubbish out: one form of Unicode, no control characters, and the rules of heuristics.py."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.trainer.data.heuristics import RULES, measured
from rushlight.trainer.data.ngrams import NgramModel
from rushlight.trainer.data.quality import measures
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import writing

SOURCES = tuple(dict.fromkeys(rule.source for rule in RULES))
# Controls but tab and line end, marks of direction, zero width, byte order, what is no character. Joiners stay: scripts
# and signs need them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]"
)
_MARKS = re.compile("[\U000e0000-\U000e007f]")  # invisible letters, good for nothing but hiding orders to a model


def cleaned(text: str) -> str:
    """NFC, "\\n" as line end, no invisible characters, no blanks at line ends, at most one empty line in a row."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _MARKS.sub("", _UNWANTED.sub("", text.replace("\x0c", "\n").replace("\x85", "\n").replace("\u2028", "\n")))
    lines = [line.rstrip() for line in text.split("\n")]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip("\n")


def clean(
    paths: Sequence[Path], out: Path, field: str, sources: Sequence[str], least: int, most: int, watch: Watch,
    model: NgramModel | None = None, most_perplexity: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Rows whose text has `least` to `most` characters and keeps the rules of all `sources`, every string cleaned; with
    a model of good texts, only those that surprise it at most so much."""
    unknown = [name for name in sources if name not in SOURCES]
    if unknown:
        raise Error(f"There are no rules named {unknown[0][:40]!r}; there are {', '.join(SOURCES)}.",
                    "Name them with --rules.", kind="bad-setting")  # fmt: skip
    dropped: Counter[str] = Counter()
    n_records = n_changed = 0
    with writing(out) as writer:
        for record in each_record(paths, watch):
            n_records += 1
            row = _cleaned_row(record.row)
            text = type(record)(row, record.place).text(field)
            reasons = []
            if not least <= len(text) <= most:
                reasons.append("length")
            elif sources:
                reasons = [name for name in measured(text)[1] if name.split()[0] in sources]
            if not reasons and model is not None and _is_strange(model, text, most_perplexity):
                reasons = ["perplexity"]
            if reasons:
                dropped.update(reasons)
                continue
            n_changed += row != record.row
            writer.add(row)
        n_written = writer.n_rows
    return {"path": str(out), "records": n_records, "written": n_written, "changed": n_changed,
            "reasons": dict(dropped.most_common())}  # fmt: skip


def _is_strange(model: NgramModel, text: str, most: float) -> bool:
    """A text without words is."""
    return not measures(model, [text])[0]["perplexity"] <= most


def _cleaned_row(value: Any) -> Any:
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, dict):
        return {name: _cleaned_row(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned_row(one) for one in value]
    return value
