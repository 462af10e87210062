"""Other words for a noun, and what kind of thing it names: from the table that ships, made of WordNet 3.0.

packaging/wordnet.py made the table; its licence lies beside it.
"""

from functools import cache
from pathlib import Path
from typing import Final

_TABLE = Path(__file__).with_name("synonyms.tsv")
# What people say as well. Few and sure ones: WordNet alone knows no better than that a guest may be a visitor.
_ALSO: Final = {
    "salary": "pay", "wage": "pay", "surname": "last name", "first name": "given name", "last name": "surname",
    "phone": "phone number", "telephone": "phone number", "email": "e-mail address", "e-mail": "e-mail address",
    "date of birth": "birthday", "birth date": "birthday", "company": "firm", "firm": "company", "worker": "employee",
    "employee": "staff member", "staff": "employee", "customer": "client", "client": "customer", "supplier": "vendor",
    "vendor": "supplier", "doctor": "physician", "physician": "doctor", "movie": "film", "film": "movie",
    "category": "kind", "type": "kind", "genre": "kind", "kind": "type", "duration": "length", "score": "rating",
    "rating": "score", "payment amount": "amount paid", "invoice": "bill", "gender": "sex", "sex": "gender",
    "color": "colour", "colour": "color", "brand": "make", "nationality": "citizenship", "occupation": "job",
    "profession": "job", "website": "web page", "author": "writer", "student": "pupil", "pupil": "student",
    "comment": "remark", "description": "text", "quantity": "number of pieces", "price": "cost", "cost": "price",
    "fare": "price",  "manager": "boss", "instructor": "teacher", "birth year": "year of birth", "journey": "trip",
    "trip": "journey", "automobile": "car", "reservation": "booking", "booking": "reservation", "picture": "image",
    "turnover": "revenue", "shop": "store", "store": "shop", "repair": "fix", "postcode": "zip code",
    "post code": "postcode", "e mail": "email", "sold price": "selling price", "living area": "living space",
    "floor area": "floor space", "zip code": "postcode", "floor": "storey", "specialty": "field", "holiday": "vacation",
}  # fmt: skip


@cache
def _table() -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for line in _TABLE.read_text().splitlines():
        word, kind, others = line.split("\t")
        found[word] = (kind, tuple(others.split(", ")) if others else ())
    return found


def others_for(phrase: str) -> tuple[str, ...]:
    """Another phrase for it: of its whole, else with its last word changed."""
    if phrase in _ALSO:
        return (_ALSO[phrase],)
    before, _, last = phrase.rpartition(" ")
    return (f"{before} {_ALSO[last]}",) if before and last in _ALSO and " " not in _ALSO[last] else ()


def is_noun(word: str) -> bool:
    """Whether it is a noun in common use, and no action."""
    found = _table().get(word)
    return found is not None and found[0] != "act"


def is_known(word: str) -> bool:
    """Whether WordNet's table has it."""
    return word in _table()


def thing_of(phrase: str) -> str:
    """person, location, possession, time, group, act; "" for what is none of these."""
    found = _table().get(phrase) or _table().get(phrase.rpartition(" ")[2])
    return found[0] if found else ""
