"""What is in a data set: records, fields, lengths, private details, exact doubles, and what is odd about it."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.trainer.data.private import find_private
from rushlight.trainer.data.reading import Watch, each_record

_LONGEST_LIST = 100_000_000  # lengths that are kept for quantiles


def inspect(paths: Sequence[Path], field: str, watch: Watch) -> dict[str, Any]:
    """Figures over all records. Holds 20 bytes a record."""
    from array import array

    lengths, seen = array("Q"), set()
    fields: Counter[str] = Counter()
    private: Counter[str] = Counter()
    n_words = n_empty = n_double = n_with_private = 0
    for record in each_record(paths, watch):
        text = record.text(field)
        fields.update(map(str, record.row))
        if len(lengths) < _LONGEST_LIST:
            lengths.append(len(text))
        n_words += len(text.split())
        n_empty += not text.strip()
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        n_double += key in seen
        seen.add(key)
        kinds = Counter(one.kind for one in find_private(text))
        private.update(kinds)
        n_with_private += bool(kinds)
    ordered = sorted(lengths)
    n = len(ordered)
    return {
        "records": n, "characters": sum(ordered), "words": n_words, "empty": n_empty, "equal": n_double,
        "fields": dict(fields.most_common(100)),
        "lengths": {name: ordered[min(n - 1, int(share * n))] if n else 0
                    for name, share in (("least", 0.0), ("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1.0))},
        "private": dict(private), "with_private": n_with_private,
    }  # fmt: skip
