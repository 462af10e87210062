"""Questions to databases in a chat's composer: what is one, of which files, and what is left to the chat."""

import pytest

from rushlight.ui.desk.sql_mention import Asked, asked_of, mention_of
from rushlight.ui.desk.sql_values import RecentRow

CLINIC = RecentRow(("/data/clinic.db",), "clinic.db")
BOTH = RecentRow(("/data/a.db", "/data/b.csv"), "a.db + b.csv")
RECENT = (CLINIC, BOTH, RecentRow(("/old/clinic.db",), "clinic.db"))


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("/sql How many visits?", Asked("How many visits?")),
        ("/SQL\nHow many\nvisits?", Asked("How many visits?")),
        ("@clinic.db How many visits?", Asked("How many visits?", ("/data/clinic.db",))),
        ("How many visits are in @Clinic.db?", None),  # another name
        ("How many visits are in @clinic.db today?", Asked("How many visits are in today?", ("/data/clinic.db",))),
        ('/sql @"a.db + b.csv" How many?', Asked("How many?", ("/data/a.db", "/data/b.csv"))),
        ("@clinic.db", None),
        ("@notes.txt How many visits?", None),
        ("write to me@clinic.db please", None),
        ("/sql", None),
        ("/sqlite is a path?", None),
        ("How many visits?", None),
    ],
)
def test_what_is_a_question_to_a_database(written: str, asked: Asked | None) -> None:
    assert asked_of(written, RECENT) == asked


def test_names_with_blanks_are_quoted() -> None:
    assert mention_of(CLINIC) == "clinic.db" and mention_of(BOTH) == '"a.db + b.csv"'
    assert asked_of(f"@{mention_of(BOTH)} How many?", RECENT) == Asked("How many?", BOTH.paths)
