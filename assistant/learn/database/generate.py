"""A lesson about a database: questions with their queries, balanced over what can be asked, each query run.

Knows the schema and the values; asks no model. The same database and seed make the same lesson.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from rushlight import Error
from rushlight.assistant.learn.database import figures_asked as figures
from rushlight.assistant.learn.database import groups_asked as groups
from rushlight.assistant.learn.database import groups_far, lookups
from rushlight.assistant.learn.database import owners_asked as owners
from rushlight.assistant.learn.database import rows_asked as rows
from rushlight.assistant.learn.database import several_tables as several
from rushlight.assistant.learn.database import special_asked as special
from rushlight.assistant.learn.database.asked import Asked, Joins
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.compared_far import against_kind, alike_far, compared_far
from rushlight.assistant.learn.database.facts import Facts, TableFacts, read_facts
from rushlight.assistant.learn.database.per_each import per_each
from rushlight.assistant.learn.database.polish import polished
from rushlight.assistant.learn.database.trial import trouble_of
from rushlight.assistant.learn.database.values_far import values_far
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.sql.database import Database

Maker = Callable[[TableFacts, Joins, Chance], Asked | None]
FarMaker = Callable[[Facts, TableFacts, Joins, Chance], Asked | None]
# What is asked of one table, and how often.
_MAKERS: Final[tuple[tuple[Maker, float], ...]] = (
    (rows.count, 2.8), (rows.listing, 2.7), (rows.columns_of, 1.2), (lookups.lookup, 1.3), (rows.different, 0.8),
    (figures.amount, 2.2), (figures.dates, 0.7), (figures.extreme, 2.0), (groups.grouped, 2.0),
    (groups.top_group, 1.3), (groups.ranked, 0.25), (special.against_mean, 0.6), (special.two_figures, 0.3),
    (special.span, 0.5), (special.having_figure, 0.35), (special.product, 0.3), (special.compared, 0.3),
    (special.share, 0.3),
)  # fmt: skip
# What needs several tables.
_FAR_MAKERS: Final[tuple[tuple[FarMaker, float], ...]] = (
    (several.count_far, 1.5), (several.count_owners, 0.7), (several.unlinked, 0.6), (several.list_far, 1.6),
    (several.lookup_far, 1.2), (several.with_far, 0.6), (several.amount_far, 1.0), (several.extreme_far, 0.6),
    (owners.owned, 1.7), (owners.holder, 0.35), (owners.without, 1.2), (groups_far.grouped_far, 2.6),
    (groups_far.ranked_far, 0.25), (groups_far.different_far, 0.3), (values_far, 0.8),
    (compared_far, 0.3), (against_kind, 0.35), (alike_far, 0.15), (per_each, 0.35),
)  # fmt: skip
_ONE_TABLE: Final = 0.58  # of all questions
_VAIN: Final = 40  # times that a kind is tried for each question that came of it; then the tables know none
_AHEAD: Final = 60  # questions over which kinds that fail often may catch up with their share
_TRIES: Final = 40  # for each question that is wanted
_EMPTY: Final = 0.03  # of all queries that may find nothing
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMBER: Final = re.compile(r"\b\d+(?:\.\d+)?\b")


def skeleton(sql: str) -> str:
    """The query without its values: what two questions share that ask the same of other values."""
    return _NUMBER.sub("#", _TEXT.sub("'?'", sql)).lower()


def generate(database: Database, n: int, seed: int = 0, watch: Watch | None = None) -> Iterator[Asked]:
    """Up to `n` questions; fewer where the database is small."""
    watch = watch or Watch()
    facts = read_facts(database)
    joins = Joins(facts, database.known())
    maker = _Maker(facts, joins, Chance(seed))
    if not maker.can_ask:
        raise Error(
            f"Nothing can be asked of {database.name}: its tables have no rows, or only numbers of rows.",
            "Give a database with data in it.",
            kind="nothing-to-learn",
        )
    seen: set[str] = set()
    skeletons: Counter[str] = Counter()
    ran: dict[str, bool] = {}
    n_made = n_empty = n_tries = 0
    while n_made < n and n_tries < _TRIES * n:
        n_tries += 1
        if n_tries % 50 == 0:
            watch.check()
        made = maker.make()
        if made is None or made.question.lower() in seen or skeletons[skeleton(made.sql)] >= 2 + n // 60:
            continue
        made = joins.fitted(made)
        if made is None:
            continue
        if made.sql not in ran:
            ran[made.sql] = not trouble_of(database, made.sql)
        if not ran[made.sql]:
            if n_empty >= _EMPTY * n_made:
                continue
            n_empty += 1
        maker.kept()
        seen.add(made.question.lower())
        skeletons[skeleton(made.sql)] += 1
        n_made += 1
        if n_made % 20 == 0:
            watch.tell("Making examples", n_made, n)
        yield made


class _Maker:
    """Draws a kind of question and a table, so that each gets its share: kinds that fail often are tried more often."""

    def __init__(self, facts: Facts, joins: Joins, chance: Chance) -> None:
        self._facts, self._joins, self._chance = facts, joins, chance
        self._tables = [one for one in facts.tables.values() if one.table.n_rows and _worth(one)]
        self._used: Counter[str] = Counter()
        self._kept: Counter[int] = Counter()
        self._tried: Counter[int] = Counter()
        near, far = sum(weight for _, weight in _MAKERS), sum(weight for _, weight in _FAR_MAKERS)
        several = 1.0 - _ONE_TABLE if facts.links else 0.0
        self._shares = [weight / near * (1.0 - several) for _, weight in _MAKERS]
        self._shares += [weight / far * several for _, weight in _FAR_MAKERS]
        self.can_ask = any(_worth(one) for one in self._tables)
        self._drawn = 0

    def make(self) -> Asked | None:
        chance = self._chance
        alive = [
            which for which in range(len(self._shares)) if self._tried[which] < _VAIN * (self._kept[which] + 1)
        ] or list(range(len(self._shares)))
        whole, n_soon = sum(self._shares[which] for which in alive), self._kept.total() + _AHEAD
        lacking = [(which, self._shares[which] / whole * n_soon - self._kept[which]) for which in alive]
        self._drawn = chance.weighed([(which, max(0.01, lack)) for which, lack in lacking])
        self._tried[self._drawn] += 1
        table = self._table()
        made: Asked | None
        if self._drawn < len(_MAKERS):
            made = _MAKERS[self._drawn][0](table, self._joins, chance)
        else:
            made = _FAR_MAKERS[self._drawn - len(_MAKERS)][0](self._facts, table, self._joins, chance)
        if made is None or "FROM" not in made.sql:
            return None
        self._used[table.name] += 1
        values = [value.replace("''", "'").strip("%") for value in _TEXT.findall(made.sql)]
        return replace(made, question=polished(made.question, chance, values))

    def kept(self) -> None:
        """The last one came into the lesson."""
        self._kept[self._drawn] += 1

    def _table(self) -> TableFacts:
        """A table; those with more columns more often, those asked little so far first."""
        weights = []
        for one in self._tables:
            columns = sum(column.sort != "key" for column in one.columns.values())
            weight = (1.0 + columns) * (0.4 if one.is_link else 1.0)
            weights.append((one, weight / (1.0 + self._used[one.name] / (1.0 + columns) * 0.2)))
        return self._chance.weighed(weights)


def _worth(facts: TableFacts) -> bool:
    return any(one.sort != "key" for one in facts.columns.values()) or bool(facts.label)
