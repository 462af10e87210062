"""Answers of a database whose cells and column names are hostile: 300 statements with rows of many shapes.

For tests that show them in a face. Knows nothing of any face.
"""

import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import apsw

TEXTS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><b>bold</b>", "&lt;i&gt;",
    "\x1b]0;owned\x07red\x1b[31m", "\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\", "\x9b31m", "\x1bP+q\x1b\\",
    "=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\x1b[0m=2+2", "=HYPERLINK(\"http://a.b\")",
    "\u202eabc\u202c", "a\u2066b", "\u200b=1", "a\nb\tc\r\nd", "\x00=1", "| a | b |", "![x](http://a.b/c)", "`x`",
    "'; DROP TABLE cell; --", "%s%n", "{{7*7}}", "$(reboot)", "", " ", "Oslo", "Bergen",
)  # fmt: skip
LONG = "=" + "x" * 9_900_000  # the longest that a cell may be is 10 MB
_NAMES = ("n", "city", "<b>n</b>", "=1+1", "\x1b[31mred", "a|b", "\u202en", "x" * 300, "day", "customer_id")
_CONTROLS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029")


def build(path: Path) -> Path:
    """The database: 620 rows of hostile and of harmless texts, one of them of 10 MB."""
    rng = random.Random(0)
    made = apsw.Connection(str(path))
    made.execute('CREATE TABLE cell (id INTEGER PRIMARY KEY, said TEXT, city TEXT, day TEXT, year INTEGER, n INTEGER, '
                 'fee REAL, x BLOB, "<b>odd</b>" TEXT)')  # fmt: skip
    with made:
        for i in range(620):
            said = TEXTS[i % len(TEXTS)]
            day = f"20{rng.randint(15, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            fee = None if i % 17 == 0 else rng.gauss(100, 30)
            row = (said, rng.choice(("Oslo", "Bergen", said)), day, int(day[:4]), rng.randint(-50, 50), fee,
                   b"\x00\xff\x1b", said[::-1])  # fmt: skip
            made.execute(
                'INSERT INTO cell (said, city, day, year, n, fee, x, "<b>odd</b>") VALUES (?, ?, ?, ?, ?, ?, ?, ?)', row
            )
        made.execute("INSERT INTO cell (said, city, n, fee) VALUES (?, 'long', 1, 1e308)", (LONG,))
    made.close()
    return path


def statements(count: int, seed: int = 0) -> Iterator[str]:
    """SELECTs over it: lists, groups, counts over time, single numbers; none fails."""
    rng = random.Random(seed)
    for _ in range(count):
        label = rng.choice(("said", "city", '"<b>odd</b>"', "day", "year", "substr(day, 1, 7)", "x"))
        number = rng.choice(("count(*)", "sum(fee)", "avg(n)", "max(fee)", "min(n)", "total(n)"))
        name = '"' + rng.choice(_NAMES) + '"'
        limit = rng.choice((0, 1, 2, 7, 40, 300, 700))
        kind = rng.randrange(6)
        if kind == 0:
            columns = rng.sample(("said", "city", "day", "n", "fee", "x", '"<b>odd</b>"', "NULL"), rng.randint(1, 5))
            yield f"SELECT {', '.join(columns)} FROM cell ORDER BY id DESC LIMIT {limit}"
        elif kind in (1, 2):
            yield f"SELECT {label} AS {name}, {number} FROM cell GROUP BY 1 LIMIT {limit}"
        elif kind == 3:
            yield f"SELECT {label}, {number}, sum(n) AS {name} FROM cell GROUP BY 1 ORDER BY 2 DESC LIMIT {limit}"
        elif kind == 4:
            yield f"SELECT n, fee AS {name} FROM cell WHERE fee IS NOT NULL LIMIT {limit}"
        else:
            one_in = f"id % 7 = {rng.randrange(7)}"
            yield f"SELECT {number} AS {name}, group_concat(said, '\x1b[5m') FROM cell WHERE {one_in}"


def acts(shown: str, *, lines: bool = False) -> list[str]:
    """The letters of `shown` that a terminal or a reader would obey; with `lines`, ends of lines are none of them."""
    return [
        letter
        for letter in shown
        if (unicodedata.category(letter) == "Cc" and not (lines and letter == "\n")) or letter in _CONTROLS
    ]
