"""Abbreviations of old systems read as words, and left alone where no word fits."""

import pytest

from rushlight.assistant.learn.database.abbreviations import _bones, _common, _fit, expanded
from rushlight.assistant.learn.database.names import plain_words, singular_of, table_words_of, words_of


@pytest.mark.parametrize(
    ("short", "word"),
    [("gst", "guest"), ("rsv", "reservation"), ("htl", "hotel"), ("lylt", "loyalty"), ("wrhs", "warehouse"),
     ("stlmt", "settlement"), ("gndr", "gender"), ("psgr", "passenger"), ("enrl", "enrollment"), ("mgr", "manager"),
     ("cmnt", "comment"), ("tkt", "ticket"), ("arpt", "airport"), ("ptnt", "patient")],
)  # fmt: skip
def test_what_an_abbreviation_stands_for(short: str, word: str) -> None:
    assert expanded(short) == expanded(short.upper()) == word


# Words, and what fits nothing.
KEPT = "room sea free guest price xq zzz wxyz x a1 id uuid qqqq été spent fun bin hose dam genres"


@pytest.mark.parametrize("kept", KEPT.split())
def test_words_and_what_fits_nothing_stay(kept: str) -> None:
    assert expanded(kept) == kept


def test_every_word_without_its_vowels_is_read_as_one_written_so() -> None:
    """Where another one wins, its letters fit no worse."""
    for word in _common():
        bones = _bones(word)
        if 3 <= len(bones) <= 8 and bones not in _common() and expanded(bones) != bones:
            assert _fit(bones, expanded(bones)) >= _fit(bones, word), word


@pytest.mark.parametrize(
    ("name", "words"),
    [("GST_NO", ["guest", "number"]), ("RSV_HDR", ["reservation", "header"]), ("SEA_VW_FLG", ["sea", "view", "flag"]),
     ("CUSTNO", ["customer", "number"]), ("ptntnm", ["patient", "name"]), ("OrdDt", ["order", "date"]),
     ("living_area_sqm", ["living", "area", "m2"]), ("genres", ["genres"]), ("put_up_on", ["put", "up", "on"])],
)  # fmt: skip
def test_names_of_old_systems(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_what_codes_a_type_is_not_said() -> None:
    assert table_words_of("CUST_MST") == ["customer"] and table_words_of("DATA") == ["data"]
    assert plain_words(["city", "name"], "group") == ["city"]
    assert plain_words(["last", "name"], "text") == ["last", "name"]
    assert plain_words(["bed", "count"], "number") == ["beds"]
    assert plain_words(["sea", "view", "flag"], "flag") == ["sea", "view"]
    assert plain_words(["amount"], "money") == ["amount"]


@pytest.mark.parametrize(
    ("several", "one"),
    [("cinemas", "cinema"), ("saunas", "sauna"), ("menus", "menu"), ("taxis", "taxi"), ("areas", "area"),
     ("sizes", "size"), ("prizes", "prize"), ("gas", "gas"), ("bus", "bus"), ("buses", "bus"), ("basis", "basis"),
     ("status", "status"), ("canvas", "canvas"), ("address", "address"), ("boxes", "box")],
)  # fmt: skip
def test_one_of_several(several: str, one: str) -> None:
    assert singular_of(several) == one
