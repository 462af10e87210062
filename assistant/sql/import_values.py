"""Names and values of foreign tables on their way into SQLite: what a column holds, and each cell as that."""

import json
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\Z")
_REAL = re.compile(r"[+-]?(?:\d{1,15}\.\d{1,15}|\d{1,15}(?:\.\d{1,15})?[eE][+-]?\d{1,3})\Z")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3}){1,5}\Z")
_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3}){1,5}\Z")
_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})*,\d{1,10}\Z|[+-]?\d{1,15},\d{1,10}\Z")
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\Z")
_MAX_TEXT = 10_000_000
_MAX_NAME = 60
_WHOLE = 1e15  # a float is exact up to there


class Kind(NamedTuple):
    """What a column holds, and how its texts become that."""

    declared: str
    reading: str = ""  # integer, real, thousands, points, comma, date, or as it is
    note: str = ""


class Guesser:
    """Looks at rows and tells what each column holds; a column of texts is numbers only if all of them are.

    1,234 may be a thousand or one and a bit. Programs that write decimals with commas part cells by other signs: where
    the `separator` is a comma, it is a thousand. So may 1.234 be, where another column has decimal commas.
    """

    def __init__(self, n_columns: int, separator: str = "") -> None:
        readings = {"integer", "real", "thousands", "points", "comma", "date"}
        self._separator = separator
        self._fits: list[set[str]] = [set(readings) for _ in range(n_columns)]
        self._native: list[set[str]] = [set() for _ in range(n_columns)]

    def look(self, row: Sequence[Any]) -> None:
        for i, cell in enumerate(row[: len(self._fits)]):
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                continue
            if not isinstance(cell, str):
                self._native[i].add(_native(cell))
                self._fits[i].clear()
                continue
            self._native[i].add("text")
            fits = self._fits[i]
            if not fits:
                continue
            text = cell.strip()
            if not _INTEGER.match(text):
                fits.discard("integer")
                if not _REAL.match(text):
                    fits.discard("real")
                if not _THOUSANDS.match(text):
                    fits.discard("thousands")
                if not _POINTS.match(text):
                    fits.discard("points")
                if not _COMMA.match(text):
                    fits.discard("comma")
            if "date" in fits and not _german_date(text):
                fits.discard("date")

    def kinds(self) -> list[Kind]:
        columns = list(zip(self._fits, self._native, strict=True))
        has_commas = self._separator not in ("", ",") and any(
            native == {"text"} and "comma" in fits and not fits & {"integer", "real", "thousands"}
            for fits, native in columns
        )
        return [self._kind(fits, native, has_commas=has_commas) for fits, native in columns]

    def _kind(self, fits: set[str], native: set[str], *, has_commas: bool) -> Kind:
        if not native:
            return Kind("TEXT")
        if native == {"text"}:
            if "integer" in fits:
                return Kind("INTEGER", "integer")
            if "points" in fits and has_commas:
                return Kind("INTEGER", "points", "points were read as parting thousands")
            if "real" in fits:
                return Kind("REAL", "real")
            if "thousands" in fits and self._separator == ",":
                return Kind("INTEGER", "thousands", "commas were read as parting thousands")
            if "comma" in fits:
                return Kind("REAL", "comma", "decimal commas were read as such")
            if "date" in fits:
                return Kind("TEXT", "date", "dates were written as year-month-day")
            return Kind("TEXT")
        if native <= {"integer"}:
            return Kind("INTEGER")
        if native <= {"integer", "real"}:
            return Kind("REAL")
        if native <= {"date"}:
            return Kind("TEXT", note="")
        return Kind("BLOB" if native == {"bytes"} else "TEXT")


def _native(cell: Any) -> str:
    if isinstance(cell, bool | int):
        return "integer" if abs(int(cell)) < 2**63 else "text"
    if isinstance(cell, (float, Decimal)):
        return "real"
    if isinstance(cell, (date, datetime, time)):
        return "date"
    return "bytes" if isinstance(cell, bytes) else "text"


def _german_date(text: str) -> str:
    match = _GERMAN_DATE.match(text)
    if not match:
        return ""
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:
        return ""


def convert(cell: Any, kind: Kind) -> Any:
    """The cell as SQLite holds it. An empty text is nothing; what does not fit its column stays a text."""
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            return None
        if kind.reading == "integer" and _INTEGER.match(text):
            return int(text)
        if kind.reading in ("integer", "real") and (_REAL.match(text) or _INTEGER.match(text)):
            return float(text)
        if kind.reading == "thousands" and (_THOUSANDS.match(text) or _INTEGER.match(text)):
            return int(text.replace(",", ""))
        if kind.reading == "points" and (_POINTS.match(text) or _INTEGER.match(text)):
            return int(text.replace(".", ""))
        if kind.reading == "comma" and (_COMMA.match(text) or _INTEGER.match(text)):
            return float(text.replace(".", "").replace(",", "."))
        if kind.reading == "date":
            return _german_date(text) or cell
        return _text(cell)
    if cell is None or isinstance(cell, (float, bytes)):
        may_be_whole = kind.declared in ("INTEGER", "TEXT")  # spreadsheets know no other numbers than these
        if may_be_whole and isinstance(cell, float) and cell.is_integer() and abs(cell) < _WHOLE:
            return int(cell)
        return cell
    if isinstance(cell, bool | int):
        return int(cell) if abs(int(cell)) < 2**63 else str(cell)
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return _text(json.dumps(cell, default=str, ensure_ascii=False))


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:_MAX_TEXT]


def clean_names(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names that need no quotes, and as comments those that were changed: "Fee (EUR)" becomes fee_eur."""
    names: list[str] = []
    comments: list[str] = []
    taken: set[str] = set()
    for i, given in enumerate(header, 1):
        shown = " ".join("".join(c if c.isprintable() else " " for c in given).split())[:200]
        base = re.sub(r"\W+", "_", shown).strip("_").lower()[:_MAX_NAME] or f"column_{i}"
        if base[0].isdigit():
            base = f"c_{base}"
        name, n = base, 2
        while name in taken:
            name, n = f"{base}_{n}", n + 1
        taken.add(name)
        names.append(name)
        comments.append(shown if shown.lower() != name else "")
    return names, comments
