"""Questions to a database with the query that is right: asked of a model, one after the other, and what became of them.

Execution accuracy: an answer counts where its rows are those of the right query. What is wrong with the rest is named,
so that one sees whether a model does not know the tables or does not understand the questions.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.explain import tables_of
from rushlight.assistant.sql.memory import texts_of
from rushlight.assistant.sql.scoring import is_right

SQL_SECONDS = 1.5
_TEXT = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")
_MAX_QUESTIONS = 10_000


class Question(Struct, frozen=True):
    """A question with the query that is right for it."""

    question: str
    sql: str
    kind: str = ""
    ordered: bool = False  # whether the order of the rows counts


class Answered(Struct, frozen=True):
    """The query that a model wrote, and what is wrong with it."""

    question: Question
    sql: str
    failure: str  # "" = right
    seconds: float

    @property
    def is_right(self) -> bool:
        return not self.failure


class Score(Struct, frozen=True):
    """How many were right, between which bounds that share lies (95 %, Wilson), and what was wrong with the rest."""

    n: int
    n_right: int
    low: float
    high: float
    failures: dict[str, int]
    seconds: float

    @property
    def share(self) -> float:
        return self.n_right / self.n if self.n else 0.0


Write = Callable[[str], str]  # a question -> the query that a model writes


def ask_all(
    database: Database, questions: Sequence[Question], write: Write, watch: Watch, what: str = "Asking"
) -> list[Answered]:
    """Every question once."""
    found = []
    for done, one in enumerate(questions):
        watch.check()
        watch.tell(what, done, len(questions), "questions")
        started = time.monotonic()
        sql = write(one.question)
        took = time.monotonic() - started
        found.append(Answered(one, sql, failure_of(database, one, sql), took))
    watch.tell(what, len(questions), len(questions), "questions")
    return found


def failure_of(database: Database, question: Question, sql: str) -> str:
    """What is wrong with a query; "" where it finds what the right one finds."""
    try:
        given = database.run(sql, seconds=SQL_SECONDS, max_rows=10_000)
    except Error as error:
        said = error.message.lower()
        for words in ("no such table", "no such column"):
            if words in said:
                return words
        return {"sql-timeout": "too slow", "sql-refused": "refused"}.get(error.kind, "does not run")
    if is_right(database, question.sql, sql, ordered=question.ordered):
        return ""
    return _difference(question.sql, sql) or ("finds nothing" if not given.rows else "other rows")


def _difference(right: str, found: str) -> str:
    """The first thing in which two queries differ that run: tables, columns, values, what is computed."""
    try:
        (tables, columns), (other_tables, other_columns) = tables_of(right), tables_of(found)
    except Error:
        return ""
    if {name.lower() for name in tables} != {name.lower() for name in other_tables}:
        return "other tables"
    if {name.lower() for _, name in columns} != {name.lower() for _, name in other_columns}:
        return "other columns"
    return "other values" if _literals(right) != _literals(found) else "another form"


def _literals(sql: str) -> Counter[str]:
    return Counter([text.lower() for text in texts_of(sql)] + _NUMBER.findall(_TEXT.sub("", sql)))


def score(answers: Iterable[Answered]) -> Score:
    found = list(answers)
    n_right = sum(one.is_right for one in found)
    low, high = wilson(n_right, len(found))
    failures = Counter(one.failure for one in found if one.failure)
    return Score(len(found), n_right, low, high, dict(failures.most_common()), sum(one.seconds for one in found))


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


def read_questions(path: Path) -> list[Question]:
    """Questions of one's own: {"question", "sql"} a line. All that is wrong is told at once."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # not splitlines: JSON may hold U+2028 as it is
    except OSError as error:
        raise Error(f"Cannot read {path}: {error.strerror}.", "Check the path.", kind="bad-file") from None
    except UnicodeDecodeError:
        raise Error(f"{path.name} is no UTF-8 text.", "Save it as UTF-8.", kind="bad-file") from None
    found: list[Question] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            made = _question(line)
            if isinstance(made, Question):
                found.append(made)
            else:
                problems.append(f"line {number}: {made}")
    if problems or not found or len(found) > _MAX_QUESTIONS:
        said = "; ".join(problems[:10]) or f"it has {len(found):,} questions; 1 to {_MAX_QUESTIONS:,} are expected"
        more = f"; and {len(problems) - 10:,} more" if len(problems) > 10 else ""
        raise Error(f"Cannot ask what is in {path.name}: {said}{more}.",
                    'Each line is an object: {"question": "...", "sql": "..."}.', kind="bad-data")  # fmt: skip
    return found


def _question(line: str) -> Question | str:
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({str(error)[:80]})"
    if not isinstance(said, dict) or not all(
        isinstance(said.get(name), str) and said[name].strip() for name in ("question", "sql")
    ):
        return "it has no question and sql that are texts"
    is_ordered = said.get("ordered")
    ordered = is_ordered if isinstance(is_ordered, bool) else "order by" in said["sql"].lower()
    return Question(said["question"], said["sql"], str(said.get("kind", "")), ordered)
