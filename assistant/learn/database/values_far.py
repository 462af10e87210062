"""Which different things the rows belong to, and which values these have: each once, or how many there are."""

from rushlight.assistant.learn.database.asked import Asked, Joins, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, TableFacts
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.paths import Way, far_condition, joined, tables_of, ways_from
from rushlight.assistant.learn.database.rows_asked import conditions
from rushlight.assistant.learn.database.saying import Condition, Rows, called
from rushlight.assistant.learn.database.several_tables import way_of


def values_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Of rows with something that is said of them."""
    way = way_of(facts, table, chance)
    if way is None or way.is_many:
        return None
    ways, made = _said(facts, table, way, chance)
    source = joined(joins, ways) if made else ""
    if not source:
        return None
    rows, owners = called(table, chance, made), called(way.end, chance, noun=way.role)
    columns = [one for one in way.end.of("group", "year") if not one.is_unique and one not in way.end.label]
    labels = [one.place for one in way.end.label]
    if labels and (not columns or chance.coin(0.45)):
        forms, items = _of_owners(owners, rows), labels
        return Asked(chance.pick(forms), select(items, source, rows.sql, distinct=True), "different", tables_of(*ways))
    if not columns:
        return None
    column = chance.pick(columns)
    many = plural_of(chance.first(column.phrases))
    if chance.coin(0.45):
        sql = select([f"COUNT(DISTINCT {column.place})"], source, rows.sql)
        return Asked(chance.pick(_counted(many, owners, rows)), sql, "different", tables_of(*ways))
    sql = select([column.place], source, rows.sql, distinct=True)
    return Asked(chance.pick(_listed(column, many, owners, rows)), sql, "different", tables_of(*ways))


def _said(facts: Facts, table: TableFacts, way: Way, chance: Chance) -> tuple[list[Way], list[Condition]]:
    """Something of the rows themselves, or of another thing to which they belong."""
    others = [one for one in ways_from(facts, table) if not one.is_many and one.links[0] != way.links[0]
              and not set(tables_of(one)) & (set(tables_of(way)) - {table.name})]  # fmt: skip
    if others and chance.coin(0.45):
        other = chance.pick(others)
        far = far_condition(other, chance)
        if far is not None:
            return [way, other], [far]
    return [way], conditions(table, chance, (0.0, 0.85, 0.15))


def _of_owners(owners: Rows, rows: Rows) -> list[str]:
    return [
        f"Which {owners.many} have {rows.many}?", f"Which {owners.many} had {rows.many}?",
        f"Which different {owners.many} do the {rows.many} belong to?",
        f"List the {owners.many} of {rows.many}, each only once.", f"Show the {owners.many} of the {rows.many}.",
        f"List all {owners.many} with {rows.many}, each only once.", f"Which {owners.many} are there for {rows.many}?",
        f"What {owners.many} occur among the {rows.many}?", f"For which {owners.many} are there {rows.many}?",
    ]  # fmt: skip


def _counted(many: str, owners: Rows, rows: Rows) -> list[str]:
    return [
        f"How many different {many} do the {owners.many} of {rows.many} have?",
        f"How many different {owners.one} {many} are there among the {rows.many}?",
        f"How many {many} are there among the {rows.many}?", f"Number of different {many} for {rows.many}",
        f"How many distinct {many} occur among {rows.many}?", f"How many {many} are there for {rows.many}?",
        f"How many different {many} are there for {rows.many}?",
    ]  # fmt: skip


def _listed(column: ColumnFacts, many: str, owners: Rows, rows: Rows) -> list[str]:
    forms = [
        f"Which {many} do the {owners.many} of {rows.many} have?", f"Which {many} occur among the {rows.many}?",
        f"List the different {many} of the {owners.many} of {rows.many}.", f"Which {many} are there for {rows.many}?",
        f"What different {owners.one} {many} are there among {rows.many}?", f"Which {many} have {rows.many}?",
        f"Show the {many} of {rows.many}, each only once.", f"For which {many} are there {rows.many}?",
    ]  # fmt: skip
    if column.sort == "year":
        forms = [
            f"Which {many} do the {owners.many} of {rows.many} have?",
            f"Which {many} occur among the {rows.many}?",
        ]
    return forms
