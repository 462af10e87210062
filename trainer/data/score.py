"""Writes into every record what the rules of heuristics.py find: its measures, and the rules that it breaks."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.trainer.data.heuristics import measured
from rushlight.trainer.data.reading import Watch, each_record
from rushlight.trainer.data.write import writing


def score(paths: Sequence[Path], out: Path, field: str, watch: Watch) -> dict[str, Any]:
    """No record is left out."""
    broken: Counter[str] = Counter()
    n_good = 0
    with writing(out) as writer:
        for record in each_record(paths, watch):
            values, rules = measured(record.text(field))
            broken.update(rules)
            n_good += not rules
            writer.add(record.row | {"quality": {"measures": values, "breaks": rules}})
        n_records = writer.n_rows
    return {"path": str(out), "records": n_records, "keep_all_rules": n_good, "broken": dict(broken.most_common())}
