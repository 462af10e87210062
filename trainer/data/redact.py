"""Takes private details out of every text of a data set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.trainer.data.private import KINDS, redacted
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import writing

_DEEPEST = 64


def redact(paths: Sequence[Path], out: Path, kinds: Sequence[str], watch: Watch) -> dict[str, Any]:
    """All strings of each row are looked at, wherever in it they are; names of fields stay."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise Error(f"{unknown[0][:40]!r} is no kind of private detail; there are {', '.join(KINDS)}.",
                    "Name them with --kind.", kind="bad-setting")  # fmt: skip
    counts: Counter[str] = Counter()
    n_changed = 0
    with writing(out) as writer:
        for record in each_record(paths, watch, "Reading"):
            before = counts.total()
            writer.add(_clean(record.row, kinds or KINDS, counts, record.place, 0))
            n_changed += counts.total() > before
        n_records = writer.n_rows
    return {"path": str(out), "records": n_records, "changed": n_changed, "found": dict(counts)}


def _clean(value: Any, kinds: Sequence[str], counts: Counter[str], place: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise Error(f"{place} is nested too deeply.", "Take the record out.", kind="bad-data")
    if isinstance(value, str):
        text, found = redacted(value, kinds)
        counts.update(found)
        return text
    if isinstance(value, dict):
        return {name: _clean(one, kinds, counts, place, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one, kinds, counts, place, depth + 1) for one in value]
    return value
