"""What a query must hold since the question names it: columns, numbers, texts, and an end where one row is asked for.

A small model leaves things out: "How many reservations were cancelled?" becomes a count of all. Whoever was taught a
database is held to what stands in the question; others have their own ways to be corrected. In questions whose
right query is known (300 of the SQL suite; generated ones of its ten databases) it holds the named column in 119 of 121
and 1,694 of 1,698, the number in 64 of 64 and 699 of 699, the text in 68 of 69 and 1,047 of 1,049, an end or an extreme
in 35 of 35 and 314 of 315.
"""

import re
from typing import Final

from msgspec.structs import replace

from rushlight.assistant.engine.request import Grammar
from rushlight.assistant.sql.cues import MONTH_NAMES
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import (
    FIRST,
    HAPPENED,
    WORD,
    Linked,
    name_parts,
    name_words,
    named_values,
    stem,
)
from rushlight.assistant.sql.linking_taught import names_of_several_words, several
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.trees import name_of
from rushlight.assistant.sql.values import Column

_NUMBER: Final = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w%]|[.,]\d)")
_LARGE: Final = re.compile(r"^ ?(?:%|million|thousand|billion|percent|per cent|k\b|m\b)", re.IGNORECASE)
_MORE: Final = ("more than", "over", "above", "at least")
_COMPARED: Final = re.compile(rf"(?<!\bno )(?<!\bnot )\b({'|'.join(_MORE)}|less than|fewer than|under|below|at most) $")
_SIGNS: Final = (("<", "<="), (">", ">="))
_LEAST_LETTERS: Final = 3  # of a text: shorter ones are words as well
_NO_TEXT_WORDS: Final = """
 other others none all any unknown yes both out off day long left right account house job
"""
_NO_TEXTS: Final = frozenset(_NO_TEXT_WORDS.split())  # words of any question
_MOST_TEXTS: Final = 2  # of one column: more are kinds that are listed
# Is it a dealer or a collector? What is it made of, clay or grass? Do cash payers pay more? The mean for each way.
_WHICH_OF: Final = re.compile(
    r"^(?:is|are|was|were|does|do|did)\b.*\bor\b"
    r"|^(?:what|where|who|how(?! many\b| much\b))\b[^?]*,[^?]*(?:\bor\b|\.\.\.)"
    r"|^(?:is|are|do|does)\b[^?]*\? ?[a-z].* (?:each|every|per|by)\b"
)
# Which city has the most guests? Not which each of them has, nor at least so many.
_EXTREME: Final = (
    r"most|least|fewest|highest|lowest|largest|smallest|biggest|oldest|youngest|newest|longest|shortest|best|worst|"
    r"cheapest|heaviest|lightest|tallest|earliest|latest"
)
_AT_MOST: Final = re.compile(
    r"\b(?:best at|know[s]? best|very most|(?:most|least)(?: that)? (?:i|we|you|they|one) can)\b"
)
_EXTREMES: Final = re.compile(rf"\b(?:{_EXTREME})\b")
_ONE_ROW: Final = re.compile(
    r"^(?:which|what|who)\b(?!.*\b(?:each|per|every|by|more than|less than|at least|at most)\b)"
    rf".*\b(?:{_EXTREME})\b"
)


_UNITS: Final = (
    r"hour|night|day|cent|square|minute|second|week|month|year|kilo|kwh?\b|km\b|lit|hectare|mile|ton|gram|head\b|capita|"
    r"unit|piece|person|100"
)
_EACH: Final = r"^(?:how many|what is the (?:average|mean|total|sum)).*(?<!of )(?<!for )\b(?:each|every)\b(?!.* last\b)"
_NOT: Final = (
    r"\b(?:never|(?<!with or )(?<!with and )without(?! (?:duplicates|doubles|repea|any repea|an appointment))"
    r"|(?:ha[sd]|have|with) no(?! (?:more|less))|not(?! (?:more|less|only|counting|to|turn|show)))\b"
    r"|(?<!\bdo)n't\b(?! (?:turn|show|[a-z]+ (?:in )?any ?more))"
    r"|\bdon't (?!repeat|count|show|list|include|want|need|mind|care|name|turn)"
)
_DAY: Final = rf"\d{{4}}|{MONTH_NAMES}|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MORE_OF: Final = r"older|younger|larger|smaller|longer|shorter|heavier|lighter|cheaper|higher|lower|earlier|later"
_FIRST_DOWN: Final = r"most(?! urgent| overdue| senior)|best|highest|largest|biggest|greatest|newest|latest|heaviest"
_LEAST_OR_MOST: Final = (
    r"(?!(?:harv|for|inter|gu|t|requ|w|r|qu|cont|prot|ch|n|p|inv|dig|sugg)est\b)[a-z]+est"  # no harvest
)
_SO_MANY: Final = r"\d+|two|three|four|five|six|seven|eight|nine|ten"
_DIFFERENT: Final = r"(?<!\ba )\b(?:different|distinct)\b(?! from| than)"
_COMPARES: Final = ("<", ">", "BETWEEN")
_MONTHS: Final = ("'%m'", "'%Y-%m'")
_YEARS: Final = ("'%Y'", "'%Y-%m'")
_ADDED: Final = ("SUM", "+")
_MEAN: Final = ("AVG", "/ COUNT(DISTINCT")
_PERIODS: Final = ((_MONTHS, "month"), (_YEARS, "year"))
_WORDS_OF: Final = {"month": ("month", "monthly"), "year": ("year", "yearly", "annual")}
_NOT_THOSE: Final = ("<>", "NOT", "NULL", "= 0", "'N'", "'no'", "<", ">")
_BORN: Final = frozenset(("birth", "born", "birthday", "dob", "birthdate", "birthyear"))
# What is said of rows, and the words of which one must be in the query. In questions whose right query is known (the
# suite's 300, 3,000 generated ones) it has one of them nearly always; of 7,234 questions by hand that were new to these
# rules, some 50 lack one (log.md, 2026-11-27, fourth).
_SAID: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = (
    (re.compile(r"\baverage\b|(?<!\bi )(?<!\bwe )(?<!\byou )(?<!\bthat )(?<!\bdoes )\bmean\b"), _MEAN),
    (re.compile(rf"^how many {_DIFFERENT}"), ("DISTINCT", "COUNT(*)")),  # cloths, each of which is a row
    (re.compile(rf"^(?!how many {_DIFFERENT}).*(?<!\bthe ){_DIFFERENT}|^(?:what|list|show|which)\b.*{_DIFFERENT}"),
     ("DISTINCT",)),
    (re.compile(rf"\bper (?!{_UNITS})(?=.*\b(?:average|mean)\b)"),
     ("GROUP BY", "PARTITION BY", "AVG", "/ COUNT(DISTINCT")),
    (re.compile(rf"(?<!average )\bper (?!{_UNITS})(?!.*\b(?:average|mean)\b)|{_EACH}"),
     ("GROUP BY", "PARTITION BY", "/ COUNT(DISTINCT")),
    (re.compile(_NOT), ("NOT", "NULL", "<>", "= 0", "'N'", "'none'", "'no'")),
    (re.compile(rf"\b(?<!at )(?<!their )(?<!its )(?:{_EXTREME})\b"), ("ORDER BY", "MAX", "MIN")),
    (re.compile(r"\bby month\b|^(?:how many|number of)\b.*\b(?:each|per|every) month\b"), _MONTHS),
    (re.compile(r"\b(?:in|for) (?:each|every) year\b|\bby year\b|^how many\b.*\bper year\b"), _YEARS),
    (re.compile(r"\b(?:each|per|every|by) (?:weekday|day of the week)\b"), ("'%w'",)),
    (re.compile(r"\brunning total|\bcumulative\b"), ("OVER",)),
    (re.compile(r"\b(?:leaving out|excluding|except(?: for)?|other than|apart from)\b"), _NOT_THOSE),
    (re.compile(rf"^(?!.*\b(?:place|rank|position)\b).*\b(?:{_FIRST_DOWN})(?: [a-z]+){{0,3}} {FIRST}"), ("DESC",)),
    (re.compile(rf"\b{_LEAST_OR_MOST}(?: [a-z]+){{0,2}} {FIRST}"), ("ORDER BY",)),
    (re.compile(rf"(?<!\bin the )\b(?:top|first|last|{_LEAST_OR_MOST}) (?:{_SO_MANY})\b(?!-| finish)"
                rf"|(?<![-\w])(?:{_SO_MANY}) (?:{_LEAST_OR_MOST}|most|least)\b"), ("LIMIT",)),
    (re.compile(r"\bmost (?:often|frequent|frequently|common)\b"), ("COUNT",)),
    (re.compile(r"\bin total\b|\baltogether\b"), ("SUM", "COUNT", "+")),
    (re.compile(r"\bsum of\b"), ("SUM",)),
    (re.compile(r"(?<!\bin )(?<!running )\btotal\b(?! numbers?\b)"), _ADDED),
    (re.compile(r"\b(?:(?:what|which) percentage|percentage of|what percent|what share|what proportion)\b"), ("100",)),
    (re.compile(r"\bthan (?:the |an |its |their )?(?:average|mean)\b|\b(?:above|below) (?:the )?(?:average|mean)\b"),
     ("(SELECT AVG",)),
    (re.compile(r"\b(?:twice|double) (?:the |an |its |their )?(?:average|mean)\b"), ("2 * AVG",)),
    (re.compile(r"^rank\b|\b(?:their|its) rank\b"), ("RANK",)),
    (re.compile(rf"\b(?:{_MORE_OF}) than\b|\b(?:before|after|since|until) (?:{_DAY})\b"), _COMPARES),
)  # fmt: skip


def held(known: Profiled, question: str, linked: Linked, grammar: Grammar) -> tuple[Grammar, Grammar | None]:
    """(the grammar with what must be held, the grammar as it was where that cannot be done); of a question that names
    nothing the grammar alone."""
    must, columns = musts_of(known, question, linked)
    if not must:
        return grammar, None
    tables = frozenset(place.partition(".")[0] for place in columns)
    if not tables <= linked.must:
        made = sql_grammar(replace(linked, named=tables)).grammar
        return replace(made, must=must), grammar
    return replace(grammar, must=must), grammar


def musts_of(known: Profiled, question: str, linked: Linked) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """(what must be held, the columns that are named, as table.column)."""
    from rushlight.assistant.learn.database.called import columns_named

    texts, left = _texts(known, question, linked)
    columns = tuple(one for one in columns_named(known, left) if _is_there(linked, one))
    names = _words_of_columns(known, linked)
    asked = _EXTREMES.sub(lambda found: found[0] if found[0] not in names else " ", question.lower())
    asked = _AT_MOST.sub(" ", asked)
    said = [words for pattern, words in _SAID if pattern.search(asked) is not None]
    for words, there in ((_ADDED, ("total", "tot")), (_MEAN, ("average", "avg"))):  # a column has it already
        if not names.isdisjoint(there):
            said = [one for one in said if one is not words]
    for words, period in _PERIODS:  # a monthly rate is paid each month
        if not names.isdisjoint(_WORDS_OF[period]) or any(
            _is_of(period, column) for table in linked.tables for column in table.columns
        ):
            said = [one for one in said if one is not words]
    found = [
        *(_column(linked, one) for one in columns), *_numbers(question), *texts, *_end(asked, linked),
        *_born(asked, linked), *said,
    ]  # fmt: skip
    return tuple(dict.fromkeys(found)), columns


def _words_of_columns(known: Profiled, linked: Linked) -> set[str]:
    """Of all of them, in small letters, those of abbreviated ones written out."""
    from rushlight.assistant.learn.database.called import names_written_out

    names = [column.name for table in linked.tables for column in table.columns]
    said = " ".join(" ".join(name_parts(one)) for one in (*names, *names_written_out(known).values()))
    return set(WORD.findall(said.lower()))


def _is_of(period: str, column: Column) -> bool:
    """Whether it may hold months or years as they are."""
    said = f"{column.name} {column.comment}".lower()
    if any(word in said for word in _WORDS_OF[period]):
        return True
    is_year = isinstance(column.low, int) and isinstance(column.high, int) and 1500 <= column.low <= column.high <= 2200
    return period == "year" and is_year


def _born(asked: str, linked: Linked) -> list[tuple[str, ...]]:
    """The youngest was born last, where one column says when; a direction of words alone does not say so. The oldest
    may be a building."""
    columns = [(table, column) for table in linked.tables for column in table.columns]
    own = [(table, column) for table, column in columns if _BORN & name_words(column.name)]
    if len(own) != 1 or any("age" in name_words(column.name) for _, column in columns):
        return []
    place = f"{name_of(own[0][0].name)}.{name_of(own[0][1].name)}"
    return [(f"{place} DESC", f"MAX({place}")] if re.search(r"(?<!\bto )(?<!\bto the )\byoungest\b", asked) else []


def _is_there(linked: Linked, place: str) -> bool:
    name, _, column = place.partition(".")
    table = linked.table(name)
    if table is None or f"{table.source}.{table.name}" in linked.qualified:
        return False
    return table.column(column) is not None


def _column(linked: Linked, place: str) -> tuple[str, ...]:
    """A table that points to itself stands there under other names, too."""
    name, _, column = place.partition(".")
    is_own = any(owner == key.table == name for owner, key in linked.keys)
    return (name_of(column),) if is_own else (f"{name_of(name)}.{name_of(column)}",)


def _numbers(question: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for match in _NUMBER.finditer(question):
        number = match[0].replace(",", "")
        before, behind = question[: match.start()].lower(), question[match.end() :].lower()
        compared = _COMPARED.search(before)
        if _LARGE.match(behind):
            continue
        if compared is not None and not behind.startswith(" times"):
            found.append(tuple(f"{sign} {number}" for sign in _SIGNS[compared[1] in _MORE]))
        elif number not in ("0", "1"):
            found.append((number, f"0{number}"))  # of a day: 2024-03-05
    return found


def _texts(known: Profiled, question: str, linked: Linked) -> tuple[list[tuple[str, ...]], str]:
    """Texts of the database that stand there letter by letter, and the words that are left without them. None inside of
    a longer text or a name ("sales orders"), none that is a word of a name (a manager_id beside the job manager)."""
    masked = f" {' '.join(WORD.findall(question.casefold()))} "
    left = masked
    for name in names_of_several_words(known):
        masked = masked.replace(f" {name} ", " | ").replace(f" {several(name)} ", " | ")
    kept = {place for place, _ in linked.found}
    found: dict[str, list[tuple[str, ...]]] = {}
    tables = known.schema.tables
    names = [name for table in tables for name in (table.name, *(column.name for column in table.columns))]
    of_names = {word for name in (*names, *linked.called.values()) for word in name_words(name)}
    for place, value in named_values(known, question, codes=False):
        plain = " ".join(WORD.findall(value.casefold()))
        if f" {plain} " in masked:
            masked = masked.replace(f" {plain} ", " | ")
            is_word = len(plain) < _LEAST_LETTERS or plain.isdigit() or plain in _NO_TEXTS or stem(plain) in of_names
            if place in kept and not is_word and f" how {plain} " not in left:
                left = left.replace(f" {plain} ", " | ")
                found.setdefault(place, []).append((value.replace("'", "''"),))
    if _WHICH_OF.match(question.strip().lower()):
        return [], left
    return [one for several_ in found.values() if len(several_) <= _MOST_TEXTS for one in several_], left


def _end(question: str, linked: Linked) -> list[tuple[str, ...]]:
    asked = question.strip().lower()
    is_one = not linked.lists_all and (_ONE_ROW.match(asked) is not None or HAPPENED.match(asked) is not None)
    return [("LIMIT", "MAX", "MIN")] if is_one else []
