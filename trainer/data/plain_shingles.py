"""Shingles, MinHash and clusters in plain Python and numpy: what the compiled kernels are tested against.

The definitions, which the kernels share bit for bit:

- The text is decoded as UTF-8, wrong bytes being U+FFFD, and each character put into lower case where its lower case
  is a single character.
- White space is what `str.split()` takes for it. Units are the words between, or the characters of the words with one
  space between two of them.
- A unit has a 64-bit hash. A shingle is `n_units` units in a row; its hash is a polynomial of theirs. A text with fewer
  units is one shingle; one with none has no shingle and is nobody's duplicate.
- MinHash (Broder 1997): permutation j of the upper half x of a shingle's hash is (factor_j * x + addend_j) mod 2^32.
- Bands of the signature find candidates (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4). They are a
  pair if the Jaccard similarity of the two sets of shingles is at least the threshold.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

NO_SHINGLE = 0xFFFFFFFF
_MASK = (1 << 64) - 1
_BASE, _FACTOR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


def lowered(text: str) -> str:
    """In lower case, each character by itself."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def mixed(value: int) -> int:
    """splitmix64's finish."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def units(text: str, by_char: bool, seed: int) -> list[int]:
    """The hash of every word or character."""
    words = lowered(text).split()
    if not by_char:
        return [_word_hash(word.encode("utf-8", "surrogatepass"), seed) for word in words]
    found = []
    for char in " ".join(words):
        value = (seed ^ ord(char)) * _FACTOR & _MASK
        found.append(value ^ (value >> 32))
    return found


def _word_hash(word: bytes, seed: int) -> int:
    value = seed ^ (len(word) * _FACTOR & _MASK)
    for at in range(0, len(word), 8):
        value = (value ^ int.from_bytes(word[at : at + 8], "little")) * _FACTOR & _MASK
        value ^= value >> 32
    return value


def shingles(text: bytes, n_units: int, by_char: bool, seed: int) -> list[int]:
    """The hash of every shingle, in order."""
    found = units(text.decode("utf-8", "replace"), by_char, seed)
    n = min(n_units, len(found))
    made = []
    for first in range(len(found) - n + 1 if n else 0):
        value = 0
        for unit in found[first : first + n]:
            value = (value * _BASE + unit) & _MASK
        made.append(mixed((value + n) & _MASK))
    return made


def signature(found: Sequence[int], n_permutations: int, seed: int) -> tuple[npt.NDArray[np.uint32], int]:
    """The smallest values, and the fingerprint: 0 where there is no shingle."""
    drawn = [mixed((seed + (j + 1) * _BASE) & _MASK) for j in range(n_permutations)]
    factors = np.array([one & 0xFFFFFFFF | 1 for one in drawn], np.uint32)
    addends = np.array([one >> 32 for one in drawn], np.uint32)
    mins = np.full(n_permutations, NO_SHINGLE, np.uint32)
    fingerprint = len(found)
    for one in found:
        mins = np.minimum(mins, np.uint32(one >> 32) * factors + addends)
        fingerprint = (fingerprint ^ one) * _BASE & _MASK
        fingerprint ^= fingerprint >> 32
    return mins, max(fingerprint, 1) if found else 0


def jaccard(a: set[int], b: set[int]) -> float:
    """The shared part of two sets."""
    return len(a & b) / len(a | b) if a or b else 0.0


def candidates(signatures: npt.NDArray[np.uint32], has_shingles: Sequence[bool], n_bands: int) -> set[tuple[int, int]]:
    """Pairs of rows that are equal in a band."""
    n_rows = signatures.shape[1] // n_bands
    found = set()
    for band in range(n_bands):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for i, row in enumerate(signatures):
            if has_shingles[i]:
                buckets[row[band * n_rows : (band + 1) * n_rows].tobytes()].append(i)
        for bucket in buckets.values():
            found |= {(a, b) for at, b in enumerate(bucket) for a in bucket[:at]}
    return found


def plain_clusters(
    texts: Sequence[bytes | None],
    n_permutations: int,
    n_bands: int,
    n_units: int,
    by_char: bool,
    seed: int,
    threshold: float,
) -> tuple[npt.NDArray[np.int64], set[tuple[int, int]]]:
    """The lowest number in each text's cluster, and the pairs. Without the kernels' shortcut:
    for them signatures decide that are equal in four standard deviations more, or fewer, places than expected."""
    hashes = [[] if text is None else shingles(text, n_units, by_char, seed) for text in texts]
    rows: list[Any] = [signature(one, n_permutations, seed)[0] for one in hashes]
    signatures = np.array(rows, np.uint32).reshape(len(texts), n_permutations)
    sets = [set(one) for one in hashes]
    pairs = {
        (a, b)
        for a, b in candidates(signatures, [bool(one) for one in sets], n_bands)
        if jaccard(sets[a], sets[b]) >= threshold
    }
    return united(len(texts), pairs), pairs


def united(n: int, pairs: set[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """The lowest number that each is connected with."""
    parents = list(range(n))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parents[high] = low
    return np.array([root(i) for i in range(n)], np.int64)
