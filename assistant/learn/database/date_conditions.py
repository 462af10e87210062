"""Conditions on days: in a year or month, before, after, since, between, on."""

from datetime import date, timedelta
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.saying import Condition, happened

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def date_condition(column: ColumnFacts, chance: Chance, is_only: bool = False) -> Condition | None:
    """In a year, in a month, before and after a day, between days."""
    low, high = _day(column.column.low), _day(column.column.high)
    if low is None or high is None or low >= high:
        return None
    day = low + timedelta(days=chance.below((high - low).days + 1))
    what, phrase, place = happened(column), chance.first(column.phrases), column.place
    heads = [f"{what} "] * 4 if what else []
    heads += [f"with {with_article(phrase)} ", f"whose {phrase} is ", f"whose {phrase} was "]
    if is_only:
        heads += [""] * 5
    head = chance.pick(heads)
    year = f"strftime('%Y', {place})"
    way = chance.weighed([("year", 0.36), ("month", 0.17), ("after", 0.13), ("before", 0.13), ("since", 0.07),
                          ("between", 0.06), ("day", 0.05), ("any month", 0.03)])  # fmt: skip
    if way == "year":
        word = chance.weighed([(("in", "="), 0.55), (("after", ">"), 0.14), (("before", "<"), 0.15), (("since",
        ">="), 0.1),
                               (("during", "="), 0.06)])  # fmt: skip
        said = f"the year {day.year}" if chance.coin(0.12) else str(day.year)
        return Condition(f"{year} {word[1]} '{day.year}'", f"{head}{word[0]} {said}", column=column.column.name)
    if way == "month":
        month = MONTHS[day.month - 1]
        said = chance.pick(
            [f"{month} {day.year}", f"{month} {day.year}", f"{month} of {day.year}", f"{day.year}-{day.month:02}"]
        )
        return Condition(f"{place} LIKE '{day.year}-{day.month:02}-%'", f"{head}in {said}", column=column.column.name)
    if way == "any month":
        sql = f"strftime('%m', {place}) = '{day.month:02}'"
        said = chance.pick([f"in {MONTHS[day.month - 1]} of any year", f"in the month of {MONTHS[day.month - 1]}",
                            f"in {MONTHS[day.month - 1]}"])  # fmt: skip
        return Condition(sql, f"{head}{said}", column=column.column.name)
    if way == "between":
        other = low + timedelta(days=chance.below((high - low).days + 1))
        first, last = sorted((day, other))
        if first == last:
            return None
        if chance.coin(0.45) and first.year < last.year:
            sql = f"{year} >= '{first.year}' AND {year} <= '{last.year}'"
            return Condition(sql, f"{head}between {first.year} and {last.year}", column=column.column.name)
        sql = f"{place} BETWEEN '{first}' AND '{last}'"
        return Condition(sql, f"{head}between {day_said(first, chance)} and {day_said(last, chance)}",
                         column=column.column.name)  # fmt: skip
    if way == "day" and column.column.holds != "time":
        return Condition(f"{place} = '{day}'", f"{head}on {day_said(day, chance)}", column=column.column.name)
    signs = {"after": (">", ["after", "after", "later than"]), "before": ("<", ["before", "before", "earlier than"])}
    sign, words = signs.get(way, (">=", ["since"]))
    said = chance.pick(words)
    return Condition(f"{place} {sign} '{day}'", f"{head}{said} {day_said(day, chance)}", column=column.column.name)


def day_said(day: date, chance: Chance) -> str:
    month = MONTHS[day.month - 1]
    return chance.pick(
        [day.isoformat(), day.isoformat(), f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}"]
    )


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
