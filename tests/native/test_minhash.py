"""MinHash of Arrow columns: equal to plain Python to the last bit, for any text, slice and null."""

import os
import subprocess
import sys
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.native import _fallback, _kernels
from rushlight.trainer.data import plain_shingles
from rushlight.trainer.data.columns import Column, text_column

_WORDS = [
    "the",
    "The",
    "ÉCOLE",
    "école",
    "Straße",
    "İstanbul",
    "ΣΊΣΥΦΟΣ",
    "ǅ",
    "漢字",
    "x" * 23,
    "\u1e9e",
    "\U0001e900",
    "0",
    *("Abcdefghijklmnopqrst"[:n] for n in (7, 8, 9, 15, 16, 17)),  # around what is read at once
    "c\x01d",
    "c\x00d",
    "\x7f",
]
_SPACES = [" ", "\t\n", "\u00a0", "\u3000", "\x1c", "\u2028", "  "]


def _signatures(
    column: Column, n_units: int, by_char: bool, n_permutations: int, seed: int = 1, n_threads: int = 1
) -> tuple[Any, Any]:
    rows, prints = np.empty((column.n, n_permutations), np.uint32), np.empty(column.n, np.uint64)
    assert _kernels.minhash_texts(
        column.offsets, column.data, column.validity, column.first, n_units, by_char, seed, rows, prints, n_threads
    )
    return rows, prints


def _check(texts: list[bytes | None], n_units: int, by_char: bool, n_permutations: int, seed: int) -> None:
    rows, prints = _signatures(text_column(texts), n_units, by_char, n_permutations, seed, 2)
    for i, text in enumerate(texts):
        found = [] if text is None else plain_shingles.shingles(text, n_units, by_char, seed)
        row, fingerprint = plain_shingles.signature(found, n_permutations, seed)
        assert np.array_equal(rows[i], row), text
        assert prints[i] == fingerprint


def test_lower_case_and_white_space_are_pythons() -> None:
    """Every code point, alone as a shingle of one character between two letters."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts: list[bytes | str | None] = [f"a{chr(code)}b" for code in codes]
    made, _ = _signatures(text_column(texts), 3, True, 16)
    plain, _ = _signatures(text_column([" ".join(f"a{plain_shingles.lowered(chr(code))}b".split()) for code in codes]),
                           3, True, 16)  # fmt: skip
    newer = [code for code, same in zip(codes, (made == plain).all(1), strict=True) if not same]
    assert not newer, [f"{code:x} {unicodedata.name(chr(code), '?')}" for code in newer[:9]]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.none() | st.binary(max_size=60) | st.text(max_size=60).map(str.encode)
        | st.lists(st.sampled_from(_WORDS + _SPACES), max_size=24).map(lambda parts: "".join(parts).encode()),
        min_size=1, max_size=6,
    ),
    st.integers(1, 7), st.booleans(), st.sampled_from([16, 48, 128, 160]), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_any_texts_equal_plain_python(
    texts: list[bytes | None], n_units: int, by_char: bool, n_permutations: int, seed: int
) -> None:
    _check(texts, n_units, by_char, n_permutations, seed)


@pytest.mark.parametrize("path", ["scalar", "avx2", "avx512"])
def test_every_instruction_set_gives_the_same(path: str) -> None:
    program = (
        "import sys, numpy as np, rushlight.native as n\n"
        "if n.cpu_path() != sys.argv[1]: raise SystemExit('elsewhere')\n"
        "text = ' '.join(str(i * 7919 % 4001) for i in range(3000)).encode()\n"
        "rows, prints = np.empty((1, 208), np.uint32), np.empty(1, np.uint64)\n"
        "n.minhash_texts(np.array([0, len(text)]), text, None, 0, 5, False, 9, rows, prints)\n"
        "print(rows.tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", program, path], env=os.environ | {"RUSHLIGHT_CPU": path},
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    if done.returncode != 0:
        assert "RUSHLIGHT_CPU" in done.stderr  # this processor has it not, and says so
        pytest.skip(f"this processor has no {path}")
    text = " ".join(str(i * 7919 % 4001) for i in range(3000)).encode()
    row, _ = plain_shingles.signature(plain_shingles.shingles(text, 5, False, 9), 208, 9)
    assert done.stdout.strip() == row.tobytes().hex()


def test_slices_nulls_and_both_widths_of_offsets() -> None:
    texts: list[str | bytes | None] = ["zero", "one two three", None, "", "four five", "six"]
    whole = text_column(texts)
    rows, prints = _signatures(whole, 2, False, 32)
    assert prints[2] == prints[3] == 0 and (rows[2] == plain_shingles.NO_SHINGLE).all()
    for first in range(len(texts)):
        for n in range(len(texts) - first + 1):
            for kind in (np.int32, np.int64):
                part = Column(whole.offsets.astype(kind), whole.data, whole.validity, first, n)
                some, their = _signatures(part, 2, False, 32)
                assert np.array_equal(some, rows[first : first + n])
                assert np.array_equal(their, prints[first : first + n])


def test_a_share_of_equal_values_is_the_likeness() -> None:
    """Unbiased, within four standard deviations over 64 pairs of every likeness."""
    random = np.random.default_rng(3)
    for shared in (10, 50, 90):
        estimates = []
        for _ in range(64):
            numbers = random.choice(10**9, 200 - shared, replace=False)
            left, right = numbers[:100], np.concatenate([numbers[:shared], numbers[100:]])
            pair: list[str | bytes | None] = [" ".join(map(str, left)), " ".join(map(str, right))]
            rows, _ = _signatures(text_column(pair), 1, False, 128)
            estimates.append(float((rows[0] == rows[1]).mean()))
        likeness = shared / (200 - shared)
        assert abs(np.mean(estimates) - likeness) < 4 * (likeness * (1 - likeness) / 128 / 64) ** 0.5


def test_wrong_buffers_are_refused() -> None:
    offsets, data = np.array([0, 3, 5], np.int64), np.frombuffer(b"abcde", np.uint8)
    rows, prints = np.empty((2, 16), np.uint32), np.empty(2, np.uint64)

    def call(**changes: Any) -> None:
        said: dict[str, Any] = {"offsets": offsets, "data": data, "validity": None, "first": 0, "n_units": 5,
                                "by_char": False, "seed": 1, "signatures": rows, "fingerprints": prints}  # fmt: skip
        _kernels.minhash_texts(**(said | changes))

    call()
    for wrong in ([0, 3, 6], [-1, 3, 5], [0, 4, 3], [0, 2**62, 5]):
        with pytest.raises(ValueError, match="offsets"):
            call(offsets=np.array(wrong, np.int64))
    with pytest.raises(ValueError, match="offsets must have"):
        call(first=1)
    with pytest.raises(ValueError, match="first"):
        call(first=-1)
    with pytest.raises(ValueError, match="validity"):
        call(validity=b"")
    with pytest.raises(ValueError, match="n_units"):
        call(n_units=0)
    with pytest.raises(ValueError, match="signatures"):
        call(signatures=np.empty((2, 15), np.uint32))
    with pytest.raises(TypeError, match="offsets"):
        call(offsets=offsets.astype(np.float64))
    with pytest.raises(TypeError, match="fingerprints"):
        call(fingerprints=prints.astype(np.int32))
    with pytest.raises(BufferError):
        call(signatures=rows.tobytes())
    assert _fallback.minhash_texts(offsets, data, None, 0, 5, False, 1, rows, prints) is False
