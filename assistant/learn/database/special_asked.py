"""Questions about figures of one table that come less often: against the mean, two at once, spans, sums of products."""

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import TableFacts
from rushlight.assistant.learn.database.names import plural_of, with_article
from rushlight.assistant.learn.database.number_conditions import number_in, number_said, plain_number
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, how_many
from rushlight.assistant.learn.database.saying import Rows, called


def having_figure(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The values whose mean or sum lies above or below a number."""
    groups, numbers = facts.of("group"), facts.of(*NUMBERS)
    if not groups or not numbers:
        return None
    column, figure = chance.pick(groups), chance.pick(numbers)
    limit = number_in(figure, chance)
    if limit is None:
        return None
    rows, many, phrase = called(facts, chance), plural_of(chance.first(column.phrases)), chance.first(figure.phrases)
    up = chance.coin(0.65)
    start = chance.pick(["above", "of more than", "over"] if up else ["below", "of less than", "under"])
    said = number_said(limit, figure.unit, chance)
    forms = [f"Which {many} have an average {phrase} {start} {said}?",
             f"List the {many} with an average {phrase} of {rows.many} {start} {said}.",
             f"For which {many} is the average {phrase} of {rows.many} {'above' if up else 'below'} {said}?",
             f"In which {many} is the mean {phrase} {'over' if up else 'under'} {said}?"]  # fmt: skip
    having = f"AVG({figure.place}) {'>' if up else '<'} {plain_number(limit)}"
    where = [f"{column.place} IS NOT NULL"] if column.n_missing else []
    sql = select([column.place], joins.source(facts.name), where, group=[column.place], having=having)
    return Asked(chance.pick(forms), sql, "having", (facts.name,))


def product(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The value of pieces: how many times what one costs."""
    pieces = [one for one in facts.of("number", "count") if {"quantity", "pieces", "units"} & set(one.phrase.split())]
    prices = [one for one in facts.of("money") if {"price", "cost", "fee", "rate"} & set(one.phrase.split())]
    if not pieces or not prices:
        return None
    made = conditions(facts, chance, (0.5, 0.5))
    rows, number, price = called(facts, chance, made), chance.pick(pieces), chance.pick(prices)
    forms = [f"What is the total value of {rows.many}?", f"What is the total revenue of {rows.many}?",
             f"How much money do the {rows.many} come to?", f"What are all {rows.many} worth together?",
             f"What is the sum of {number.phrase} times {price.phrase} of {rows.many}?"]  # fmt: skip
    item = f"SUM({number.place} * {price.place})"
    return Asked(chance.pick(forms), select([item], joins.source(facts.name), rows.sql), "amount", (facts.name,))


def compared(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows in which one column is more or later than another of its kind."""
    pairs = [one for one in (facts.of("date"), facts.of("money"), facts.of("count")) if len(one) >= 2]
    labels = label_of(facts)
    if not pairs:
        return None
    first, second = chance.some(chance.pick(pairs), 2)
    a, b = chance.first(first.phrases), chance.first(second.phrases)
    words = ["after", "later than"] if first.sort == "date" else ["higher than", "more than", "above"]
    rows, word = called(facts, chance), chance.pick(words)
    said = f"whose {a} is {word} the {b}"
    where, source = [f"{first.place} > {second.place}"], joins.source(facts.name)
    if not labels or chance.coin():
        question = how_many(Rows(f"{rows.one} {said}", f"{rows.many} {said}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "compared", (facts.name,))
    forms = [f"List the {rows.many} {said}.", f"Which {rows.many} have {with_article(a)} {word} their {b}?"]
    return Asked(chance.pick(forms), select(labels, source, where), "compared", (facts.name,))


def against_mean(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows above or below the mean."""
    numbers, labels = facts.of(*NUMBERS), label_of(facts)
    if not numbers or facts.is_link:
        return None
    column = chance.pick(numbers)
    up, rows, phrase = chance.coin(0.7), called(facts, chance), chance.first(column.phrases)
    word = chance.pick(["above", "higher than", "more than"] if up else ["below", "lower than", "less than"])
    which = [f"with a {phrase} {word} average", f"whose {phrase} is {word} the average",
             f"whose {phrase} is {word} average",
             f"with {'an above' if up else 'a below'}-average {phrase}",
             f"with a {phrase} {word} the average {phrase}"]  # fmt: skip
    said = chance.pick(which)
    source = joins.source(facts.name)
    times = ""
    if up and chance.coin(0.2):
        times, said = (
            "2 * ",
            chance.pick(
                [f"whose {phrase} is more than twice the average", f"with more than double the average {phrase}"]
            ),
        )
    where = [f"{column.place} {'>' if up else '<'} (SELECT {times}AVG({column.place}) {source})"]
    if chance.coin(0.35) or not labels:
        question = how_many(Rows(f"{rows.one} {said}", f"{rows.many} {said}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "mean", (facts.name,))
    forms = [f"Which {rows.many} have a {phrase} {word} average?" if not times else f"Find all {rows.many} {said}.",
             f"List the {rows.many} {said}.", f"Show all {rows.many} {said}.",
             f"Find {rows.many} {said}."]  # fmt: skip
    return Asked(chance.pick(forms), select(labels, source, where), "mean", (facts.name,))


def two_figures(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The least and the most, or count and mean, in one row."""
    numbers = facts.of(*NUMBERS)
    if not numbers:
        return None
    column = chance.pick(numbers)
    made = [one for one in conditions(facts, chance, (0.6, 0.4)) if one.column != column.column.name]
    rows, phrase = called(facts, chance, made), chance.first(column.phrases)
    which = chance.below(2)
    items = [[f"MIN({column.place})", f"MAX({column.place})"], ["COUNT(*)", f"AVG({column.place})"]][which]
    forms = [[f"What are the lowest and the highest {phrase} of {rows.many}?",
              f"Minimum and maximum {phrase} of {rows.many}"],
             [f"How many {rows.many} are there, and what is their average {phrase}?"]][which]  # fmt: skip
    return Asked(chance.pick(forms), select(items, joins.source(facts.name), rows.sql), "two", (facts.name,))


def span(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Days between two dates of a row: on average, at most."""
    found = facts.of("date")
    if len(found) < 2:
        return None
    first, last = found[0], found[1] if len(found) == 2 else chance.pick(found[1:])
    if str(first.column.low) > str(last.column.low):
        first, last = last, first
    way, word = chance.pick([("AVG", "on average"), ("AVG", "on average"), ("MAX", "at most"), ("MIN", "at least")])
    made = [
        one for one in conditions(facts, chance, (0.7, 0.3)) if one.column not in (first.column.name, last.column.name)
    ]
    rows = called(facts, chance, made)
    a, b = chance.first(first.phrases), chance.first(last.phrases)
    forms = [f"How many days are there {word} between {a} and {b} of {rows.many}?",
             f"How many days pass {word} from {a} to {b} of {rows.many}?",
             f"How long does it take {word} from {a} to {b} for {rows.many}, in days?"]  # fmt: skip
    if way == "AVG":
        forms += [f"What is the average time between {a} and {b} of {rows.many} in days?"] * 2
    item = f"{way}(julianday({last.place}) - julianday({first.place}))"
    return Asked(chance.pick(forms), select([item], joins.source(facts.name), rows.sql), "span", (facts.name,))
