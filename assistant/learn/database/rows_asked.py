"""Questions about the rows of one table: counted, listed, shown by column, looked up; and which values there are."""

from collections.abc import Sequence
from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.saying import Condition, Rows, called, happened, value_said
from rushlight.assistant.sql.grammar import literal

NUMBERS: Final = ("number", "money", "count")


def conditions(facts: TableFacts, chance: Chance, weights: Sequence[float] = (0.35, 0.52, 0.13)) -> list[Condition]:
    """None, one or two things that are said of the rows."""
    n = chance.weighed(list(enumerate(weights)))
    found: list[Condition] = []
    for _ in range(n):
        made = any_condition(facts, chance, [one.column for one in found])
        if made is not None:
            found.append(made)
    return found


def count(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    made = conditions(facts, chance, (0.15, 0.64, 0.21))
    rows = called(facts, chance, made)
    sql = select(["COUNT(*)"], joins.source(facts.name), rows.sql)
    return Asked(how_many(rows, made, chance, bare=called(facts, chance)), sql, "count", (facts.name,))


def how_many(rows: Rows, made: Sequence[Condition], chance: Chance, bare: Rows | None = None) -> str:
    forms = [
        f"How many {rows.many} are there?", f"How many {rows.many} are there?", f"How many {rows.many} do we have?",
        f"What is the number of {rows.many}?", f"Count the {rows.many}.", f"Number of {rows.many}",
        f"How many {rows.many}?", f"What's the total number of {rows.many}?",
        f"Tell me how many {rows.many} there are.",
        f"How many {rows.many} exist?", f"Count of {rows.many}", f"How large is the number of {rows.many}?",
    ]  # fmt: skip
    said = verbal(made[0].after) if len(made) == 1 and made[0].after else ""
    if said and bare is not None:
        forms += [f"How many {bare.many} {said}?"] * 6
    return chance.pick(forms)


def listing(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Which rows: by their names."""
    labels = label_of(facts)
    made = conditions(facts, chance, (0.12, 0.66, 0.22))
    if not labels or facts.is_link:
        return None
    rows = called(facts, chance, made)
    names = [one.phrase for one in facts.label]
    order, end = "", ""
    if facts.label and chance.coin(0.12):
        order, end = labels[-1], chance.pick([" in alphabetical order", " sorted by name", " ordered alphabetically"])
    if not facts.label and chance.coin(0.35):
        end = chance.pick([" (ids only)", ", by id", ", their ids", ", only the numbers"])
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
        forms += [f"Which {bare.many} {said}{end}?"] * 7
        alone = verbal(made[0].after, singular=True)
        if facts.is_person and alone:
            forms += [f"Who {alone}{end}?"] * 5
    return Asked(chance.pick(forms), select(labels, joins.source(facts.name), rows.sql, order=order), "list",
                 (facts.name,))  # fmt: skip


def columns_of(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """One to three columns of some rows."""
    shown = [one for one in facts.columns.values() if one.sort != "key"]
    if not shown:
        return None
    chosen = chance.some(shown, chance.weighed([(1, 0.5), (2, 0.35), (3, 0.15)]))
    made = conditions(facts, chance, (0.1, 0.75, 0.15))
    rows = called(facts, chance, [one for one in made if one.column not in {c.column.name for c in chosen}])
    items = [one.place for one in chosen]
    names = _and([chance.first(one.phrases) for one in chosen])
    labels = label_of(facts)
    if len(chosen) == 1 and labels and labels[0] != items[0] and chance.coin(0.4) and not facts.is_link:
        items = [*labels, *items]
        forms = [f"List all {rows.many} with their {names}.", f"Show each of the {rows.many} and the {names}.",
                 f"Show the {rows.many} together with their {names}.",
                 f"Which {names} do the {rows.many} have? Show both."]  # fmt: skip
    else:
        many = plural_of(names) if len(chosen) == 1 else names
        forms = [f"Show the {names} of all {rows.many}.", f"List {names} of the {rows.many}.",
                 f"What are the {many} of the {rows.many}?", f"Give me {names} for all {rows.many}.",
                 f"{names.capitalize()} of {rows.many}", f"What {names} do the {rows.many} have?"]  # fmt: skip
    order, question = "", chance.pick(forms)
    sorts = [one for one in chosen if one.sort in NUMBERS or one.sort in ("date", "year")]
    if sorts and chance.coin(0.3):
        up = chance.coin(0.4)
        order = sorts[0].place + ("" if up else " DESC")
        words = (
            ["lowest first", "smallest first", "in ascending order"]
            if up
            else ["highest first", "largest first", "in descending order"]
        )
        if sorts[0].sort in ("date", "year"):
            words = ["oldest first", "earliest first"] if up else ["newest first", "latest first"]
        if {"price", "cost", "fee"} & set(sorts[0].phrase.split()):
            words += ["cheapest first"] if up else ["most expensive first"]
        question = f"{question.rstrip('.?')}, {chance.pick(words)}."
    return Asked(question, select(items, joins.source(facts.name), rows.sql, order=order), "columns", (facts.name,))


def lookup(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Something of one row that is named."""
    named = one_row(facts, chance)
    if named is None:
        return None
    said, where = named
    shown = [one for one in facts.columns.values() if one.sort != "key" and one not in facts.label]
    if not shown:
        return None
    column = chance.pick(shown)
    phrase = chance.first(column.phrases)
    noun = called(facts, chance).one
    who = said if chance.coin(0.7) or facts.nouns[0].one in said else f"the {noun} {said}"
    forms = [f"What is the {phrase} of {who}?"] * 3 + [
        f"{phrase.capitalize()} of {who}", f"What {phrase} does {who} have?", f"Tell me the {phrase} of {who}.",
        f"What's {said}'s {phrase}?", f"Show the {phrase} of {who}.", f"Which {phrase} does {who} have?",
    ]  # fmt: skip
    what = happened(column) if column.sort in ("date", "year") else ""
    if what:
        forms += [f"When was {who} {what}?"] * 5 if not what.endswith("ing") else [f"When is {who} {what}?"] * 5
        forms += [f"In which year was {who} {what}?"] * 2 if column.sort == "year" else []
    words = set(column.phrase.split())
    if words & {"price", "cost", "fee", "fare"}:
        forms += [f"How much does {who} cost?", f"How expensive is {who}?"] * 2
    if words & {"salary", "wage", "pay"}:
        forms += [f"How much does {who} earn?", f"What does {who} earn?"] * 2
    for names, word in (({"length", "duration"}, "long"), ({"weight"}, "heavy"), ({"height"}, "tall"),
                        ({"area", "size"}, "large")):  # fmt: skip
        if words & names:
            forms += [f"How {word} is {who}?"] * 3
    if words & {"city", "country", "town", "region"}:
        forms += [f"In which {phrase} is {who}?", f"Where is {who}?", f"Which {phrase} is {who} from?"]
    if column.sort == "count":
        forms = [f"How many {phrase} does {who} have?"] * 6 + forms
    return Asked(chance.pick(forms), select([column.place], joins.source(facts.name), where), "lookup", (facts.name,))


def one_row(facts: TableFacts, chance: Chance) -> tuple[str, list[str]] | None:
    """How a row is named, and the SQL of it."""
    code = _code(facts)
    if code is not None and (not facts.label or chance.coin(0.35)):
        value, noun = chance.pick(code.values), facts.nouns[0].one
        forms = [f"{noun} {value}", f"{noun} number {value}", f"the {noun} with {code.phrase} {value}", value]
        return chance.pick(forms), [f"{code.place} = {literal(value)}"]
    if len(facts.label) == 1 and facts.label[0].values:
        value = chance.pick(facts.label[0].values)
        return value_said(value, chance), [f"{facts.label[0].place} = {literal(value)}"]
    if len(facts.label) == 2 and all(one.values for one in facts.label):
        last = chance.pick(facts.label[1].values)
        return value_said(last, chance), [f"{facts.label[1].place} = {literal(last)}"]
    keys = [one for one in facts.columns.values() if one.column.key]
    if len(keys) == 1 and isinstance(keys[0].column.high, int) and isinstance(keys[0].column.low, int):
        number = keys[0].column.low + chance.below(keys[0].column.high - keys[0].column.low + 1)
        return chance.pick([f"{facts.nouns[0].one} {number}", f"{facts.nouns[0].one} number {number}",
                            f"{facts.nouns[0].one} no. {number}"]), [f"{keys[0].place} = {number}"]  # fmt: skip
    return None


def _code(facts: TableFacts) -> ColumnFacts | None:
    """The key of rows that are known by letters and digits."""
    keys = [one for one in facts.columns.values() if one.column.key]
    return keys[0] if len(keys) == 1 and keys[0].values and keys[0] not in facts.label else None


def different(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Which values there are, or how many."""
    found = [one for one in facts.of("group", "text") if not one.is_unique]
    if not found:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.65, 0.35)) if one.column != column.column.name]
    rows, many = called(facts, chance, made), plural_of(chance.first(column.phrases))
    source = joins.source(facts.name)
    if chance.coin(0.45):
        forms = [f"How many different {many} are there among the {rows.many}?",
                 f"How many different {many} do {rows.many} have?",
                 f"How many distinct {many} occur in {rows.many}?",
                 f"Number of different {many} of {rows.many}"]  # fmt: skip
        if not made:
            forms += [f"How many different {many} are there?"] * 2
        return Asked(chance.pick(forms), select([f"COUNT(DISTINCT {column.place})"], source, rows.sql), "different",
                     (facts.name,))  # fmt: skip
    forms = [f"Which {many} do {rows.many} have?", f"What different {many} are there among {rows.many}?",
             f"List the different {many} of {rows.many}.", f"Show all distinct {many} of {rows.many}.",
             f"Which different {many} occur for {rows.many}?",
             f"What {many} are there for {rows.many}, each only once?"]  # fmt: skip
    return Asked(
        chance.pick(forms), select([column.place], source, rows.sql, distinct=True), "different", (facts.name,)
    )


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
