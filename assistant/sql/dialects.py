"""Queries as the grammar has them (SQLite's) in the words of another engine. Knows queries; runs nothing."""

from typing import Any

from rushlight.assistant.sql.explain import parsed


def translated(sql: str, dialect: str) -> str:
    """The query for that engine; as it is where it cannot be read, or is SQLite's already."""
    from sqlglot.errors import SqlglotError

    tree = parsed(sql) if dialect != "sqlite" else None
    if tree is None:
        return sql
    try:
        for node in reversed(list(tree.walk())):  # what stands inside first
            made = _node(node, dialect)
            if made is not node:
                node.replace(made)
        return str(tree.sql(dialect=dialect))
    except (SqlglotError, RecursionError, ValueError, AttributeError):
        return sql


def _node(node: Any, dialect: str) -> Any:
    from sqlglot import exp

    if isinstance(node, exp.TimeToStr):
        return exp.TimeToStr(this=exp.cast(node.this, exp.DataType.Type.TIMESTAMP), format=node.args["format"])
    if isinstance(node, exp.Like) and isinstance(node.this, exp.Column):
        return exp.Like(this=exp.cast(node.this, exp.DataType.Type.TEXT), expression=node.expression)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "julianday" and len(node.expressions) == 1:
        seconds = exp.Extract(
            this=exp.Var(this="EPOCH"), expression=exp.cast(node.expressions[0], exp.DataType.Type.TIMESTAMP)
        )
        return exp.Paren(this=exp.Div(this=seconds, expression=exp.Literal.number("86400.0")))
    if dialect == "postgres" and isinstance(node, exp.Sum) and isinstance(node.this, (exp.Predicate, exp.Paren)):
        return exp.Sum(this=exp.cast(node.this, exp.DataType.Type.INT))
    if dialect == "postgres" and isinstance(node, exp.Round) and node.args.get("decimals") is not None:
        inner = node.this
        if not isinstance(inner, exp.Cast):
            return exp.Round(this=exp.cast(inner, exp.DataType.Type.DECIMAL), decimals=node.args["decimals"])
    return node
