"""Numbers with their units."""

import pytest

from rushlight.ui.desk.figures import (
    amount_text,
    context_text,
    duration_text,
    params_text,
    rate_text,
    size_text,
    speed_text,
)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (98_400_000, "98.4 MB"),
        (999_990_000, "1.0 GB"),
        (4.7e15, "4700.0 TB"),
    ],
)
def test_sizes(size: float, words: str) -> None:
    assert size_text(size) == words


def test_counts() -> None:
    assert [params_text(count) for count in (0, 900, 134_500_000, 7_200_000_000)] == ["", "900", "134.5M", "7.2B"]
    assert [context_text(count) for count in (0, 512, 8192, 131_072)] == ["", "512", "8k", "128k"]


def test_speeds_and_rates() -> None:
    assert [speed_text(speed) for speed in (None, 0, 3.25, 52.4)] == ["", "", "3.2 tok/s", "52 tok/s"]
    assert rate_text(20_100_000, "bytes") == "20.1 MB/s" and rate_text(12.2, "messages") == "12 messages/s"
    assert rate_text(None, "bytes") == ""


def test_times() -> None:
    assert [duration_text(seconds) for seconds in (3, 200, 7500, 400_000)] == ["3 s", "3 min", "2 h 5 min", "4 days"]


def test_amounts() -> None:
    assert amount_text(0, None, "bytes") == ""
    assert (
        amount_text(340e6, 1.2e9, "bytes") == "340.0 MB of 1.2 GB" and amount_text(340e6, None, "bytes") == "340.0 MB"
    )
    assert amount_text(12, 40, "messages") == "12 of 40 messages" and amount_text(3, None, "steps") == "3 steps"
    assert amount_text(3, 4, "") == "3 of 4" and amount_text(3, None, "") == "3"
