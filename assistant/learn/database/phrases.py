"""How tables and columns are called: nouns for rows, phrases for columns, with other words that mean nothing else here.

Knows names, sorts and comments; knows no values.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rushlight.assistant.learn.database.events import event_of
from rushlight.assistant.learn.database.names import plural_of, singular_of
from rushlight.assistant.learn.database.synonyms import others_for

_DAYS_TEXT: Final = """
 refunded=refund reviewed=review posted=posting borrowed=loan requested=request collected=collection launched=launch
 arrives=arrival leaves=departure starts=start ends=end begins=start expires=expiry closes=closing opens=opening
 hired=hiring ordered=order shipped=shipping charged=charge paid=payment issued=issue bought=purchase
 cancelled=cancellation created=creation booked=booking founded=foundation sold=sale delivered=delivery
 signed=signature opened=opening closed=closing born=birth died=death released=release joined=entry left=leaving
 returned=return started=start ended=end registered=registration admitted=admission discharged=discharge
 published=publication completed=completion reported=report departed=departure arrived=arrival departs=departure
 built=construction received=receipt renovated=renovation installed=installation removed=removal promoted=promotion
 retired=retirement resigned=resignation manufactured=manufacture established=foundation renewed=renewal
 terminated=termination approved=approval resolved=resolution finished=completion graduated=graduation
 acquired=acquisition donated=donation
"""
_DAYS: Final = dict(pair.split("=") for pair in _DAYS_TEXT.split())


@dataclass(frozen=True, slots=True)
class Noun:
    """What one row is called, and several of them; with how likely a person would say so."""

    one: str
    many: str
    weight: float = 1.0


def nouns_of(phrase: str, said: Mapping[str, int], noted: Sequence[str] = ()) -> tuple[Noun, ...]:
    """The phrase, its last word alone where no other table ends so, what a comment calls it (`noted`), and other words
    that mean nothing else here."""
    one = singular_of(phrase)
    found = [Noun(one, plural_of(one), 1.0)]
    before, _, last = one.rpartition(" ")
    if before and last in ("type", "kind", "category"):
        found += [Noun(f"{last} of {before}", f"{plural_of(last)} of {before}", 0.4),
                  Noun(f"kind of {before}", f"kinds of {before}", 0.3)]  # fmt: skip
    elif before and said.get(last, 0) <= 1:
        found.append(Noun(last, plural_of(last), 0.3))
    for other in noted:
        if len(other.split()) <= 3 and not said.get(singular_of(other), 0):
            found.append(Noun(singular_of(other), plural_of(singular_of(other)), 1.6))
    for other in others_for(one):
        if not said.get(singular_of(other), 0):
            found.append(Noun(singular_of(other), plural_of(singular_of(other)), 0.2))
    return tuple({noun.one: noun for noun in reversed(found)}.values())[::-1]


def phrases_of(
    words: list[str], table_words: list[str], sort: str, noted: Sequence[str], said: Mapping[str, int], *, is_only: bool
) -> tuple[str, ...]:
    """The words of the name; without the table's own; other words for them; what a comment calls it (`noted`)."""
    shown = words
    table_word = singular_of(" ".join(table_words))
    if len(words) > 1 and " ".join(words[:-1]) in (table_word, " ".join(table_words)):
        shown = words[1:] if len(table_words) == 1 else words[len(table_words) :] or words
    phrase = " ".join(shown)
    more: tuple[str, ...] = ()
    if sort == "date":
        happens, _, end = phrase.rpartition(" ")
        usual = _DAYS.get(happens.rpartition(" ")[2], "")
        if end in ("on", "at", "until", "till", "to", "through", "from", "date", "day", "time") and happens:
            plain = f"{happens} from" if end == "from" else happens
            if end in ("until", "till", "to", "through"):
                plain = f"{happens} until"
            phrase, more = (f"{usual} date", (f"date of {usual}",)) if usual else (f"{plain} date", ())
            if is_only and happens != "birth":
                more = (*more, "date")
            if not usual and happens not in _DAYS.values() and event_of([happens]) is not None:
                done = f"date {happens}" if happens.endswith(("ed", "ld", "nt", "en")) else f"{happens} date"
                phrase, more = ("date", ()) if is_only else (done, ())
                if is_only and end == "date":  # hire_date
                    phrase, more = done, ("date",)
    if sort == "year" and (len(words) > 1 or "year" not in words):
        kept = [word for word in words if word != "year"]
        rest = " ".join(kept[:-1] if len(kept) > 1 and kept[-1] in ("in", "on", "at") else kept)  # built_in
        usual = _DAYS.get(rest, rest)
        phrase, more = f"{usual} year", (f"year of {usual}",) if usual in _DAYS.values() else ()
        if usual == rest and not more and event_of([rest]) is not None:  # year_made
            phrase = f"year {rest}"
        shown = words
    if sort in ("money", "number") and len(shown) == 1 and phrase.endswith("ed"):
        phrase = f"{phrase} value" if sort == "money" else f"amount {phrase}"
        shown = words
    if sort == "flag":
        phrase = re.sub(r"^(is|was|has|have|had|can|may) ", "", phrase)
    found = [phrase, *more]
    if shown != words and sort != "flag":
        found.append(" ".join(words))
    if sort not in ("flag", "key", "count"):
        found += [one for one in others_for(phrase) if not said.get(one, 0)]
    if sort == "money" and words[-1] == "rate":
        found.append("price")
    if sort not in ("flag", "key"):
        found += [one for one in noted if said.get(one, 0) <= 1]
    return tuple(dict.fromkeys(found))
