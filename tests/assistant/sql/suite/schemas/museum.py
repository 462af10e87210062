"""A museum's works, exhibitions and tickets: eight tables."""

from typing import Any

SEED = 8
DDL = """
CREATE TABLE artist (
    artist_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    born INTEGER NOT NULL, -- year
    died INTEGER -- year, empty for the living
);
CREATE TABLE room (
    room_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    floor INTEGER NOT NULL,
    wing TEXT NOT NULL -- east, west or north
);
CREATE TABLE artwork (
    artwork_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    artist_id INTEGER REFERENCES artist (artist_id), -- empty if unknown
    year_made INTEGER, -- empty if unknown
    medium TEXT NOT NULL, -- oil, watercolour, bronze, print or photograph
    insured_eur REAL NOT NULL,
    room_id INTEGER REFERENCES room (room_id) -- empty while in the depot
);
CREATE TABLE exhibition (
    exhibition_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    opens_on TEXT NOT NULL, -- date
    closes_on TEXT, -- date, empty for permanent ones
    budget_eur REAL NOT NULL
);
CREATE TABLE exhibit (
    exhibition_id INTEGER NOT NULL REFERENCES exhibition (exhibition_id),
    artwork_id INTEGER NOT NULL REFERENCES artwork (artwork_id),
    highlight INTEGER NOT NULL, -- 1 for the works on posters
    PRIMARY KEY (exhibition_id, artwork_id)
);
CREATE TABLE lender (
    lender_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL
);
CREATE TABLE incoming_loan (
    incoming_loan_id INTEGER PRIMARY KEY,
    artwork_id INTEGER NOT NULL REFERENCES artwork (artwork_id),
    lender_id INTEGER NOT NULL REFERENCES lender (lender_id),
    starts_on TEXT NOT NULL, -- date
    ends_on TEXT, -- date, empty if open
    fee_eur REAL NOT NULL
);
CREATE TABLE ticket (
    ticket_id INTEGER PRIMARY KEY,
    sold_on TEXT NOT NULL, -- date
    kind TEXT NOT NULL, -- adult, reduced, family or group
    price_eur REAL NOT NULL,
    exhibition_id INTEGER REFERENCES exhibition (exhibition_id) -- empty for the house as a whole
);
"""

_SUBJECTS = ("Harvest", "Bridge at Dusk", "Two Sisters", "Still Life with Pears", "The Sailor", "Rain", "Red Door",
             "Night Train", "Portrait of a Clerk", "White Horses", "Orchard", "The Letter", "Snow on Roofs",
             "Fishermen", "Blue Vase", "Market Day", "Sleeping Dog", "Old Quarter")  # fmt: skip
_COUNTRIES = ("Norway", "Italy", "France", "Japan", "Germany", "Spain")
_PRICES = {"adult": 14.0, "reduced": 8.0, "family": 30.0, "group": 95.0}
_EXHIBITIONS = [
    ("Light of the North", "2023-02-10", "2023-06-18", 180500.0),
    ("Bronze and Stone", "2023-07-07", "2023-11-26", 96200.0),
    ("The Permanent House", "2019-05-01", None, 412000.0), ("Rain and Shine", "2024-01-19", "2024-05-12", 143900.0),
    ("Faces", "2024-06-14", "2024-10-27", 205300.0), ("Paper Worlds", "2024-11-15", "2025-03-30", 88400.0),
    ("Gardens", "2025-04-11", None, 151700.0),
]  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(34)
    artists = []
    for i in range(1, 29):
        born = dice.between(1780, 1985)
        died = born + dice.between(35, 90) if born < 1930 else None
        artists.append((i, names[i - 1], dice.pick(_COUNTRIES), born, died))
    works = []
    for i in range(1, 141):
        artist = None if dice.chance(10) else 1 + min(dice.below(26), dice.below(28))
        made = None if artist is None or dice.chance(8) else artists[artist - 1][3] + dice.between(20, 60)
        if made is not None and made > 2024:
            made = 2020
        title = f"{_SUBJECTS[(i - 1) % 18]} {'I' * ((i - 1) // 18 % 3 + 1)}" if i > 18 else _SUBJECTS[i - 1]
        medium = dice.weighted([("oil", 5), ("watercolour", 2), ("bronze", 2), ("print", 3), ("photograph", 2)])
        works.append(
            (
                i,
                title,
                artist,
                made,
                medium,
                dice.money(900, 480000),
                None if dice.chance(35) else 1 + min(dice.below(9), dice.below(11)),
            )
        )
    exhibits = sorted(
        {(e, 1 + min(dice.below(120), dice.below(140))) for e in range(1, 8) for _ in range(dice.between(9, 26))}
    )
    tickets = []
    for i in range(1, 1401):
        sold = dice.day("2023-01-03", "2025-05-31")
        shown = [e for e, one in enumerate(_EXHIBITIONS, 1) if one[2] and one[1] <= sold <= one[2]]
        exhibition = shown[0] if shown and dice.chance(70) else None
        kind = dice.weighted([("adult", 6), ("reduced", 3), ("family", 2), ("group", 1)])
        tickets.append((i, sold, kind, _PRICES[kind] + (4 if exhibition else 0), exhibition))
    lenders = [("Villa Rosa Foundation", "Italy"), ("Oslo Print Room", "Norway"), ("Maison Duval", "France"),
               ("Kyoto Archive", "Japan"), ("Bank Collection Graz", "Austria"),
               ("Private Estate Lund", "Sweden")]  # fmt: skip
    loans = []
    for i in range(1, 41):
        starts = dice.day("2022-06-01", "2025-02-28")
        ends = None if dice.chance(20) else dice.day(starts, "2025-12-31")
        loans.append(
            (i, dice.between(1, 140), 1 + min(dice.below(5), dice.below(6)), starts, ends, dice.money(250, 9800))
        )
    return {
        "artist": artists,
        "room": [(i, f"Room {i}", (i - 1) // 4, ("east", "west", "north")[i % 3]) for i in range(1, 11)],
        "artwork": works,
        "exhibition": [(i, *one) for i, one in enumerate(_EXHIBITIONS, 1)],
        "exhibit": [(e, a, int(dice.chance(15))) for e, a in exhibits],
        "lender": [(i, *one) for i, one in enumerate(lenders, 1)],
        "incoming_loan": loans,
        "ticket": tickets,
    }
