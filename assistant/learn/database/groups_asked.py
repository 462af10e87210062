"""Questions about groups of rows of one table: a figure for each value, year or month; the value with the most."""

from dataclasses import replace
from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import is_main_date
from rushlight.assistant.learn.database.date_conditions import day_of
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.figures_asked import SMALL_NUMBERS, aggregate
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.number_conditions import verb_of
from rushlight.assistant.learn.database.orders import adjectives
from rushlight.assistant.learn.database.relations import KINDED, is_place, prepositions
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, figure_phrase
from rushlight.assistant.learn.database.saying import Rows, called, called_late, said_late

_EACH: Final = ("per", "per", "for each", "by", "for every", "in each", "grouped by", "broken down by", "of each")
_DOWN: Final = (", most first", ", highest first", ", in descending order", ", best first", ", largest first",
                ", the most first", ", sorted from most to least", ", starting with the most")  # fmt: skip
_UP: Final = (", fewest first", ", lowest first", ", in ascending order", ", smallest first")
_FIGURES_DOWN: Final = (", highest first", ", best first", ", the best first", ", in descending order",
                        ", largest first", ", sorted from highest to lowest", ", the highest first")  # fmt: skip
_FIGURES_UP: Final = (", lowest first", ", in ascending order", ", smallest first", ", from lowest to highest")

_SHARES: Final = {"group": 1.0, "date": 1.0, "flag": 0.12}


def each_words(column: ColumnFacts, word: str) -> list[str]:
    """in each city, of each type, on each weekday, per month."""
    said = [f"{each} {word}" for each in _EACH]
    if set(column.phrase.split()) & KINDED:
        said += [f"of each {word}"] * 4
    for little in prepositions(column):
        said += [f"{little} each {word}"] * 3 + [f"{little} every {word}"]
    return said


def figure_words(column: ColumnFacts, way: str, chance: Chance) -> str:
    """average price, total number of beds, highest score."""
    phrase = figure_phrase(column, chance)
    if column.sort == "count" and way in ("AVG", "SUM"):
        phrase = f"number of {column.phrase}"
    said = {"AVG": chance.pick(["average", "average", "mean"]), "SUM": "total", "MAX": "highest", "MIN": "lowest"}[way]
    return f"{said} {phrase}"


def ordered(item: str, question: str, end: str, chance: Chance, share: float) -> tuple[str, str]:
    """The question with the words of an order now and then, and the SQL of it."""
    if not chance.coin(share):
        return f"{question}{end}", ""
    up = chance.coin(0.16)
    words = (_UP if up else _DOWN) if item.startswith("COUNT") else (_FIGURES_UP if up else _FIGURES_DOWN)
    return f"{question}{chance.pick(words)}{end}", item + ("" if up else " DESC")


def grouped(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A count or a figure for each value, year or month."""
    found = [one for one in facts.of("group", "date", "year", "flag", "count", "number")
             if one.sort not in ("count", "number") or _is_few(one)]  # fmt: skip
    if not found:
        return None
    column = chance.weighed([(one, _SHARES.get(one.sort, 0.4)) for one in found])
    made = [one for one in conditions(facts, chance, (0.64, 0.36)) if one.column != column.column.name]
    if column.sort == "date":
        return _by_time(facts, column, joins, chance)
    rows, tail = called_late(facts, chance, made)
    key, word = column.place, chance.first(column.phrases)
    if column.sort == "count":
        word = f"number of {column.phrase}"
    where = list(rows.sql)
    if column.n_missing and not any(column.place in one for one in where):
        where.append(f"{column.place} IS NOT NULL")
    item, what = _what(facts, column, rows, chance)
    each = chance.pick(each_words(column, word))
    if column.sort == "flag":
        each = f"by whether they are {word}"
    end = "?" if what.startswith(("How", "What")) else ""
    question, order = ordered(item, f"{what} {each}", end, chance, 0.0 if tail else 0.2)
    if not order and column.sort != "flag" and chance.coin(0.1):
        question = f"For each {word}, {what[0].lower()}{what[1:]}{end}"
    if item == "COUNT(*)" and column.sort != "flag" and chance.coin(0.34):
        forms = [f"How many {rows.many} does each {word} have", f"How many {rows.many} did each {word} have"]
        if is_place(column) and facts.is_person:
            forms = [f"How many {rows.many} come from each {word}", f"How many {rows.many} live in each {word}",
                     f"How many {rows.many} are from each {word}"]  # fmt: skip
        elif prepositions(column):
            forms += [f"How many {rows.many} came {one} each {word}" for one in prepositions(column)
                      if one in ("from", "through")]  # fmt: skip
            forms += [f"How many {rows.many} are {one} each {word}" for one in prepositions(column)]
            forms += [f"How many {rows.many} were {one} each {word}" for one in prepositions(column)]
        question, order = ordered(item, chance.pick(forms), "?", chance, 0.0 if tail else 0.15)
    elif item == "COUNT(*)" and len(made) == 1 and not order and verbal(made[0].after) and chance.coin(0.5):
        bare, said = called(facts, chance).many, verbal(made[0].after)
        question = chance.pick([f"How many {bare} {each} {said}?", f"How many {bare} {said} {each}?"])
        tail = ""
    sql = select([key, item], joins.source(facts.name), where, group=[key], order=order)
    return Asked(question if order else said_late(question, tail), sql, "grouped", (facts.name,))


def ranked(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows with the place that a number gives them, or values with the place of a figure of theirs."""
    groups, numbers, labels = facts.of("group"), facts.of(*NUMBERS), label_of(facts)
    by_value = bool(groups) and (not (numbers and labels) or chance.coin(0.45))
    if not by_value and not (numbers and labels):
        return None
    column = chance.pick(groups) if by_value else None
    made = conditions(facts, chance, (0.7, 0.3))
    if column is not None:
        made = [one for one in made if one.column != column.column.name]
    rows, where = called(facts, chance, made), []
    if column is None:
        figure = chance.pick(numbers)
        question, order = rank_said(rows.many, rows.one, chance.first(figure.phrases), figure, chance)
        items, group = [*labels, f"RANK() OVER (ORDER BY {figure.place}{order})"], []
    else:
        word = chance.first(column.phrases)
        if numbers and chance.coin(0.6):
            figure = chance.pick(numbers)
            item, way = aggregate(figure, chance)
            of = f" of {rows.many}" if rows.sql or chance.coin(0.4) else ""
            question, order = rank_said(plural_of(word), word, figure_words(figure, way, chance) + of, None, chance)
        else:
            item = "COUNT(*)"
            question, order = rank_said(plural_of(word), word, f"number of {rows.many}", None, chance)
        items, group = [column.place, f"RANK() OVER (ORDER BY {item}{order})"], [column.place]
        where = [f"{column.place} IS NOT NULL"] if column.n_missing else []
    sql = select(items, joins.source(facts.name), [*rows.sql, *where], group=group)
    return Asked(question, sql, "ranked", (facts.name,))


def rank_said(many: str, one: str, figure: str, column: ColumnFacts | None, chance: Chance) -> tuple[str, str]:
    """The question for the rank of each, by a figure; and the SQL of its direction."""
    if chance.coin(0.2):
        end = adjectives(column, False)[:1] if column is not None else []
        return f"Rank the {many} by {figure}, the {end[0] if end else 'lowest'} first.", ""
    high = adjectives(column, True)[:1] if column is not None else []
    forms = [f"Rank the {many} by {figure}.", f"Rank the {many} by their {figure}.", f"Rank {many} by {figure}.",
             f"Rank the {many} by {figure}, the {high[0] if high else 'highest'} first.",
             f"Show the {many} with their rank by {figure}.", f"What is the rank of each {one} by {figure}?",
             f"Give the rank of every {one} by {figure}."]  # fmt: skip
    return chance.pick(forms), " DESC"


def _what(facts: TableFacts, column: ColumnFacts, rows: Rows, chance: Chance) -> tuple[str, str]:
    """What is asked of each group: SQL and words."""
    numbers = [one for one in facts.of(*NUMBERS) if one != column]
    other_dates = [one for one in facts.of("date") if one != column]
    if numbers and chance.coin(0.45):
        figure = chance.pick(numbers)
        item, way = aggregate(figure, chance)
        said = figure_words(figure, way, chance)
        start = chance.pick(["What is the ", "What is the ", "Show the ", "Give me the ", ""])
        if way in ("MAX", "MIN") and verb_of(figure)[1] == "cost" and chance.coin(0.3):
            return item, f"What does the {adjectives(figure, way == 'MAX')[0]} {rows.one} cost"
        of = f" of {rows.many}" if rows.sql or chance.coin(0.7) else ""
        return item, (start + said + of) if start else f"{said.capitalize()}{of}"
    if other_dates and chance.coin(0.1):
        figure, is_last = chance.pick(other_dates), chance.coin(0.7)
        word = chance.pick(["latest", "last"]) if is_last else "first"
        return (f"{'MAX' if is_last else 'MIN'}({figure.place})",
                f"What is the {word} {chance.first(figure.phrases)} of {rows.many}")  # fmt: skip
    return "COUNT(*)", chance.pick([f"How many {rows.many} are there", f"Number of {rows.many}",
                                    f"Count the {rows.many}", f"How many {rows.many}",
                                    f"How many {rows.many} are there", f"How many {rows.many} do we have"])  # fmt: skip


def _by_time(facts: TableFacts, column: ColumnFacts, joins: Joins, chance: Chance) -> Asked | None:
    """By year, by month, by the months of one year."""
    made = [one for one in conditions(facts, chance, (0.6, 0.4)) if one.column != column.column.name]
    rows, place = called(facts, chance, made), column.place
    where, is_month = list(rows.sql), chance.coin(0.5)
    key = f"strftime('{'%Y-%m' if is_month else '%Y'}', {place})"
    word = "month" if is_month else "year"
    shorter = _shorter_than_months(column, chance)
    if shorter is not None:
        (key, word), is_month = shorter, False
    if column.n_missing and not any(place in one for one in where):
        where.append(f"{place} IS NOT NULL")
    tail = ""
    if is_month and chance.coin(0.6):
        years = (str(column.column.low)[:4], str(column.column.high)[:4])
        if not all(one.isdigit() for one in years):
            return None
        year = int(years[0]) + chance.below(int(years[1]) - int(years[0]) + 1)
        key, where = f"strftime('%m', {place})", [*where, f"{place} LIKE '{year}-%'"]
        tail = chance.pick([f" of {year}", f" of {year}", f" in {year}"])
    is_main, event = is_main_date(facts, column), column.event
    item, what = _what(facts, column, rows, chance)
    each = chance.pick(["per", "per", "for each", "by", "in each", "in each", "each"])
    by = "" if is_main or event is None or tail else f" of the {chance.first(column.phrases)}"
    end = "?" if what.startswith(("How", "What")) else ""
    question = f"{what} {each} {word}{tail}{by}{end}"
    if event is not None and item == "COUNT(*)" and not by and chance.coin(0.6 if is_main else 1.0):
        said = event.past if event.does else f"were {event.participle}"
        forms = [f"How many {rows.many} {said} {one} {word}{tail}?" for one in ("in each", "in each", "per", "each")]
        if event.does:
            forms += [f"How many {rows.many} {event.base} {one} {word}{tail}?" for one in ("in each", "per")]
        question = chance.pick(forms)
        if event.noun and not any(one.noun for one in made) and chance.coin(0.3):
            these = called(facts, chance, made, noun=event.noun).many
            question = chance.pick([f"How many {these} did each {word}{tail} have?",
                                    f"{these.capitalize()} per {word}{tail}",
                                    f"How many {these} were there in each {word}{tail}?"])  # fmt: skip
    elif item == "COUNT(*)" and not by and chance.coin(0.4):
        question = chance.pick([f"How many {rows.many} did each {word}{tail} have?",
                                f"How many {rows.many} were there in each {word}{tail}?",
                                f"How many {rows.many} does each {word}{tail} have?"])  # fmt: skip
    sql = select([key, item], joins.source(facts.name), where, group=[key])
    return Asked(question, sql, "grouped", (facts.name,))


def _shorter_than_months(column: ColumnFacts, chance: Chance) -> tuple[str, str] | None:
    """A weekday, an hour or a day in place of months and years, now and then."""
    has_time = column.column.holds == "time"
    if not chance.coin(0.24 if has_time else 0.1):
        return None
    place, way = column.place, chance.weighed([("weekday", 0.5), ("hour", 0.3 if has_time else 0.0), ("day", 0.2)])
    if way == "weekday":
        return f"strftime('%w', {place})", chance.pick(["weekday", "weekday", "day of the week"])
    if way == "hour":
        return f"strftime('%H', {place})", chance.pick(["hour", "hour of the day"])
    return day_of(column), chance.pick(["day", "date"])


def _is_few(column: ColumnFacts) -> bool:
    n_distinct = column.column.n_distinct or 99
    return 1 < n_distinct <= 12 and n_distinct * 2 < column.column_rows and isinstance(column.column.low, int)


def top_group(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """The value that most rows have, or those that many have."""
    found = facts.of("group") + [one for one in facts.of("date") if is_main_date(facts, one)] + facts.of("year")
    if not found:
        return None
    column = chance.pick(found)
    key, word, tail = column.place, chance.first(column.phrases), ""
    made = [one for one in conditions(facts, chance, (0.7, 0.3)) if one.column != column.column.name]
    rows, late = called_late(facts, chance, made)
    where = list(rows.sql)
    if column.n_missing:
        where.append(f"{column.place} IS NOT NULL")
    if column.sort == "date":
        is_month, low, high = chance.coin(0.5), str(column.column.low)[:4], str(column.column.high)[:4]
        key, word = f"strftime('{'%Y-%m' if is_month else '%Y'}', {column.place})", "month" if is_month else "year"
        if chance.coin(0.12) and column.column.holds != "time":
            key, word = column.place, chance.pick(["day", "date"])
        elif is_month and chance.coin(0.6) and low.isdigit() and high.isdigit():
            year = int(low) + chance.below(int(high) - int(low) + 1)
            key, tail = f"strftime('%m', {column.place})", f" of {year}"
            where.append(f"{column.place} LIKE '{year}-%'")
    if column.sort == "year" and column.event is not None:
        word = chance.pick(["year", column.phrase])
    source, many = joins.source(facts.name), plural_of(word) + tail
    item, had, up = _had(facts, rows, chance)
    if chance.coin(0.35) and item == "COUNT(*)":
        asked = _many(column, key, word, many, rows, source, where, facts, chance)
        return replace(asked, question=said_late(asked.question, late))
    n = chance.weighed([(1, 0.8), (3, 0.12), (5, 0.05), (2, 0.03)]) if not tail else 1
    forms = _top_forms(column, word + tail, many, had, rows, up, n, item, is_people=facts.is_person)
    question, items = said_late(chance.pick(forms), late), [key]
    if n == 1 and chance.coin(0.12) and question.startswith(("Which", "In which")):
        items = [key, item]
        question = question.rstrip("?") + (", and how many?" if item == "COUNT(*)" else ", and how much is it?")
    sql = select(items, source, where, group=[key], order=f"{item}{' DESC' if up else ''}", limit=n)
    return Asked(question, sql, "top", (facts.name,))


def _had(facts: TableFacts, rows: Rows, chance: Chance) -> tuple[str, str, bool]:
    """By what the groups are compared: SQL, words, and whether the most is wanted."""
    up, numbers = chance.coin(0.8), facts.of(*NUMBERS)
    if numbers and chance.coin(0.32):
        figure = chance.pick(numbers)
        way = chance.weighed([("AVG", 0.55), ("SUM", 0.45 if figure.sums else 0.0)])
        said = figure_words(figure, way, chance)
        of = f" of {rows.many}" if rows.sql or chance.coin(0.6) else ""
        had = f"the {'highest' if up else 'lowest'} {said}{of}"
        if way == "SUM" and up and chance.coin(0.3):
            had = f"the most {figure.phrase}{of}"
        return f"{way}({figure.place})", had, up
    return "COUNT(*)", f"the {'most' if up else 'fewest'} {rows.many}", up


def _top_forms(
    column: ColumnFacts, word: str, many: str, had: str, rows: Rows, up: bool, n: int, item: str, *, is_people: bool
) -> list[str]:
    little = (prepositions(column) or ("",))[0] if column.sort == "group" else "in"
    most = "most" if up else "least"
    if n > 1:
        said = SMALL_NUMBERS[n]
        forms = [f"Which {said} {many} have {had}?", f"Show the {said} {many} with {had}."]
        if item == "COUNT(*)":
            forms += [f"What are the {said} {most} common {many} of {rows.many}?",
                      f"Which {said} {many} are the {most} frequent among {rows.many}?",
                      f"Which {said} {many} are the {most} common?" if not rows.sql else
                      f"Which {said} {many} have {had}?"]  # fmt: skip
        return forms
    forms = [f"Which {word} has {had}?"] * 3 + [f"Which {word} had {had}?", f"What {word} has {had}?"]
    forms += [f"{little.capitalize()} which {word} are there {had}?"] if little and item == "COUNT(*)" else []
    if item == "COUNT(*)":
        forms += [f"What is the {most} common {word} of {rows.many}?", f"What is the {most} frequent {word}?" if not
                  rows.sql else f"What is the {most} common {word} among {rows.many}?",
                  f"Which {word} occurs {most} often among {rows.many}?", f"Which {word} is {most} common?" if not
                  rows.sql else f"Which {word} is {most} common among {rows.many}?"]  # fmt: skip
        if is_place(column) and up and is_people:
            forms += [f"Where do most {rows.many} come from?", f"Which {word} do most {rows.many} come from?"]
        if column.sort in ("date", "year") and column.event is not None:
            said = column.event.base if column.event.does else column.event.participle
            start = f"In which {word}"
            forms += ([f"{start} did {had} {said}?"] if column.event.does else [f"{start} were {had} {said}?"]) * 3
    return forms


def _many(
    column: ColumnFacts, key: str, word: str, many: str, rows: Rows, source: str, where: list[str],
    facts: TableFacts, chance: Chance,
) -> Asked:  # fmt: skip
    """The values that more than so many rows have."""
    n = chance.weighed([(1, 0.3), (2 + chance.below(12), 0.7)])
    start, sign = chance.weighed([(("more than", ">"), 0.6), (("at least", ">="), 0.25), (("fewer than", "<"), 0.15)])
    n = n if n > 1 or sign == ">" else 2
    amount = f"{start} {n}" if n > 1 else "more than one"
    said = rows.many if n > 1 else rows.one
    forms = [f"Which {many} have {amount} {said}?"] * 3 + [
        f"List the {many} with {amount} {said}.", f"{many.capitalize()} with {amount} {said}",
        f"Which {many} had {amount} {said}?", f"Which {many} occur {amount} {'times' if n > 1 else 'time'} among "
        f"{rows.many}?", f"In which {many} are there {amount} {said}?",
    ]  # fmt: skip
    if is_place(column):
        forms += [f"From which {many} do {amount} {said} come?"] * (2 * facts.is_person)
    sql = select([key], source, where, group=[key], having=f"COUNT(*) {sign} {n}")
    return Asked(chance.pick(forms), sql, "having", (facts.name,))
