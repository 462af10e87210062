"""An insurer's old books: short names, letters for states, keys of two columns, managers among the agents."""

from datetime import date, timedelta
from typing import Any

SEED = 43
DDL = """
CREATE TABLE Reg (
    RegCd TEXT PRIMARY KEY,
    RegNm TEXT NOT NULL
);
CREATE TABLE Agt (
    AgtCd TEXT PRIMARY KEY,
    AgtNm TEXT NOT NULL,
    RegCd TEXT NOT NULL REFERENCES Reg (RegCd),
    MgrCd TEXT REFERENCES Agt (AgtCd), -- the agent's manager, empty at the top
    HireDt TEXT NOT NULL, -- date
    QuotaAmt INTEGER NOT NULL -- euros to sell in a year
);
CREATE TABLE Cust (
    CustNo INTEGER PRIMARY KEY,
    CustTyp TEXT NOT NULL, -- P private person, B business
    LstNm TEXT NOT NULL, -- last name, or the firm
    FstNm TEXT, -- first name, empty for a business
    BirthDt TEXT, -- date, empty for a business
    Town TEXT NOT NULL,
    PostCd TEXT NOT NULL,
    EMail TEXT,
    SinceDt TEXT NOT NULL -- customer since, date
);
CREATE TABLE Policy (
    PolNo INTEGER PRIMARY KEY,
    CustNo INTEGER NOT NULL REFERENCES Cust (CustNo),
    AgtCd TEXT NOT NULL REFERENCES Agt (AgtCd),
    ProdCd TEXT NOT NULL, -- M motor, H home, L liability, T travel
    StatCd TEXT NOT NULL, -- A active, P pending, X cancelled
    StartDt TEXT NOT NULL, -- date
    EndDt TEXT, -- date, only for cancelled ones
    AnnPrem REAL NOT NULL, -- annual premium in euros
    PayFrq TEXT NOT NULL -- M monthly, Q quarterly, Y yearly
);
CREATE TABLE CovTyp (
    CovCd TEXT PRIMARY KEY,
    CovDesc TEXT NOT NULL
);
CREATE TABLE PolCov (
    PolNo INTEGER NOT NULL REFERENCES Policy (PolNo),
    CovCd TEXT NOT NULL REFERENCES CovTyp (CovCd),
    SumIns INTEGER NOT NULL, -- sum insured in euros
    DedAmt INTEGER, -- deductible in euros, empty where there is none
    PRIMARY KEY (PolNo, CovCd)
);
CREATE TABLE "Case" ( -- claims
    CaseNo INTEGER PRIMARY KEY,
    PolNo INTEGER NOT NULL REFERENCES Policy (PolNo),
    LossDt TEXT NOT NULL, -- date of the damage
    RptDt TEXT NOT NULL, -- date it was reported
    CauseCd TEXT NOT NULL, -- W water, F fire, T theft, C collision, S storm
    EstAmt REAL NOT NULL, -- estimated damage in euros
    PaidAmt REAL, -- paid out in euros, empty until settled
    CaseStat TEXT NOT NULL, -- O open, S settled, R rejected
    ClosDt TEXT -- date it was closed, empty while open
);
CREATE TABLE Inst ( -- instalments
    PolNo INTEGER NOT NULL REFERENCES Policy (PolNo),
    InstNo INTEGER NOT NULL, -- 1, 2, 3 ... within the policy
    DueDt TEXT NOT NULL, -- date
    PaidDt TEXT, -- date, empty while unpaid
    Amt REAL NOT NULL,
    PRIMARY KEY (PolNo, InstNo)
);
"""

_REGIONS = [("N", "Nordmark"), ("S", "Südland"), ("O", "Ostufer"), ("W", "Westerwald"), ("M", "Mittelgau")]
_AGENTS = [
    ("A01", "Helga Thießen", "M", None), ("A02", "Rainer Böhm", "N", "A01"), ("A03", "Gudrun Falkner", "S", "A01"),
    ("A04", "Óscar Medina", "O", "A01"), ("A05", "Birgit Krüger", "N", "A02"), ("A06", "Shane O'Hara", "N", "A02"),
    ("A07", "Tobias Engelke", "S", "A03"), ("A08", "Aylin Demir", "S", "A03"), ("A09", "Marek Havel", "O", "A04"),
    ("A10", "Sophie d'Alembert", "W", "A03"), ("A11", "Uwe Großmann", "W", "A10"), ("A12", "Käte Lüders", "M", "A01"),
    ("A13", "Ivana Horvat", "O", "A04"), ("A14", "Walter Pfeiffer", "W", "A10"),
]  # fmt: skip
_TOWNS = [
    ("Rendsburg", "24768"), ("Göttingen", "37073"), ("Füssen", "87629"), ("Görlitz", "02826"), ("Siegen", "57072"),
    ("Husum", "25813"), ("Passau", "94032"), ("Würzburg", "97070"), ("Bad Tölz", "83646"),
]  # fmt: skip
_FIRMS = [
    "Bäckerei Hansen", "Autohaus Krämer", "Becker's Blumen", "Dachbau Süd GmbH", "Fischer & Söhne", "Gasthof Adler",
    "Holzhandel Voß", "Imkerei Lange", "Kanzlei Reuter", "Malerbetrieb Otte", "Müller Logistik", "Optik Sander",
    "Praxis Dr. Ahrens", "Reitstall Wiese", "Taxi Olsen", "Weingut Körner",
]  # fmt: skip
_COVERS = [
    ("FIR", "Fire"), ("WAT", "Tap water"), ("STO", "Storm and hail"), ("THE", "Theft"), ("TPL", "Third party"),
    ("COM", "Comprehensive"), ("GLS", "Glass breakage"), ("LUG", "Luggage"), ("MED", "Medical abroad"),
    ("LEG", "Legal costs"),
]  # fmt: skip
_COVERS_OF = {
    "M": ["TPL", "COM", "GLS", "THE", "LEG"], "H": ["FIR", "WAT", "STO", "THE", "GLS"], "L": ["TPL", "LEG"],
    "T": ["LUG", "MED", "LEG"],
}  # fmt: skip
_CAUSES_OF = {"M": "CCCTS", "H": "WWFTS", "L": "WFC", "T": "TTT"}
_LAST_DAY = "2025-06-30"


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    agents = [
        (*agent, dice.day("2001-01-02", "2021-12-01"), dice.between(8, 40) * 5000 + i * 250)
        for i, agent in enumerate(_AGENTS)
    ]
    customers = _customers(dice)
    policies, covers, cases, instalments = [], [], [], []
    for pol_no in range(50001, 50521):
        customer = customers[min(dice.below(len(customers) - 12), dice.below(len(customers) + 60))]
        product = dice.weighted([("M", 9), ("H", 7), ("L", 5), ("T", 3)])
        state = dice.weighted([("A", 13), ("P", 2), ("X", 5)])
        start = dice.day("2018-01-01", "2025-04-30") if state != "P" else dice.day("2025-05-01", "2025-09-30")
        end = dice.day(_later(start, 1), _LAST_DAY) if state == "X" else None
        premium = dice.money(*{"M": (280, 1900), "H": (120, 900), "L": (50, 240), "T": (25, 160)}[product])
        often = dice.weighted([("M", 4), ("Q", 2), ("Y", 5)])
        agent = _AGENTS[1 + min(dice.below(13), dice.below(17))][0]
        policies.append((pol_no, customer[0], agent, product, state, start, end, premium, often))
        for cover in sorted({dice.pick(_COVERS_OF[product]) for _ in range(dice.between(1, 4))}):
            deductible = dice.pick([150, 300, 500, 1000]) if dice.chance(64) else None
            covers.append((pol_no, cover, dice.between(2, 120) * 5000, deductible))
        if state != "P":
            cases += [_case(80001 + len(cases) + i, pol_no, product, start, end or _LAST_DAY, dice)
                      for i in range(dice.weighted([(0, 9), (1, 5), (2, 3), (3, 1)]))]  # fmt: skip
            parts, days = {"M": (12, 30), "Q": (4, 91), "Y": (1, 365)}[often]
            for inst_no in range(1, min(parts, dice.between(1, 6)) + 1):
                due = _later(start, days * (inst_no - 1))
                paid = None if dice.chance(9) else _later(due, dice.between(-4, 25))
                paid = None if paid and paid > _LAST_DAY else paid
                instalments.append((pol_no, inst_no, due, paid, round(premium / parts, 2)))
    return {
        "Reg": _REGIONS, "Agt": agents, "Cust": customers, "Policy": policies, "CovTyp": _COVERS, "PolCov": covers,
        "Case": cases, "Inst": instalments,
    }  # fmt: skip


def _customers(dice: Any) -> list[tuple[Any, ...]]:
    customers: list[tuple[Any, ...]] = []
    firms, names = list(_FIRMS), dice.people(204)
    for i in range(220):
        firm = firms and i % 13 == 5
        first, last = (None, firms.pop(0)) if firm else names.pop().split(" ")
        town, post = dice.pick(_TOWNS)
        handle = last.split(" ")[0].lower().replace("ä", "ae").replace("ü", "ue").replace("'", "")
        mail = None if dice.chance(22) else f"{handle}{i}@{dice.pick(['post', 'mail', 'web'])}.example"
        birth = None if firm else dice.day("1938-01-01", "2004-12-31")
        since = dice.day("1995-01-01", "2024-12-31")
        customers.append((1001 + i, "B" if firm else "P", last, first, birth, town, post, mail, since))
    return customers


def _case(case_no: int, pol_no: int, product: str, first: str, last: str, dice: Any) -> tuple[Any, ...]:
    loss = dice.day(first, last)
    reported = min(_LAST_DAY, _later(loss, min(dice.between(0, 40), dice.between(0, 90))))
    estimate = dice.money(60, 18000) if dice.chance(85) else dice.money(18000, 95000)
    state = dice.weighted([("S", 12), ("O", 4), ("R", 3)])
    paid = round(estimate * dice.between(35, 110) / 100, 2) if state == "S" else None
    closed = None if state == "O" else min(_LAST_DAY, _later(reported, dice.between(3, 240)))
    return (case_no, pol_no, loss, reported, dice.pick(_CAUSES_OF[product]), estimate, paid, state, closed)
