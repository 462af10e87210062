"""A clinic's visits and prescriptions: five tables."""

from typing import Any

SEED = 2
DDL = """
CREATE TABLE doctor (
    doctor_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    specialty TEXT NOT NULL,
    hired_on TEXT NOT NULL -- date
);
CREATE TABLE patient (
    patient_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sex TEXT NOT NULL, -- f or m
    birth_date TEXT NOT NULL,
    city TEXT NOT NULL,
    insurer TEXT -- empty for those who pay themselves
);
CREATE TABLE visit (
    visit_id INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL REFERENCES patient (patient_id),
    doctor_id INTEGER NOT NULL REFERENCES doctor (doctor_id),
    day TEXT NOT NULL, -- date
    fee_eur REAL NOT NULL,
    diagnosis TEXT -- empty for check-ups
);
CREATE TABLE drug (
    drug_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    form TEXT NOT NULL, -- tablet, syrup, cream or injection
    price_eur REAL NOT NULL
);
CREATE TABLE prescription (
    prescription_id INTEGER PRIMARY KEY,
    visit_id INTEGER NOT NULL REFERENCES visit (visit_id),
    drug_id INTEGER NOT NULL REFERENCES drug (drug_id),
    days INTEGER NOT NULL, -- for how long it is taken
    dose_mg INTEGER NOT NULL
);
"""

_SPECIALTIES = ("neurology", "cardiology", "orthopedics", "pediatrics", "dermatology")
_CITIES = ("Bremen", "Kassel", "Erfurt", "Oslo", "Graz", "Basel", "Leuven")
_INSURERS = ("Aurora", "Meridian", "Civica", None)
_DIAGNOSES = ("migraine", "hypertension", "sprain", "eczema", "asthma", "influenza", None)
_DRUGS = [
    ("Amolin", "tablet", 8.4), ("Bexatol", "tablet", 15.2), ("Corvadin", "tablet", 22.9), ("Dermasol", "cream", 11.5),
    ("Elixor", "syrup", 6.75), ("Fluvane", "injection", 48.0), ("Gastrin", "tablet", 9.9), ("Hydrelan", "cream", 17.3),
    ("Invamax", "injection", 63.5), ("Jovital", "syrup", 7.2),
]  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(132)
    doctors = [
        (i, names[i - 1], _SPECIALTIES[i % 5], dice.day("2008-01-01", "2023-06-30")) for i in range(1, 13)
    ]  # fmt: skip
    patients = [
        (i, names[11 + i], dice.pick("fm"), dice.day("1940-01-01", "2019-12-31"), dice.pick(_CITIES),
         dice.pick(_INSURERS))
        for i in range(1, 121)
    ]  # fmt: skip
    visits = []
    for i in range(1, 901):
        patient = 1 + min(dice.below(116), dice.below(116))
        doctor = 1 + min(dice.below(11), dice.below(14))
        visits.append(
            (i, patient, doctor, dice.day("2023-01-02", "2025-05-31"), dice.money(35, 180), dice.pick(_DIAGNOSES))
        )
    drugs = [(i, *drug) for i, drug in enumerate(_DRUGS, 1)]
    prescriptions = [
        (i, dice.between(1, 900), 1 + min(dice.below(9), dice.below(10)), dice.pick([3, 5, 7, 10, 14, 28]),
         dice.pick([50, 100, 200, 250, 500]))
        for i in range(1, 701)
    ]  # fmt: skip
    return {"doctor": doctors, "patient": patients, "visit": visits, "drug": drugs, "prescription": prescriptions}
