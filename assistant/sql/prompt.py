"""What the model reads: the tables as far as the question needs them, examples, and the question.

An adapter is taught with one form, so forms are named with their version: `FORM` for any model, `SHORT_FORM` for one
that has learned the tables and needs only the values that the question names. Names and values are strangers' text:
they are cleaned and bounded, and the engine never reads control tokens in them.
"""

from collections.abc import Sequence

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.grammar import kind_of, literal
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.trees import table_text
from rushlight.assistant.sql.values import Column, Table

FORM = "sql-1"
SHORT_FORM = "sql-short-1"
FORMS = (FORM, SHORT_FORM)
_SAMPLES = 4
_MAX_NOTE = 60
_SYSTEM = (
    "You write one SQLite query that answers a question about the tables below. "
    "Write every column with its table. Answer with the query alone.\n\n{tables}"
)
_SHORT_SYSTEM = "You write one SQLite query."


class Example(Struct, frozen=True):
    """A question with the query that was right for it."""

    question: str
    sql: str


def sql_messages(
    linked: Linked,
    question: str,
    examples: Sequence[Example] = (),
    failed: Sequence[tuple[str, str]] = (),
    form: str = FORM,
) -> tuple[Message, ...]:
    """The conversation that ends with the question; `failed` are queries that did not do, with what was wrong. The
    short form has no tables and no examples: who was taught with it knows them."""
    if form not in FORMS:
        raise Error(
            f"There is no prompt form {form[:40]!r}; this Rushlight knows {', '.join(FORMS)}.",
            "The adapter was taught by another version: teach it again.",
            kind="no-such-form",
        )
    asked = plain_line(question)[:2_000]
    if form == SHORT_FORM:
        turns = [Message("system", _SHORT_SYSTEM), Message("user", "\n".join([asked, *_named(linked)]))]
    else:
        turns = [Message("system", _SYSTEM.format(tables=describe(linked)))]
        for example in examples:
            turns += [Message("user", plain_line(example.question)), Message("assistant", plain_line(example.sql))]
        turns.append(Message("user", asked))
    for sql, problem in failed:
        turns += [
            Message("assistant", plain_line(sql)),
            Message("user", f"That is not right: {plain_line(problem)[:300]}"),
        ]
    return tuple(turns)


def describe(linked: Linked) -> str:
    """One line a table, its keys as arrows, and the values that the question names."""
    lines = [_table(linked, table) for table in linked.tables]
    return "\n".join([*lines, *_named(linked)])


def _named(linked: Linked) -> list[str]:
    """A line with the values that the question names, where it names any."""
    named = "; ".join(f"{place} = {literal(plain_line(value)[:80])}" for place, value in linked.found[:8])
    return [f"In the question: {named}"] if named else []


def _table(linked: Linked, table: Table) -> str:
    columns = ", ".join(_column(linked, table, column) for column in table.columns)
    return plain_line(f"{table_text(linked, table)}({columns})")


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
