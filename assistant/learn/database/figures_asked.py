"""Questions about figures of one table: sums and means, the most and the least, for each value, against the mean."""

from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions
from rushlight.assistant.learn.database.saying import Rows, called, happened

SMALL_NUMBERS: Final = {2: "two", 3: "three", 4: "four", 5: "five", 10: "ten"}

EACH: Final = ("per", "for each", "by", "for every", "in each", "grouped by", "broken down by", "of each")


def amount(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A mean, a sum, the largest or the smallest of some numbers."""
    numbers = facts.of(*NUMBERS)
    if not numbers:
        return None
    column = chance.pick(numbers)
    made = [one for one in conditions(facts, chance, (0.34, 0.56, 0.1)) if one.column != column.column.name]
    rows = called(facts, chance, made)
    item, words = aggregate(column, chance)
    question = chance.pick(amount_forms(column, words, rows.many, chance))
    return Asked(question, select([item], joins.source(facts.name), rows.sql), "amount", (facts.name,))


def aggregate(column: ColumnFacts, chance: Chance) -> tuple[str, str]:
    """The SQL of one figure over a column, and which it is."""
    way = chance.weighed([("AVG", 0.4), ("SUM", 0.3 if column.sums else 0.0), ("MAX", 0.2), ("MIN", 0.15)])
    return f"{way}({column.place})", way


def amount_forms(column: ColumnFacts, way: str, many: str, chance: Chance) -> list[str]:
    phrase = chance.first(column.phrases)
    if column.sort == "count" and way in ("SUM", "AVG"):
        if way == "SUM":
            return [f"How many {phrase} do the {many} have in total?",
                    f"What is the total number of {phrase} of {many}?",
                    f"Total {phrase} of all {many}", f"How many {phrase} altogether do all {many} have?"]  # fmt: skip
        return [f"How many {phrase} do the {many} have on average?",
                f"What is the average number of {phrase} of {many}?",
                f"Average {phrase} of {many}"]  # fmt: skip
    if way == "AVG":
        word = chance.pick(["average", "average", "mean"])
        return [f"What is the {word} {phrase} of {many}?", f"What is the {word} {phrase} of all {many}?",
                f"{word.capitalize()} {phrase} of {many}", f"How high is the {phrase} of {many} on average?",
                f"What's the {word} {phrase} for {many}?", f"Calculate the {word} {phrase} of the {many}.",
                f"What {phrase} do {many} have on average?"]  # fmt: skip
    if way == "SUM":
        word = chance.pick(["total", "total", "overall", "combined"])
        if column.sort == "money" and chance.coin(0.2):
            return [f"How much money did the {many} bring in?", f"What did all {many} bring in?",
                    f"What do all {many} come to?",
                    f"How much was it for all {many} together?", f"How much did the {many} cost in total?"]  # fmt: skip
        return [f"What is the {word} {phrase} of {many}?", f"What is the sum of the {phrase} of all {many}?",
                f"{word.capitalize()} {phrase} of {many}", f"How much is the {phrase} of {many} in total?",
                f"Add up the {phrase} of all {many}.", f"What do the {plural_of(phrase)} of {many} add up to?",
                f"How much {phrase} is there for {many} altogether?", f"Sum of {phrase} for {many}"]  # fmt: skip
    if way == "MAX":
        word = chance.pick(["highest", "maximum", "largest", "greatest", "biggest"])
    else:
        word = chance.pick(["lowest", "minimum", "smallest", "least"])
    return [f"What is the {word} {phrase} of {many}?", f"What is the {word} {phrase} among {many}?",
            f"{word.capitalize()} {phrase} of {many}", f"What's the {word} {phrase} of all {many}?",
            f"Find the {word} {phrase} of the {many}."]  # fmt: skip


def dates(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The first or last day of something."""
    found = facts.of("date", "year")
    if not found:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.5, 0.5)) if one.column != column.column.name]
    rows, what, phrase = called(facts, chance, made), happened(column), chance.first(column.phrases)
    is_last = chance.coin()
    word = chance.pick(["latest", "last", "most recent"] if is_last else ["earliest", "first"])
    forms = [f"What is the {word} {phrase} of {rows.many}?", f"What is the {word} {phrase} among the {rows.many}?"]
    if what and not what.endswith("ing"):
        forms += [f"When was the {word} {rows.one} {what}?"] * 4
    elif len(facts.of("date")) == 1:
        forms += [f"When was the {word} {rows.one}?"] * 4
    item = f"{'MAX' if is_last else 'MIN'}({column.place})"
    return Asked(chance.pick(forms), select([item], joins.source(facts.name), rows.sql), "dates", (facts.name,))


def extreme(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The row with the most or least of something, or the first few."""
    labels = label_of(facts)
    found = facts.of(*NUMBERS, "date", "year")
    if not labels or not found or facts.is_link:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.6, 0.4)) if one.column != column.column.name]
    where = [one.sql for one in made]
    rows, up = called(facts, chance, made), chance.coin(0.62)
    if column.n_missing and not up:
        where.append(f"{column.place} IS NOT NULL")
    n = chance.weighed([(1, 0.62), (3, 0.14), (5, 0.16), (2, 0.04), (10, 0.04)])
    question = chance.pick(extreme_forms(facts, column, rows, up, n, chance))
    order = column.place + (" DESC" if up else "")
    items = labels
    if chance.coin(0.12):
        items = [*labels, column.place]
        tail = chance.pick(
            [f", with the {column.phrase}", f", and what is its {column.phrase}", f" and what is the {column.phrase}"]
        )
        question = question.rstrip("?.") + tail + "?" * question.endswith("?")
    sql = select(items, joins.source(facts.name), where, order=order, limit=n)
    return Asked(question, sql, "extreme", (facts.name,))


def extreme_forms(facts: TableFacts, column: ColumnFacts, rows: Rows, up: bool, n: int, chance: Chance) -> list[str]:
    phrase = chance.first(column.phrases)
    word = "highest" if up else "lowest"
    if column.sort in ("date", "year"):
        word = chance.pick(["latest", "most recent"] if up else ["earliest"])
    elif chance.coin(0.4):
        word = chance.pick(["largest", "greatest", "biggest", "most"] if up else ["smallest", "least"])
        word = word if column.sort == "count" or word not in ("most", "least") else "highest" if up else "lowest"
    adjectives = _adjectives(column, up)
    if n > 1:
        said = SMALL_NUMBERS[n] if chance.coin(0.5) else str(n)
        forms = [f"Which {said} {rows.many} have the {word} {phrase}?",
                 f"The {said} {rows.many} with the {word} {phrase}",
                 f"Show the {said} {rows.many} with the {word} {phrase}.",
                 f"List the {said} {rows.many} with the {word} {phrase}."]  # fmt: skip
        if up and column.sort not in ("date", "year"):
            forms += [f"Top {said} {rows.many} by {phrase}", f"Who or what are the top {said} {rows.many} by {phrase}?"]
        forms += [f"What are the {said} {one} {rows.many}?" for one in adjectives]
        forms += [f"Show the {said} {one} {rows.many}." for one in adjectives]
        return forms
    forms = [f"Which {rows.one} has the {word} {phrase}?"] * 3 + [
        f"What is the {rows.one} with the {word} {phrase}?", f"Find the {rows.one} with the {word} {phrase}.",
        f"{rows.one.capitalize()} with the {word} {phrase}",
    ]  # fmt: skip
    for one in adjectives:
        forms += [
            f"What is the {one} {rows.one}?",
            f"Which is the {one} {rows.one}?",
            f"Which {rows.one} is the {one}?",
        ]
    if facts.is_person:
        forms += [f"Who has the {word} {phrase}?"] if not rows.sql else []
        forms += [f"Who is the {one} {rows.one}?" for one in adjectives]
    what = happened(column)
    if what and not what.endswith("ing") and column.sort in ("date", "year"):
        end = chance.pick(["last", "most recently"]) if up else chance.pick(["first", "earliest"])
        forms += [f"Which {rows.one} was {what} {end}?"] * 4
    return forms


def _adjectives(column: ColumnFacts, up: bool) -> list[str]:
    words = set(column.phrase.split())
    pairs = (
        ({"price", "cost", "fee", "fare", "rate", "rent"}, ("most expensive", "cheapest")),
        ({"length", "duration"}, ("longest", "shortest")), ({"weight"}, ("heaviest", "lightest")),
        ({"height"}, ("tallest", "smallest")), ({"age"}, ("oldest", "youngest")), ({"speed"}, ("fastest", "slowest")),
        ({"area", "size", "capacity", "population"}, ("largest", "smallest")),
        ({"salary", "wage"}, ("best paid", "worst paid")), ({"rating", "score", "grade"}, ("best rated",
        "worst rated")),
    )  # fmt: skip
    for names, (most, least) in pairs:
        if words & names:
            return [most if up else least]
    if column.sort in ("date", "year"):
        if words & {"birth", "born"}:
            return ["youngest" if up else "oldest"]
        return ["newest", "most recent", "latest"] if up else ["oldest", "earliest"]
    return []


def grouped(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A count or a figure for each value, year or month."""
    found = [one for one in facts.of("group", "date", "year", "flag", "count") if one.sort != "count" or _is_few(one)]
    if not found:
        return None
    column = chance.pick(found)
    made = [one for one in conditions(facts, chance, (0.72, 0.28)) if one.column != column.column.name]
    rows = called(facts, chance, made)
    key, word = column.place, chance.first(column.phrases)
    if column.sort == "date":
        is_month = chance.coin(0.35)
        key, word = f"strftime('{'%Y-%m' if is_month else '%Y'}', {column.place})", "month" if is_month else "year"
        if len(facts.of("date")) > 1:
            word = f"{word} of the {column.phrase}"
    where = list(rows.sql)
    if column.n_missing and not any(column.place in one for one in where):
        where.append(f"{column.place} IS NOT NULL")
    if column.sort == "date" and word.startswith("month") and chance.coin(0.55):
        year = str(column.column.high)[:4] if chance.coin(0.5) else str(column.column.low)[:4]
        key, where = f"strftime('%m', {column.place})", [*where, f"{column.place} LIKE '{year}-%'"]
        word = f"{word} {chance.pick(['of', 'in'])} {year}"
    item, what = "COUNT(*)", chance.pick([f"How many {rows.many} are there", f"Number of {rows.many}",
                                          f"Count the {rows.many}",
                                          f"How many {rows.many}"])  # fmt: skip
    numbers = [one for one in facts.of(*NUMBERS) if one != column]
    other_dates = [one for one in facts.of("date") if one != column]
    if numbers and chance.coin(0.45):
        figure = chance.pick(numbers)
        item, way = aggregate(figure, chance)
        said = {"AVG": chance.pick(["average", "mean"]), "SUM": "total", "MAX": "highest", "MIN": "lowest"}[way]
        what = (
            chance.pick(["What is the ", "Show the ", "Give me the "])
            + f"{said} {chance.first(figure.phrases)} of {rows.many}"
        )
    elif other_dates and chance.coin(0.12):
        figure, is_last = chance.pick(other_dates), chance.coin(0.7)
        item = f"{'MAX' if is_last else 'MIN'}({figure.place})"
        what = f"What is the {'latest' if is_last else 'first'} {chance.first(figure.phrases)} of {rows.many}"
    each = chance.pick(EACH) if column.sort != "date" else chance.pick(["per", "for each", "by", "in each"])
    end = "?" if what.startswith(("How", "What")) else ""
    order, tail = "", ""
    if chance.coin(0.16):
        order, tail = f"{item} DESC", chance.pick([", most first", ", highest first", ", in descending order",
                                                   ", best first",
                                                   ", largest first"])  # fmt: skip
    question = f"{what} {each} {word}{tail}{end}"
    if chance.coin(0.15) and not tail:
        question = f"For each {word}, {what[0].lower()}{what[1:]}{end}"
    if item == "COUNT(*)" and column.sort == "group" and chance.coin(0.2):
        question = f"How many {rows.many} does each {word} have?"
        order = ""
    sql = select([key, item], joins.source(facts.name), where, group=[key], order=order)
    return Asked(question, sql, "grouped", (facts.name,))


def _is_few(column: ColumnFacts) -> bool:
    return 1 < (column.column.n_distinct or 99) <= 12


def top_group(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The value that most rows have, or those that many have."""
    found = facts.of("group") + [one for one in facts.of("date") if len(facts.of("date")) == 1] + facts.of("year")
    if not found:
        return None
    column = chance.pick(found)
    key, word = column.place, chance.first(column.phrases)
    if column.sort == "date":
        is_month = chance.coin(0.3)
        key, word = f"strftime('{'%Y-%m' if is_month else '%Y'}', {column.place})", "month" if is_month else "year"
    made = [one for one in conditions(facts, chance, (0.75, 0.25)) if one.column != column.column.name]
    where = [one.sql for one in made]
    rows, many = called(facts, chance, made), plural_of(word)
    if column.n_missing:
        where.append(f"{column.place} IS NOT NULL")
    source = joins.source(facts.name)
    numbers = facts.of(*NUMBERS)
    item, had = "COUNT(*)", f"the most {rows.many}"
    up = chance.coin(0.78)
    if not up:
        had = f"the fewest {rows.many}"
    if numbers and chance.coin(0.3):
        figure = chance.pick(numbers)
        item, way = aggregate(figure, chance)
        said = {"AVG": "average ", "SUM": "total ", "MAX": "", "MIN": ""}[way]
        if not said:
            return None
        had = f"the {'highest' if up else 'lowest'} {said}{chance.first(figure.phrases)} of {rows.many}"
    if chance.coin(0.35) and item == "COUNT(*)":
        n = 2 + chance.below(12)
        start, sign = chance.pick([("more than", ">"), ("at least", ">="), ("fewer than", "<"), ("more than", ">")])
        forms = [f"Which {many} have {start} {n} {rows.many}?", f"In which {many} are there {start} {n} {rows.many}?",
                 f"List the {many} with {start} {n} {rows.many}.",
                 f"{many.capitalize()} with {start} {n} {rows.many}"]  # fmt: skip
        return Asked(chance.pick(forms), select([key], source, where, group=[key], having=f"COUNT(*) {sign} {n}"),
                     "having",
                     (facts.name,))  # fmt: skip
    forms = [f"Which {word} has {had}?"] * 3 + [f"What {word} has {had}?", f"In which {word} are there {had}?"]
    if item == "COUNT(*)":
        forms += [f"What is the {'most' if up else 'least'} common {word} of {rows.many}?",
                  f"Which {word} occurs {'most' if up else 'least'} often among {rows.many}?"]  # fmt: skip
    sql = select([key], source, where, group=[key], order=f"{item}{' DESC' if up else ''}", limit=1)
    return Asked(chance.pick(forms), sql, "top", (facts.name,))
