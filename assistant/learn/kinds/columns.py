"""Files of examples looked at before they are learned: columns with samples, what each is taken for, what is wrong."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.assistant.learn.example import Draft
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.kinds.record_files import read_bytes, records
from rushlight.assistant.learn.kinds.record_forms import WrongRecord, draft_of, fields_of

MOST_RECORDS: Final = 5_000  # that are looked at; all are when they are learned
_MOST_COLUMNS: Final = 40
_MOST_TOLD: Final = 30
_SAMPLES: Final = 3
_CHARS: Final = 160


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the records. `field` is what it is taken for, "" for nothing."""

    name: str
    samples: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class FilesLook:
    """What a look found. `problems` are those of `n_wrong` lines, each with file and line; alike ones are one."""

    columns: tuple[Column, ...] = ()
    n_examples: int = 0
    n_wrong: int = 0
    problems: tuple[str, ...] = ()
    first: tuple[Draft, ...] = ()
    is_whole: bool = True  # else there is more than was looked at


def look_at(paths: Sequence[Path], columns: Mapping[str, str] | None = None, watch: Watch | None = None) -> FilesLook:
    """Look into the files, with `columns` mapped by hand as `ImportedLesson` takes them."""
    mapped, watch = dict(columns or {}), watch or Watch()
    samples: dict[str, list[str]] = {}
    problems: dict[str, list[int]] = {}  # what is wrong -> file, first line, how many lines
    first: list[Draft] = []
    n_seen = n_examples = n_wrong = 0
    for path in paths:
        try:
            raw = read_bytes(path)
        except Error as error:
            n_wrong += 1
            problems[error.message] = []
            continue
        for line, value in records(path, raw):
            if n_seen >= MOST_RECORDS:
                return _look(samples, mapped, n_examples, n_wrong, problems, first, is_whole=False)
            if n_seen % 500 == 0:
                watch.check()
            n_seen += 1
            try:
                if isinstance(value, WrongRecord):
                    raise value
                if isinstance(value, dict):
                    _take_samples(samples, value)
                draft = draft_of(value, mapped)
            except WrongRecord as wrong:
                n_wrong += 1
                _count(problems, f"{path.name}\0{wrong}", line)
                continue
            n_examples += 1
            first += [draft] if len(first) < _SAMPLES else []
    return _look(samples, mapped, n_examples, n_wrong, problems, first, is_whole=True)


def _look(
    samples: Mapping[str, Sequence[str]], mapped: Mapping[str, str], n_examples: int, n_wrong: int,
    problems: Mapping[str, Sequence[int]], first: Sequence[Draft], *, is_whole: bool,
) -> FilesLook:  # fmt: skip
    fields = {name: field for field, name in fields_of(samples, mapped).items()}
    found = tuple(Column(name, tuple(seen), fields.get(name, "")) for name, seen in samples.items())
    told = tuple(_told(wrong, *where) for wrong, where in problems.items())
    return FilesLook(found, n_examples, n_wrong, told, tuple(first), is_whole)


def _count(problems: dict[str, list[int]], wrong: str, line: int) -> None:
    """Alike lines are told once."""
    if wrong in problems:
        problems[wrong][1] += 1
    elif len(problems) < _MOST_TOLD:
        problems[wrong] = [line, 1]


def _told(wrong: str, line: int = 0, n_lines: int = 0) -> str:
    name, sign, said = wrong.partition("\0")
    if not sign:
        return wrong
    more = f" and {n_lines - 1:,} more" if n_lines > 1 else ""
    return f"{name} line {line}{more}: {said}"


def _take_samples(samples: dict[str, list[str]], record: Mapping[str, Any]) -> None:
    for name, value in record.items():
        if name not in samples and len(samples) >= _MOST_COLUMNS:
            continue
        seen = samples.setdefault(name, [])
        if len(seen) < _SAMPLES and value not in ("", None):
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)[: 4 * _CHARS]
            short = " ".join(said[: 4 * _CHARS].split())
            short = short if len(short) <= _CHARS else f"{short[:_CHARS]}…"
            seen += [short] if short and short not in seen else []
