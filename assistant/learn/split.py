"""Which examples mean the same, and which of them are held out. Knows texts and numbers; stores nothing.

A meaning is given (the skeleton of a query) or made of the words of the prompt. Those alike form a cluster, and a
cluster lies on one side as a whole: a paraphrase of what was learned proves nothing.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from rushlight.assistant.learn.example import Draft

_WORD = re.compile(r"[^\W_]+")
_ALIKE = 0.62  # cosine of words and pairs of words, rare ones heavier
_BLOCK = 512


def clusters_of(drafts: Sequence[Draft]) -> list[str]:
    """The name of the cluster of each example; the same for the same set of meanings."""
    given = [one.meaning for one in drafts]
    texts = sorted({_plain(one.asked) for one, meaning in zip(drafts, given, strict=True) if not meaning})
    names = dict(zip(texts, _alike(texts), strict=True))
    return [
        _name("meaning", meaning) if meaning else _name("text", names[_plain(one.asked)])
        for one, meaning in zip(drafts, given, strict=True)
    ]


def held_out_clusters(clusters: Sequence[str], *, share: float, most: int, seed: int = 0) -> frozenset[str]:
    """The clusters that are held out: drawn by their names, until they hold `share` of the examples or `most`."""
    sizes: dict[str, int] = {}
    for cluster in clusters:
        sizes[cluster] = sizes.get(cluster, 0) + 1
    wanted = min(most, round(share * len(clusters)))
    if wanted < 1 and len(sizes) > 1:
        wanted = 1
    drawn: set[str] = set()
    n = 0
    for cluster in sorted(sizes, key=lambda name: _name(str(seed), name)):
        if n >= wanted:
            break
        # A cluster of a third of all examples would leave little to learn from.
        if n + sizes[cluster] <= max(wanted * 1.5, 1) and sizes[cluster] < len(clusters):
            drawn.add(cluster)
            n += sizes[cluster]
    return frozenset(drawn)


def _name(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "replace")).hexdigest()[:16]


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))[:4_000]


def _alike(texts: Sequence[str]) -> list[str]:
    """The first text of each one's cluster: texts that are alike, or alike to one that is."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    vectors = _vectors(texts)
    for start in range(0, len(texts), _BLOCK):
        near = vectors[start : start + _BLOCK] @ vectors.T
        for i, j in zip(*np.nonzero(near >= _ALIKE), strict=True):
            a, b = root(start + int(i)), root(int(j))
            if a != b:
                parent[max(a, b)] = min(a, b)
    return [texts[root(i)] for i in range(len(texts))]


def _vectors(texts: Sequence[str]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Words and pairs of words hashed into 4096 places, weighed by how rare they are, of length one."""
    size = 4096
    made = np.zeros((len(texts), size), np.float32)
    for i, text in enumerate(texts):
        words = text.split()
        for feature in [*words, *(f"{a} {b}" for a, b in pairwise(words))]:
            place = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=4).digest()) % size
            made[i, place] += 1.0
    within = (made > 0).sum(axis=0)
    made *= np.log(1.0 + (1 + len(texts)) / (0.5 + within)).astype(np.float32)
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.maximum(length, 1e-9), np.float32)
