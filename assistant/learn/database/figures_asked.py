"""Questions about figures of one table: sums and means, first and last days, the rows with the most and the least."""

from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.number_conditions import verb_of
from rushlight.assistant.learn.database.orders import SORTED, adjectives, ages, most_words, verb_forms
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, figure_phrase
from rushlight.assistant.learn.database.saying import Rows, called, called_late, said_late
from rushlight.assistant.learn.database.synonyms import thing_of

SMALL_NUMBERS: Final = {2: "two", 3: "three", 4: "four", 5: "five", 10: "ten"}


def amount(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A mean, a sum, the largest or the smallest of some numbers."""
    numbers = facts.of(*NUMBERS)
    if not numbers:
        return None
    column = chance.pick(numbers)
    made = [one for one in conditions(facts, chance, (0.3, 0.55, 0.15)) if one.column != column.column.name]
    rows, tail = called_late(facts, chance, made)
    item, words = aggregate(column, chance)
    forms = amount_forms(column, words, rows, chance)
    verb, noun = _PAID.get(facts.nouns[0].one.rpartition(" ")[2], ""), facts.nouns[0].many
    if words == "SUM" and column.sort == "money" and verb and rows.many.startswith(noun):
        rest = rows.many.removeprefix(noun).replace(f" {verb} ", " ").replace(" made ", " ")
        if not rest.startswith((" that", " which", " whose", ",")):
            forms += [f"How much was {verb}{rest} in total?", f"What was {verb}{rest} in total?",
                      f"How much was {verb}{rest}?", f"What was {verb}{rest}?"] * 3  # fmt: skip
    question = said_late(chance.pick(forms), tail)
    if column.unit and chance.coin(0.08) and question.endswith("?"):
        question = f"{question.rstrip('?')} in {column.unit}?"
    return Asked(question, select([item], joins.source(facts.name), rows.sql), "amount", (facts.name,))


# What is done with the money of such rows.
_PAID: Final = {"payment": "paid", "charge": "charged", "invoice": "invoiced", "donation": "donated",
                "expense": "spent", "purchase": "spent", "refund": "refunded", "loan": "lent", "fine": "charged",
                "deposit": "deposited", "grant": "granted", "claim": "claimed"}  # fmt: skip


def aggregate(column: ColumnFacts, chance: Chance) -> tuple[str, str]:
    """The SQL of one figure over a column, and which it is."""
    way = chance.weighed([("AVG", 0.42), ("SUM", 0.3 if column.sums else 0.0), ("MAX", 0.18), ("MIN", 0.13)])
    return f"{way}({column.place})", way


def amount_forms(column: ColumnFacts, way: str, rows: Rows, chance: Chance) -> list[str]:
    many, phrase, verb = rows.many, figure_phrase(column, chance), verb_of(column)[1]
    if way == "AVG":
        return _mean_forms(column, phrase, rows, verb, chance)
    if way == "SUM":
        return _sum_forms(column, phrase, rows, chance)
    up = way == "MAX"
    if up:
        word = chance.pick(["highest", "highest", "maximum", "largest", "greatest", "biggest"])
    else:
        word = chance.pick(["lowest", "lowest", "minimum", "smallest", "least"])
    word = "highest" if word == "greatest" and column.sort == "money" else word
    if word == "least":
        word = "lowest"
    forms = [f"What is the {word} {phrase} of {many}?", f"What is the {word} {phrase} among {many}?",
             f"{word.capitalize()} {phrase} of {many}", f"What's the {word} {phrase} of all {many}?",
             f"Find the {word} {phrase} of the {many}.", f"What was the {word} {phrase} of the {many}?"]  # fmt: skip
    for one in adjectives(column, up)[:1]:
        if verb == "cost":
            forms += [f"How much does the {one} {rows.one} cost?", f"What does the {one} {rows.one} cost?"] * 2
        elif verb == "last" or one in ("longest", "shortest"):
            forms += [f"How long is the {one} {rows.one}?"] * 2
        forms += [f"What is the {column.phrase} of the {one} {rows.one}?"] * 2
    return forms


def _mean_forms(column: ColumnFacts, phrase: str, rows: Rows, verb: str, chance: Chance) -> list[str]:
    many = rows.many
    if column.deed is not None:
        things, event = column.deed
        return [f"How many {things} were {event.participle} for {_one(rows)} on average?",
                f"How many {things} are {event.participle} per {rows.one} on average?",
                f"How many {things} did {many} {event.base} on average?",
                f"What is the average number of {things} {event.participle} for {many}?",
                f"How many {things} does {_one(rows)} {event.base} on average?",
                f"What is the average number of {things} {event.participle} per {rows.one}?"]  # fmt: skip
    if column.sort == "count":
        plain = column.phrase
        return [f"How many {plain} do the {many} have on average?", f"How many {plain} do {many} have on average?",
                f"What is the average number of {plain} of {many}?", f"Average number of {plain} of {many}",
                f"How many {plain} does {_one(rows)} have on average?"]  # fmt: skip
    word = chance.pick(["average", "average", "average", "mean"])
    forms = [f"What is the {word} {phrase} of {many}?"] * 2 + [
        f"What is the {word} {phrase} of all {many}?", f"{word.capitalize()} {phrase} of {many}",
        f"How high is the {phrase} of {many} on average?", f"What's the {word} {phrase} for {many}?",
        f"Calculate the {word} {phrase} of the {many}.", f"What {phrase} do {many} have on average?",
        f"What was the {word} {phrase} of the {many}?",
    ]  # fmt: skip
    if verb == "cost":
        forms += [f"How much does {_one(rows)} cost on average?", f"How much do {many} cost on average?",
                  f"What does {_one(rows)} cost on average?", f"What do {many} cost on average?"] * 2  # fmt: skip
    elif verb == "earn":
        forms += [f"How much do {many} earn on average?", f"What do {many} earn on average?",
                  f"How much does {_one(rows)} earn on average?"] * 2  # fmt: skip
    elif verb == "weigh":
        forms += [f"How much do {many} weigh on average?"] * 2
    elif verb == "last":
        forms += [f"How long do {many} last on average?", f"How long are {many} on average?"]
    elif set(column.phrase.split()) & {"area", "size", "capacity"}:
        forms += [f"How large are {many} on average?", f"How big are the {many} on average?"]
    elif "age" in column.phrase.split():
        forms += [f"How old are {many} on average?"] * 3
    return forms


def _one(rows: Rows) -> str:
    return f"{'an' if rows.one[:1].lower() in 'aeio' else 'a'} {rows.one}"


def _sum_forms(column: ColumnFacts, phrase: str, rows: Rows, chance: Chance) -> list[str]:
    many = rows.many
    if column.deed is not None:
        things, event = column.deed
        return [f"How many {things} were {event.participle} for {many}?",
                f"How many {things} were {event.participle} for {many} in total?",
                f"How many {things} did {many} {event.base}?", f"How many {things} did the {many} {event.base} in all?",
                f"What is the total number of {things} {event.participle} for {many}?",
                f"Total {things} {event.participle} for {many}", f"How many {things} have {many} {event.participle}?",
                f"What is the sum of {things} {event.participle} for the {many}?"]  # fmt: skip
    if column.sort == "count" or set(column.phrase.split()) & {"quantity", "pieces", "units"}:
        plain = column.phrase if column.sort == "count" else chance.pick(["pieces", "units", column.phrase])
        return [f"How many {plain} do the {many} have in total?", f"How many {plain} do the {many} have altogether?",
                f"What is the total number of {plain} of {many}?", f"Total {plain} of all {many}",
                f"How many {plain} are there in all {many} together?"]  # fmt: skip
    word = chance.pick(["total", "total", "total", "overall", "combined"])
    forms = [f"What is the {word} {phrase} of {many}?"] * 2 + [
        f"What is the sum of the {phrase} of all {many}?", f"{word.capitalize()} {phrase} of {many}",
        f"How much is the {phrase} of {many} in total?", f"Add up the {phrase} of all {many}.",
        f"What do the {plural_of(phrase)} of {many} add up to?", f"Sum of {phrase} for {many}",
        f"What was the {word} {phrase} of the {many}?",
    ]  # fmt: skip
    if column.sort == "money":
        forms += [f"How much money did the {many} bring in?", f"What did all {many} bring in?",
                  f"How much did the {many} cost in total?", f"How much was it for all {many} together?",
                  f"How much do all {many} come to?"]  # fmt: skip
        if column.event is None and set(column.phrase.split()) & {"salary", "wage", "pay"}:
            forms = [*forms[:8], f"How much do all {many} earn together?", f"What do we pay all {many} together?"]
    return forms


def dates(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The first or last day of something."""
    found = facts.of("date", "year")
    if not found:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.5, 0.5)) if one.column != column.column.name]
    rows, event, phrase = called(facts, chance, made), column.event, chance.first(column.phrases)
    is_last = chance.coin()
    word = chance.pick(["latest", "last", "most recent"] if is_last else ["earliest", "first"])
    forms = [f"What is the {word} {phrase} of {rows.many}?", f"What is the {word} {phrase} among the {rows.many}?",
             f"{word.capitalize()} {phrase} of {rows.many}"]  # fmt: skip
    if event is not None:
        oldest = ages(facts, column, is_last)
        age = chance.pick(oldest) if oldest and chance.coin(0.4) else word
        forms += [f"{event.asked_when(f'the {age} {rows.one}')}?"] * 5
        if not event.does:
            forms += [f"On which date was the {word} {rows.one} {event.participle}?"] * (2 * (column.sort == "date"))
    if column.sort == "date" and len(facts.of("date")) == 1:
        forms += [f"When was the {word} {rows.one}?"] * 4
    item = f"{'MAX' if is_last else 'MIN'}({column.place})"
    return Asked(chance.pick(forms), select([item], joins.source(facts.name), rows.sql), "dates", (facts.name,))


def extreme(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The row with the most or least of something, or the first few."""
    labels = label_of(facts)
    found = facts.of(*SORTED)
    if not labels or not found or facts.is_link:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.6, 0.4)) if one.column != column.column.name]
    where = [one.sql for one in made]
    rows, up = called(facts, chance, made), chance.coin(0.6)
    if column.n_missing and not up:
        where.append(f"{column.place} IS NOT NULL")
    n = chance.weighed([(1, 0.66), (3, 0.14), (5, 0.14), (2, 0.03), (10, 0.03)])
    order = column.place + (" DESC" if up else "")
    items, forms = labels, extreme_forms(facts, column, rows, up, n, chance)
    question = chance.pick(forms)
    if chance.coin(0.24):
        items = [*labels, column.place]
        question = chance.pick(shown_too(facts, column, rows, up, n, question, chance))
    sql = select(items, joins.source(facts.name), where, order=order, limit=n)
    return Asked(question, sql, "extreme", (facts.name,))


def shown_too(
    facts: TableFacts, column: ColumnFacts, rows: Rows, up: bool, n: int, question: str, chance: Chance
) -> list[str]:
    """The same question where what was highest is to be shown beside the row."""
    phrase, plain = column.phrase, question.rstrip("?.")
    its = "their" if n > 1 else "its" if thing_of(facts.nouns[0].one) != "person" else "their"
    ends = [f", with {its} {phrase}", f" and {its} {phrase}", f", and what is {its} {phrase}", f" with the {phrase}"]
    if n == 1:
        words = set(phrase.split())
        if column.sort in ("date", "year") and column.event is not None:
            event = column.event
            it, was = ("they", "were") if its == "their" else ("it", "was")
            ends += [f", and when did {it} {event.base}" if event.does else f", and when {was} {it} "
                     f"{event.participle}"] * 3  # fmt: skip
        elif verb_of(column)[1] == "cost":
            ends += [", and how much does it cost", ", and what does it cost", " and what does it cost"] * 2
        elif column.sort == "count":
            ends += [", and how many", f", and how many {phrase} does it have"] * 3
        elif words & {"duration", "length", "distance"}:
            ends += [", and how long is it"] * 2
        else:
            ends += [f", and how high is {its} {phrase}", f"? Give the name and the {phrase}"]
    forms = [plain + end + ("?" if plain.startswith(("Wh", "wh")) else ".") for end in ends]
    name = facts.label[-1].phrase if len(facts.label) == 1 else "name" if facts.label else "id"
    for one in ages(facts, column, up)[:1]:
        said = SMALL_NUMBERS[n] + " " if n > 1 else ""
        many = rows.many if n > 1 else rows.one
        forms += [f"Show the {name} and {phrase} of the {said}{one} {many}.",
                  f"What are the {name} and {phrase} of the {said}{one} {many}?"] * 2  # fmt: skip
    return forms


def extreme_forms(facts: TableFacts, column: ColumnFacts, rows: Rows, up: bool, n: int, chance: Chance) -> list[str]:
    most, found = most_words(column, up, chance), ages(facts, column, up)
    if n > 1:
        said = SMALL_NUMBERS[n] if chance.coin(0.6) else str(n)
        forms = [f"Which {said} {rows.many} have {most}?", f"The {said} {rows.many} with {most}",
                 f"Show the {said} {rows.many} with {most}.", f"List the {said} {rows.many} with {most}."]  # fmt: skip
        if up and column.sort not in ("date", "year"):
            forms += [f"Top {said} {rows.many} by {column.phrase}", f"What are the top {said} {rows.many} by "
                      f"{column.phrase}?"]  # fmt: skip
        for one in found:
            forms += [f"What are the {said} {one} {rows.many}?", f"Show the {said} {one} {rows.many}.",
                      f"Which are the {said} {one} {rows.many}?", f"List the {said} {one} {rows.many}.",
                      f"Which {said} {rows.many} are the {one}?"]  # fmt: skip
            forms += [f"Who are the {said} {one} {rows.many}?"] * (2 * facts.is_person)
        return forms
    forms = [f"Which {rows.one} has {most}?"] * 3 + [
        f"What is the {rows.one} with {most}?", f"Find the {rows.one} with {most}.",
        f"{rows.one.capitalize()} with {most}",
    ]  # fmt: skip
    for one in found:
        forms += [f"What is the {one} {rows.one}?", f"Which is the {one} {rows.one}?",
                  f"Which {rows.one} is the {one}?"] * 2  # fmt: skip
    if facts.is_person:
        forms += [f"Who has {most}?"] if not rows.sql else []
        forms += [f"Who is the {one} {rows.one}?" for one in found for _ in range(3)]
    verbs = verb_forms(facts, column, rows.one, up)
    return forms + verbs * (2 if column.sort in ("date", "year") else 1)
