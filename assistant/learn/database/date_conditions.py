"""Conditions on days and times: in a year or month, before, after, since, between, on; on weekdays; after eight."""

from datetime import date, timedelta
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.saying import Condition

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def date_condition(
    column: ColumnFacts, chance: Chance, *, is_main: bool = False, is_act: bool = False
) -> Condition | None:
    """In a year, in a month, before and after a day, between days. `is_main`: no other day can be meant; `is_act`: the
    rows themselves happen then, so that "orders in 2024" says enough."""
    low, high = _day(column.column.low), _day(column.column.high)
    if low is None or high is None or low >= high:
        return None
    day = low + timedelta(days=chance.below((high - low).days + 1))
    phrase, name = chance.first(column.phrases), column.column.name
    heads = [f"{one} " for one in column.event.heads(chance) for _ in range(2)] if column.event is not None else []
    if not heads or chance.coin(0.2):
        heads += [f"with {with_article(phrase)} ", f"whose {phrase} is ", f"whose {phrase} was "]
    if is_main and is_act:
        heads += [""] * max(2, len(heads) * 2 // 3)
    head = chance.pick(heads)
    has_time = column.column.holds == "time"
    way = chance.weighed([("year", 0.38), ("month", 0.17), ("after", 0.12), ("before", 0.12), ("since", 0.07),
                          ("between", 0.06), ("day", 0.06), ("any month", 0.03), ("part", 0.05),
                          ("weekday", 0.06 if has_time else 0.025), ("clock", 0.16 if has_time else 0.0)])  # fmt: skip
    made = _in_parts(column, way, low, high, day, chance) if way in ("part", "between") else None
    if way in ("part", "between"):
        late = made[1] if made is not None and is_main and is_act else ""
        return Condition(made[0], f"{head}{made[1]}", column=name, when=late) if made is not None else None
    if way == "year":
        sql, said = _year(column, day, chance, is_alone=not head)
    elif way == "month":
        month = MONTHS[day.month - 1]
        said = "in " + chance.pick([f"{month} {day.year}", f"{month} {day.year}", f"{month} of {day.year}",
                                    f"{day.year}-{day.month:02}"])  # fmt: skip
        sql = f"{column.place} LIKE '{day.year}-{day.month:02}-%'"
    elif way == "any month":
        sql, month = f"strftime('%m', {column.place}) = '{day.month:02}'", MONTHS[day.month - 1]
        said = chance.pick([f"in {month} of any year", f"in the month of {month}", f"in {month}", f"in any {month}"])
    elif way == "day":
        sql, said = f"{day_of(column)} = '{day}'", f"on {day_said(day, chance)}"
    elif way == "weekday":
        sql, said = _weekday(column.place, chance)
    elif way == "clock":
        sql, said = _clock(column.place, chance)
    else:
        signs = {"after": (">", ["after", "after", "later than"]), "before": ("<", ["before", "before",
                 "earlier than"])}  # fmt: skip
        sign, words = signs.get(way, (">=", ["since", "since", "from"]))
        sql, said = f"{day_of(column)} {sign} '{day}'", f"{chance.pick(words)} {day_said(day, chance)}"
        said += " on" if said.startswith("from") else ""
    noun = column.event.noun if column.event is not None else ""
    if noun and column.event is not None and column.event.base != "leave" and chance.coin(0.1):
        return Condition(sql, said, column=name, noun=noun)
    return Condition(sql, f"{head}{said}", column=name, when=said if is_main and is_act else "")


def _year(column: ColumnFacts, day: date, chance: Chance, *, is_alone: bool) -> tuple[str, str]:
    word, sign = chance.weighed([(("in", "="), 0.55), (("after", ">"), 0.13), (("before", "<"), 0.15),
                                 (("since", ">="), 0.1), (("during", "="), 0.05), (("up to", "<="), 0.02)])  # fmt: skip
    if is_alone and word == "in":
        word = chance.pick(["in", "in", "from", "of", "for"])
    said = f"the year {day.year}" if chance.coin(0.1) else str(day.year)
    return f"strftime('%Y', {column.place}) {sign} '{day.year}'", f"{word} {said}"


_PARTS: Final = (
    ("first half", "01-01", "06-30"), ("second half", "07-01", "12-31"), ("first quarter", "01-01", "03-31"),
    ("second quarter", "04-01", "06-30"), ("third quarter", "07-01", "09-30"), ("last quarter", "10-01", "12-31"),
)  # fmt: skip


def _in_parts(
    column: ColumnFacts, way: str, low: date, high: date, day: date, chance: Chance
) -> tuple[str, str] | None:
    """Between two days or years, or within a half or quarter."""
    place = column.place
    if way == "part":
        part, first_day, last_day = chance.weighed([(one, 3.0 if "half" in one[0] else 1.0) for one in _PARTS])
        return (f"{place} BETWEEN '{day.year}-{first_day}' AND '{day.year}-{last_day}'",
                f"in the {part} of {day.year}")  # fmt: skip
    other = low + timedelta(days=chance.below((high - low).days + 1))
    first, last = sorted((day, other))
    if first == last:
        return None
    if chance.coin(0.5) and first.year < last.year:
        year = f"strftime('%Y', {place})"
        said = chance.pick([f"between {first.year} and {last.year}", f"from {first.year} to {last.year}"])
        return f"{year} >= '{first.year}' AND {year} <= '{last.year}'", said
    a, b = day_said(first, chance), day_said(last, chance)
    said = chance.pick([f"between {a} and {b}", f"between {a} and {b}", f"from {a} to {b}"])
    return f"{day_of(column)} BETWEEN '{first}' AND '{last}'", said


def day_of(column: ColumnFacts) -> str:
    """The day alone: the evening of the fifth is not after the fifth."""
    return f"date({column.place})" if column.column.holds == "time" else column.place


WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")  # as SQLite counts
_TIMES_OF_DAY: Final = (("in the morning", "<", "12:00"), ("before noon", "<", "12:00"),
                        ("in the evening", ">=", "18:00"), ("after noon", ">=", "12:00"),
                        ("in the afternoon or evening", ">=", "12:00"))  # fmt: skip


def _weekday(place: str, chance: Chance) -> tuple[str, str]:
    number = chance.below(9)
    if number > 6:
        said = chance.pick(["at the weekend", "on a weekend", "on weekends", "on the weekend"])
        return f"strftime('%w', {place}) IN ('0', '6')", said
    day = WEEKDAYS[number]
    return f"strftime('%w', {place}) = '{number}'", f"on {chance.pick([f'{day}s', f'a {day}', f'any {day}', day])}"


def _clock(place: str, chance: Chance) -> tuple[str, str]:
    """A time of the day, of every day."""
    start = f"strftime('%H:%M', {place})"
    if chance.coin(0.22):
        said, sign, clock = chance.pick(_TIMES_OF_DAY)
        return f"{start} {sign} '{clock}'", said
    hour, minute = 7 + chance.below(16), chance.pick(["00", "00", "00", "30"])
    sign, word = chance.weighed([((">", "after"), 0.34), (("<", "before"), 0.3), ((">=", "from"), 0.12),
                                 (("=", "at"), 0.24)])  # fmt: skip
    half = f"{hour % 12 or 12}{'' if minute == '00' else ':' + minute} {'am' if hour < 12 else 'pm'}"
    said = chance.pick([f"{hour}:{minute}", f"{hour}:{minute}", f"{hour:02}:{minute}", half,
                        f"{hour} o'clock" if minute == "00" else f"{hour}:{minute}"])  # fmt: skip
    end = " on" if sign == ">=" else ""
    return f"{start} {sign} '{hour:02}:{minute}'", f"{word} {said}{end}"


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
