"""Questions about how many, or how much, there is for each of what rows belong to, on average."""

from rushlight.assistant.learn.database.asked import Asked, Joins, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import Facts, TableFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.relations import act_of, is_buyer
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions
from rushlight.assistant.learn.database.saying import called
from rushlight.assistant.sql.trees import name_of


def per_each(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """How many rooms a hotel has on average: of those that have any, since others stand in no row."""
    links = [
        one for one in facts.links_of(table.name)
        if len(one.key.columns) == 1 and one.key.table != table.name and not one.has_missing
    ]  # fmt: skip
    if not links:
        return None
    link = chance.pick(links)
    end = facts.tables[link.key.table]
    rows, owner = called(table, chance, conditions(table, chance, (0.7, 0.3))), called(end, chance, noun=link.role)
    key = f"{name_of(table.name)}.{name_of(link.key.columns[0])}"
    others = [one for one in facts.links_of(table.name) if one != link]
    if table.is_link and others and not rows.sql:  # a hotel has amenities, and no hotel amenities
        rows = called(facts.tables[others[0].key.table], chance, noun=others[0].role)
    past, base, _ = act_of(table)
    one = with_article(owner.one)
    sums = [column for column in table.of(*NUMBERS) if column.sums and column.unit != "percent"]
    if sums and chance.coin(0.35):
        column = chance.pick(sums)
        phrase = chance.first(column.phrases)
        item = f"SUM({column.place}) * 1.0 / COUNT(DISTINCT {key})"
        forms = [f"What is the average total {phrase} of {rows.many} per {owner.one}?",
                 f"What is the total {phrase} of {rows.many} per {owner.one} on average?"]  # fmt: skip
        if not rows.sql:
            forms += [f"What is the average total {phrase} per {owner.one}?",
                      f"How much {phrase} does {one} have in total on average?"]  # fmt: skip
    else:
        item = f"COUNT(*) * 1.0 / COUNT(DISTINCT {key})"
        forms = [f"How many {rows.many} does {one} have on average?",
                 f"On average, how many {rows.many} does {one} have?",
                 f"What is the average number of {rows.many} per {owner.one}?",
                 f"How many {rows.many} are there per {owner.one} on average?",
                 f"Average number of {rows.many} for each {owner.one}",
                 f"How many {rows.many} has the average {owner.one}?",
                 f"How many {rows.many} does the average {owner.one} have?"]  # fmt: skip
        if past and is_buyer(end) and not link.role:
            forms += [f"How many {rows.many} does {one} {base} on average?"] * 3
    return Asked(chance.pick(forms), select([item], joins.source(table.name), rows.sql), "amount", (table.name,))
