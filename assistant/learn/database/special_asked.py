"""Questions about figures of one table that come less often: against the mean, two at once, spans, shares, products."""

from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of, with_article
from rushlight.assistant.learn.database.number_conditions import (
    comparatives,
    number_in,
    number_said,
    plain_number,
    verb_of,
)
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, figure_phrase, how_many, pieces_and_price
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
    if figure.sums and chance.coin(0.35) and isinstance(figure.column.high, int | float):
        limit = float(int(figure.column.high * chance.between(1.2, 4.0)))
        said, having = number_said(limit, figure.unit, chance), f"SUM({figure.place}) {'>' if up else '<'} {limit:.0f}"
        forms = [f"Which {many} have a total {phrase} {start} {said}?",
                 f"List the {many} with a total {phrase} of {rows.many} {start} {said}.",
                 f"For which {many} is the total {phrase} {'above' if up else 'below'} {said}?"]  # fmt: skip
    where = [f"{column.place} IS NOT NULL"] if column.n_missing else []
    sql = select([column.place], joins.source(facts.name), where, group=[column.place], having=having)
    return Asked(chance.pick(forms), sql, "having", (facts.name,))


def product(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The value of pieces: how many times what one costs."""
    found = pieces_and_price(facts)
    if found is None:
        return None
    made = conditions(facts, chance, (0.5, 0.5))
    rows, (number, price) = called(facts, chance, made), found
    forms = [f"What is the total value of {rows.many}?", f"What is the total revenue of {rows.many}?",
             f"How much money do the {rows.many} come to?", f"What are all {rows.many} worth together?",
             f"What is the sum of {number.phrase} times {price.phrase} of {rows.many}?"]  # fmt: skip
    if "stock" in number.phrase.split():
        forms = [f"What is the total value of {rows.many}?", f"What are all {rows.many} worth together?",
                 f"What is the value of the stock of {rows.many}?"]  # fmt: skip
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
    if first.event is not None and first.event.base not in ("", "be") and second.event is not None and chance.coin(0.7):
        done = [f"{one.past}" if one.does else f"were {one.participle}" for one in (first.event, second.event)]
        said = f"that {done[0]} after they {done[1]}"
        if second.event.base == "be":
            said = chance.pick([f"that {done[0]} after they were due", f"that {done[0]} late",
                                f"that {done[0]} after the due date"])  # fmt: skip
    where, source = [f"{first.place} > {second.place}"], joins.source(facts.name)
    if not labels or chance.coin():
        question = how_many(Rows(f"{rows.one} {said}", f"{rows.many} {said}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "compared", (facts.name,))
    forms = [f"List the {rows.many} {said}.", f"Which {rows.many} have {with_article(a)} {word} their {b}?"]
    forms += [f"Which {rows.many} {verbal(said)}?"] * 4 if verbal(said) else []
    return Asked(chance.pick(forms), select(labels, source, where), "compared", (facts.name,))


def against_mean(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows above or below the mean."""
    numbers, labels = facts.of(*NUMBERS), label_of(facts)
    if not numbers or facts.is_link:
        return None
    column = chance.pick(numbers)
    up, rows, phrase = chance.coin(0.7), called(facts, chance), chance.first(column.phrases)
    word = chance.pick(["above", "higher than", "more than"] if up else ["below", "lower than", "less than"])
    thing, more, verb = with_article(phrase), comparatives(column)[0 if up else 1], verb_of(column)[1]
    which = [
        f"with {thing} {word} average",
        f"whose {phrase} is {word} the average",
        f"whose {phrase} is {word} average",
        f"with {'an above' if up else 'a below'}-average {phrase}",
        f"with {thing} {word} the average {phrase}",
    ]
    if column.sort == "count":
        which = [f"with {'more' if up else 'fewer'} {phrase} than average", f"that have {'more' if up else 'fewer'} "
                 f"{phrase} than the average {rows.one}"]  # fmt: skip
    said = [f"are {more} than {end}" for end in ("the average", "average", f"the average {rows.one}")] if more else []
    if verb:
        said += [f"{verb} {'more' if up else 'less'} than {end}" for end in ("the average", "average",
                 f"the average {rows.one}")]  # fmt: skip
    which += [f"that {one}" for one in said]
    times = ""
    if up and chance.coin(0.2):
        n = f"{chance.between(1.1, 3.4):.1f}".removesuffix(".0")
        times, often = chance.pick([("2 * ", "twice"), ("2 * ", "double"), (f"{n} * ", f"{n} times")])
        said = [f"{verb} more than {often} the average"] if verb else []
        which = [f"whose {phrase} is more than {often} the average", f"with more than {often} the average {phrase}",
                 *(f"that {one}" for one in said)]  # fmt: skip
    source, after = joins.source(facts.name), chance.pick(which)
    where = [f"{column.place} {'>' if up else '<'} (SELECT {times}AVG({column.place}) {source})"]
    if chance.coin(0.3) or not labels:
        question = how_many(Rows(f"{rows.one} {after}", f"{rows.many} {after}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "mean", (facts.name,))
    forms = [f"List the {rows.many} {after}.", f"Show all {rows.many} {after}.", f"Find {rows.many} {after}."]
    forms += [f"Which {rows.many} {verbal(after)}?"] * 3 if verbal(after) else []
    forms += [f"Which {rows.many} {one}?" for one in said for _ in range(3)]
    return Asked(chance.pick(forms), select(labels, source, where), "mean", (facts.name,))


def share(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """How many of a hundred rows are such."""
    made = any_condition(facts, chance, only=("group", "flag", "date", "year", "money", "number", "count"))
    if made is None or " AND " in made.sql:
        return None
    rows, said = called(facts, chance), verbal(made.after) if made.after else ""
    if made.before and made.before[:1].islower():
        said = f"are {made.before}"
    if not said or made.noun:
        return None
    start = chance.pick(["What share of", "What percentage of", "What percentage of the", "What share of all",
                         "What proportion of the"])  # fmt: skip
    end = chance.pick(["?", "?", ", in percent?"]) if start.startswith("What sh") else "?"
    item = f"100.0 * SUM({made.sql}) / COUNT(*)"
    return Asked(f"{start} {rows.many} {said}{end}", select([item], joins.source(facts.name)), "share", (facts.name,))


def two_figures(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The least and the most, or count and mean, in one row."""
    numbers = facts.of(*NUMBERS)
    if not numbers:
        return None
    column = chance.pick(numbers)
    made = [one for one in conditions(facts, chance, (0.6, 0.4)) if one.column != column.column.name]
    rows, phrase = called(facts, chance, made), figure_phrase(column, chance)
    which = chance.below(3 if column.sums else 2)
    items = [[f"MIN({column.place})", f"MAX({column.place})"], ["COUNT(*)", f"AVG({column.place})"],
             ["COUNT(*)", f"SUM({column.place})"]][which]  # fmt: skip
    forms = [[f"What are the lowest and the highest {phrase} of {rows.many}?",
              f"What is the lowest and what the highest {phrase} of {rows.many}?",
              f"Minimum and maximum {phrase} of {rows.many}"],
             [f"How many {rows.many} are there, and what is their average {phrase}?",
              f"Show the number of {rows.many} and their average {phrase}."],
             [f"How many {rows.many} are there, and what is their total {phrase}?",
              f"Show the number of {rows.many} and their total {phrase}."]][which]  # fmt: skip
    return Asked(chance.pick(forms), select(items, joins.source(facts.name), rows.sql), "two", (facts.name,))


# From what to what, and how long that is called.
_LASTING: Final = (
    ("arrive", "leave", "stay"), ("check in", "check out", "stay"), ("admit", "discharge", "stay"),
    ("start", "end", "last"), ("open", "close", "last"), ("begin", "end", "last"), ("start", "finish", "last"),
    ("lend", "return", "is out"), ("borrow", "return", "is out"), ("depart", "arrive", "last"),
)  # fmt: skip


def span(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Days between two dates of a row, or years: on average, at most."""
    found = [one for one in facts.of("date") if one.event is None or one.event.base not in ("cancel", "bear")]
    years = facts.of("year")
    if len(found) < 2 and len(years) < 2:
        return None
    of_years = len(found) < 2
    first, last = chance.some(years if of_years else found, 2)
    usual = [(one, two) for one in found for two in found if _bases(one, two) in _PAIRS]
    if usual and chance.coin(0.6):
        first, last = chance.pick(usual)
    if str(first.column.low) > str(last.column.low) or (first.n_missing and not last.n_missing):
        first, last = last, first
    word = "on average"
    made = [
        one for one in conditions(facts, chance, (0.6, 0.4)) if one.column not in (first.column.name, last.column.name)
    ]
    rows, unit = called(facts, chance, made), "years" if of_years else "days"
    a, b = (
        chance.first(one.phrases)
        .removesuffix(" date")
        .removesuffix(" year")
        .removeprefix("year of ")
        .removeprefix("date of ")
        for one in (first, last)
    )
    forms = [f"How many {unit} are there {word} between {a} and {b} of {rows.many}?",
             f"How many {unit} pass {word} from {a} to {b} of {rows.many}?",
             f"How many {unit} does it take {word} from {a} to {b} for {rows.many}?",
             f"How long does it take {word} from {a} to {b} for {rows.many}, in {unit}?"]  # fmt: skip
    if not made:
        forms += [f"How many {unit} does it take {word} from {a} to {b}?",
                  f"How many {unit} are there {word} between {a} and {b}?"] * 2  # fmt: skip
    forms += [f"What is the average time between {a} and {b} of {rows.many} in {unit}?"] * 2
    forms += _lasting(first, last, rows, unit) * 3
    people = joins.people_of(facts.name) if not made else ""
    if people and any(" stay " in one for one in forms):
        forms += [f"How many {one} do {people} stay on average?" for one in ("days", "nights", "nights")] * 2
        forms += [f"How long do {people} stay on average?"] * 2
    item = f"AVG({last.place} - {first.place})"
    if not of_years:
        item = f"AVG(julianday({last.place}) - julianday({first.place}))"
    return Asked(chance.pick(forms), select([item], joins.source(facts.name), rows.sql), "span", (facts.name,))


_PAIRS: Final = {(start, end) for start, end, _ in _LASTING}


def _bases(*columns: ColumnFacts) -> tuple[str, ...]:
    return tuple(one.event.base if one.event is not None else "" for one in columns)


def _lasting(first: ColumnFacts, last: ColumnFacts, rows: Rows, unit: str) -> list[str]:
    starts, ends = _bases(first, last)
    if (starts, ends) == ("bear", "die"):
        return [f"How long did the {rows.many} live on average?", f"How old did the {rows.many} become on average?"]
    for start, end, verb in _LASTING:
        if (starts, ends) == (start, end):
            if verb == "is out":
                return [f"How many {unit} are {rows.many} out on average?", f"How long are {rows.many} out on average?"]
            units = _units(unit, verb)
            return [f"How many {one} do {rows.many} {verb} on average?" for one in units] + [
                f"How long do {rows.many} {verb} on average?",
                f"What is the average length of {rows.many} in {unit}?",
            ]
    return []  # fmt: skip


def _units(unit: str, verb: str) -> list[str]:
    """Stays are counted in nights as well."""
    return [unit, "nights"] if verb == "stay" else [unit]
