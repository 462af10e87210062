"""Databases for the pictures of the SQL page: a clinic that was made up, one with 200 tables, one with none."""

import random
from datetime import date, timedelta
from pathlib import Path

import apsw

_SPECIALTIES = ("cardiology", "dermatology", "neurology", "orthopedics", "pediatrics")
_CITIES = ("Basel", "Graz", "Kassel", "Leuven", "Oslo", "Turku")
_WORDS = ("order", "item", "stock", "customer", "supplier", "invoice", "payment", "shipment", "region", "product",
          "price", "audit", "user", "ticket", "route", "plan", "sensor", "batch")  # fmt: skip
_N_VISITS = 40_000


def databases(folder: Path) -> dict[str, str]:
    """clinic, wide and empty: their files, by name."""
    made = {name: folder / f"{name}.db" for name in ("clinic", "wide", "empty")}
    _clinic(made["clinic"])
    _wide(made["wide"])
    with apsw.Connection(str(made["empty"])) as empty:
        empty.execute("CREATE TABLE gone (id); DROP TABLE gone")
    return {name: str(path) for name, path in made.items()}


def _clinic(path: Path) -> None:
    rng = random.Random(7)
    with apsw.Connection(str(path)) as made:
        made.execute("""
            CREATE TABLE visit (
                visit_id INTEGER PRIMARY KEY,
                doctor_id INTEGER REFERENCES doctor,
                patient_id INTEGER REFERENCES patient,
                day DATE, -- when it was
                fee_eur REAL
            );
            CREATE TABLE doctor (doctor_id INTEGER PRIMARY KEY, name TEXT, specialty TEXT);
            CREATE TABLE patient (patient_id INTEGER PRIMARY KEY, name TEXT, city TEXT);
            CREATE TABLE drug (drug_id INTEGER PRIMARY KEY, name TEXT, price_eur REAL);
        """)
        made.executemany(
            "INSERT INTO doctor VALUES (?, ?, ?)", [(i, f"Dr. {i}", _SPECIALTIES[i % 5]) for i in range(12)]
        )
        made.executemany(
            "INSERT INTO patient VALUES (?, ?, ?)", [(i, f"Patient {i}", rng.choice(_CITIES)) for i in range(2_400)]
        )
        made.executemany("INSERT INTO drug VALUES (?, ?, ?)", [(i, f"Drug {i}", 3.5 * i) for i in range(1, 9)])
        start = date(2021, 1, 1)
        for i in range(_N_VISITS):
            doctor = rng.randrange(12)
            day = start + timedelta(days=rng.randrange(4 * 365))
            fee = round(rng.gauss(58 + 4 * (doctor % 5), 12), 2)
            made.execute("INSERT INTO visit VALUES (?, ?, ?, ?, ?)", (i, doctor, rng.randrange(2_400), str(day), fee))


def _wide(path: Path) -> None:
    rng = random.Random(3)
    with apsw.Connection(str(path)) as made:
        for i in range(200):
            columns = ", ".join(f"{rng.choice(_WORDS)}_{k} TEXT" for k in range(rng.randint(3, 14)))
            name = f"{rng.choice(_WORDS)}_{rng.choice(_WORDS)}_{i:03}"
            made.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {columns})")
            n = rng.randint(1, 400)
            made.executemany(f"INSERT INTO {name} (id) VALUES (?)", [(k,) for k in range(n)])
