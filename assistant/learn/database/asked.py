"""A question with its query, before it is polished; and how queries are written: as the grammar of sql/ has them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, Link, TableFacts
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.linking_taught import fits_whole, link_taught
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.trees import Tree, join_trees, table_text
from rushlight.assistant.sql.values import Key


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the query that answers it. `kind` names what is asked, for balance."""

    question: str
    sql: str
    kind: str
    tables: tuple[str, ...]


class Joins:
    """The ways of joining tables that the grammar knows, by the keys that they use."""

    def __init__(self, facts: Facts, known: Profiled) -> None:
        self._known, self._is_whole = known, fits_whole(known)
        self._all = Linked(known.schema.tables, (), {}, ())
        self._trees: dict[frozenset[tuple[str, tuple[str, ...]]], list[Tree]] = {}
        self._single = {table.name: table for table in known.schema.tables}
        if self._is_whole:
            self._take(join_trees(link_taught(known, "")))
        self._facts = facts

    def source(self, table: str) -> str:
        return f"FROM {table_text(self._all, self._single[table])}"

    def joined(self, links: Sequence[tuple[str, Link]], first: str = "", left: bool = False) -> str:
        """FROM with these keys, each of the table under that alias; "" where the grammar has no such way."""
        used = frozenset((alias, link.key.columns) for alias, link in links)
        if not self._is_whole and used not in self._trees:
            self._take(join_trees(self._part(links)))
        for tree in self._trees.get(used, ()):
            if not first or tree.nodes[0].alias == first:
                kind = "LEFT JOIN" if left else "JOIN"
                head = f"FROM {table_text(self._all, tree.nodes[0].table)}"
                return " ".join([head, *(f"{kind} {join}" for join in tree.joins)])
        return ""

    def _take(self, trees: Iterable[Tree]) -> None:
        for tree in trees:
            self._trees.setdefault(tree.used, []).append(tree)

    def _part(self, links: Sequence[tuple[str, Link]]) -> Linked:
        names = {link.owner for _, link in links} | {link.key.table for _, link in links}
        keys: tuple[tuple[str, Key], ...] = tuple((link.owner, link.key) for _, link in links)
        tables = tuple(table for table in self._known.schema.tables if table.name in names)
        return Linked(tables, keys, {}, ())


def aliased(facts: TableFacts, alias: str) -> TableFacts:
    """The table under another name, as where it is joined to itself."""
    if alias == facts.name:
        return facts
    columns: Mapping[str, ColumnFacts] = {name: replace(one, table=alias) for name, one in facts.columns.items()}
    label = tuple(replace(one, table=alias) for one in facts.label)
    return TableFacts(facts.table, facts.nouns, facts.is_person, dict(columns), label, facts.is_link)


def select(
    items: Sequence[str],
    source: str,
    where: Sequence[str] = (),
    *,
    group: Sequence[str] = (),
    having: str = "",
    order: str = "",
    limit: int = 0,
    distinct: bool = False,
) -> str:
    """One query, in the order and with the blanks of the grammar."""
    parts = [f"SELECT {'DISTINCT ' if distinct else ''}{', '.join(items)} {source}"]
    if where:
        parts.append("WHERE " + " AND ".join(where))
    if group:
        parts.append("GROUP BY " + ", ".join(group))
    if having:
        parts.append("HAVING " + having)
    if order:
        parts.append("ORDER BY " + order)
    if limit:
        parts.append(f"LIMIT {limit}")
    return " ".join(parts)


def label_of(facts: TableFacts) -> list[str]:
    """The columns that name a row: its label, else its number."""
    if facts.label:
        return [one.place for one in facts.label]
    keys = [one for one in facts.columns.values() if one.column.key]
    return [keys[0].place] if len(keys) == 1 else []


_ARE: Final = re.compile(
    r"^(not |in |from |of |called |named |cheaper |more expensive |heavier |lighter |longer |shorter |taller "
    r"|older |younger |larger |smaller |bigger |marked |under |over )"
)
_ING: Final = {"costing": "cost", "earning": "earn", "weighing": "weigh", "lasting": "last", "having": "have",
               "lacking": "lack", "arriving": "arrive", "leaving": "leave", "starting": "start", "ending": "end",
               "expiring": "expire", "beginning": "begin", "closing": "close", "opening": "open"}  # fmt: skip
_SINGULAR: Final = {"are": "is", "have": "has", "were": "was", "cost": "costs", "earn": "earns", "weigh": "weighs",
                    "last": "lasts", "lack": "lacks", "don't": "doesn't", "arrive": "arrives", "leave": "leaves",
                    "start": "starts", "end": "ends", "expire": "expires", "begin": "begins", "close": "closes",
                    "open": "opens"}  # fmt: skip


def verbal(after: str, *, singular: bool = False) -> str:
    """What is said behind a noun, as the rest of a sentence: "with a fee" -> "have a fee"; "" where it cannot be."""
    first, _, rest = after.partition(" ")
    if first in ("that", "who", "which"):
        said = rest
    elif first == "with":
        said = f"have {rest}"
    elif first == "without":
        said = f"have no {rest.removeprefix('an ').removeprefix('a ')}"
    elif first in _ING:
        said = f"{_ING[first]} {rest}"
    elif _ARE.match(after):
        said = f"are {after}"
    elif first.endswith("ed") or first in (
        "born",
        "built",
        "paid",
        "left",
        "sold",
        "bought",
        "begun",
        "held",
        "sent",
        "made",
    ):
        said = f"were {after}"
    else:
        return ""
    if singular:
        head, _, tail = said.partition(" ")
        if head not in _SINGULAR:
            return ""
        said = f"{_SINGULAR[head]} {tail}"
    return said
