"""Which examples mean the same, and which of them are held out. Knows texts and numbers; stores nothing.

A meaning is given (the skeleton of a query) or made of the words of the prompt. Those alike form a cluster, and a
cluster lies on one side as a whole: a paraphrase of what was learned proves nothing.
"""

import hashlib
import re
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from rushlight.assistant.learn.example import Draft

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD = re.compile(r"[^\W_]+")
_ALIKE = 0.62  # cosine of words and pairs of words, rare ones heavier
_SIZE: Final = 4096  # places
_BLOCK: Final = 4096  # texts that are held against one at once
_NOTHING: Final = np.zeros(0, np.int64)


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

    rows = _Rows(texts)
    among: dict[int, array[int]] = {}  # by place: the texts before, of whose prefix it is
    for i in range(len(texts)):
        prefix = rows.prefix(i)
        found = [np.frombuffer(among[place], np.int32) for place in prefix if place in among]
        if found:
            before = np.unique(np.concatenate(found))
            for j in before[rows.cosines(i, before) >= _ALIKE].tolist():
                a, b = root(i), root(j)
                if a != b:
                    parent[max(a, b)] = min(a, b)
        del found  # an array that is looked at cannot grow
        for place in prefix:
            among.setdefault(place, array("i")).append(i)
    return [texts[root(i)] for i in range(len(texts))]


class _Rows:
    """Words and pairs of words hashed into 4096 places, weighed by how rare they are; vectors of length one, of which
    only what is not 0 is held."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [_counted(text) for text in texts]
        within = np.bincount(np.concatenate([places for places, _ in counted] or [_NOTHING]), minlength=_SIZE)
        rarity = np.log(1.0 + (1 + len(texts)) / (0.5 + within)).astype(np.float32)
        order = np.argsort(within, kind="stable")
        rank = np.empty(_SIZE, np.int64)
        rank[order] = np.arange(_SIZE)
        self._places: list[NDArray[np.int64]] = []  # of each text, the rarest first
        self._weights: list[NDArray[np.float32]] = []
        for places, counts in counted:
            by_rank = np.argsort(rank[places])
            places, weights = places[by_rank], counts[by_rank] * rarity[places[by_rank]]
            self._places.append(places)
            self._weights.append(np.asarray(weights / max(float(np.linalg.norm(weights)), 1e-9), np.float32))
        self._starts = np.concatenate([[0], np.cumsum([len(one) for one in self._places])]).astype(np.int64)
        self._all_places = np.concatenate([*self._places, _NOTHING])
        self._all_weights = np.concatenate([*self._weights, np.zeros(0, np.float32)])
        self._dense = np.zeros(_SIZE, np.float32)

    def prefix(self, i: int) -> list[int]:
        """Its rarest places, as many as leave a vector shorter than `_ALIKE` behind them: with a text whose prefix has
        none of them its cosine is less (the prefix filter of Bayardo, Ma and Srikant, WWW 2007)."""
        left = np.sqrt(np.cumsum(self._weights[i][::-1] ** 2)[::-1])  # the length of what begins at each place
        return [int(place) for place in self._places[i][left >= _ALIKE - 1e-5]]

    def cosines(self, i: int, others: "NDArray[np.int32]") -> "NDArray[np.float32]":
        """With each of the others. Shape (len(others),)."""
        self._dense[self._places[i]] = self._weights[i]
        made = np.concatenate([self._part(others[at : at + _BLOCK]) for at in range(0, len(others), _BLOCK)])
        self._dense[self._places[i]] = 0.0
        return made

    def _part(self, others: "NDArray[np.int32]") -> "NDArray[np.float32]":
        starts, ends = self._starts[others], self._starts[others + 1]
        lengths = ends - starts
        offsets = np.cumsum(lengths) - lengths
        at = np.arange(int(lengths.sum())) + np.repeat(starts - offsets, lengths)
        products = self._all_weights[at] * self._dense[self._all_places[at]]
        return np.add.reduceat(products, offsets).astype(np.float32)


def _counted(text: str) -> "tuple[NDArray[np.int64], NDArray[np.float32]]":
    """(places, how often): of each word and each pair of words that follow each other."""
    words = text.split()
    features = [*words, *(f"{a} {b}" for a, b in pairwise(words))]
    hashed = [
        int.from_bytes(hashlib.blake2b(one.encode("utf-8", "replace"), digest_size=4).digest()) % _SIZE
        for one in features
    ]
    places, counts = np.unique(np.asarray(hashed, np.int64), return_counts=True)
    return places, counts.astype(np.float32)
