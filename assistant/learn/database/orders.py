"""The words of orders and extremes: cheapest first, the oldest, opened last. Knows columns; knows no query."""

from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import is_main_date
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.number_conditions import UNLIKE, verb_of

_COME: Final = {"join", "hire", "employ", "start", "begin", "register", "enroll", "sign", "subscribe", "appoint"}
SORTED: Final = ("number", "money", "count", "date", "year")
_ADJECTIVES: Final = (
    ({"price", "cost", "fee", "fare", "rent"}, ("most expensive", "cheapest")),
    ({"length", "duration", "distance"}, ("longest", "shortest")), ({"weight"}, ("heaviest", "lightest")),
    ({"height"}, ("tallest", "smallest")), ({"age"}, ("oldest", "youngest")), ({"speed"}, ("fastest", "slowest")),
    ({"area", "size", "capacity", "population"}, ("largest", "smallest")), ({"depth"}, ("deepest", "shallowest")),
    ({"salary", "wage", "pay"}, ("best paid", "worst paid")),
    ({"rating", "score", "grade"}, ("best rated", "worst rated")), ({"width"}, ("widest", "narrowest")),
    ({"value", "worth"}, ("most valuable", "least valuable")), ({"temperature"}, ("warmest", "coldest")),
    ({"elevation", "altitude"}, ("highest", "lowest")),
)  # fmt: skip


def adjectives(column: ColumnFacts, up: bool) -> list[str]:
    """The most expensive, the youngest; [] where only "with the highest" fits."""
    words = set(column.phrase.split())
    if column.sort == "money" and "rate" in words:
        return ["most expensive" if up else "cheapest"]
    for names, (most, least) in _ADJECTIVES:
        if words & names and not words & UNLIKE and not ("capacity" in words and len(words) > 1):
            more = {"largest": ["largest", "biggest"], "best rated": ["best rated", "best"],
                    "worst rated": ["worst rated", "worst"]}  # fmt: skip
            return more.get(most if up else least, [most if up else least])
    if column.sort in ("date", "year"):
        base = column.event.base if column.event is not None else ""
        if base == "bear":
            return ["youngest" if up else "oldest"]
        if base in ("build", "found", "open", "make", "establish", "install", "manufacture", "buy", "publish"):
            return ["newest"] if up else ["oldest"]
        return ["latest", "most recent", "last"] if up else ["earliest", "first"]
    return []


def ages(facts: TableFacts, column: ColumnFacts, up: bool) -> list[str]:
    """The adjectives that are clear without the column's name: of several days only those of the main one."""
    is_day = column.sort == "date" and not (column.event is not None and column.event.base == "bear")
    return [] if is_day and not is_main_date(facts, column) else adjectives(column, up)


def in_order(facts: TableFacts, column: ColumnFacts, up: bool, chance: Chance, *, is_shown: bool = True) -> str:
    """What is said of an order behind a comma: highest first, from the oldest, sorted by price."""
    phrase, is_day = column.phrase, column.sort in ("date", "year")
    words = ["lowest first", "in ascending order", "smallest first"] if up else [
        "highest first", "in descending order", "largest first"]  # fmt: skip
    most = ages(facts, column, not up)
    if is_day:
        words = ["oldest first", "earliest first"] if up else ["newest first", "latest first", "most recent first"]
    if not is_shown and not (is_day and most):
        words = []
    if most:
        other = adjectives(column, up)
        words = [f"{one} first" for one in most if one not in ("first", "last")] * 3 + words
        words += [f"the {most[0]} first", f"from the {most[0]} to the {other[0]}", f"from the {most[0]}"]
    last = "latest first" if is_day else "highest first"
    words += [f"sorted by {phrase}", f"ordered by {phrase}", f"by {phrase}"] if up else [
        f"sorted by {phrase}, {last}", f"by {phrase}, {last}", f"ordered by {phrase}, descending"]  # fmt: skip
    return chance.pick(words)


def most_words(column: ColumnFacts, up: bool, chance: Chance) -> str:
    """The highest price, the most beds, the latest day: with what is counted as the noun."""
    phrase = chance.first(column.phrases)
    if column.sort in ("date", "year"):
        return f"the {chance.pick(['latest', 'most recent', 'latest'] if up else ['earliest', 'earliest'])} {phrase}"
    if column.sort == "count":
        return f"the {'most' if up else 'fewest'} {phrase}"
    word = "highest" if up else "lowest"
    if chance.coin(0.35):
        word = chance.pick(["largest", "greatest", "biggest"] if up else ["smallest", "lowest"])
    return f"the {word} {phrase}"


def verb_forms(facts: TableFacts, column: ColumnFacts, one: str, up: bool) -> list[str]:
    """Which room costs the most, who earns least, which hotel opened first."""
    forms: list[str] = []
    event, verb = column.event, verb_of(column)[1]
    if event is not None and column.sort in ("date", "year"):
        said = event.past if event.does else f"was {event.participle}"
        if facts.is_person and event.base in _COME:
            forms += (
                [f"Which is our newest {one}?", f"Who is the newest {one}?"]
                if up
                else [f"Who is the longest-serving {one}?", f"Which {one} has been with us the longest?",
                      f"Which {one} has been here the longest?", f"Who is our longest-standing {one}?"]
            )  # fmt: skip
        for end in ["last", "most recently", "latest"] if up else ["first", "earliest"]:
            forms += [f"Which {one} {said} {end}?"] * 2
            forms += [f"Who {said} {end}?"] if facts.is_person and one == facts.nouns[0].one else []
    if column.deed is not None:
        things, done = column.deed
        most = "most" if up else "fewest"
        forms += [f"Which {one} {done.past} the {most} {things}?",
                  f"For which {one} were the {most} {things} {done.participle}?"] * 2  # fmt: skip
    if verb and " " not in verb:
        for end in ["the most", "most"] if up else ["the least", "least"]:
            forms.append(f"Which {one} {verb}s {end}?")
            forms += [f"Who {verb}s {end}?"] if facts.is_person and one == facts.nouns[0].one else []
    return forms
