"""A query under other names of its tables and columns, and with what its values are called there.

Knows queries as sqlglot reads them; knows no databases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.plain_form import named, sources_of


@dataclass(frozen=True, slots=True)
class Spelling:
    """What tables, columns (as table.column) and values of columns are called elsewhere. A column that is not listed
    is not there."""

    tables: Mapping[str, str]
    columns: Mapping[str, str]
    texts: Mapping[str, Mapping[str, str]]  # table.column -> value as it is written here, a flag's "1" too -> there


def respelt(sql: str, spelling: Spelling) -> str | None:
    """The query as it is written there; None where it needs what is not there, or cannot be read."""
    from sqlglot import exp

    tree = parsed(sql)
    if not isinstance(tree, exp.Query):
        return None
    tables = list(tree.find_all(exp.Table))
    if any(table.name not in spelling.tables for table in tables):
        return None
    places = {id(column): _place(column, spelling) for column in tree.find_all(exp.Column)}
    if not all(places.values()):
        return None
    columns = list(tree.find_all(exp.Column))
    for column in columns:
        texts = spelling.texts.get(places[id(column)])
        if texts and not _texts_changed(column, texts):
            return None
    for column in columns:
        column.set("this", named(spelling.columns[places[id(column)]]))
        if column.table in spelling.tables and not _is_alias(column):
            column.set("table", named(spelling.tables[column.table]))
    for table in tables:
        table.set("this", named(spelling.tables[table.name]))
    return tree.sql(dialect="sqlite")


def _sources(select: Any) -> list[Any]:
    from sqlglot import exp

    return [node for node in sources_of(select) if isinstance(node, exp.Table)]


def _place(column: Any, spelling: Spelling) -> str:
    """table.column, by the nearest query that has such a table; "" where none has."""
    from sqlglot import exp

    select = column.find_ancestor(exp.Select)
    while select is not None:
        for table in _sources(select):
            place = f"{table.name}.{column.name}"
            if (not column.table or column.table == table.alias_or_name) and place in spelling.columns:
                return place
        select = select.find_ancestor(exp.Select)
    return ""


def _is_alias(column: Any) -> bool:
    from sqlglot import exp

    select = column.find_ancestor(exp.Select)
    return any(table.alias == column.table for table in _sources(select))


def _texts_changed(column: Any, texts: Mapping[str, str]) -> bool:
    """Whether the values that the column is compared with could be written as they are there."""
    from sqlglot import exp

    around = column.parent
    if isinstance(around, (exp.EQ, exp.NEQ)):
        return _changed([around.expression if around.this is column else around.this], texts)
    if isinstance(around, exp.In) and around.expressions:
        return _changed(around.expressions, texts)
    # A yes or no that is counted, or a part of a word: that is said otherwise of letters.
    return isinstance(around, (exp.Select, exp.Group, exp.Count, exp.Distinct, exp.Is))


def _changed(values: Sequence[Any], texts: Mapping[str, str]) -> bool:
    from sqlglot import exp

    for value in values:
        if not isinstance(value, exp.Literal) or value.name not in texts:
            return False
        value.replace(exp.Literal.string(texts[value.name]))
    return True
