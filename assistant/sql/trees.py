"""The ways in which tables can be joined along their keys: every connected tree of at most four of them."""

from msgspec import Struct

from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.values import Key, Table

MAX_JOINED = 4
MAX_TREES = 40
# Those of SQLite, and of other dialects what a reader of queries would stumble over.
_KEYWORDS = """
    add all alter and as asc begin between by case check collate commit create cross current default deferrable delete
    desc distinct drop else end escape except exists filter for foreign from full glob grant group grouping having if in
    index inner insert intersect into is isnull join key lateral left like limit match merge natural not nothing notnull
    null of offset on or order outer over partition pivot primary qualify recursive references regexp returning revoke
    right rollback row rows select set table then to transaction trigger truncate union unique unpivot update using
    vacuum values view virtual when where window with without
"""
_RESERVED = frozenset(_KEYWORDS.split())


class Node(Struct, frozen=True):
    """A table in a tree, under the name by which its columns are called there."""

    alias: str
    table: Table


class Tree(Struct, frozen=True):
    """Tables and the text that joins them."""

    nodes: tuple[Node, ...]
    joins: tuple[str, ...]  # after each table but the first: the table with its condition, behind JOIN
    used: frozenset[tuple[str, tuple[str, ...]]] = frozenset()  # (alias, columns) of the keys that join them


def name_of(name: str) -> str:
    """A name as SQL writes it, in quotes only where it needs them."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit()
    return name if plain and name.lower() not in _RESERVED else quoted(name)


def table_text(linked: Linked, table: Table) -> str:
    """The table as FROM names it: with its file's name where another file has one of the same name."""
    if f"{table.source}.{table.name}" in linked.qualified:
        return f"{name_of(table.source)}.{name_of(table.name)}"
    return name_of(table.name)


def join_trees(linked: Linked) -> list[Tree]:
    """Small trees before large ones, those of the better tables first, at most `MAX_TREES`. Those that hold every table
    that must be there or is named, else every one that must be there, where one can hold all of them."""
    tables = {table.name: table for table in linked.tables}
    rank = {table.name: i for i, table in enumerate(linked.tables)}
    layer = [Tree((Node(table.name, table),), ()) for table in linked.tables]
    layers = [layer]
    seen: set[tuple[frozenset[str], frozenset[tuple[str, tuple[str, ...]]], str]] = set()
    for _ in range(MAX_JOINED - 1):
        grown: list[Tree] = []
        for tree in layer:
            for owner, key in linked.keys:
                for made in _grow(linked, tree, tables[owner], key, tables[key.table]):
                    aliases = frozenset(node.alias for node in made.nodes)
                    # Of two tables each may come first: LEFT JOIN means another thing then. Who always joins them in
                    # one order needs that only where keys of several columns leave no other way to say it.
                    both = len(made.nodes) == 2 and (not linked.one_way or len(key.columns) > 1)
                    mark = (aliases, made.used, made.nodes[0].alias if both else "")
                    if mark not in seen:
                        seen.add(mark)
                        grown.append(made)
        grown.sort(key=lambda tree: sum(rank[node.table.name] for node in tree.nodes))
        layer = grown
        if linked.points:
            grown = sorted(grown, key=lambda tree: -sum(linked.points.get(node.table.name, 0.0) for node in tree.nodes))
        layers.append(grown)
    wanted = (linked.must | linked.named, linked.must, frozenset[str]())
    return next((trees for one in wanted if (trees := _kept(layers, one))), [])


def pairs_of(linked: Linked) -> list[Tree]:
    """Two tables each, joined by one key, under their own names; whatever must be there."""
    tables = {table.name: table for table in linked.tables}
    found: dict[tuple[frozenset[str], frozenset[tuple[str, tuple[str, ...]]]], Tree] = {}
    for table in linked.tables:
        for owner, key in linked.keys:
            for made in _grow(linked, Tree((Node(table.name, table),), ()), tables[owner], key, tables[key.table]):
                if all(node.alias == node.table.name for node in made.nodes):
                    found.setdefault((frozenset(node.alias for node in made.nodes), made.used), made)
    return list(found.values())


def _kept(layers: list[list[Tree]], must: frozenset[str]) -> list[Tree]:
    """The first trees of each layer, as many as there is room for."""
    trees: list[Tree] = []
    for layer in layers:
        fitting = [tree for tree in layer if must <= {node.table.name for node in tree.nodes}]
        trees += fitting[: max(0, MAX_TREES - len(trees))]
    return trees


def _grow(linked: Linked, tree: Tree, owner: Table, key: Key, target: Table) -> list[Tree]:
    """The tree with one more table along this key: the one it points to, or the one that has it."""
    made = []
    aliases = {node.alias for node in tree.nodes}
    for node in tree.nodes:
        if node.table.name == owner.name and (node.alias, key.columns) not in tree.used:
            # Two keys to one table, or a table that points to itself: the key names the role.
            alias = _role(key) if target.name in aliases else target.name
            if alias not in aliases:
                made.append(_with(linked, tree, Node(alias, target), node.alias, alias, key))
        if node.table.name == target.name and node.alias == target.name and owner.name not in aliases:
            made.append(_with(linked, tree, Node(owner.name, owner), owner.name, node.alias, key))
    return made


def _role(key: Key) -> str:
    name = key.columns[0].lower().removesuffix("_id").removesuffix("id").strip("_")
    return name if name and name != key.table.lower() else f"{name or key.table}_2"


def _on(left: str, left_columns: tuple[str, ...], right: str, right_columns: tuple[str, ...]) -> str:
    parts = [
        f"{name_of(left)}.{name_of(a)} = {name_of(right)}.{name_of(b)}"
        for a, b in zip(left_columns, right_columns, strict=False)
    ]
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"


def _with(linked: Linked, tree: Tree, node: Node, left: str, right: str, key: Key) -> Tree:
    """The tree with `node`, joined where the key's columns of `left` are those of `right`."""
    text = table_text(linked, node.table)
    if node.alias != node.table.name:
        text += f" AS {name_of(node.alias)}"
    join = f"{text} ON {_on(left, key.columns, right, key.to_columns)}"
    return Tree((*tree.nodes, node), (*tree.joins, join), tree.used | {(left, key.columns)})
