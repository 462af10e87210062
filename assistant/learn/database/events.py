"""What happened on the days and in the years of a table, as verbs: hired, opened, arriving, still on its way.

Knows the English of dates in databases; a column that says nothing of the kind has no event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rushlight.assistant.learn.database.chance import Chance

# Words of names = infinitive, past, participle; * = what a thing or person does itself, ? = either way.
_VERBS_TEXT: Final = """
hire hiring hired=hire hired hired; birth born dob birthday=bear bore born; death died decease=die died died*
release released=release released released; order ordered=order ordered ordered; place placed=place placed placed
arrival arrive arrives arrived=arrive arrived arrived*; departure depart departs departed=depart departed departed*
leaving leave leaves left exit=leave left left*; start starts started=start started started?
begin begins began begun beginning=begin began begun*; end ends ended ending=end ended ended?
creation created=create created created; purchase purchased=purchase purchased purchased; bought=buy bought bought
payment paid=pay paid paid; delivery delivered=deliver delivered delivered; shipping shipped ship=ship shipped shipped
shipment=ship shipped shipped; foundation founded founding=found founded founded
establishment established=establish established established; opening opened open opens=open opened opened?
closing closed close closes closure=close closed closed?
registration registered register=register registered registered?
signing signed signature=sign signed signed; admission admitted=admit admitted admitted
discharge discharged=discharge discharged discharged; return returned returning=return returned returned
enrollment enrolled enrolment=enroll enrolled enrolled?; join joined joining=join joined joined*
booking booked=book booked booked; sale sold=sell sold sold; publication published=publish published published
completion completed=complete completed completed; report reported=report reported reported
issue issued=issue issued issued; update updated=update updated updated; invoiced=invoice invoiced invoiced
due=be was due; construction built=build built built; acquisition acquired=acquire acquired acquired
cancellation cancelled canceled=cancel cancelled cancelled; approval approved=approve approved approved
renewal renewed=renew renewed renewed; termination terminated=terminate terminated terminated
premiere premiered=premiere premiered premiered*; inspection inspected=inspect inspected inspected
repair repaired=repair repaired repaired; treatment treated=treat treated treated; tested=test tested tested
expiry expires expiration expired=expire expired expired*; appointed=appoint appointed appointed
examined=examine examined examined; lent=lend lent lent; borrowed=borrow borrowed borrowed; sent=send sent sent
received receipt=receive received received; charged=charge charged charged; held=hold held held; made=make made made
taken=take took taken; given=give gave given; written=write wrote written; played=play played played
installed installation=install installed installed; removed removal=remove removed removed
launch launched=launch launched launched?
retired retirement=retire retired retired*; resigned resignation=resign resigned resigned*
promoted promotion=promote promoted promoted; graduated graduation=graduate graduated graduated*
renovated renovation=renovate renovated renovated; serviced=service serviced serviced
subscribed=subscribe subscribed subscribed*; posted=post posted posted; filed=file filed filed
requested=request requested requested; assigned=assign assigned assigned; scheduled=schedule scheduled scheduled
resolved resolution=resolve resolved resolved; finished finish finishes=finish finished finished?
discontinued=discontinue discontinued discontinued; granted=grant granted granted
donated donation=donate donated donated
landed landing=land landed landed*; manufactured=manufacture manufactured manufactured; planted=plant planted planted
adopted adoption=adopt adopted adopted; collected=collect collected collected; discovered=discover discovered discovered
moved=move moved moved?; recorded=record recorded recorded; visited=visit visited visited; won=win won won
"""
_DOUBLED: Final = {"begin": "beginning", "die": "dying", "ship": "shipping", "be": "being"}
# What is said of rows where the day is still missing; of others, that it came.
_STILL: Final = {
    "leave": ("are still here", "are still with us"), "die": ("are still alive", "are alive"),
    "return": ("are still out", "are not back yet"), "close": ("are still open",), "end": ("are still running",),
    "receive": ("are still on their way", "have not arrived yet"), "deliver": ("are still on their way",),
    "pay": ("are unpaid", "are still unpaid"), "complete": ("are unfinished", "are still open"),
    "resolve": ("are unresolved", "are still open"), "finish": ("are unfinished",), "ship": ("are still unshipped",),
    "discontinue": ("are still sold",), "remove": ("are still in use",), "retire": ("are still active",),
}  # fmt: skip


# What the days themselves are called.
_AS_NOUNS: Final = {
    "arrive": "arrival", "depart": "departure", "leave": "departure", "cancel": "cancellation", "deliver": "delivery",
    "admit": "admission", "discharge": "discharge", "return": "return", "check in": "check-in",
    "check out": "check-out", "hire": "new hire",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """A verb in its forms; `does`: the rows do it themselves, "opened"; else it is done to them, "were hired"."""

    base: str
    past: str
    participle: str
    does: bool

    @property
    def ing(self) -> str:
        if self.base in _DOUBLED:
            return _DOUBLED[self.base]
        return (self.base[:-1] if self.base.endswith("e") and not self.base.endswith("ee") else self.base) + "ing"

    @property
    def noun(self) -> str:
        """What such a day is called: an arrival; "" where nobody says so."""
        return _AS_NOUNS.get(self.base, "")

    def heads(self, chance: Chance) -> list[str]:
        """What is said behind a noun, before the day: hired, that were hired, arriving, which arrived."""
        if self.does:
            return [f"that {self.past}", f"which {self.past}", f"that {self.past}", self.ing]
        return [self.participle, self.participle, f"that were {self.participle}", f"which were {self.participle}"]

    def asked_when(self, who: str) -> str:
        """When did X open, when was X hired."""
        return f"When did {who} {self.base}" if self.does else f"When was {who} {self.participle}"

    def missing(self) -> list[str]:
        """Predicates of rows to which it has not happened."""
        if self.base == "be":
            return []
        if self.does:
            said = [f"have not {self.participle}", f"have not {self.participle} yet", f"haven't {self.participle}",
                    f"never {self.past}", f"did not {self.base}"]  # fmt: skip
        else:
            part = self.participle
            said = [f"have not been {part}", f"have not been {part} yet", f"were never {part}", f"were not {part}",
                    f"are not {part}", f"are not yet {part}", f"were not {part}", f"haven't been {part}"]  # fmt: skip
        return said + [one for one in _STILL.get(self.base, ()) for _ in range(2)]

    def there(self) -> list[str]:
        """Predicates of rows to which it has."""
        if self.base == "be":
            return []
        part = self.participle
        if self.does:
            return [f"have {part}", f"have already {part}", self.past]
        return [f"were {part}"] * 3 + [f"have been {part}", f"are {part}", f"have already been {part}",
                                       f"got {part}"]  # fmt: skip


def _read(text: str) -> dict[str, Event]:
    found = {}
    for entry in text.replace("\n", ";").split(";"):
        words, _, forms = entry.strip().partition("=")
        if not forms:
            continue
        either, does = forms.endswith("?"), forms.endswith("*")
        base, past, participle = forms.rstrip("?*").split()
        for word in words.split():
            found[word] = Event(base, past, participle, does or either)
    return found


_VERBS: Final = _read(_VERBS_TEXT)
_PEOPLE_DO: Final = {"return", "register", "enroll", "move"}


def event_of(words: Sequence[str], nouns: Sequence[str] = (), *, is_person: bool = False) -> Event | None:
    """The verb in the name of a day or year. `nouns`: what the rows are called: charges are not charged but made."""
    found = next((_VERBS[word] for word in words if word in _VERBS), None)
    if found is None and words[0].endswith("ed") and len(words[0]) > 4 and words[0].isalpha():
        found = Event("", words[0], words[0], False)
    if found is None and "check" in words and ("in" in words or "out" in words):
        way = "out" if "out" in words else "in"
        return Event(f"check {way}", f"checked {way}", f"checked {way}", True)
    if found is None:
        return None
    if found.base == "create" and is_person:
        return Event("register", "registered", "registered", True)
    if found.base in _PEOPLE_DO:
        found = Event(found.base, found.past, found.participle, is_person)
    own = {word for noun in nouns for word in noun.split()}
    if (
        not found.does
        and found.base != "build"
        and own & {found.base, found.participle, found.base + "ing", found.base + "ment"}
    ):
        return _VERBS["placed" if found.base == "order" else "made"]
    return found
