"""Conditions on numbers and years: more, less, between, exactly; as people say it of money, weight, length or age."""

from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts
from rushlight.assistant.learn.database.names import singular_of, with_article
from rushlight.assistant.learn.database.saying import Condition

SMALL: Final = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 10: "ten"}


_ROUND: Final = {2: "two", 3: "three", 4: "four", 5: "five", 10: "ten", 12: "a dozen", 15: "fifteen", 20: "twenty",
                 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 80: "eighty", 100: "a hundred"}  # fmt: skip
_DECADES: Final = {1960: "sixties", 1970: "seventies", 1980: "eighties", 1990: "nineties"}


def number_said(number: float, unit: str, chance: Chance, is_money: bool = False) -> str:
    """A number with its unit, or without."""
    text = f"{number:g}" if number != int(number) else str(int(number))
    if number >= 10_000 and chance.coin(0.25):
        text = f"{int(number):,}"
    if unit == "euros" and chance.coin(0.25):
        return chance.pick([f"{text} EUR", f"€{text}", f"{text} €"])
    if number in _ROUND and chance.coin(0.07):
        text = _ROUND[int(number)]
    elif number >= 1_000_000 and number % 100_000 == 0 and chance.coin(0.4):
        text = f"{number / 1_000_000:g} million"
    return f"{text} {unit}" if unit and chance.coin(0.45) else text


def number_in(column: ColumnFacts, chance: Chance) -> float | None:
    """A number within what the column holds, round as people say it."""
    low, high = column.column.low, column.column.high
    if isinstance(low, str) or isinstance(high, str) or low is None or high is None or high <= low or high < 0:
        return None
    span = high - low
    at = max(0.0, low) + chance.between(0.1, 0.85) * (high - max(0.0, low))
    if isinstance(low, int) and isinstance(high, int) and span <= 30:
        return float(int(at))
    step = 10 ** (len(str(int(max(span, 1)))) - 1)
    for fine in (step, step / 2, step / 4, step / 10):
        rounded = round(at / fine) * fine
        if low <= rounded < high and chance.coin(0.5):
            at = rounded
            break
    else:
        at = round(at) if span >= 5 else round(at, 1)
    at = float(round(at)) if isinstance(low, int) and isinstance(high, int) else round(at, 2)
    return at if 0 <= at < 1e9 and low <= at < high else None


def plain_number(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.4f}".rstrip("0")


def number_condition(column: ColumnFacts, chance: Chance) -> Condition | None:
    """More, less, between, exactly."""
    number = number_in(column, chance)
    if number is None:
        return None
    if column.sort == "count" and number == 0:
        none = chance.pick([f"with no {column.phrase}", f"without {column.phrase}", f"that have no {column.phrase}"])
        return Condition(f"{column.place} = 0", none, column=column.column.name)
    if column.sort == "year":
        return _year_number(column, int(number), chance)
    phrase, is_money = chance.first(column.phrases), column.sort == "money"
    said, name, n = number_said(number, column.unit, chance), column.column.name, plain_number(number)
    few = isinstance(column.column.low, int) and (column.column.n_distinct or 99) <= 25
    way = chance.weighed([("more", 0.34), ("less", 0.28), ("least", 0.1), ("most", 0.08), ("between", 0.12),
                          ("equal", 0.25 if few else 0.01)])  # fmt: skip
    plural, sql_n = column.sort == "count", n
    if plural and number == int(number) and chance.coin(0.22):
        n = SMALL.get(int(number), n)
    if way == "between":
        other = number_in(column, chance)
        if other is None or other == number:
            return None
        low, high = sorted((number, other))
        a, b = number_said(low, "", chance), number_said(high, column.unit, chance)
        after = chance.pick([f"with {with_article(phrase)} between {a} and {b}",
                             f"whose {phrase} is between {a} and {b}",
                             f"with {with_article(phrase)} from {a} to {b}"])  # fmt: skip
        if plural:
            after = chance.pick([f"with between {a} and {b} {phrase}", f"that have {a} to {b} {phrase}"])
        return Condition(f"{column.place} BETWEEN {plain_number(low)} AND {plain_number(high)}", after, column=name)
    if way == "equal":
        forms = [f"with {phrase} {said}", f"whose {phrase} is {said}", f"with {with_article(phrase)} of {said}",
                 f"whose {phrase} is exactly {said}"]  # fmt: skip
        if plural:
            forms = [f"with {n} {phrase}", f"that have {n} {phrase}", f"with exactly {n} {phrase}"]
            if number == 1:
                forms = [f"with 1 {singular_of(phrase)}", f"that have {n} {singular_of(phrase)}",
                         f"with one {singular_of(phrase)}", f"with only one {singular_of(phrase)}"]  # fmt: skip
        if set(column.phrase.split()) & {"floor", "level", "storey"}:
            forms += [f"on {phrase} {n}", f"that are on {phrase} {n}"] * 2
        return Condition(f"{column.place} = {sql_n}", chance.pick(forms), column=name)
    sign = {"more": ">", "less": "<", "least": ">=", "most": "<="}[way]
    words = {
        "more": ["above", "over", "of more than", "greater than", "higher than", "larger than"],
        "less": ["below", "under", "of less than", "lower than", "smaller than"],
        "least": ["of at least", "of no less than"],
        "most": ["of at most", "of no more than", "up to"],
    }[way]
    word = chance.pick(words)
    forms = [f"with {with_article(phrase)} {word} {said}"] * 2
    forms += [f"whose {phrase} is {word.removeprefix('of ')} {said}"] * 2
    if way == "more":
        forms += [f"whose {phrase} exceeds {said}"]
    forms += _special_numbers(column, way, said, is_money)
    if plural:
        start = {"more": "more than", "less": chance.pick(["fewer than", "less than"]), "least": "at least",
                 "most": "at most"}[way]  # fmt: skip
        forms = [f"with {start} {n} {phrase}"] * 2 + [f"that have {start} {n} {phrase}", f"having {start} {n} {phrase}"]
        if number == 1 and way == "least":
            forms = [f"with at least one {singular_of(phrase)}"]
        if column.deed is not None:
            things, event = column.deed
            forms += [f"that {event.past} {start} {n} {things}",
                      f"for which {start} {n} {things} were {event.participle}"] * 2  # fmt: skip
        if way == "least" and chance.coin(0.4):
            forms = [f"with {n} or more {phrase}", f"that have {n} {phrase} or more"]
    return Condition(f"{column.place} {sign} {sql_n}", chance.pick(forms), column=name)


_COMPARED: Final = (
    ({"price", "cost", "fee", "fare", "rent", "rate"}, "more expensive", "cheaper"),
    ({"weight", "mass"}, "heavier", "lighter"), ({"length", "duration", "minutes", "hours"}, "longer", "shorter"),
    ({"height"}, "taller", "shorter"), ({"age"}, "older", "younger"), ({"speed"}, "faster", "slower"),
    ({"area", "size", "surface", "capacity", "population"}, "larger", "smaller"), ({"depth"}, "deeper", "shallower"),
    ({"distance"}, "longer", "shorter"), ({"width"}, "wider", "narrower"), ({"temperature"}, "warmer", "colder"),
)  # fmt: skip
UNLIKE: Final = {"limit", "class", "level", "group", "category", "range", "index"}  # an age limit is no age
_SAID_AS: Final = (
    ({"price", "cost", "fee", "fare", "rent", "rate"}, "costing", "cost"),
    ({"salary", "wage", "pay", "income"}, "earning", "earn"), ({"weight", "mass"}, "weighing", "weigh"),
    ({"duration", "length", "minutes"}, "lasting", "last"), ({"value", "worth"}, "worth", "are worth"),
    ({"capacity"}, "with room for", "have room for"),
)  # fmt: skip


def comparatives(column: ColumnFacts) -> tuple[str, str]:
    """more expensive, cheaper; "" where there is no adjective."""
    words = set(column.phrase.split())
    if words & UNLIKE or ("capacity" in words and len(words) > 1):
        return ("", "")
    return next(((up, down) for names, up, down in _COMPARED if words & names), ("", ""))


def verb_of(column: ColumnFacts) -> tuple[str, str]:
    """costing, cost: what rows do as much as the column says."""
    words = set(column.phrase.split()) if column.sort in ("number", "money", "count") else set()
    if words & UNLIKE or (words & {"rate", "rating"} and column.sort != "money"):
        return ("", "")
    return next(((ing, verb) for names, ing, verb in _SAID_AS if words & names), ("", ""))


def _special_numbers(column: ColumnFacts, way: str, said: str, is_money: bool) -> list[str]:
    if set(column.phrase.split()) & {"rate"} and not is_money:
        return []
    more, (up, down), (ing, verb) = way in ("more", "least"), comparatives(column), verb_of(column)
    start = {"more": "more than", "less": "less than", "least": "at least", "most": "at most"}[way]
    forms = [f"{ing} {start} {said}", f"that {verb} {start} {said}"] * 2 if verb else []
    if verb == "earn":
        forms += [f"that are paid {start} {said}", f"who earn {start} {said}"]
    if up and way in ("more", "less"):
        word = up if more else down
        forms += [f"{word} than {said}", f"that are {word} than {said}"] * 2
        if word in ("larger", "smaller"):
            forms += [f"{'bigger' if more else 'smaller'} than {said}"]
    if column.phrase.split()[-1] in ("score", "rating", "grade"):
        forms += [f"rated {start} {said}", f"that are rated {start} {said}"]
    return forms


def _year_number(column: ColumnFacts, year: int, chance: Chance) -> Condition:
    event, phrase = column.event, with_article(column.phrase)
    heads = [one for one in event.heads(chance) if not one.endswith("ing")] if event is not None else []
    heads = heads or [f"with {phrase}", "from", ""]
    head = chance.pick(heads)
    way, sign = chance.weighed([(("in", "="), 0.36), (("after", ">"), 0.24), (("before", "<"), 0.24),
                                (("since", ">="), 0.08), (("between", ""), 0.08)])  # fmt: skip
    low, high = column.column.low, column.column.high
    first = year // 10 * 10
    if chance.coin(0.08) and isinstance(low, int) and isinstance(high, int) and low < first + 9 < high:
        said = f"in the {chance.pick([f'{first}s', _DECADES.get(first, f'{first}s')])}"
        head = head if head != "from" else ""
        head = "" if head.startswith("with") else head
        return Condition(f"{column.place} BETWEEN {first} AND {first + 9}", f"{head} {said}".strip(),
                         column=column.column.name)  # fmt: skip
    if way == "between" and isinstance(low, int) and isinstance(high, int):
        first, last = sorted((year, low + chance.below(high - low + 1)))
        if first < last:
            said = chance.pick([f"between {first} and {last}", f"from {first} to {last}"])
            head = head if head != "from" else ""
            return Condition(f"{column.place} BETWEEN {first} AND {last}", f"{head} {said}".strip(),
                             column=column.column.name)  # fmt: skip
        way, sign = "in", "="
    if way == "between":
        way, sign = "in", "="
    if head == "from" and way != "in":
        head = ""
    after = f"{head} {way} {year}".strip() if head != "from" else f"from {year}"
    if head.startswith("with"):
        after = f"{head} of {year}" if way == "in" else f"{head} {way} {year}"
    return Condition(f"{column.place} {sign} {year}", after, column=column.column.name)
