"""A ferry line's sailings and bookings: seven tables."""

from typing import Any

SEED = 4
DDL = """
CREATE TABLE port (
    port_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL
);
CREATE TABLE vessel (
    vessel_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    built_year INTEGER NOT NULL,
    passenger_capacity INTEGER NOT NULL,
    car_capacity INTEGER NOT NULL
);
CREATE TABLE route (
    route_id INTEGER PRIMARY KEY,
    from_port_id INTEGER NOT NULL REFERENCES port (port_id),
    to_port_id INTEGER NOT NULL REFERENCES port (port_id),
    distance_nm REAL NOT NULL -- nautical miles
);
CREATE TABLE sailing (
    sailing_id INTEGER PRIMARY KEY,
    route_id INTEGER NOT NULL REFERENCES route (route_id),
    vessel_id INTEGER NOT NULL REFERENCES vessel (vessel_id),
    departs_at TEXT NOT NULL, -- date and time, 2024-05-01 08:30
    status TEXT NOT NULL, -- sailed, delayed or cancelled
    delay_min INTEGER -- minutes, only for delayed ones
);
CREATE TABLE passenger (
    passenger_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    member INTEGER NOT NULL -- 1 for members of the bonus club
);
CREATE TABLE booking (
    booking_id INTEGER PRIMARY KEY,
    sailing_id INTEGER NOT NULL REFERENCES sailing (sailing_id),
    passenger_id INTEGER NOT NULL REFERENCES passenger (passenger_id),
    booked_on TEXT NOT NULL, -- date
    fare_eur REAL NOT NULL,
    vehicle TEXT -- car, van, motorcycle or bicycle; empty for those on foot
);
CREATE TABLE crew_member (
    crew_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    rank TEXT NOT NULL, -- captain, officer, engineer or steward
    vessel_id INTEGER REFERENCES vessel (vessel_id) -- empty while ashore
);
"""

_PORTS = [
    ("Kiel", "Germany"), ("Rostock", "Germany"), ("Gothenburg", "Sweden"), ("Trelleborg", "Sweden"),
    ("Oslo", "Norway"), ("Turku", "Finland"), ("Gdynia", "Poland"), ("Aarhus", "Denmark"),
]  # fmt: skip
_VESSELS = [
    ("Aurora Star", 2009, 1200, 340), ("Baltic Wind", 1998, 850, 260), ("Nordlys", 2016, 1650, 480),
    ("Sea Heron", 1991, 420, 120), ("Amber Queen", 2021, 1900, 560), ("Polaris", 2004, 990, 300),
]  # fmt: skip
_ROUTES = [
    (1, 3, 231.5),
    (1, 5, 378.0),
    (2, 4, 84.2),
    (2, 6, 612.3),
    (7, 3, 318.4),
    (8, 5, 214.7),
    (4, 2, 84.2),
    (6, 7, 401.9),
]
_COUNTRIES = ("Germany", "Sweden", "Norway", "Finland", "Poland", "Denmark", "France")


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(230)
    sailings = []
    for i in range(1, 361):
        day, hour, minute = (
            dice.day("2023-03-01", "2025-04-30"),
            dice.pick([6, 8, 11, 14, 18, 21]),
            dice.pick([0, 15, 30, 45]),
        )
        moment = f"{day} {hour:02d}:{minute:02d}"
        status = dice.weighted([("sailed", 78), ("delayed", 15), ("cancelled", 7)])
        delay = dice.between(8, 190) if status == "delayed" else None
        sailings.append((i, 1 + min(dice.below(8), dice.below(10)), dice.between(1, 6), moment, status, delay))
    passengers = [
        (i, names[i - 1], _COUNTRIES[min(dice.below(7), dice.below(8))], int(dice.chance(30))) for i in range(1, 181)
    ]
    bookings = []
    for i in range(1, 1101):
        sailing = sailings[dice.below(350)]
        vehicle = dice.weighted([(None, 45), ("car", 35), ("van", 6), ("motorcycle", 6), ("bicycle", 8)])
        fare = dice.money(25, 140) + (60 if vehicle in ("car", "van") else 0)
        booked = dice.day("2023-01-01", sailing[3][:10])
        bookings.append((i, sailing[0], 1 + min(dice.below(172), dice.below(172)), booked, fare, vehicle))
    ranks = ("captain", "officer", "engineer", "steward", "steward", "officer")
    crew = [(i, names[180 + i], ranks[i % 6], None if dice.chance(18) else dice.between(1, 6)) for i in range(1, 46)]
    return {
        "port": [(i, *port) for i, port in enumerate(_PORTS, 1)],
        "vessel": [(i, *vessel) for i, vessel in enumerate(_VESSELS, 1)],
        "route": [(i, *route) for i, route in enumerate(_ROUTES, 1)],
        "sailing": sailings,
        "passenger": passengers,
        "booking": bookings,
        "crew_member": crew,
    }
