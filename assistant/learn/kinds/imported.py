"""Examples out of files of other programs: JSONL, JSON, CSV and TSV, in whichever of the usual forms.

All that is wrong is told at once, by file and line. Columns of other names are mapped by hand.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.learn.example import Draft, Origin
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.kinds.record_files import read_bytes, records
from rushlight.assistant.learn.kinds.record_forms import FIELDS, WrongRecord, draft_of

MAX_EXAMPLES: Final = 200_000
_MOST_TOLD: Final = 10


class ImportedLesson:
    """Files that somebody collected. `columns` says which of their fields is which: {"prompt": "question"}."""

    name = "imported"
    form = ""
    hint = "Give a file with examples."

    def __init__(self, paths: Sequence[Path], *, scope: str = "chat", columns: Mapping[str, str] | None = None) -> None:
        self._paths, self.scope, self._columns = tuple(paths), scope, dict(columns or {})
        unknown = [name for name in self._columns if name not in FIELDS]
        if unknown:
            import difflib

            near = difflib.get_close_matches(unknown[0], FIELDS, n=1)
            raise Error(
                f"There is no field {unknown[0][:40]!r} to map a column to.",
                hint=f"Did you mean {near[0]}?" if near else f"Fields are: {', '.join(FIELDS)}.",
                kind="bad-columns",
            )

    @property
    def title(self) -> str:
        return self._paths[0].stem if self._paths else "Imported"

    @property
    def source(self) -> dict[str, Any]:
        return {"what": "files", "files": [path.name for path in self._paths], "columns": self._columns}

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        found: list[Draft] = []
        problems: list[str] = []
        n_problems = 0
        for path in self._paths:
            raw = read_bytes(path)
            sha256 = hashlib.sha256(raw).hexdigest()
            for line, value in records(path, raw):
                if len(found) % 500 == 0:
                    watch.check()
                    watch.tell("Reading", len(found))
                try:
                    if isinstance(value, WrongRecord):
                        raise value
                    draft = draft_of(value, self._columns)
                except WrongRecord as wrong:
                    n_problems += 1
                    if len(problems) < _MOST_TOLD:
                        problems.append(f"{path.name} line {line}: {wrong}")
                    continue
                found.append(replace(draft, origins=(Origin("file", sha256, str(line)),)))
                if len(found) > MAX_EXAMPLES:
                    raise Error(
                        f"{path.name} has more than {MAX_EXAMPLES:,} examples.",
                        hint="A lesson is meant to be looked through; train on large files with: rushlight train",
                        kind="too-long",
                    )
        if n_problems:
            more = f"; and {n_problems - len(problems):,} more" if n_problems > len(problems) else ""
            raise Error(
                f"Cannot learn from {n_problems:,} lines: {'; '.join(problems)}{more}.",
                hint="Map columns of other names with --column, such as --column prompt=question.",
                kind="bad-data",
            )
        yield from found
