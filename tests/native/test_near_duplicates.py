"""Clusters of near-duplicates: equal to plain Python, and to the exact Jaccard similarity of every pair."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from rushlight.native import _fallback, _kernels
from rushlight.trainer.data import plain_shingles
from rushlight.trainer.data.columns import text_column
from rushlight.trainer.data.near_duplicates import Likeness, find_clusters, find_pairs

_VOCABULARY = [f"w{i}" for i in range(3000)]


def _corpus(n: int, seed: int) -> list[str | bytes | None]:
    """Texts, a third of them copies of earlier ones with a few to many words changed."""
    random = np.random.default_rng(seed)
    texts: list[list[str]] = []
    for _ in range(n):
        if texts and random.random() < 0.35:
            words = list(texts[int(random.integers(len(texts)))])
            for _ in range(int(random.integers(0, 1 + len(words) // 10))):
                words[int(random.integers(len(words)))] = str(random.choice(_VOCABULARY))
        else:
            words = random.choice(_VOCABULARY, int(random.integers(1, 120))).tolist()
        texts.append(words)
    return [" ".join(words) for words in texts]


def _exact_pairs(texts: list[str | bytes | None], likeness: Likeness) -> set[tuple[int, int]]:
    """By an index from shingles to texts: every pair that shares one is compared."""
    sets = [set(plain_shingles.shingles(str(text).encode(), likeness.n_units, likeness.by_char, likeness.seed))
            for text in texts]  # fmt: skip
    holders: dict[int, list[int]] = {}
    for i, one in enumerate(sets):
        for shingle in one:
            holders.setdefault(shingle, []).append(i)
    found, seen = set(), set()
    for i, one in enumerate(sets):
        for shingle in one:
            for j in holders[shingle]:
                if j < i and (j, i) not in seen:
                    seen.add((j, i))
                    if plain_shingles.jaccard(sets[j], sets[i]) >= likeness.threshold:
                        found.add((j, i))
    return found


def test_no_texts_have_no_clusters() -> None:
    for columns in ([], [text_column([])], [text_column([]), text_column([])]):
        assert find_clusters(columns).shape == (0,) and find_pairs(columns).shape == (0, 2)


@pytest.mark.parametrize("seed", range(6))
def test_clusters_and_pairs_equal_plain_python(seed: int) -> None:
    texts = [*_corpus(120, seed), None, "", " \n", "one", "ONE"]
    for threshold, n_permutations, n_bands, n_units, by_char in (
        (0.7, 128, 32, 3, False), (0.5, 64, 16, 1, False), (0.9, 32, 8, 9, True), (1.0, 16, 4, 5, False),
    ):  # fmt: skip
        likeness = Likeness(threshold, n_units, by_char, n_permutations, n_bands, seed)
        raw = [None if text is None else str(text).encode() for text in texts]
        labels, pairs = plain_shingles.plain_clusters(raw, n_permutations, n_bands, n_units, by_char, seed, threshold)
        columns = [text_column(texts[:50]), text_column(texts[50:51]), text_column([]), text_column(texts[51:])]
        found = {(int(a), int(b)) for a, b in find_pairs(columns, likeness)}
        missed = pairs ^ found  # only what the signatures misjudge by four standard deviations
        assert len(missed) <= len(pairs) // 100
        for n_threads in (1, 3):
            made = find_clusters(columns, likeness, n_threads=n_threads)
            assert np.array_equal(made, labels) or missed


@pytest.mark.parametrize("n", [800, pytest.param(5000, marks=pytest.mark.slow)])
def test_pairs_are_those_of_the_exact_likeness(n: int) -> None:
    """Recall and precision of pairs at least 0.95 against every pair of the sample."""
    texts = _corpus(n, 11)
    likeness = Likeness(0.8, 3)
    expected, found = (
        _exact_pairs(texts, likeness),
        {(int(a), int(b)) for a, b in find_pairs([text_column(texts)], likeness)},
    )
    assert len(expected) > n // 20
    assert len(found & expected) >= 0.95 * max(len(expected), len(found))
    labels = plain_shingles.united(n, expected)
    assert (find_clusters([text_column(texts)], likeness) == labels).mean() >= 0.95


def test_many_equal_texts_take_no_square_of_time() -> None:
    texts: list[str | bytes | None] = ["all work and no play makes jack a dull boy"] * 200_000
    assert not find_clusters([text_column(texts)]).any()


def test_a_stop_is_seen_while_the_kernel_works() -> None:
    """Texts that share a band and are not alike: the most that there is to compare."""
    random = np.random.default_rng(5)
    common = " ".join(f"c{i}" for i in range(60))
    texts: list[str | bytes | None] = [
        common + " " + " ".join(map(str, random.integers(0, 10**9, 40))) for _ in range(6000)
    ]
    column = text_column(texts)
    rows, prints = np.empty((6000, 64), np.uint32), np.empty(6000, np.uint64)
    _kernels.minhash_texts(column.offsets, column.data, None, 0, 1, False, 1, rows, prints, 2)
    flag, labels = bytearray(1), np.empty(6000, np.int64)
    timer = threading.Timer(0.2, lambda: flag.__setitem__(0, 1))
    began = time.monotonic()
    timer.start()
    whole = (column.offsets, column.data, None, 0, 6000)
    found = _kernels.cluster_texts([whole], rows, prints, 32, 1, False, 1, 0.6, True, flag, labels)
    timer.join()
    assert found is None and time.monotonic() - began < 20


def test_wrong_arguments_are_refused() -> None:
    column = text_column(["a b c d e f", "x"])
    whole = (column.offsets, column.data, None, 0, 2)
    rows, prints = np.zeros((2, 16), np.uint32), np.ones(2, np.uint64)

    def call(**changes: Any) -> Any:
        said: dict[str, Any] = {
            "columns": [whole], "signatures": rows, "fingerprints": prints, "n_bands": 4, "n_units": 5,
            "by_char": False, "seed": 1, "threshold": 0.5, "wants_pairs": False, "stop": bytearray(1),
            "labels": np.empty(2, np.int64),
        }  # fmt: skip
        return _kernels.cluster_texts(**(said | changes))

    assert call() == b""
    for changes in ({"n_bands": 5}, {"n_bands": 0}, {"threshold": 0.0}, {"threshold": float("nan")}, {"columns": []},
                    {"labels": np.empty(3, np.int64)}, {"stop": bytearray(2)}, {"n_threads": 0},
                    {"columns": [(column.offsets, column.data, None, 1, 2)]}, {"columns": [whole[:4]]}):  # fmt: skip
        with pytest.raises(ValueError, match=r"must"):
            call(**changes)
    assert _fallback.cluster_texts([whole], rows, prints, 4, 5, False, 1, 0.5, False, bytearray(1), rows) is None
