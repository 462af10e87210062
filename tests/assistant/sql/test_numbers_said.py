"""The numbers of a question, in digits or words, as SQL writes them."""

import pytest

from rushlight.assistant.sql.numbers_said import numbers_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("room 12", {"12"}),
        ("more than 1,250.50 euros", {"1250.50"}),
        ("from 2010-2015", {"2010", "2015"}),
        ("below -20 degrees", {"20", "-20"}),
        ("colder than minus 7.5", {"7.5", "-7.5"}),
        ("a dozen, or half a dozen", {"12", "6"}),
        ("over half a million", {"1000000", "500000"}),
        ("2.5 million people", {"2.5", "1000000", "2500000"}),
        ("20k", {"20", "20000"}),
        ("twenty-five of thirty", {"20", "5", "25", "30"}),
        ("fifty, eighteen and a hundred", {"50", "18", "100"}),
        ("born in the nineties", {"1990", "1999"}),
        ("built in the 1960s or the 2010s", {"1960", "1969", "2010", "2019"}),
        ("the '80s", {"80", "1980", "1989"}),
        ("none of them", set()),
    ],
)
def test_numbers(text: str, numbers: set[str]) -> None:
    assert set(numbers_in(text)) == numbers
