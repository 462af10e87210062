"""Conditions on numbers and years: more, less, between, exactly; as people say it of money, weight, length or age."""

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.saying import Condition, happened


def number_said(number: float, unit: str, chance: Chance, is_money: bool = False) -> str:
    """A number with its unit, or without."""
    text = f"{number:g}" if number != int(number) else str(int(number))
    if number >= 10_000 and chance.coin(0.25):
        text = f"{int(number):,}"
    if unit == "euros" and chance.coin(0.25):
        return chance.pick([f"{text} EUR", f"€{text}", f"{text} €"])
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
    at = round(at, 2)
    return at if 0 <= at < 1e9 and low <= at < high else None


def plain_number(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.4f}".rstrip("0")


def number_condition(column: ColumnFacts, chance: Chance) -> Condition | None:
    """More, less, between, exactly."""
    number = number_in(column, chance)
    if number is None:
        return None
    if column.sort == "year":
        return _year_number(column, int(number), chance)
    phrase, is_money = chance.first(column.phrases), column.sort == "money"
    said, name, n = number_said(number, column.unit, chance), column.column.name, plain_number(number)
    few = isinstance(column.column.low, int) and (column.column.n_distinct or 99) <= 25
    way = chance.weighed([("more", 0.34), ("less", 0.28), ("least", 0.1), ("most", 0.08), ("between", 0.12),
                          ("equal", 0.25 if few else 0.01)])  # fmt: skip
    plural = column.sort == "count"
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
        return Condition(f"{column.place} = {n}", chance.pick(forms), column=name)
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
    return Condition(f"{column.place} {sign} {n}", chance.pick(forms), column=name)


def _special_numbers(column: ColumnFacts, way: str, said: str, is_money: bool) -> list[str]:
    words = set(column.phrase.split())
    more = way in ("more", "least")
    start = {"more": "more than", "less": "less than", "least": "at least", "most": "at most"}[way]
    forms: list[str] = []
    if words & {"price", "cost", "fee", "fare", "rent"}:
        forms += [f"costing {start} {said}", f"that cost {start} {said}"]
        forms += [f"cheaper than {said}"] if way == "less" else [f"more expensive than {said}"] if way == "more" else []
    if words & {"salary", "wage", "pay", "income"}:
        forms += [f"earning {start} {said}", f"who earn {start} {said}", f"that are paid {start} {said}"]
    if words & {"weight", "mass"}:
        forms += [f"weighing {start} {said}", f"{'heavier' if more else 'lighter'} than {said}"]
    if words & {"length", "duration", "minutes", "hours"}:
        forms += [f"{'longer' if more else 'shorter'} than {said}", f"lasting {start} {said}"]
    if words & {"height"}:
        forms += [f"{'taller' if more else 'shorter'} than {said}"]
    if words & {"age"}:
        forms += [f"{'older' if more else 'younger'} than {said}"]
    if words & {"area", "size", "surface"}:
        forms += [f"{'larger' if more else 'smaller'} than {said}", f"{'bigger' if more else 'smaller'} than {said}"]
    return [one for one in forms if way in ("more", "less") or " than " not in one or "more than" in one]


def _year_number(column: ColumnFacts, year: int, chance: Chance) -> Condition:
    what = happened(column) or chance.pick([f"with {with_article(column.phrase)}", ""])
    way, sign = chance.weighed(
        [(("in", "="), 0.4), (("after", ">"), 0.25), (("before", "<"), 0.25), (("since", ">="), 0.1)]
    )
    after = f"{what} {way} {year}".strip() if not what.startswith("with") or way != "since" else f"from {year} on"
    if way == "in" and not happened(column) and chance.coin(0.4):
        after = f"from {year}"
    return Condition(f"{column.place} {sign} {year}", after, column=column.column.name)
