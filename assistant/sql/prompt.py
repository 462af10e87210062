"""What the model reads: the tables, examples, and the question.

An adapter is taught with one form, so forms are named with their version: `FORM` for any model, `TABLES_FORM` for one
that was taught the database, `SHORT_FORM` for those that were taught before without its tables. The tables stand in a
beginning that is the same for every question, so that the engine computes it once; for any model that is so where they
are few enough to be read whole, else those that the question needs are shown. `PART_FORM` is what `FORM` was before: it
always showed those alone. Names and values are strangers' text: they are cleaned and bounded, and the engine never
reads control tokens in them.
"""

from collections.abc import Sequence

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.grammar import kind_of, literal
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.trees import name_of, table_text
from rushlight.assistant.sql.values import Column, Key, Table

Keys = tuple[tuple[str, Key], ...]

FORM = "sql-2"
PART_FORM = "sql-1"
SHORT_FORM = "sql-short-1"
TABLES_FORM = "sql-tables-1"
BACK_FORM = "sql-back-1"  # of adapters that say which question a query answers; nobody is asked in it
FORMS = (FORM, PART_FORM, SHORT_FORM, TABLES_FORM)
TAUGHT_FORMS = (SHORT_FORM, TABLES_FORM)  # of whoever was taught a database, and joins tables in one order
_SAMPLES = 4
_MAX_NOTE = 60
_SHORT_NOTE = 24
_MAX_TABLES = 3_600  # characters; about 1,200 tokens
_MAX_WHOLE = 2_400  # of all tables for a model that was not taught them; more take long to read, once a question or not
_SYSTEM = (
    "You write one SQLite query that answers a question about the tables below. "
    "Write every column with its table. Answer with the query alone.\n\n{tables}"
)
_SHORT_SYSTEM = "You write one SQLite query."
_BACK_SYSTEM = "You say which question it answers."


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
    forms of those who were taught the database have no examples, and no more than its tables."""
    if form not in FORMS:
        raise Error(
            f"There is no prompt form {form[:40]!r}; this Rushlight knows {', '.join(FORMS)}.",
            "The adapter was taught by another version: teach it again.",
            kind="no-such-form",
        )
    asked = asked_text(question)
    if form in TAUGHT_FORMS:
        system = _SHORT_SYSTEM if form == SHORT_FORM else f"{_SHORT_SYSTEM}\n{_said_tables(linked)}"
        turns = [Message("system", system), Message("user", "\n".join([asked, *_named(linked)]))]
    else:
        told, named = describe(linked), _named(linked)
        if form == PART_FORM:
            told, named = "\n".join([_part(linked), *named]), []
        turns = [Message("system", _SYSTEM.format(tables=told))]
        for example in examples:
            turns += [Message("user", plain_line(example.question)), Message("assistant", plain_line(example.sql))]
        turns.append(Message("user", "\n".join([asked, *named])))
    for sql, problem in failed:
        turns += [
            Message("assistant", plain_line(sql)),
            Message("user", f"That is not right: {plain_line(problem)[:300]}"),
        ]
    return tuple(turns)


def back_messages(sql: str) -> tuple[Message, ...]:
    """The conversation whose answer is the question that a query answers."""
    return (Message("system", _BACK_SYSTEM), Message("user", plain_line(sql)))


def asked_text(question: str) -> str:
    """The question as a model reads it, and as it says it on the way back."""
    return plain_line(question)[:2_000]


def describe(linked: Linked) -> str:
    """One line a table, its keys as arrows: all tables in the order of the database, where that is short enough; else
    those that the question needs."""
    whole = "\n".join(_table(linked, table, linked.all_keys) for table in linked.all_tables)
    return whole if 0 < len(whole) <= _MAX_WHOLE else _part(linked)


def _part(linked: Linked) -> str:
    return "\n".join(_table(linked, table, linked.keys) for table in linked.tables)


def _named(linked: Linked) -> list[str]:
    """A line with the values that the question names, where it names any."""
    named = "; ".join(f"{place} = {literal(plain_line(value)[:80])}" for place, value in linked.found[:8])
    return [f"In the question: {named}"] if named else []


def _table(linked: Linked, table: Table, keys: Keys) -> str:
    columns = ", ".join(_column(table, column, keys) for column in table.columns)
    return plain_line(f"{table_text(linked, table)}({columns})")


def _said_tables(linked: Linked) -> str:
    """A line for each table. Of a large database less is said of each column, so that the prompt stays one that a small
    model is trained on: comments are cut, then left out, then only names stand there."""
    for note, calls in ((_MAX_NOTE, True), (_SHORT_NOTE, True), (0, True), (0, False)):
        told = "\n".join(_said_table(linked, table, note, calls=calls) for table in linked.tables)
        if len(told) <= _MAX_TABLES:
            break
    return told


def _said_table(linked: Linked, table: Table, note: int, *, calls: bool) -> str:
    """A table as whoever is taught it reads it: its name and columns, what they are called where that is abbreviated,
    and what comments say."""

    def said(name: str, place: str, comment: str) -> str:
        comment = comment[:note]
        called = linked.called.get(place, "") if calls else ""
        told = "" if called.casefold() in comment.casefold() else called
        more = "; ".join(one for one in (told, comment) if one)
        return f"{name} ({more})" if more else name

    keys = {name: key.table for owner, key in linked.keys if owner == table.name for name in key.columns}
    columns = ", ".join(
        f"{name_of(column.name)} -> {name_of(keys[column.name])}"
        if column.name in keys
        else said(name_of(column.name), f"{table.name}.{column.name}", column.comment)
        for column in table.columns
    )
    return plain_line(f"{said(table_text(linked, table), table.name, table.comment)}: {columns}")


def _column(table: Table, column: Column, keys: Keys) -> str:
    for owner, key in keys:
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
