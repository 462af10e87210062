"""Meters in a housing company's buildings: four tables."""

from typing import Any

SEED = 3
DDL = """
CREATE TABLE building (
    building_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    street TEXT NOT NULL,
    kind TEXT NOT NULL, -- residential, office, school or garage
    floor_area_m2 REAL NOT NULL,
    built_year INTEGER NOT NULL,
    renovated_year INTEGER -- empty if never
);
CREATE TABLE meter (
    meter_id INTEGER PRIMARY KEY,
    building_id INTEGER NOT NULL REFERENCES building (building_id),
    medium TEXT NOT NULL, -- electricity, gas or heat
    installed_on TEXT NOT NULL, -- date
    removed_on TEXT -- date, empty while in use
);
CREATE TABLE reading (
    reading_id INTEGER PRIMARY KEY,
    meter_id INTEGER NOT NULL REFERENCES meter (meter_id),
    taken_on TEXT NOT NULL, -- first day of the month after
    used_kwh REAL NOT NULL, -- consumption of that month
    estimated INTEGER NOT NULL -- 1 where nobody read the meter
);
CREATE TABLE tariff (
    tariff_id INTEGER PRIMARY KEY,
    medium TEXT NOT NULL,
    valid_from TEXT NOT NULL, -- date
    valid_to TEXT, -- date, empty for the current one
    price_per_kwh REAL NOT NULL
);
"""

_BUILDINGS = [
    ("Lindenhof", "Linden Street", "residential"), ("Westgate", "Harbour Road", "office"),
    ("Oak House", "Mill Lane", "residential"), ("North School", "Church Square", "school"),
    ("Canal Court", "Harbour Road", "residential"), ("Depot", "Station Road", "garage"),
    ("Sunnyside", "Hill Street", "residential"), ("Tower One", "Market Square", "office"),
    ("Meadow School", "Mill Lane", "school"), ("Old Brewery", "Station Road", "office"),
    ("Rosegarden", "Linden Street", "residential"), ("Underpark", "Market Square", "garage"),
    ("Eastview", "Hill Street", "residential"), ("Annex", "Church Square", "office"),
]  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    buildings: list[tuple[Any, ...]] = []
    meters: list[tuple[Any, ...]] = []
    readings: list[tuple[Any, ...]] = []
    for i, (name, street, kind) in enumerate(_BUILDINGS, 1):
        built = dice.between(1905, 2016)
        renovated = dice.between(max(built + 10, 1990), 2026) if dice.chance(50) and built < 2005 else None
        buildings.append((i, name, street, kind, dice.between(4000, 62000) / 10, built, renovated))
        for medium in ("electricity", "gas", "heat"):
            if medium != "electricity" and (kind == "garage" or (medium == "gas") == (i % 3 == 0)):
                continue
            n_meters = 2 if medium == "electricity" and dice.chance(40) else 1
            for _ in range(n_meters):
                removed = dice.day("2024-09-15", "2025-03-15") if dice.chance(15) and medium != "heat" else None
                meters.append((len(meters) + 1, i, medium, dice.day("2012-01-01", "2022-12-31"), removed))
    for meter_id, building, medium, _, removed in meters:
        area = buildings[building - 1][4]
        for month in range(30):
            taken_on = f"{2023 + (month + 1) // 12}-{(month + 1) % 12 + 1:02d}-01"
            if (removed and taken_on > removed) or dice.chance(3):
                continue
            season = 1.0 if medium == "electricity" else 0.3 + abs((month + 1) % 12 - 6) / 4
            used = round(area * season * dice.between(150, 400) / 100, 1)
            readings.append((len(readings) + 1, meter_id, taken_on, used, int(dice.chance(8))))
    tariffs = [
        (1, "electricity", "2022-01-01", "2023-06-30", 0.318), (2, "electricity", "2023-07-01", "2024-12-31", 0.341),
        (3, "electricity", "2025-01-01", None, 0.327), (4, "gas", "2022-01-01", "2023-12-31", 0.121),
        (5, "gas", "2024-01-01", None, 0.104), (6, "heat", "2022-01-01", "2024-06-30", 0.137),
        (7, "heat", "2024-07-01", None, 0.129),
    ]  # fmt: skip
    return {"building": buildings, "meter": meters, "reading": readings, "tariff": tariffs}
