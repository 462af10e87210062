"""What a query does, read from the query itself: its parts in the order in which people would say them.

The parts are values; a face makes sentences of them in its language. Nothing here is guessed by a model.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from rushlight import Error


class Step(Struct, frozen=True):
    """One thing that the query does. `kind` is one of `KINDS`; `items` are pieces of the query."""

    kind: str
    items: tuple[str, ...] = ()


KINDS = (
    "from",
    "join",
    "outer-join",
    "where",
    "group",
    "having",
    "show",
    "distinct",
    "order",
    "limit",
    "set",
    "inner",
    "with",
)
_MAX_ITEM = 200


def explain(sql: str) -> tuple[Step, ...]:
    """The steps of one SELECT. A query that cannot be read has none."""
    tree = parsed(sql)
    return tuple(_steps(tree)) if tree is not None else ()


def tables_of(sql: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(tables, columns as (table or "", name)) that a query names. Raises `Error` where it cannot be read."""
    from sqlglot import exp

    tree = parsed(sql)
    if tree is None:
        raise Error("The query cannot be read.", kind="sql-unreadable")
    inner = {one.alias for one in tree.find_all(exp.CTE)}
    tables = tuple(dict.fromkeys(one.name for one in tree.find_all(exp.Table) if one.name not in inner))
    columns = tuple(dict.fromkeys((one.table, one.name) for one in tree.find_all(exp.Column)))
    return tables, columns


def parsed(sql: str) -> Any:
    """The query as sqlglot's tree; None for one that cannot be read."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(sql, dialect="sqlite")
    except (SqlglotError, RecursionError, ValueError):
        return None


def _steps(tree: Any) -> Iterator[Step]:
    from sqlglot import exp

    while isinstance(tree, (exp.Subquery, exp.Paren)):
        tree = tree.this
    if isinstance(tree, exp.SetOperation):
        yield from _steps(tree.left)
        yield Step("set", (tree.key.upper(),))
        yield from _steps(tree.right)
        return
    if not isinstance(tree, exp.Select):
        return
    for inner in tree.ctes:
        yield Step("with", (inner.alias,))
        yield from _steps(inner.this)
    aliases = _aliases(tree)
    source = tree.args.get("from_") or tree.args.get("from")
    if source is not None:
        if isinstance(source.this, exp.Subquery):
            yield from _steps(source.this)
            yield Step("inner")
        else:
            yield Step("from", (_source(source.this),))
    for join in tree.args.get("joins") or ():
        kind = "outer-join" if join.side else "join"
        yield Step(kind, (_source(join.this), _condition(join, source, aliases)))
    where = tree.args.get("where")
    if where is not None:
        yield Step("where", tuple(_said(part, aliases) for part in _conditions(where.this)))
    group = tree.args.get("group")
    if group is not None:
        yield Step("group", tuple(_said(_shown(one, tree), aliases) for one in group.expressions))
    having = tree.args.get("having")
    if having is not None:
        yield Step("having", tuple(_said(part, aliases) for part in _conditions(having.this)))
    kind = "distinct" if tree.args.get("distinct") else "show"
    yield Step(kind, tuple(_said(one.unalias(), aliases) for one in tree.expressions))
    order = tree.args.get("order")
    if order is not None:
        yield Step("order", tuple(_ordered(one, tree, aliases) for one in order.expressions))
    limit = tree.args.get("limit")
    if limit is not None:
        yield Step("limit", (_said(limit.expression, aliases),))


def _condition(join: Any, source: Any, aliases: dict[str, str]) -> str:
    """What a join holds together; "" where nothing does."""
    on = join.args.get("on")
    if on is not None:
        return _said(on, aliases)
    first = _source(source.this) if source is not None else ""
    names = [one.name for one in join.args.get("using") or ()]
    return " AND ".join(f"{first}.{name} = {_source(join.this)}.{name}" for name in names)[:_MAX_ITEM]


def _shown(node: Any, tree: Any) -> Any:
    """What a number in GROUP BY or ORDER BY stands for: the column shown in that place."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and node.is_int and 1 <= int(node.name) <= len(tree.expressions):
        return tree.expressions[int(node.name) - 1].unalias()
    return node


def _ordered(node: Any, tree: Any, aliases: dict[str, str]) -> str:
    place = _shown(node.this, tree)
    return (
        _said(place, aliases) + (" DESC" if node.args.get("desc") else "")
        if place is not node.this
        else _said(node, aliases)
    )


def _conditions(node: Any) -> list[Any]:
    from sqlglot import exp

    return list(node.flatten()) if isinstance(node, exp.And) else [node]


def _aliases(tree: Any) -> dict[str, str]:
    """Short names of tables by what they stand for, where each table stands once."""
    from sqlglot import exp

    found = {one.alias: one.name for one in tree.find_all(exp.Table) if one.alias and one.alias != one.name}
    names = list(found.values()) + [one.name for one in tree.find_all(exp.Table) if not one.alias]
    return {alias: name for alias, name in found.items() if names.count(name) == 1}


def _source(node: Any) -> str:
    return str(node.name or node.alias or "?")[:_MAX_ITEM]


def _said(node: Any, aliases: dict[str, str]) -> str:
    """A piece of the query with full names of tables."""
    from sqlglot import exp

    if node is None:
        return ""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        if column.table in aliases:
            column.set("table", exp.to_identifier(aliases[column.table]))
    text = str(copy.sql(dialect="sqlite"))
    return text if len(text) <= _MAX_ITEM else text[: _MAX_ITEM - 1] + "…"
