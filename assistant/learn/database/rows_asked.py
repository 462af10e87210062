"""Questions about the rows of one table: counted, listed, shown by column, and which values there are."""

from collections.abc import Sequence
from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import is_plural, plural_of
from rushlight.assistant.learn.database.orders import SORTED, in_order
from rushlight.assistant.learn.database.relations import is_place, prepositions
from rushlight.assistant.learn.database.saying import Condition, Rows, called

NUMBERS: Final = ("number", "money", "count")


def conditions(facts: TableFacts, chance: Chance, weights: Sequence[float] = (0.3, 0.5, 0.2)) -> list[Condition]:
    """None, one or two things that are said of the rows."""
    n = chance.weighed(list(enumerate(weights)))
    found: list[Condition] = []
    for _ in range(n):
        made = any_condition(facts, chance, [one.column for one in found])
        if made is not None and not (found and made.before and found[0].before):
            found.append(made)
    return found


def count(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    made = conditions(facts, chance, (0.12, 0.62, 0.26))
    rows = called(facts, chance, made)
    sql = select(["COUNT(*)"], joins.source(facts.name), rows.sql)
    question = how_many(rows, made, chance, bare=called(facts, chance))
    if len(made) == 1 and made[0].sql.endswith(" IS NULL") and chance.coin(0.12):
        column = facts.columns[made[0].column]
        state = chance.pick(["unknown", "missing", "not known", "not given", "empty"])
        question = f"For how many {called(facts, chance).many} is the {chance.first(column.phrases)} {state}?"
    return Asked(question, sql, "count", (facts.name,))


def how_many(rows: Rows, made: Sequence[Condition], chance: Chance, bare: Rows | None = None) -> str:
    forms = [
        f"How many {rows.many} are there?", f"How many {rows.many} are there?", f"How many {rows.many} do we have?",
        f"What is the number of {rows.many}?", f"Count the {rows.many}.", f"Number of {rows.many}",
        f"How many {rows.many}?", f"What's the total number of {rows.many}?", f"How many {rows.many} were there?",
        f"Tell me how many {rows.many} there are.", f"How many {rows.many} exist?", f"Count of {rows.many}",
    ]  # fmt: skip
    said = verbal(made[-1].after) if made and made[-1].after else ""
    if said and bare is not None and (len(made) == 1 or (len(made) == 2 and made[0].before)):
        noun = next((one.noun for one in made if one.noun), "")
        many = plural_of(noun) if noun else bare.many
        before = "".join(f"{one.before} " for one in made if one.before)
        forms += [f"How many {before}{many} {said}?"] * 9
        forms += [f"Which {before}{many} {said}? Show how many."]
    return chance.pick(forms)


def listing(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Which rows: by their names."""
    labels = label_of(facts)
    made = conditions(facts, chance, (0.1, 0.64, 0.26))
    if not labels or facts.is_link:
        return None
    rows = called(facts, chance, made)
    names = [one.phrase for one in facts.label]
    order, end = "", ""
    sorts = [one for one in facts.of(*SORTED) if not one.n_missing or f"{one.place} IS NOT NULL" in rows.sql]
    if facts.label and chance.coin(0.07):
        order, end = labels[-1], chance.pick([" in alphabetical order", " sorted by name", " ordered alphabetically",
                                              ", alphabetically"])  # fmt: skip
    elif sorts and chance.coin(0.16):
        column, up = chance.pick(sorts), chance.coin(0.42)
        order, end = column.place + ("" if up else " DESC"), f", {in_order(facts, column, up, chance, is_shown=False)}"
    elif not facts.label and chance.coin(0.35):
        end = chance.pick([" (ids only)", ", by id", ", their ids", ", only the numbers", "? Give their ids",
                           "? Give the ids"])  # fmt: skip
    forms = [
        f"Which {rows.many} are there{end}?", f"List all {rows.many}{end}.", f"List the {rows.many}{end}.",
        f"Show me all {rows.many}{end}.", f"Show the {rows.many}{end}.", f"Give me a list of {rows.many}{end}.",
        f"What are the {rows.many}{end}?", f"Find all {rows.many}{end}.", f"I need the {rows.many}{end}.",
    ]  # fmt: skip
    if facts.label:
        name = plural_of(chance.pick(names)) if len(names) == 1 else "names"
        forms += [f"List the {name} of all {rows.many}{end}.", f"What are the {name} of the {rows.many}{end}?",
                  f"Show the {name} of {rows.many}{end}."]  # fmt: skip
    said = verbal(made[0].after) if len(made) == 1 and made[0].after else ""
    if said:
        bare = called(facts, chance)
        forms += [f"Which {bare.many} {said}{end}?"] * 9
        alone = verbal(made[0].after, singular=True)
        if facts.is_person and alone and not (alone.startswith("is ") and is_plural(alone)):
            forms += [f"Who {alone}{end}?"] * 4
    elif len(made) == 2 and verbal(made[-1].after) and not made[-1].before and made[0].before:
        forms += [f"Which {made[0].before} {called(facts, chance).many} {verbal(made[-1].after)}{end}?"] * 5
    question = chance.pick(forms)
    if end.startswith("?"):  # a sentence of its own
        question = question.replace(end, "").rstrip("?.") + end.replace("?", "?" if question.startswith(("Wh", "Wha"))
                                                                        else ".", 1) + "."  # fmt: skip
    return Asked(question, select(labels, joins.source(facts.name), rows.sql, order=order), "list", (facts.name,))


def columns_of(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """One to three columns of some rows."""
    shown = [one for one in facts.columns.values() if one.sort != "key" and one.sort != "flag"]
    if not shown:
        return None
    chosen = chance.some(shown, chance.weighed([(1, 0.5), (2, 0.4), (3, 0.1)]))
    named = bool(facts.label) and chance.coin(0.36)
    if named:
        chosen = [one for one in chosen if one not in facts.label][:2]
    if not chosen:
        return None
    chosen.sort(key=lambda one: one not in facts.label)
    made = conditions(facts, chance, (0.1, 0.72, 0.18))
    rows = called(facts, chance, [one for one in made if one.column not in {c.column.name for c in chosen}])
    items = [one.place for one in chosen]
    names = and_said([chance.first(one.phrases) for one in chosen])
    labels = label_of(facts)
    if named:  # the name and the salary of each
        items = [*labels, *items]
        name = facts.label[0].phrase if len(facts.label) == 1 else "name"
        one, several = (and_said([form(name), *(form(said.phrase) for said in chosen)]) for form in (str, plural_of))
        forms = [f"Show the {one} of all {rows.many}.", f"List the {several} of all {rows.many}.",
                 f"List {one} of the {rows.many}.", f"What are the {several} of the {rows.many}?",
                 f"Give me the {several} of {rows.many}.", f"Show {one} of each {rows.one}."]  # fmt: skip
    elif len(chosen) == 1 and labels and labels[0] != items[0] and chance.coin(0.5) and not facts.is_link:
        items = [*labels, *items]
        many = plural_of(names)
        forms = [f"List all {rows.many} with their {names}.", f"Show each of the {rows.many} and the {names}.",
                 f"Show the {rows.many} together with their {names}.", f"List the {rows.many} with their {many}.",
                 f"List the {rows.many} and their {many}.", f"Show {rows.many} and their {names}."]  # fmt: skip
    else:
        many = plural_of(names) if len(chosen) == 1 else names
        forms = [f"Show the {names} of all {rows.many}.", f"List {names} of the {rows.many}.",
                 f"What are the {many} of the {rows.many}?", f"Give me {names} for all {rows.many}.",
                 f"{names.capitalize()} of {rows.many}", f"What {many} do the {rows.many} have?",
                 f"List the {many} of the {rows.many}.", f"Show the {many} of {rows.many}."]  # fmt: skip
    order, question = "", chance.pick(forms)
    sorts = [one for one in chosen if one.sort in SORTED]
    if sorts and chance.coin(0.36):
        up = chance.coin(0.42)
        order = sorts[0].place + ("" if up else " DESC")
        question = f"{question.rstrip('.?')}, {in_order(facts, sorts[0], up, chance)}."
    return Asked(question, select(items, joins.source(facts.name), rows.sql, order=order), "columns", (facts.name,))


def different(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Which values there are, or how many."""
    found = [one for one in facts.of("group", "text") if not one.is_unique and one not in facts.label]
    if not found:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.7, 0.3)) if one.column != column.column.name]
    rows, many = called(facts, chance, made), plural_of(chance.first(column.phrases))
    source = joins.source(facts.name)
    comes = is_place(column) and facts.is_person
    if chance.coin(0.5):
        forms = [f"How many different {many} are there among the {rows.many}?",
                 f"How many different {many} do {rows.many} have?",
                 f"How many distinct {many} do the {rows.many} have?",
                 f"Number of different {many} of {rows.many}", f"How many {many} do the {rows.many} have?"]  # fmt: skip
        if not made:
            forms += [f"How many different {many} are there?", f"How many {many} are there?",
                      f"How many distinct {many} are there?"] * 2  # fmt: skip
        if comes:
            forms += [f"From how many different {many} do the {rows.many} come?",
                      f"How many different {many} do the {rows.many} come from?"] * 2  # fmt: skip
        elif prepositions(column):
            word = prepositions(column)[0]
            forms += [f"{word.capitalize()} how many different {many} are there {rows.many}?",
                      f"{word.capitalize()} how many {many} do we have {rows.many}?"]  # fmt: skip
        sql = select([f"COUNT(DISTINCT {column.place})"], source, rows.sql)
        return Asked(chance.pick(forms), sql, "different", (facts.name,))
    forms = [f"Which {many} do the {rows.many} have?", f"What different {many} are there among {rows.many}?",
             f"List the different {many} of {rows.many}.", f"Show all distinct {many} of {rows.many}.",
             f"Which different {many} occur for {rows.many}?", f"Which {many} occur among the {rows.many}?",
             f"What {many} are there for {rows.many}, each only once?",
             f"List all {many} of {rows.many} without duplicates."]  # fmt: skip
    if not made:
        forms += [f"Which {many} are there?", f"What different {many} are there?", f"List the different {many}."]
    if comes:
        forms += [f"Which {many} do the {rows.many} come from?", f"From which {many} do the {rows.many} come?"] * 2
    elif prepositions(column):
        word = prepositions(column)[0]
        forms += [f"{word.capitalize()} which {many} are there {rows.many}?",
                  f"{word.capitalize()} which {many} do we have {rows.many}?"]  # fmt: skip
    where = [*rows.sql, *([f"{column.place} IS NOT NULL"] if column.n_missing else [])]
    sql = select([column.place], source, where, distinct=True)
    return Asked(chance.pick(forms), sql, "different", (facts.name,))


def and_said(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def figure_phrase(column: ColumnFacts, chance: Chance) -> str:
    """price; number of beds for what is counted."""
    phrase = chance.first(column.phrases)
    return f"number of {phrase}" if column.sort == "count" else phrase


def pieces_and_price(facts: TableFacts, priced: TableFacts | None = None) -> tuple[ColumnFacts, ColumnFacts] | None:
    """How many, and what one costs, here or in `priced`: together they say what rows are worth."""
    pieces = [one for one in facts.of("number", "count") if {"quantity", "pieces", "units"} & set(one.phrase.split())]
    prices = [one for one in facts.of("money") if {"price", "cost", "fee", "rate"} & set(one.phrase.split())]
    if not prices and priced is not None:
        prices = [one for one in priced.of("money") if {"price", "cost"} & set(one.phrase.split())]
    return (pieces[0], prices[0]) if pieces and prices else None
