"""A question with its query, before it is polished; and how queries are written: as the grammar of sql/ has them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, Link, TableFacts
from rushlight.assistant.learn.database.saying import verb_singular
from rushlight.assistant.sql.cues import cues_of
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import Linked, all_numbers, direction_of, said_words, stem, table_points
from rushlight.assistant.sql.linking_taught import fits_whole, link_taught
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.rare_words import RARE_WORDS
from rushlight.assistant.sql.trees import Tree, join_trees, table_text
from rushlight.assistant.sql.values import Key


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the query that answers it. `kind` names what is asked, for balance."""

    question: str
    sql: str
    kind: str
    tables: tuple[str, ...]


# For these words the grammar has forms that it leaves out elsewhere, so that it holds fewer ways of joining.
_RARE: Final = frozenset(map(stem, RARE_WORDS))


class Joins:
    """The ways of joining tables that the grammar knows, by the keys that they use."""

    def __init__(self, facts: Facts, known: Profiled) -> None:
        self._known, self._is_whole = known, fits_whole(known)
        self._all = Linked(known.schema.tables, (), {}, ())
        self._trees: dict[frozenset[tuple[str, tuple[str, ...]]], list[Tree]] = {}
        self._single = {table.name: table for table in known.schema.tables}
        self._whole = link_taught(known, "")
        if self._is_whole:
            self._take(join_trees(self._whole))
        self._facts = facts
        self._n_held: dict[object, int] = {}

    def people_of(self, table: str) -> str:
        """Those to whom the rows of a table belong: guests, for stays; "" where they belong to nobody."""
        ends = [self._facts.tables[link.key.table] for link in self._facts.links_of(table) if not link.role]
        return next((end.nouns[0].many for end in ends if end.is_person), "")

    def source(self, table: str) -> str:
        return f"FROM {table_text(self._all, self._single[table])}"

    def joined(self, links: Sequence[tuple[str, Link]], first: str = "", left: bool = False) -> str:
        """FROM with these keys, each of the table under that alias; "" where the grammar has no such way."""
        used = frozenset((alias, link.key.columns) for alias, link in links)
        if used not in self._trees:
            self._take(join_trees(self._part(links)))
        for tree in self._trees.get(used, ()):
            if not first or tree.nodes[0].alias == first:
                kind = "LEFT JOIN" if left else "JOIN"
                head = f"FROM {table_text(self._all, tree.nodes[0].table)}"
                return " ".join([head, *(f"{kind} {join}" for join in tree.joins)])
        return ""

    def fitted(self, made: Asked) -> Asked | None:
        """With its joins in the order that the grammar of the question has; None where it lacks them: of large trees
        it holds a part."""
        n_joins = made.sql.count(" JOIN ")
        if n_joins < 2 and self._is_whole:
            return made
        start, linked = made.sql.index(" FROM "), self._linked(made.question)
        if n_joins < 2:
            return made if set(made.tables) <= {table.name for table in linked.tables} else None
        for place, tree in enumerate(join_trees(linked)):
            if place >= self._n_trees(linked):
                break
            found = [made.sql.find(f" JOIN {join}") for join in tree.joins]
            if len(found) == n_joins and min(found) >= 0:
                last = max(range(n_joins), key=found.__getitem__)
                end = found[last] + len(f" JOIN {tree.joins[last]}")
                first = table_text(self._all, tree.nodes[0].table)
                if first not in made.sql[start:end]:
                    continue
                source = " JOIN ".join([f" FROM {first}", *tree.joins])
                return replace(made, sql=made.sql[:start] + source + made.sql[end:])
        return None

    def _linked(self, question: str) -> Linked:
        """What `link_taught` finds, without the values of the question, which no join needs."""
        if not self._is_whole:
            return link_taught(self._known, question)
        named = table_points(self._known, question)
        points = {table.name: named.get(f"{table.source}.{table.name}", 0.0) for table in self._whole.tables}
        return structs.replace(
            self._whole, points=points, words=said_words(question),
            numbers=all_numbers(self._known, question), direction=direction_of(question),
        )  # fmt: skip

    def _n_trees(self, linked: Linked) -> int:
        """How many trees the grammar holds: that depends on its tables and on the words for rare forms."""
        names = tuple(table.name for table in linked.tables)
        digits = any(word.isdigit() for word in linked.words)
        key = (names, linked.words & _RARE, linked.direction, digits, cues_of(linked), linked.numbers == ())
        if key not in self._n_held:
            self._n_held[key] = sql_grammar(linked).n_trees
        return self._n_held[key]

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
    return replace(facts, columns=dict(columns), label=label)


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
    r"|older |younger |larger |smaller |bigger |marked |under |over |located |worth |faster |slower |on |at )"
)
_ING: Final = {"costing": "cost", "earning": "earn", "weighing": "weigh", "lasting": "last", "having": "have",
               "lacking": "lack", "arriving": "arrive", "leaving": "leave", "starting": "start", "ending": "end",
               "expiring": "expire", "beginning": "begin", "closing": "close", "opening": "open", "living": "live",
               "working": "work", "departing": "depart", "joining": "join", "belonging": "belong"}  # fmt: skip
_DONE: Final = ("born", "built", "paid", "left", "sold", "bought", "begun", "held", "sent", "made", "lent", "due",
                "taken", "given", "written", "won")  # fmt: skip


_ACTED: Final = {"placed", "made", "wrote", "gave", "out", "bought", "scored", "took", "got", "received", "cast",
                 "sent", "signed", "played", "had"}  # fmt: skip
_HELPERS: Final = {"were", "was", "are", "is", "have", "has", "had", "got", "never", "haven't", "weren't"}


def verbal(after: str, *, singular: bool = False) -> str:
    """What is said behind a noun, as the rest of a sentence: "with a fee" -> "have a fee"; "" where it cannot be."""
    first, _, rest = after.partition(" ")
    if first in ("that", "who", "which"):
        if after.rpartition(" ")[2] in _ACTED and rest.partition(" ")[0] not in _HELPERS:
            return ""  # that Ada made: she made it
        said = rest
    elif first == "with":
        said = f"have {rest}"
    elif first == "without":
        said = f"have no {rest.removeprefix('an ').removeprefix('a ').removeprefix('any ')}"
    elif first in _ING:
        said = f"{_ING[first]} {rest}"
    elif _ARE.match(after):
        said = f"are {after}"
    elif first.endswith("ed") or first in _DONE:
        said = f"were {after}"
    else:
        return ""
    return verb_singular(said) if singular else said
