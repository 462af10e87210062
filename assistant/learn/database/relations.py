"""The little words and verbs between rows and what they belong to: in German, on Monday, by card; placed, wrote, sold.

Knows the English of common columns and of things that people do; knows no question and no query.
"""

from typing import Final

from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts

KINDS: Final = {"type", "kind", "category", "class", "genre", "sort", "form", "style", "model", "brand", "make"}
KINDED: Final = KINDS | {"rank", "position", "grade", "material", "status", "level", "role"}
PLACES: Final = {"city", "country", "region", "state", "district", "location", "town", "street", "village", "nation",
                 "area", "neighborhood", "county", "province", "place", "continent"}  # fmt: skip
_PREPOSITIONS_TEXT: Final = """
source=from through; channel=through by; origin=from; method=by; weekday=on; floor=on; department=in
division=in; team=in; section=in; sector=in; industry=in; faculty=in; wing=in; branch=in; discipline=in; field=in
specialty=in; speciality=in; specialization=in; subject=in; season=in; language=in; currency=in; color=in; colour=in
size=in; reason=for; purpose=for; vehicle=by; carrier=by; platform=on; zone=in; room=in; building=in
topic=about; theme=about; quarter=in; group=in; league=in; hall=in; unit=in
"""
_PREPOSITIONS: Final = {
    word: tuple(said.split())
    for entry in _PREPOSITIONS_TEXT.replace("\n", ";").split(";")
    for word, _, said in [entry.strip().partition("=")]
    if said
}
# What a person of a column did: the author wrote it.
DID: Final = {
    "author": "wrote", "writer": "wrote", "director": "directed", "composer": "composed", "painter": "painted",
    "inventor": "invented", "founder": "founded", "designer": "designed", "manufacturer": "made", "maker": "made",
    "producer": "produced", "publisher": "published", "owner": "owns", "manager": "manages", "coach": "coaches",
    "teacher": "teaches", "trainer": "trains", "architect": "designed", "sponsor": "sponsors", "organizer": "organizes",
    "leader": "leads", "supplier": "supplies", "brand": "makes", "tutor": "tutors", "captain": "commands",
    "supervisor": "supervises", "head": "heads", "chef": "cooks for", "host": "hosts", "driver": "drives",
    "instructor": "teaches", "editor": "edits", "photographer": "photographed", "sculptor": "made", "mentor": "mentors",
}  # fmt: skip
# What people do in the rows of a table, and what is done to things: word in its name = past, infinitive, participle.
_ACTS_TEXT: Final = """
order=placed place ordered; booking=made make booked; reservation=made make reserved; payment=made make paid
purchase=made make bought; sale=made make sold; sales=made make sold; donation=made make donated
transaction=made make -; call=made make -; appointment=made make -; review=wrote write reviewed; report=wrote write -
comment=wrote write -; rating=gave give rated; loan=took+out take+out lent; rental=made make rented
ticket=bought buy -; goal=scored score -; visit=made make visited; exam=took take -; test=took take tested
claim=made make -; complaint=made make -; bid=placed place -; trip=made make -; delivery=made make delivered
shipment=made make shipped; prescription=got get prescribed; treatment=had have treated; inspection=had have inspected
repair=had have repaired; invoice=received receive invoiced; subscription=took+out take+out -; enrollment=made make -
registration=made make registered; assignment=got get assigned; service=had have serviced; vote=cast cast -
message=sent send -; post=wrote write -; request=made make requested; application=made make -; contract=signed sign -
course=took take -; flight=took take flown; game=played play -; match=played play -; session=had have -
""".replace("\n", ";")
_ACTS: Final = {
    word: tuple(form.replace("+", " ").replace("-", "") for form in forms.split())
    for entry in _ACTS_TEXT.split(";")
    for word, _, forms in [entry.strip().partition("=")]
    if forms
}
# What those who do it say of it without an object: who borrowed most often.
_DOES: Final = {
    "order": "ordered", "booking": "booked", "reservation": "booked", "payment": "paid", "purchase": "bought",
    "loan": "borrowed", "rental": "rented", "donation": "donated", "visit": "visited", "call": "called",
    "absence": "were absent", "review": "reviewed", "complaint": "complained", "vote": "voted", "flight": "flew",
}  # fmt: skip
_BUYERS: Final = {
    "customer", "client", "guest", "member", "patient", "passenger", "user", "buyer", "visitor", "student", "person",
    "donor", "tenant", "traveler", "traveller", "shopper", "borrower", "reader", "subscriber", "participant", "pupil",
    "attendee", "player", "company", "household", "owner", "renter", "policyholder", "holder",
}  # fmt: skip


def prepositions(column: ColumnFacts) -> tuple[str, ...]:
    """The little words before its values; () where only "with" fits."""
    words = column.phrase.split()
    if set(words) & PLACES:
        return ("in",)
    return _PREPOSITIONS.get(words[-1], ())


def is_place(column: ColumnFacts) -> bool:
    return bool(set(column.phrase.split()) & PLACES)


def did(column: ColumnFacts) -> str:
    """wrote, for a column of authors."""
    return DID.get(column.phrase.split()[-1], "")


def is_buyer(facts: TableFacts) -> bool:
    """Whether those rows are people who order, book or pay; and not those who serve them."""
    return any(word in _BUYERS for noun in facts.nouns for word in noun.one.split())


def act_of(facts: TableFacts) -> tuple[str, str, str]:
    """Past, infinitive and passive participle of what the rows record; "" where there is none."""
    for word in reversed(facts.nouns[0].one.split()):
        if word in _ACTS:
            past, base, done = _ACTS[word]
            return past, base, done
    return "", "", ""


_WRITTEN: Final = {"wrote": "written", "gave": "given", "took": "taken", "took out": "taken out", "got": "gotten"}


def by_whom(past: str) -> str:
    """The participle before "by": written by, placed by."""
    return _WRITTEN.get(past, past)


def done_alone(facts: TableFacts) -> str:
    """The same verb without an object: ordered, were absent."""
    return next((_DOES[word] for word in facts.nouns[0].one.split() if word in _DOES), "")


def done_to(facts: TableFacts) -> str:
    """What the rows record as done to a thing: ordered, sold, lent."""
    return next((_ACTS[word][2] for word in facts.nouns[0].one.split() if word in _ACTS and _ACTS[word][2]), "")
