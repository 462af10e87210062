"""Going through records with progress: what every step on data does first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rushlight import Progress, Stop
from rushlight.trainer.data.read import read_records, total_bytes
from rushlight.trainer.data.records import Record

_EVERY = 200  # records between two reports


def _silent(_progress: Progress) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Watch:
    """How work is stopped, and whom it tells how far it is."""

    stop: Stop = field(default_factory=Stop)
    tell: Callable[[Progress], None] = _silent


def each_record(paths: Sequence[Path], watch: Watch, what: str = "Reading") -> Iterator[Record]:
    """Every record of the files, in order."""
    total = total_bytes(paths)
    for number, (record, behind) in enumerate(read_records(paths)):
        watch.stop.check()
        if number % _EVERY == 0:
            watch.tell(Progress(what, behind, total, "bytes"))
        yield record
