"""What tables and columns are called in questions, where a name, a comment or a sibling decides it."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from rushlight.assistant.learn.database.facts import Facts, read_facts
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database

DDL = """
CREATE TABLE Agt (AgtNo INTEGER PRIMARY KEY, AgtNm TEXT, SinceDt TEXT);
CREATE TABLE Inst ( -- instalments
    InstNo INTEGER PRIMARY KEY,
    AgtNo INTEGER REFERENCES Agt,
    PaidAmt REAL, -- paid out, in euros
    AnnPrem REAL -- annual premium
);
CREATE TABLE films (
    id INTEGER PRIMARY KEY, title TEXT, mood_type TEXT, minutes INTEGER, share_percent REAL, PostCd TEXT, hired_by TEXT
);
CREATE TABLE helpers (id INTEGER PRIMARY KEY, name TEXT, hired_on TEXT);
"""


@pytest.fixture
def facts(own_home: Path, tmp_path: Path) -> Iterator[Facts]:
    path = tmp_path / "names.db"
    db = apsw.Connection(str(path))
    db.execute(DDL)
    for i in range(24):
        db.execute("INSERT INTO Agt VALUES (?, ?, ?)", (i, f"Agent {i}", f"20{10 + i % 9}-03-04"))
        db.execute("INSERT INTO Inst VALUES (?, ?, ?, ?)", (i, i, 10.5 * i, 99.5 + i))
        row = (i, f"Film {i}", ("drama", "comedy", "noir")[i % 3], 60 + i, 1.5 * i, f"{1000 + i % 5}", "us")
        db.execute("INSERT INTO films VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO helpers VALUES (?, ?, ?)", (i, f"Ada {i}", f"2019-0{1 + i % 9}-11"))
    db.close()
    with open_database([path], find_paths()) as database:
        yield read_facts(database)


def test_people_are_known_by_word_or_by_what_happens_to_them(facts: Facts) -> None:
    assert facts.tables["Agt"].is_person and facts.tables["helpers"].is_person
    assert not facts.tables["Inst"].is_person and not facts.tables["films"].is_person


def test_what_a_comment_says_goes_before_a_guess(facts: Facts) -> None:
    table = facts.tables["Inst"]
    assert [noun.one for noun in table.nouns] == ["instalment"]
    assert table.columns["PaidAmt"].phrases == ("amount paid out",)
    assert table.columns["AnnPrem"].phrases == ("annual premium",)


def test_how_long_and_since_when(facts: Facts) -> None:
    minutes, since = facts.tables["films"].columns["minutes"], facts.tables["Agt"].columns["SinceDt"]
    assert (minutes.sort, minutes.unit, minutes.phrase) == ("number", "minutes", "duration")
    assert since.event is not None and since.event.base == "join" and since.phrase == "joining date"


def test_small_things(facts: Facts) -> None:
    columns = facts.tables["films"].columns
    assert columns["mood_type"].phrases[-1] == "type"  # the only one
    assert columns["share_percent"].sort == "number"
    assert columns["PostCd"].phrases == ("post code", "postcode")
