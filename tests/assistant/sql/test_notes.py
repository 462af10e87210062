"""What comments of a schema say: words for codes, other names, what it means that nothing stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.sql.linking import named_values
from rushlight.assistant.sql.notes import Note, read_note
from rushlight.assistant.sql.protocol import Profiled, Values
from rushlight.assistant.sql.values import Column, Schema, Table

CODES = {
    "B beech, O oak, P pine": ("B", "O", "P"), "B=beech; O=oak; P=pine": ("B", "O", "P"),
    "B - beech, O - oak, P - pine": ("B", "O", "P"), "wood: B is beech, O is oak and P is pine": ("B", "O", "P"),
    "B for beech, O for oak, P for pine": ("P", "O", "B"), "(B) beech (O) oak (P) pine": ("B", "O", "P"),
}  # fmt: skip


@pytest.mark.parametrize("comment", CODES)
def test_words_for_codes_are_read_in_many_forms(comment: str) -> None:
    assert read_note(comment, CODES[comment]).codes == {"B": "beech", "O": "oak", "P": "pine"}


@pytest.mark.parametrize(
    ("comment", "values"),
    [
        ("beech, oak or pine", ("beech", "oak", "pine")),  # the values themselves
        ("1 for yes, 0 for no", ("0", "1")),
        ("1 to 5", ("1", "2", "3")),
        ("A to G, from good to bad", ("A", "B", "G")),
        ("B beech, O oak", ("X", "Y")),  # codes that no row has
        ("X same, Y same", ("X", "Y")),
        ("ISO code", ("DE", "FR")),
    ],
)
def test_what_is_no_list_of_codes_is_none(comment: str, values: tuple[str, ...]) -> None:
    assert read_note(comment, values).codes == {}


@pytest.mark.parametrize(
    ("comment", "names"),
    [
        ("yearly yield in tonnes", ("yearly yield",)), ("the forester's deputy", ("forester's deputy",)),
        ("date", ()), ("date and time", ()), ("in euros", ()), ("whole euros", ()),
        ("day of the storm; empty if unknown", ("day of the storm",)), ("forester since", ()),
        ("usually the owner", ()), ("optional", ()), ("see table 3", ()), ("", ()), ("a month", ()),
    ],
)  # fmt: skip
def test_other_names_are_read(comment: str, names: tuple[str, ...]) -> None:
    assert read_note(comment).names == names


@pytest.mark.parametrize(
    ("comment", "unset", "filled"),
    [
        ("empty until it is felled", "", "felled"), ("day, empty until felled", "", "felled"),
        ("empty while unpaid", "unpaid", "paid"), ("empty when it was abandoned", "abandoned", ""),
        ("date, only for felled ones", "", "felled"), ("null where the price is secret", "secret", ""),
        ("empty without a permit", "without a permit", ""), ("empty where unknown", "", ""),
        ("empty if there is none", "", ""), ("empty for beeches", "", ""), ("never empty", "", ""),
    ],
)  # fmt: skip
def test_what_it_means_that_nothing_stands_there(comment: str, unset: str, filled: str) -> None:
    note = read_note(comment)
    assert (note.unset, note.filled) == (unset, filled)


def test_what_happened_is_read() -> None:
    assert read_note("date it was planted").happens == "planted"


@given(st.text(max_size=600), st.lists(st.text(max_size=6), max_size=6))
def test_any_comment_is_read(comment: str, values: list[str]) -> None:
    note = read_note(comment, tuple(values))
    assert isinstance(note, Note) and set(note.codes) <= set(values)
    assert all(word and word not in note.codes for word in note.codes.values())


def test_a_word_of_the_question_finds_its_code() -> None:
    wood = Column("Wd", "TEXT", comment="B beech, O oak, P pine")
    table = Table("main", "Tree", (Column("No", "INTEGER", 1), wood))
    known = Profiled(Schema((table,)), (Values("main", "Tree", "Wd", ("B", "O", "P"), True),))
    assert named_values(known, "How many oaks are there?") == [("Tree.Wd", "O")]
    assert named_values(known, "How many oaks are there?", codes=False) == []
    assert named_values(known, "How many trees are there?") == []
