"""A group of hotels: ten tables."""

from typing import Any

SEED = 6
DDL = """
CREATE TABLE hotel (
    hotel_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    stars INTEGER NOT NULL,
    opened_year INTEGER NOT NULL
);
CREATE TABLE room_type (
    room_type_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, -- single, double, family or suite
    beds INTEGER NOT NULL
);
CREATE TABLE room (
    room_id INTEGER PRIMARY KEY,
    hotel_id INTEGER NOT NULL REFERENCES hotel (hotel_id),
    room_type_id INTEGER NOT NULL REFERENCES room_type (room_type_id),
    number TEXT NOT NULL,
    floor INTEGER NOT NULL,
    nightly_rate_eur REAL NOT NULL,
    sea_view INTEGER NOT NULL -- 1 for yes
);
CREATE TABLE guest (
    guest_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    birth_year INTEGER, -- empty if not told
    loyalty_level TEXT -- silver or gold; empty for others
);
CREATE TABLE reservation (
    reservation_id INTEGER PRIMARY KEY,
    room_id INTEGER NOT NULL REFERENCES room (room_id),
    guest_id INTEGER NOT NULL REFERENCES guest (guest_id),
    arrives_on TEXT NOT NULL, -- date
    leaves_on TEXT NOT NULL, -- date
    source TEXT NOT NULL, -- website, agency, phone or walk-in
    cancelled_on TEXT -- date, empty for those that hold
);
CREATE TABLE charge (
    charge_id INTEGER PRIMARY KEY,
    reservation_id INTEGER NOT NULL REFERENCES reservation (reservation_id),
    item TEXT NOT NULL, -- breakfast, minibar, spa, parking or laundry
    amount_eur REAL NOT NULL,
    charged_on TEXT NOT NULL -- date
);
CREATE TABLE review (
    review_id INTEGER PRIMARY KEY,
    reservation_id INTEGER NOT NULL REFERENCES reservation (reservation_id),
    score INTEGER NOT NULL, -- 1 to 10
    comment TEXT -- empty if only a score was given
);
CREATE TABLE employee (
    employee_id INTEGER PRIMARY KEY,
    hotel_id INTEGER NOT NULL REFERENCES hotel (hotel_id),
    name TEXT NOT NULL,
    job TEXT NOT NULL, -- manager, reception, kitchen or housekeeping
    salary_eur REAL NOT NULL, -- a month
    manager_id INTEGER REFERENCES employee (employee_id) -- empty for managers
);
CREATE TABLE amenity (
    amenity_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL -- pool, sauna, gym, restaurant, garage, garden or library
);
CREATE TABLE hotel_amenity (
    hotel_id INTEGER NOT NULL REFERENCES hotel (hotel_id),
    amenity_id INTEGER NOT NULL REFERENCES amenity (amenity_id),
    free_of_charge INTEGER NOT NULL, -- 1 for yes
    PRIMARY KEY (hotel_id, amenity_id)
);
"""

_HOTELS = [
    ("Seaside Inn", "Rostock", 3, 1994), ("Grand Meridian", "Vienna", 5, 1911), ("City Nest", "Hamburg", 3, 2015),
    ("Alpine Lodge", "Innsbruck", 4, 1987), ("Harbour View", "Rostock", 4, 2008), ("Old Mill", "Bruges", 4, 1979),
    ("Park Palace", "Vienna", 4, 1966),
]  # fmt: skip
_AMENITIES = ("pool", "sauna", "gym", "restaurant", "garage", "garden", "library")
_COUNTRIES = ("Germany", "Austria", "Belgium", "Italy", "Spain", "Poland", "Japan")
_RATES = {1: (55, 110), 2: (80, 170), 3: (120, 230), 4: (210, 480)}
_ITEMS = {"breakfast": (9, 24), "minibar": (4, 40), "spa": (30, 120), "parking": (8, 25), "laundry": (10, 45)}
_COMMENTS = ("Quiet and clean", "Too noisy at night", "Friendly staff", "Breakfast was cold", "Great view", None, None)


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(220)
    rooms: list[tuple[Any, ...]] = []
    employees: list[tuple[Any, ...]] = []
    for hotel in range(1, 8):
        for n in range(dice.between(9, 16)):
            kind = dice.weighted([(1, 3), (2, 5), (3, 2), (4, 1)])
            floor = n // 4 + 1
            rate = dice.money(*_RATES[kind])
            rooms.append(
                (
                    len(rooms) + 1,
                    hotel,
                    kind,
                    f"{floor}{n % 4 + 1:02d}",
                    floor,
                    rate,
                    int(hotel in (1, 5) and dice.chance(60)),
                )
            )
        manager = len(employees) + 1
        employees.append((manager, hotel, names[160 + manager], "manager", dice.money(4200, 6900), None))
        for _ in range(dice.between(4, 8)):
            job = dice.pick(["reception", "kitchen", "housekeeping"])
            own = len(employees) + 1
            employees.append((own, hotel, names[160 + own], job, dice.money(2100, 3900), manager))
    guests = [
        (i, names[i - 1], _COUNTRIES[min(dice.below(7), dice.below(9))],
         None if dice.chance(20) else dice.between(1945, 2004),
         dice.weighted([(None, 6), ("silver", 3), ("gold", 1)]))
        for i in range(1, 151)
    ]  # fmt: skip
    reservations: list[tuple[Any, ...]] = []
    charges: list[tuple[Any, ...]] = []
    reviews: list[tuple[Any, ...]] = []
    from datetime import date, timedelta

    for i in range(1, 801):
        arrives = dice.day("2023-01-05", "2025-05-20")
        nights = 1 + min(dice.below(10), dice.below(12))
        leaves = (date.fromisoformat(arrives) + timedelta(days=nights)).isoformat()
        cancelled = (
            None if dice.chance(89) else (date.fromisoformat(arrives) - timedelta(days=dice.between(1, 40))).isoformat()
        )
        source = dice.weighted([("website", 5), ("agency", 3), ("phone", 2), ("walk-in", 1)])
        room = 1 + min(dice.below(len(rooms)), dice.below(len(rooms) + 9))
        reservations.append((i, room, 1 + min(dice.below(143), dice.below(143)), arrives, leaves, source, cancelled))
        if cancelled:
            continue
        for _ in range(dice.below(4)):
            item = dice.pick(sorted(_ITEMS))
            day = (date.fromisoformat(arrives) + timedelta(days=dice.below(nights))).isoformat()
            charges.append((len(charges) + 1, i, item, dice.money(*_ITEMS[item]), day))
        if dice.chance(40):
            reviews.append((len(reviews) + 1, i, 10 - min(dice.below(9), dice.below(10)), dice.pick(_COMMENTS)))
    offered = [(h, a, int(dice.chance(50))) for h in range(1, 8) for a in range(1, 7) if dice.chance(55)]
    return {
        "hotel": [(i, *hotel) for i, hotel in enumerate(_HOTELS, 1)],
        "room_type": [(1, "single", 1), (2, "double", 2), (3, "family", 4), (4, "suite", 3)],
        "room": rooms,
        "guest": guests,
        "reservation": reservations,
        "charge": charges,
        "review": reviews,
        "employee": employees,
        "amenity": [(i, name) for i, name in enumerate(_AMENITIES, 1)],
        "hotel_amenity": offered,
    }
