"""Some records of a data set, drawn evenly from all of it, or those from a place on."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.trainer.data.reading import Watch, each_record

MOST_SHOWN = 100
MOST_CHARS = 4000


def show(paths: Sequence[Path], field: str, n: int, first: int, seed: int, watch: Watch) -> dict[str, Any]:
    """`n` records from number `first` on (counted from 1), or drawn at random where it is 0 (reservoir sampling)."""
    n = min(n, MOST_SHOWN)
    drawn = random.Random(seed)
    kept: list[tuple[int, dict[str, Any]]] = []
    number = 0
    for number, record in enumerate(each_record(paths, watch), 1):
        place = len(kept) if len(kept) < n else drawn.randrange(number)
        if first and not first <= number < first + n:
            if number >= first + n:
                break
            continue
        if first or place < n:
            shown = (number, {"number": number, "place": record.place, "text": record.text(field)[:MOST_CHARS]})
            if len(kept) < n:
                kept.append(shown)
            else:
                kept[place] = shown
    return {"records": [one for _, one in sorted(kept, key=lambda one: one[0])], "read": number}
