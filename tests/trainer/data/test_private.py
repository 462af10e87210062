"""Private details: nearly all that are there are found, little that is not, and no text takes long."""

import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from rushlight.trainer.data.private import find_private, is_card, is_iban, redacted

sys.path.insert(0, str(Path(__file__).resolve().parent))
from private_cases import MAKERS, cases


def test_recall_and_precision_over_generated_cases() -> None:
    """Of 4,200 cases at least 95% found, each by its exact place, and 90% of what is found is one; per kind too."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for text, kind, value in cases(4200, 7):
        found = find_private(text)
        good = [one for one in found if one.kind == kind and text[one.start : one.end] == value]
        right[kind] += len(good)
        missed[kind] += bool(kind) and not good
        for one in found:
            wrong[one.kind] += one not in good
    assert right.total() >= 0.95 * (right.total() + missed.total()), (right, missed)
    assert right.total() >= 0.90 * (right.total() + wrong.total()), (right, wrong)
    for kind in MAKERS:
        assert right[kind] >= 0.95 * (right[kind] + missed[kind]), (kind, right[kind], missed[kind])
        assert right[kind] >= 0.90 * (right[kind] + wrong[kind]), (kind, right[kind], wrong[kind])


@pytest.mark.parametrize("text", [
    "a@" * 50_000, "a." * 50_000 + "@", "+1" + " 2" * 50_000, "DE89" + " 3704" * 20_000, "4" * 100_000,
    "password:" * 10_000, "eyJ" * 30_000, "-----BEGIN PRIVATE KEY-----" * 3_000, "x://a:" * 20_000, "(0" * 50_000,
    "a" * 100_000, "1-" * 50_000, "api key is " * 10_000,
])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    find_private(text)
    assert time.process_time() - began < 5  # linear: 0.1 s; anything square would take minutes


def test_checksums() -> None:
    assert is_iban("DE89 3704 0044 0532 0130 00") and is_iban("GB82WEST12345698765432")
    assert not is_iban("DE88370400440532013000") and not is_iban("DE8937040044053201300") and not is_iban("XX89")
    assert is_card("4111 1111 1111 1111") is False  # two digits only: nobody has such a card, and tests do
    assert is_card("4532015112830366") and is_card("371449635398431") and not is_card("4532015112830367")


def test_redacted_text_keeps_the_rest() -> None:
    text, counts = redacted("Mail anna@example.org, pay DE89 3704 0044 0532 0130 00, call +49 30 90182070.")
    assert text == "Mail [email], pay [iban], call [phone]."
    assert counts == {"email": 1, "iban": 1, "phone": 1}
    assert redacted("anna@example.org", ["phone"]) == ("anna@example.org", Counter())
    assert redacted('api_key = "q8ZpW2xk1LmN"')[0] == 'api_key = "[secret]"'
    assert redacted("postgres://me:hunter42x@db/x")[0] == "postgres://me:[secret]@db/x"
