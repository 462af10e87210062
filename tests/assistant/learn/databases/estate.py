"""An estate agency's listings: one wide table and two that explain its codes."""

from datetime import date, timedelta
from typing import Any

SEED = 41
DDL = """
CREATE TABLE districts (
    district_code TEXT PRIMARY KEY,
    district_name TEXT NOT NULL,
    borough TEXT NOT NULL, -- North, South, East, West or Centre
    population INTEGER NOT NULL,
    rent_index_eur REAL, -- usual rent per square metre, empty where nobody knows it
    has_tram INTEGER NOT NULL -- 1 where a tram stops
);
CREATE TABLE brokers (
    broker_id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    phone TEXT,
    hired_on TEXT NOT NULL, -- date
    commission_percent REAL NOT NULL,
    certified INTEGER NOT NULL -- 1 for certified, 0 for not
);
CREATE TABLE listings (
    listing_id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    district_code TEXT NOT NULL REFERENCES districts (district_code),
    broker_id INTEGER NOT NULL REFERENCES brokers (broker_id),
    property_type TEXT NOT NULL, -- apartment, house, loft, studio or villa
    room_count INTEGER NOT NULL,
    living_area_sqm INTEGER NOT NULL,
    plot_area_sqm INTEGER, -- empty where no land belongs to it
    floor_no INTEGER, -- empty for houses and villas
    year_built INTEGER, -- empty where unknown
    heating TEXT NOT NULL,
    energy_class TEXT, -- A to G, empty without a certificate
    has_balcony INTEGER NOT NULL, -- 1 for yes, 0 for no
    has_garage INTEGER NOT NULL, -- 1 for yes, 0 for no
    asking_price_eur INTEGER NOT NULL,
    sold_price_eur INTEGER, -- empty until it is sold
    listed_on TEXT NOT NULL, -- date
    sold_on TEXT, -- date, empty until it is sold
    viewing_count INTEGER NOT NULL,
    seller_note TEXT
);
"""

_DISTRICTS = [
    ("ALT", "Altstadt", "Centre", 18420, 17.4, 1), ("GRU", "Grünau", "South", 31250, 11.2, 1),
    ("HOH", "Höhenberg", "North", 12890, 13.9, 0), ("KON", "Königsfeld", "East", 27640, 9.8, 1),
    ("LIN", "Lindenthal", "West", 40310, 14.6, 1), ("MAR", "Marienhof", "East", 9870, None, 0),
    ("NEU", "Neuhafen", "North", 22115, 15.3, 1), ("OST", "Ostend", "East", 35480, 10.4, 1),
    ("ROS", "Rosenpark", "West", 14230, 16.1, 0), ("SUD", "Südbrücke", "South", 25760, 12.5, 1),
    ("WEI", "Weidenau", "South", 6340, None, 0), ("JUR", "St. Jürgen", "Centre", 20985, 16.8, 1),
]  # fmt: skip
_BROKERS = [
    ("Niamh O'Connor", "2012-04-01", 3.5, 1), ("Jürgen Schäfer", "2009-09-15", 3.0, 1),
    ("Zoë Möller", "2019-01-07", 2.75, 0), ("Tariq Haddad", "2016-06-20", 3.2, 1),
    ("Maeve D'Arcy", "2021-03-01", 2.5, 0), ("Björn Lindqvist", "2014-11-03", 3.1, 1),
    ("Clara Vogt", "2018-08-27", 2.9, 1), ("Petra Sommerfeld", "2022-02-14", 2.4, 0),
    ("Igor Petrenko", "2011-05-09", 3.4, 1), ("Lotte Brandt", "2020-10-01", 2.6, 1),
    ("Hugo Lefèvre", "2017-03-13", 2.95, 0), ("Selin Aydın", "2015-12-01", 3.05, 1),
]  # fmt: skip
_STREETS = [
    "Ahornweg", "Bachstraße", "Bahnhofstraße", "Birkenallee", "Brunnengasse", "Dorfplatz", "Eichendorffstraße",
    "Fliederweg", "Gartenstraße", "Goethestraße", "Hafenkai", "Kirchgasse", "Lindenstraße", "Marktplatz",
    "Mühlenweg", "O'Neill-Straße", "Parkallee", "Rosenweg", "Schlossallee", "Seeuferweg", "Tulpenweg", "Wiesengrund",
]  # fmt: skip
_NOTES = [
    "price negotiable", "needs renovation", "new kitchen", "new kitchen, price negotiable", "tenant stays until spring",
    "owner's move abroad", "quiet courtyard", "roof needs repair", "sauna in the basement", "view of the lake",
    "keys at Müller's bakery", "no pets, please",
]  # fmt: skip
_SIZES = {"apartment": (45, 130), "house": (90, 210), "loft": (70, 180), "studio": (22, 44), "villa": (180, 420)}
_KINDS = [("apartment", 46), ("house", 26), ("loft", 8), ("studio", 13), ("villa", 7)]
_HEATING = [("gas", 40), ("district heating", 24), ("heat pump", 16), ("oil", 12), ("pellets", 8)]
_CLASSES = [("A", 10), ("B", 14), ("C", 20), ("D", 22), ("E", 13), ("F", 7), ("G", 4), (None, 10)]
_LAST_DAY = "2025-06-30"


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    brokers = []
    for i, (name, hired_on, commission, certified) in enumerate(_BROKERS, 1):
        phone = None if i in (5, 8) else f"0431 {dice.between(200, 899)} {dice.between(10, 99)}"
        brokers.append((i, name, phone, hired_on, commission, certified))
    addresses = [f"{street} {number}" for street in _STREETS for number in range(1, 60)]
    listings = [_listing(i, addresses.pop(dice.below(len(addresses))), dice) for i in range(1, 861)]
    return {"districts": _DISTRICTS, "brokers": brokers, "listings": listings}


def _listing(listing_id: int, address: str, dice: Any) -> tuple[Any, ...]:
    district = _DISTRICTS[min(dice.below(12), dice.below(16))]
    kind = dice.weighted(_KINDS)
    area = dice.between(*_SIZES[kind])
    rooms = 1 if kind == "studio" else max(2, (area + dice.between(-12, 12)) // 28)
    with_land = kind in ("house", "villa")
    plot = dice.between(area * 2, area * 6) if with_land and dice.chance(93) else None
    year = None if dice.chance(6) else dice.weighted([(dice.between(1890, 1949), 3), (dice.between(1950, 2024), 7)])
    asking = area * dice.between(2600, 5200) + dice.between(0, 20) * 1000 + (plot or 0) * 60
    listed = date.fromisoformat(dice.day("2021-01-04", _LAST_DAY))
    sold_price = sold_on = None
    day = (listed + timedelta(days=dice.between(12, 260))).isoformat()
    if dice.chance(76) and day <= _LAST_DAY:
        sold_price, sold_on = asking * dice.between(86, 106) // 100, day
    return (
        listing_id, address, district[0], 1 + min(dice.below(12), dice.below(15)), kind, rooms, area, plot,
        None if with_land else dice.between(0, 9), year, dice.weighted(_HEATING), dice.weighted(_CLASSES),
        int(dice.chance(15 if with_land else 58)), int(dice.chance(72 if with_land else 24)), asking, sold_price,
        listed.isoformat(), sold_on, dice.between(0, 41), dice.pick(_NOTES) if dice.chance(38) else None,
    )  # fmt: skip
