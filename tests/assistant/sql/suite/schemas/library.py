"""A lending library with branches: five tables."""

from datetime import date, timedelta
from typing import Any

SEED = 7
DDL = """
CREATE TABLE branch (
    branch_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    district TEXT NOT NULL,
    opened_on TEXT NOT NULL -- date
);
CREATE TABLE book (
    book_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    language TEXT NOT NULL,
    genre TEXT NOT NULL,
    published_year INTEGER NOT NULL,
    pages INTEGER NOT NULL
);
CREATE TABLE copy (
    copy_id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES book (book_id),
    branch_id INTEGER NOT NULL REFERENCES branch (branch_id),
    condition TEXT NOT NULL, -- new, good, worn or damaged
    bought_on TEXT NOT NULL -- date
);
CREATE TABLE member (
    member_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    birth_year INTEGER NOT NULL,
    joined_on TEXT NOT NULL, -- date
    email TEXT -- empty if none is known
);
CREATE TABLE loan (
    loan_id INTEGER PRIMARY KEY,
    copy_id INTEGER NOT NULL REFERENCES copy (copy_id),
    member_id INTEGER NOT NULL REFERENCES member (member_id),
    lent_on TEXT NOT NULL, -- date
    due_on TEXT NOT NULL, -- date
    returned_on TEXT -- date, empty while it is out
);
"""

_ADJECTIVES = ("Silent", "Golden", "Hidden", "Last", "Northern", "Broken", "Distant", "Paper", "Winter", "Glass")
_NOUNS = ("River", "Garden", "Letters", "Harbour", "Mountain", "Clock")
_GENRES = ("crime", "novel", "history", "science", "poetry", "travel")
_LANGUAGES = ("English", "German", "French", "Turkish")


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(160)
    authors = names[140:]
    books = []
    for i in range(1, 61):
        title = f"The {_ADJECTIVES[(i - 1) % 10]} {_NOUNS[(i - 1) // 10]}"
        language = _LANGUAGES[min(dice.below(4), dice.below(4))]
        books.append(
            (
                i,
                title,
                dice.pick(authors),
                language,
                dice.pick(_GENRES),
                dice.between(1951, 2024),
                dice.between(88, 940),
            )
        )
    copies = [
        (i, 1 + min(dice.below(58), dice.below(58)), 1 + min(dice.below(6), dice.below(7)),
         dice.weighted([("new", 2), ("good", 5), ("worn", 3), ("damaged", 1)]), dice.day("2012-01-01", "2024-12-31"))
        for i in range(1, 181)
    ]  # fmt: skip
    members = [
        (i, names[i - 1], dice.between(1938, 2014), dice.day("2015-01-01", "2025-03-31"),
         None if dice.chance(25) else names[i - 1].lower().replace(" ", ".") + "@post.example")
        for i in range(1, 141)
    ]  # fmt: skip
    loans = []
    for i in range(1, 1001):
        lent = date.fromisoformat(dice.day("2023-01-02", "2025-05-31"))
        due = lent + timedelta(days=28)
        back = lent + timedelta(days=2 + min(dice.below(60), dice.below(60)))
        out = lent > date(2025, 4, 20) and dice.chance(50)
        member = 1 + min(dice.below(130), dice.below(130))
        loans.append(
            (
                i,
                1 + min(dice.below(174), dice.below(180)),
                member,
                lent.isoformat(),
                due.isoformat(),
                None if out else back.isoformat(),
            )
        )
    branches = [
        (1, "Central", "Old Town", "1957-04-01"), (2, "Riverside", "Harbour", "1978-09-15"),
        (3, "Hillcrest", "Upper Hill", "1991-03-02"), (4, "Station", "Old Town", "2004-11-20"),
        (5, "Meadow", "Green Side", "2012-06-08"), (6, "Lakeview", "Harbour", "2019-02-14"),
    ]  # fmt: skip
    return {"branch": branches, "book": books, "copy": copies, "member": members, "loan": loans}
