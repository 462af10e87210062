"""A schema as rows for a list: tables with their columns, narrowed by what is typed. Knows no widget and no process."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rushlight.assistant.sql.values import Column, Schema, Table
from rushlight.ui.desk.matching import Matcher, folded
from rushlight.ui.desk.sql_names import sql_name
from rushlight.ui.desk.sql_values import ColumnRow, TableRow
from rushlight.ui.desk.sql_words import cell_text
from rushlight.ui.words import text

_VALUES = 6
_UNKNOWN = re.compile(r"no such (column|table): ([^\s?]+?)\.?(?:\s|$)")


def table_rows(schema: Schema, dialect: str = "sqlite") -> tuple[TableRow, ...]:
    """Every table; those of several files with the file's name."""
    name_of = partial(sql_name, folds=dialect != "sqlite")
    several = len({one.source for one in schema.tables}) > 1
    return tuple(
        TableRow(
            f"{table.source}.{table.name}" if several else table.name,
            table.n_rows,
            table.is_view,
            tuple(ColumnRow(one.name, _note(one, table), name_of(one.name), _detail(one)) for one in table.columns),
            f"{sql_name(table.source)}.{sql_name(table.name)}" if several else name_of(table.name),
            table.comment,
        )
        for table in schema.tables
    )


def narrowed(tables: Sequence[TableRow], words: str) -> tuple[TableRow, ...]:
    """Tables whose name holds the words, then those with such columns, which are all that is left of them."""
    matcher = Matcher(words)
    if not matcher.query:
        return tuple(tables)
    by_name: list[tuple[float, int, TableRow]] = []
    by_column: list[TableRow] = []
    for number, table in enumerate(tables):
        score = matcher.whole(folded(table.name))
        if score > 0:
            by_name.append((-score, number, table))
            continue
        columns = tuple(one for one in table.columns if matcher.whole(folded(one.name)) > 0)
        if columns:
            by_column.append(replace(table, columns=columns))
    return (*(table for _, _, table in sorted(by_name, key=lambda one: one[:2])), *by_column)


def hint_for(message: str, schema: Schema) -> str:
    """For a statement that names what is not there: what it may have meant. "" where it names nothing of that kind."""
    found = _UNKNOWN.search(message)
    if found is None:
        return ""
    kind, written = found.groups()
    wanted = written.rpartition(".")[2].strip("\"'`[]").lower()
    names: dict[str, str] = {}
    for table in schema.tables:
        if kind == "table":
            names.setdefault(table.name.lower(), table.name)
        for column in table.columns if kind == "column" else ():
            names.setdefault(column.name.lower(), f"{table.name}.{column.name}")
    near = difflib.get_close_matches(wanted, names, n=2, cutoff=0.6)
    if not near:
        return text("The list of tables shows what there is.")
    return text("Did you mean {names}?", names=text(" or ").join(names[one] for one in near))


def count_text(table: TableRow) -> str:
    """What stands beside a table's name."""
    if table.is_view:
        return text("view")
    return "" if table.n_rows is None else f"{table.n_rows:,}"


def _note(column: Column, table: Table) -> str:
    for key in table.keys:
        if column.name in key.columns:
            return f"→ {key.table}"
    if column.key:
        return text("key")
    if column.holds in ("date", "time", "flag"):
        return {"date": text("date"), "time": text("time"), "flag": text("yes or no")}[column.holds]
    return column.type.lower()


def _detail(column: Column) -> str:
    parts = [column.comment] if column.comment else []
    if column.low is not None and column.holds != "flag":
        parts.append(f"{cell_text(column.low)} … {cell_text(column.high)}")
    elif column.samples:
        shown = ", ".join(column.samples[:_VALUES])
        parts.append(shown if (column.n_distinct or 0) <= _VALUES else f"{shown}, …")
    return " · ".join(parts)
