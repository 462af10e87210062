"""Writes into every record what the rules of heuristics.py find, and how surprised a model of good texts is by it."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rushlight.trainer.data.heuristics import measured
from rushlight.trainer.data.ngrams import NgramModel
from rushlight.trainer.data.quality import measures
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.records import Record
from rushlight.trainer.data.write import writing

_BATCH = 256


def score(
    paths: Sequence[Path], out: Path, field: str, watch: Watch, model: NgramModel | None = None
) -> dict[str, Any]:
    """No record is left out."""
    broken: Counter[str] = Counter()
    perplexities: Counter[str] = Counter()
    n_good = 0
    with writing(out) as writer:
        for batch in _batches(each_record(paths, watch)):
            texts = [record.text(field) for record in batch]
            nothing: list[dict[str, float]] = [{}] * len(batch)
            more = measures(model, texts) if model is not None else nothing
            for record, text, surprise in zip(batch, texts, more, strict=True):
                values, rules = measured(text)
                broken.update(rules)
                n_good += not rules
                if "perplexity" in surprise:
                    perplexities[_step(surprise["perplexity"])] += 1
                writer.add(record.row | {"quality": {"measures": values | surprise, "breaks": rules}})
        n_records = writer.n_rows
    return {"path": str(out), "records": n_records, "keep_all_rules": n_good, "broken": dict(broken.most_common()),
            "perplexities": dict(perplexities)}  # fmt: skip


def _step(perplexity: float) -> str:
    """The next power of two, at most a million; 0 for a text without words."""
    return str(2 ** min(20, math.ceil(math.log2(max(1.0, perplexity)))) if perplexity == perplexity else 0)


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, _BATCH)):
        yield batch
