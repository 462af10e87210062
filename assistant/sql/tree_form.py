"""A query with its tables joined as the grammar joins them: in the order and under the names of one of its trees.

So is a query inside of it, of two tables: rows not among those of a third one. Knows inner joins along keys; what is
joined otherwise, or in no tree, stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.plain_form import named, own_nodes, sources_of, written
from rushlight.assistant.sql.trees import Tree, join_trees, name_of, pairs_of, table_text

_Edge = tuple[str, str, str, str]  # alias and column of the key, alias and column to which it points


def tree_form(sql: str, linked: Linked) -> str:
    """The same query in the words of a grammar that holds `linked`."""
    from sqlglot import exp

    select = parsed(sql)
    if not isinstance(select, exp.Select):
        return sql
    inner = [one for one in select.find_all(exp.Select) if one is not select and one.args.get("joins")]
    pairs = pairs_of(linked) if inner else []
    is_new = [_is_rewritten(one, pairs, linked) for one in inner]
    if select.args.get("joins"):
        is_new.append(_is_rewritten(select, join_trees(linked), linked))
    return written(select) if any(is_new) else sql


def _is_rewritten(select: Any, trees: Sequence[Tree], linked: Linked) -> bool:
    """Whether one of the trees joins the same tables by the same keys: then `select` joins them as that does."""
    nodes = sources_of(select)
    names = {node.alias_or_name: node.name for node in nodes}
    edges = list(_edges(select, names, linked)) if len(names) == len(nodes) else []
    if len(edges) < len(nodes) - 1 or None in edges:
        return False
    whole = [edge for edge in edges if edge is not None]
    for tree in trees:
        aliases = _fitting(tree, names, whole)
        if aliases is not None:
            _rewrite(select, tree, aliases, linked)
            return True
    return False


def _edges(select: Any, names: Mapping[str, str], linked: Linked) -> Iterator[_Edge | None]:
    """What each join says; None for one that is no key."""
    from sqlglot import exp

    for join in select.args.get("joins") or ():
        on = join.args.get("on")
        if on is None or join.side or join.kind not in ("", "INNER"):
            yield None
            continue
        for part in on.flatten() if isinstance(on, exp.And) else [on]:
            sides = (part.this, part.expression) if isinstance(part, exp.EQ) else ()
            yield _edge(sides, names, linked) if all(isinstance(one, exp.Column) for one in sides) else None


def _edge(sides: Sequence[Any], names: Mapping[str, str], linked: Linked) -> _Edge | None:
    for one, other in (sides, sides[::-1]) if sides else ():
        for owner, key in linked.keys:
            for own, to in zip(key.columns, key.to_columns, strict=False):
                if (owner, own, key.table, to) == (names.get(one.table), one.name, names.get(other.table), other.name):
                    return one.table, own, other.table, to
    return None


def _fitting(tree: Tree, names: Mapping[str, str], edges: Sequence[_Edge]) -> dict[str, str] | None:
    """The tree's alias for each of the query's, where it joins the same."""
    if sorted(node.table.name for node in tree.nodes) != sorted(names.values()):
        return None
    used = {(alias, column) for alias, columns in tree.used for column in columns}
    text = " ".join(f" {join} " for join in tree.joins).replace("(", " ").replace(")", " ")
    for nodes in permutations(tree.nodes):
        aliases = {alias: node.alias for alias, node in zip(names, nodes, strict=True)}
        if (
            all(node.table.name == names[alias] for alias, node in zip(names, nodes, strict=True))
            and {(aliases[own], column) for own, column, _, _ in edges} == used
            and all(f" {_said(aliases, edge)} " in text for edge in edges)
        ):
            return aliases
    return None


def _said(aliases: Mapping[str, str], edge: _Edge) -> str:
    own, column, other, to = edge
    return f"{name_of(aliases[own])}.{name_of(column)} = {name_of(aliases[other])}.{name_of(to)}"


def _rewrite(select: Any, tree: Tree, aliases: Mapping[str, str], linked: Linked) -> None:
    from sqlglot import exp

    for column in own_nodes(select, exp.Column):
        name = aliases.get(column.table)
        if name is not None:
            column.set("table", named(name))
    joined = parsed(" JOIN ".join([f"SELECT 1 FROM {table_text(linked, tree.nodes[0].table)}", *tree.joins]))
    for part in ("from_", "from", "joins"):
        if part in joined.args and joined.args[part] is not None:
            select.set(part, joined.args[part])
