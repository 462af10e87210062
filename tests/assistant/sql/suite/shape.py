"""What a gold query is made of: its tags, its literal values, and whether its result has one order."""

from typing import Any

import sqlglot
from sqlglot import exp

_STRUCTURAL = {"0", "1", "2", "10", "3", "100", "100.0"}  # flags, rounding, percentages, quarters, decades


def tags(sql: str) -> list[str]:
    """The skeleton of a query: which parts it has, without names and values."""
    tree = sqlglot.parse_one(sql, dialect="sqlite")
    found = set()
    joins = len(list(tree.find_all(exp.Join)))
    if joins:
        found.add("join" if joins == 1 else "joins")
    if any(join.side == "LEFT" for join in tree.find_all(exp.Join)):
        found.add("left-join")
    for name, kind in (
        ("where", exp.Where), ("group", exp.Group), ("having", exp.Having), ("limit", exp.Limit),
        ("window", exp.Window),
        ("distinct", exp.Distinct), ("case", exp.Case), ("set", exp.SetOperation), ("like", exp.Like),
    ):  # fmt: skip
        if tree.find(kind):
            found.add(name)
    if tree.args.get("order"):
        found.add("order")
    if len(list(tree.find_all(exp.Select))) > 1 and not isinstance(tree, exp.SetOperation):
        found.add("subquery")
    if any(isinstance(node.expression, exp.Null) for node in tree.find_all(exp.Is)):
        found.add("null")
    for call in tree.find_all(exp.Func):
        if isinstance(call, exp.AggFunc) and not isinstance(call, exp.AnonymousAggFunc):
            found.add("aggregate")
        if call.sql_name().lower() in ("strftime", "julianday", "date", "time_to_str", "timetostr") or (
            isinstance(call, exp.Anonymous) and call.name.lower() in ("strftime", "julianday", "date")
        ):
            found.add("date")
    return sorted(found)


def literals(sql: str) -> set[str]:
    """The values a query names, without flags, limits and formats of dates."""
    tree = sqlglot.parse_one(sql, dialect="sqlite")
    found = set()
    for node in tree.find_all(exp.Literal):
        if isinstance(node.parent, exp.Limit) or (node.is_string and node.name.startswith("%")):
            continue
        if not node.is_string and node.name in _STRUCTURAL:
            continue
        found.add(node.name)
    return found


def order_keys(sql: str) -> tuple[str, int, int | None] | None:
    """A query that gives its order keys as last columns, their number, and the limit; None for one without order."""
    tree: Any = sqlglot.parse_one(sql, dialect="sqlite")
    order, limit = tree.args.get("order"), tree.args.get("limit")
    if order is None:
        return None
    by_alias = {column.alias: column.this for column in tree.expressions if column.alias}
    for key in order.expressions:
        found = key.this
        if isinstance(found, exp.Column) and not found.table and found.name in by_alias:
            found = by_alias[found.name]
        tree.append("expressions", found.copy())
    tree.set("limit", None)
    return tree.sql(dialect="sqlite"), len(order.expressions), int(limit.expression.name) if limit else None
