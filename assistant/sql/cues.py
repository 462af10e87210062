"""What the words of a question let its query hold: nothing is left out where no word says so, no number is compared
where none is named.

A small model that is unsure writes any query that the grammar lets through; most of those that are wrong hold something
that the question has no word for. Over 2,500 generated questions and the 300 of the SQL suite the words below stand
wherever the form does, but for a few with slips of typing. Knows English and some German, and leaves questions
alone that have no little word of either; reads words alone.
"""

import re
from typing import Final

from msgspec import Struct

from rushlight.assistant.sql.linking import Linked, said_words, stem


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


# One of these stands in nearly every sentence of a language that is known here.
_LITTLE: Final = _stems(
    "the of is are was were what which who whom whose how many much list show give find count name number all when "
    "where with did does do has have had by we der die das wie viele welche welcher welches wer was ist "
    "sind war waren hat haben zeige alle mit von im"
)
_NEGATES: Final = _stems(
    "no not none never nobody nothing nowhere without except but neither nor other others missing lack lacks t "
    "lacking outside besides apart excluding excluded ignoring leaving omitting omit rather instead cannot yet kein "
    "nicht ohne"
)
_EITHER: Final = _stems("or either oder")
_LISTS: Final = _stems("or and either both oder und")
_THERE: Final = _stems(
    "have has had having with got any least one once ever whose that who there where exist exists contain contains "
    "without no not never none nobody nothing anybody anyone anything empty made make placed took wrote bought mit hat "
    "haben"
) | {"t"}
_COMPARES: Final = _stems(
    "than before after late later early earlier beyond over exceed exceeds exceeding below above under past same equal "
    "equals like as prior until since between draw drawn tie tied overrun overran missed vor nach als über unter mehr "
    "weniger"
)
_MEANS: Final = _stems(
    "average mean than above below usual typical normal overall exceed exceeds beat beats als durchschnitt mittel"
)
_OWN: Final = _stems("their its own same each every her his")
_DAYS: Final = _stems(
    "day date today yesterday tomorrow week weekend quarter half spring summer autumn fall winter season early late "
    "mid end beginning start middle first second third fourth"
)
_SUMS_FLAGS: Final = _stems("share percent percentage ratio proportion rate")
_MULTIPLIES: Final = _stems(
    "revenue worth value turnover income sales sale money times spent spend paid pay cost costs earn earned made bring "
    "brought came come"
)
_SUBTRACTS: Final = _stems(
    "long old age year years length duration live lived last difference between apart together plus minus both sum less"
)
_ROUNDS: Final = _stems("round rounded decimal decimals digit digits place places whole")
_PATTERNS: Final = _stems(
    "contain contains containing include includes including mention mentions start starts starting begin begins "
    "beginning end ends ending word letter letters text phrase like with somewhere called named name in"
)
_SEVERAL: Final = _stems(
    "several multiple repeated repeatedly again single once only one more mehrere mehr won win winner winning victory"
)
_NOTHING: Final = _NEGATES | _stems("zero free empty nil null left remain")
MONTHS: Final = (
    ("january", "januar"), ("february", "februar"), ("march", "märz"), ("april",), ("may", "mai"), ("june", "juni"),
    ("july", "juli"), ("august",), ("september",), ("october", "oktober"), ("november",), ("december", "dezember"),
)  # fmt: skip
MONTH_NAMES: Final = "|".join(names[0] for names in MONTHS)  # in English, for patterns
_WITH_NUMBERS: Final = re.compile(
    r"\b(?:than|over|under|above|below|exceeds?|exceeding|beyond|after|before|since|until|between|past|from)"
    rf"(?: (?:the|an?|its|their|end|start|beginning|of|about|around|{MONTH_NAMES}))* "
    r"(?:[€$£]? ?\d|[-–−]\d|minus|one(?! (?:who|that|which|whose|it|he|she|they|before|of)\b)|two|three|four|five|"
    r"six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|hundred|twice|average|mean|usual|"
    rf"{MONTH_NAMES})"
)
_SHORT_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Cues(Struct, frozen=True):
    """What may stand in a query; by default everything."""

    strict: bool = False  # whether the question was looked at
    negates: bool = True  # <>, NOT IN, NOT LIKE
    either: bool = True  # OR
    lists: bool = True  # IN ('a', 'b')
    there: bool = True  # a row of another table: IN (SELECT ...)
    compares: bool = True  # one column with another
    means: bool = True  # with what another query finds: the mean, the most
    own: bool = True  # the mean of rows of the same kind
    sums_flags: bool = True
    multiplies: bool = True
    subtracts: bool = True  # or adds: two columns
    rounds: bool = True
    patterns: bool = True  # LIKE
    days: bool = True  # dates of any day; else the first and last of a year
    months: tuple[int, ...] | None = None  # that are named; None: any
    years: bool = True
    small: tuple[str, ...] = ("0", "1")  # numbers that are meant without being named


def cues_of(linked: Linked) -> Cues:
    """Of a question that `link_taught` has read; of others everything may stand."""
    if not linked.one_way or linked.numbers is None:
        return Cues()
    words, numbers = linked.words, linked.numbers
    if not words & _LITTLE:
        return Cues()

    def says(known: frozenset[str]) -> bool:
        return bool(words & known)

    compared = words if linked.compared is None else linked.compared
    negates = says(_NEGATES) or any(word.startswith(("un", "non")) for word in words)
    named = zip(MONTHS, _SHORT_MONTHS, strict=True)
    months = tuple(n for n, (full, short) in enumerate(named, 1) if says(_stems(" ".join((*full, short)))))
    in_digits = any(len(one) <= 2 for one in numbers)
    days = says(_DAYS) or bool(months) or (in_digits and _has_year(numbers))
    small = (*(("0",) if negates or says(_NOTHING) else ()), *(("1",) if says(_SEVERAL) else ()))
    return Cues(
        strict=True, negates=negates, either=says(_EITHER), lists=says(_LISTS), there=says(_THERE),
        compares=bool(compared & _COMPARES), means=says(_MEANS) or bool(linked.direction), own=says(_OWN),
        sums_flags=says(_SUMS_FLAGS),
        multiplies=says(_MULTIPLIES), subtracts=says(_SUBTRACTS), rounds=says(_ROUNDS), patterns=says(_PATTERNS),
        days=days,
        months=months if months or not days else None, years=_has_year(numbers), small=small,
    )  # fmt: skip


def compared_words(question: str) -> frozenset[str]:
    """The words of a question without those that compare with a number, a day or a mean: what is left of "than" and
    "before" may compare one column with another."""
    return said_words(_WITH_NUMBERS.sub(" ", question.lower()))


def _has_year(numbers: tuple[str, ...]) -> bool:
    return any(re.fullmatch(r"(19|20)\d\d", one) for one in numbers)
