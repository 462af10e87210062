"""A database whose comments say what codes and empty places mean, with times of the day and things that were sold."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import llguidance
import pytest

from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.facts import read_facts
from rushlight.assistant.learn.database.generate import generate
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import link_taught

DDL = """
CREATE TABLE Grd ( -- guides
    GrdNo INTEGER PRIMARY KEY,
    GrdNm TEXT NOT NULL,
    Rnk TEXT NOT NULL -- J junior, S senior, H head guide
);
CREATE TABLE tours (
    id INTEGER PRIMARY KEY,
    GrdNo INTEGER NOT NULL REFERENCES Grd (GrdNo),
    starts_at TEXT NOT NULL, -- date and time
    SrchRt REAL NOT NULL, -- surcharge in euros
    level INTEGER NOT NULL, -- 1 easy, 2 moderate, 3 hard
    tickets_sold INTEGER, -- empty when it was abandoned
    paid_on TEXT -- date, empty until it is settled
);
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    dice = random.Random(3)
    file = tmp_path / "tours.db"
    with apsw.Connection(str(file)) as connection:
        connection.execute(DDL)
        for number, name in enumerate(("Ann Lee", "Bo Ek", "Cy Roth", "Di Wu", "Ed Fox"), 1):
            connection.execute("INSERT INTO Grd VALUES (?, ?, ?)", (number, name, "JSHSJ"[number - 1]))
        for number in range(1, 201):
            day = f"202{dice.randint(3, 5)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
            start = f"{day} {dice.randint(8, 20):02}:{dice.choice(('00', '30'))}"
            sold = None if dice.random() < 0.15 else dice.randint(2, 40)
            paid = None if dice.random() < 0.3 else day
            connection.execute(
                "INSERT INTO tours VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, dice.randint(1, 5), start, dice.choice((1.5, 2.5, 4.0)), dice.randint(1, 3), sold, paid),
            )
    with open_database([file], find_paths()) as opened:
        yield opened


@pytest.fixture
def made(database: Database) -> list[Asked]:
    return list(generate(database, 500, seed=2))


def about(made: list[Asked], pattern: str) -> list[Asked]:
    return [one for one in made if re.search(pattern, one.sql)]


def test_what_comments_say_is_known(database: Database) -> None:
    facts = read_facts(database)
    guides, tours = facts.tables["Grd"], facts.tables["tours"]
    assert "guide" in [noun.one for noun in guides.nouns]
    assert guides.columns["Rnk"].note.codes == {"J": "junior", "S": "senior", "H": "head guide"}
    assert tours.columns["level"].note.codes == {"1": "easy", "2": "moderate", "3": "hard"}
    assert tours.columns["SrchRt"].phrase == "surcharge"  # people hardly call it by letters
    things, event = tours.columns["tickets_sold"].deed or ("", None)
    assert things == "tickets" and event is not None and event.base == "sell"


def test_codes_are_asked_for_by_their_words(made: list[Asked]) -> None:
    coded = about(made, r"Rnk = 'S'")
    said = [one for one in coded if "senior" in one.question.lower()]
    assert len(coded) > 5 and len(said) > 0.7 * len(coded)
    assert any("easy" in one.question.lower() for one in about(made, r"level = 1\b"))


def test_empty_places_are_asked_for_by_what_they_mean(made: list[Asked]) -> None:
    gone = [one for one in about(made, r"tickets_sold IS NULL") if re.search("abandoned", one.question, re.I)]
    there = [one for one in about(made, r"paid_on IS NOT NULL") if re.search(r"(?<!not )settled", one.question, re.I)]
    assert gone and there


def test_times_and_things_sold_are_asked_for(made: list[Asked]) -> None:
    assert about(made, r"strftime\('%H:%M', tours.starts_at\) [<>=]+ '\d\d:\d\d'")
    assert about(made, r"strftime\('%w', tours.starts_at\)") and about(made, r"date\(tours.starts_at\) [<>=]")
    sums = about(made, r"SUM\(tours.tickets_sold\)")
    assert any(re.search(r"how many tickets .*(sold|sell)", one.question, re.I) for one in sums)


def test_all_of_it_stands_in_the_grammar_and_runs(database: Database, made: list[Asked]) -> None:
    known, bare = database.known(), llguidance.LLTokenizer("byte")
    special = about(made, r"%H|%w|date\(|Rnk =|level =|IS NULL")
    outside = []
    for one in special[::3]:
        database.run(one.sql)
        text = '%llguidance {"no_forcing": true}\n' + sql_grammar(link_taught(known, one.question)).grammar.text
        matcher = llguidance.LLMatcher(bare, llguidance.LLMatcher.grammar_from_lark(text), log_level=0)
        if not (matcher.consume_tokens(list(one.sql.encode())) and matcher.is_accepting()):
            outside.append((one.question, one.sql))
    assert len(special) > 60 and not outside, outside[:5]
