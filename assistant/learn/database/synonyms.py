"""Other words for a noun, and what kind of thing it names: from the table that ships, made of WordNet 3.0.

packaging/wordnet.py made the table; its licence lies beside it.
"""

from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("synonyms.tsv")
# What WordNet has no word for in the sense of forms and books, or which people say rather.
_ALSO = {
    "salary": "pay", "wage": "pay", "price": "cost", "cost": "price", "fee": "charge", "amount": "sum",
    "surname": "last name", "first name": "given name", "last name": "surname", "phone": "telephone number",
    "email": "e-mail address", "date of birth": "birthday", "birth date": "birthday", "quantity": "amount",
    "country": "nation", "city": "town", "town": "city", "company": "firm", "firm": "company", "employee": "worker",
    "staff": "employees", "customer": "client", "client": "customer", "supplier": "vendor", "vendor": "supplier",
    "doctor": "physician", "movie": "film", "film": "movie", "car": "automobile", "department": "division",
    "manager": "boss", "category": "kind", "type": "kind", "kind": "type", "genre": "kind", "duration": "length",
    "length": "duration", "capacity": "number of places", "discount": "reduction", "revenue": "turnover",
    "description": "text", "comment": "remark", "note": "remark", "title": "name", "name": "title", "state": "status",
    "status": "state", "address": "location", "weight": "mass", "rating": "score", "score": "rating",
    "payment": "amount paid", "balance": "account balance", "invoice": "bill", "order": "purchase", "street": "road",
    "sex": "gender", "gender": "sex", "day": "date", "unit": "unit of measure", "form": "shape", "color": "colour",
    "brand": "make", "model": "version", "size": "dimensions", "area": "surface", "height": "altitude",
    "floor": "storey",
    "number": "count", "code": "identifier", "date": "day", "year": "calendar year", "language": "tongue",
    "nationality": "citizenship", "occupation": "job", "job": "position", "position": "job", "role": "function",
    "profession": "occupation", "website": "web page", "capital": "money", "owner": "proprietor", "author": "writer",
    "student": "pupil", "teacher": "instructor", "course": "class", "product": "article",
    "item": "article", "room": "chamber", "building": "house", "vehicle": "car", "contract": "agreement",
    "person": "individual", "member": "participant", "visitor": "guest", "guest": "visitor", "worker": "employee",
    "branch": "office", "location": "place", "place": "location", "speed": "velocity", "distance": "length",
    "population": "number of inhabitants", "budget": "funds", "profit": "gain", "loss": "deficit", "debt": "liability",
    "deadline": "due date", "start date": "beginning", "end date": "end", "birthday": "date of birth",
}  # fmt: skip


@cache
def _table() -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for line in _TABLE.read_text().splitlines():
        word, kind, others = line.split("\t")
        found[word] = (kind, tuple(others.split(", ")) if others else ())
    return found


def others_for(phrase: str) -> tuple[str, ...]:
    """Other phrases for it: of its whole, else with its last word changed. Most usual ones first."""
    known = _known(phrase)
    if known:
        return known
    before, _, last = phrase.rpartition(" ")
    return (f"{before} {_ALSO[last]}",) if before and last in _ALSO else ()


def _known(phrase: str) -> tuple[str, ...]:
    own = _ALSO.get(phrase)
    listed = tuple(word for word in _table().get(phrase, ("", ()))[1] if " " not in word)
    return tuple(dict.fromkeys((own, *listed[:1]) if own else listed[:2]))


def usual_for(phrase: str) -> str:
    """The other word that people use for it in forms and books; "" where WordNet alone knows one."""
    return _ALSO.get(phrase, "")


def is_noun(word: str) -> bool:
    """Whether it is a noun in common use, and no action."""
    found = _table().get(word)
    return found is not None and found[0] != "act"


def thing_of(phrase: str) -> str:
    """person, location, possession, time, group, act; "" for what is none of these."""
    found = _table().get(phrase) or _table().get(phrase.rpartition(" ")[2])
    return found[0] if found else ""
