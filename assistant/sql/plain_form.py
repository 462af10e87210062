"""A query in the form in which the grammar writes queries: full names of tables, columns with their table, no aliases.

Examples are shown to the model so: it copies what it may write. What cannot be read or said so stays as it is.
"""

import re
from typing import Any

from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.trees import name_of
from rushlight.assistant.sql.values import Schema

_OTHER = "other"  # what the grammar calls a table in a query about its own rows
_FUNCTION = re.compile(r"\b(?:STRFTIME|JULIANDAY|DATE|DATETIME)(?=\()")


def plain_form(sql: str, schema: Schema) -> str:
    """The same query, written plainly."""
    from sqlglot import exp

    tree = parsed(sql)
    if not isinstance(tree, exp.Query):
        return sql
    try:
        for select in list(tree.find_all(exp.Select)):
            _names(select, schema)
            _aliases_gone(select)
            _keys_first(select, schema)
        return written(tree)
    except (ValueError, AttributeError, RecursionError):
        return sql


def written(tree: Any) -> str:
    """A tree as text, with IS NOT, NOT IN and strftime as the grammar has them."""
    from sqlglot import exp
    from sqlglot.generators.sqlite import SQLiteGenerator

    class Writer(SQLiteGenerator):
        def not_sql(self, expression: exp.Not) -> str:
            inner = expression.this
            said, head = self.sql(inner), self.sql(inner, "this")
            if isinstance(inner, exp.Is) and said.startswith(f"{head} IS "):
                return f"{head} IS NOT {said[len(head) + 4 :]}"
            if isinstance(inner, (exp.In, exp.Like, exp.Between, exp.Glob)) and said.startswith(f"{head} "):
                return f"{head} NOT{said[len(head) :]}"
            return str(super().not_sql(expression))

    said = Writer(dialect="sqlite").generate(tree)
    return "".join(
        part if i % 2 else _FUNCTION.sub(lambda found: found[0].lower(), part)
        for i, part in enumerate(re.split(r"('(?:[^']|'')*')", said))
    )


def own_nodes(select: Any, kind: type[Any]) -> list[Any]:
    """Nodes of this SELECT, without those of queries inside."""
    from sqlglot import exp

    found, waiting = [], list(select.iter_expressions())
    while waiting:
        node = waiting.pop()
        if isinstance(node, kind):
            found.append(node)
        if not isinstance(node, exp.Query):
            waiting += list(node.iter_expressions())
    return found


def named(name: str) -> Any:
    """The name in a tree, in quotes only where it needs them."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=name_of(name).startswith('"'))


def sources_of(select: Any) -> list[Any]:
    """What stands behind FROM and JOIN, tables and queries."""
    source = select.args.get("from_") or select.args.get("from")
    nodes = [source.this] if source is not None else []
    return nodes + [join.this for join in select.args.get("joins") or ()]


def _names(select: Any, schema: Schema) -> None:
    """Columns get their table; aliases of tables that stand there once give way to the table's name."""
    from sqlglot import exp

    nodes = sources_of(select)
    tables = [node for node in nodes if isinstance(node, exp.Table)]
    names = [table.name.lower() for table in tables]
    for column in own_nodes(select, exp.Column):
        if not column.table and len(tables) == len(nodes):
            holding = [one for one in tables if (found := schema.table(one.name)) and found.column(column.name)]
            if len(holding) == 1 and not _is_alias(select, column):
                column.set("table", named(holding[0].alias_or_name))
    for table in tables:
        alias = table.alias
        if not alias or names.count(table.name.lower()) > 1:
            continue
        inner = [
            one for one in select.find_all(exp.Table) if one is not table and one.name.lower() == table.name.lower()
        ]
        if not all(one.alias and one.alias.lower() != alias.lower() for one in inner):
            continue  # the same table in a query inside: which one is meant would be lost
        name = _OTHER if _looks_at_outer(select, table) else ""
        for column in select.find_all(exp.Column):
            if column.table.lower() == alias.lower():
                column.set("table", named(name or table.name))
        table.set("alias", exp.TableAlias(this=named(name)) if name else None)


def _looks_at_outer(select: Any, table: Any) -> bool:
    """Whether a query inside is about rows of the same table around it: the mean of its own kind."""
    from sqlglot import exp

    outer, around = set(), select.find_ancestor(exp.Select)
    while around is not None:
        for node in sources_of(around):
            if isinstance(node, exp.Table) and node.name.lower() == table.name.lower():
                outer.add(node.alias_or_name.lower())
        around = around.find_ancestor(exp.Select)
    own = table.alias.lower()
    return any(column.table.lower() in outer - {own} for column in select.find_all(exp.Column))


def _is_alias(select: Any, column: Any) -> bool:
    """Whether the name is one that the SELECT gave, where it stands in ORDER BY or HAVING."""
    from sqlglot import exp

    given = {one.alias.lower() for one in select.expressions if one.alias}
    return column.name.lower() in given and column.find_ancestor(exp.Order, exp.Having, exp.Group) is not None


def _aliases_gone(select: Any) -> None:
    """Shown columns lose their own names; where ORDER BY, HAVING or GROUP BY used them, they are written out."""
    from sqlglot import exp

    if isinstance(select.parent, (exp.Subquery, exp.CTE)) and not isinstance(select.parent.parent, (exp.In, exp.EQ)):
        return  # others may call them by these names
    given = {one.alias.lower(): one for one in select.expressions if isinstance(one, exp.Alias)}
    if not given:
        return
    for part in ("order", "having", "group"):
        node = select.args.get(part)
        for column in list(node.find_all(exp.Column)) if node is not None else []:
            if not column.table and column.name.lower() in given:
                column.replace(given[column.name.lower()].this.copy())
    select.set("expressions", [one.unalias() for one in select.expressions])


def _keys_first(select: Any, schema: Schema) -> None:
    """In a join the column with the key stands left."""
    from sqlglot import exp

    for join in select.args.get("joins") or ():
        on = join.args.get("on")
        for equal in list(on.find_all(exp.EQ)) if on is not None else []:
            left, right = equal.this, equal.expression
            if isinstance(left, exp.Column) and isinstance(right, exp.Column):
                owner = schema.table(right.table) if right.table else None
                keys = [key for key in owner.keys if key.table.lower() == left.table.lower()] if owner else []
                if any(right.name.lower() in map(str.lower, key.columns) for key in keys):
                    equal.set("this", right)
                    equal.set("expression", left)
