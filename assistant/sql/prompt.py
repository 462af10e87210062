"""What the model reads: the tables as far as the question needs them, examples, and the question. One form for all.

An adapter is taught with this form, so its version is named (`FORM`). Names and values are strangers' text: they are
cleaned and bounded, and the engine never reads control tokens in them.
"""

from collections.abc import Sequence

from msgspec import Struct

from rushlight.assistant.engine.request import Message
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.grammar import kind_of, literal
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.values import Column, Table

FORM = "sql-1"
_SAMPLES = 4
_MAX_NOTE = 60
_SYSTEM = (
    "You write one SQLite query that answers a question about the tables below. "
    "Write every column with its table. Answer with the query alone.\n\n{tables}"
)


class Example(Struct, frozen=True):
    """A question with the query that was right for it."""

    question: str
    sql: str


def sql_messages(
    linked: Linked, question: str, examples: Sequence[Example] = (), failed: Sequence[tuple[str, str]] = ()
) -> tuple[Message, ...]:
    """The conversation that ends with the question; `failed` are queries that did not do, with what was wrong."""
    turns = [Message("system", _SYSTEM.format(tables=describe(linked)))]
    for example in examples:
        turns += [Message("user", plain_line(example.question)), Message("assistant", plain_line(example.sql))]
    turns.append(Message("user", plain_line(question)[:2_000]))
    for sql, problem in failed:
        turns += [
            Message("assistant", plain_line(sql)),
            Message("user", f"That is not right: {plain_line(problem)[:300]}"),
        ]
    return tuple(turns)


def describe(linked: Linked) -> str:
    """One line a table, its keys as arrows, and the values that the question names."""
    lines = [_table(linked, table) for table in linked.tables]
    if linked.found:
        named = "; ".join(f"{place} = {literal(plain_line(value)[:80])}" for place, value in linked.found[:8])
        lines.append(f"In the question: {named}")
    return "\n".join(lines)


def _table(linked: Linked, table: Table) -> str:
    columns = ", ".join(_column(linked, table, column) for column in table.columns)
    return plain_line(f"{table.name}({columns})")


def _column(linked: Linked, table: Table, column: Column) -> str:
    for owner, key in linked.keys:
        if owner == table.name and column.name in key.columns:
            return f"{column.name} -> {key.table}"
    kind = kind_of(column)
    text = column.name if kind in ("text", "flag") else f"{column.name} {kind}"
    if kind == "text" and column.samples and (column.n_distinct or 0) <= 12:
        shown = [value for value in column.samples[:_SAMPLES] if len(value) <= 24]
        text += f" ({', '.join(literal(value) for value in shown)})"
    elif column.comment:
        text += f" ({column.comment[:_MAX_NOTE]})"
    return text
