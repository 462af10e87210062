"""Units of examples laid out in rows as trees: whatever beginning they share is computed once, at every depth.

    row     s s s  p p p  a a a  b b  q q  c c c  d d     s: a system prompt of both pairs; p, q: the questions
    parent         s      p      p    s    q      q       a, b and c, d: the answers of each pair

A unit, such as the two answers of a pair, is never parted: its loss needs all of it. As in `pack`, nothing changes but
the speed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rushlight.trainer.data.masks import Ids, Tokens
from rushlight.trainer.data.pack import Pack, Segment

_LEAST_SHARED: Final = 8  # tokens: a shorter beginning is not worth a piece of its own


@dataclass(frozen=True, slots=True)
class _Sequence:
    """An example on its way into a row, and the place of each of its tokens there."""

    tokens: Tokens
    places: Ids

    @property
    def key(self) -> bytes:
        return self.tokens.ids.astype(">u4").tobytes()  # sorts as the ids do


_Piece = tuple[Sequence[_Sequence], int, int, int]  # the sequences that share tokens from ... to, and their parent


def make_tree_packs(
    units: Sequence[Sequence[Tokens]], row_tokens: int, *, share: bool = True
) -> list[tuple[Pack, tuple[int, ...]]]:
    """Rows of at most `row_tokens` tokens, each with the numbers of its units; a larger unit gets a row of its own.
    `owners` count the examples of a row in the order of its units."""
    chunks = _chunks(units, row_tokens) if share else [[number] for number in range(len(units))]
    sizes = [_n_tokens([one for number in chunk for one in units[number]], share) for chunk in chunks]
    rows: list[list[int]] = []
    room: list[int] = []
    for i in sorted(range(len(chunks)), key=lambda i: (-sizes[i], chunks[i])):
        fits = [row for row, left in enumerate(room) if left >= sizes[i]]
        if fits:
            best = min(fits, key=lambda row: (room[row], row))
            rows[best] += chunks[i]
            room[best] -= sizes[i]
        else:
            rows.append(list(chunks[i]))
            room.append(row_tokens - sizes[i])
    return [(_pack([one for number in row for one in units[number]], share), tuple(row)) for row in rows]


def _chunks(units: Sequence[Sequence[Tokens]], row_tokens: int) -> list[list[int]]:
    """Units that begin alike together, as many as a row holds."""
    found: list[list[int]] = []
    ordered = sorted(range(len(units)), key=lambda i: (units[i][0].ids.astype(">u4").tobytes(), i))
    for number in ordered:
        before = units[found[-1][-1]][0] if found else None
        if before is not None and _common(before, units[number][0]) >= _LEAST_SHARED:
            together = [one for i in (*found[-1], number) for one in units[i]]
            if _n_tokens(together, share=True) <= row_tokens:
                found[-1].append(number)
                continue
        found.append([number])
    return found


def _n_tokens(examples: Sequence[Tokens], share: bool) -> int:
    count = 0

    def lay(piece: _Piece) -> int:
        nonlocal count
        count += piece[2] - piece[1]
        return 0

    _tree(_sorted(examples), 0, -1, lay, share)
    return count


def _pack(examples: Sequence[Tokens], share: bool) -> Pack:
    ids: list[Ids] = []
    positions: list[Ids] = []
    segments: list[Segment] = []

    def lay(piece: _Piece) -> int:
        sequences, start, stop, parent = piece
        at = segments[-1].stop if segments else 0
        ids.append(sequences[0].tokens.ids[start:stop])
        positions.append(np.arange(start, stop))
        segments.append(Segment(at, at + stop - start, parent))
        for one in sequences:
            one.places[start:stop] = np.arange(at, at + stop - start)
        return len(segments) - 1

    found = [_Sequence(one, np.zeros(len(one.ids), np.int64)) for one in examples]
    _tree(sorted(found, key=lambda one: one.key), 0, -1, lay, share)
    wanted = [np.flatnonzero(one.trained[1:]) + 1 for one in examples]
    return Pack(
        np.concatenate(ids), np.concatenate(positions), tuple(segments),
        np.concatenate([one.places[targets - 1] for one, targets in zip(found, wanted, strict=True)]),
        np.concatenate([one.ids[targets] for one, targets in zip(examples, wanted, strict=True)]),
        np.concatenate([np.full(len(targets), number) for number, targets in enumerate(wanted)]),
        sum(len(one.ids) for one in examples),
    )  # fmt: skip


def _sorted(examples: Sequence[Tokens]) -> list[_Sequence]:
    return sorted((_Sequence(one, one.ids) for one in examples), key=lambda one: one.key)


def _tree(sequences: Sequence[_Sequence], depth: int, parent: int, lay: Callable[[_Piece], int], share: bool) -> None:
    """Lay out sequences, sorted, of which the first `depth` tokens lie in `parent` and before."""
    for run, common in _runs(sequences, depth + _LEAST_SHARED if share else -1):
        if len(run) == 1:
            lay((run, depth, len(run[0].tokens.ids), parent))
        else:
            _tree(run, common, lay((run, depth, common, parent)), lay, share)


def _runs(sequences: Sequence[_Sequence], least: int) -> Iterator[tuple[Sequence[_Sequence], int]]:
    """Neighbours that have at least `least` tokens in common, and how many they all have; -1 parts them all."""
    start, common = 0, -1
    for i in range(1, len(sequences) + 1):
        shared = _common(sequences[i - 1].tokens, sequences[i].tokens) if i < len(sequences) and least >= 0 else -1
        if shared < least or shared < 0:
            yield sequences[start:i], common
            start, common = i, -1
        else:
            common = shared if common < 0 else min(common, shared)


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens two examples begin with in common; each keeps a last one of its own."""
    n = min(len(one.ids), len(other.ids)) - 1
    differs = np.flatnonzero(one.ids[:n] != other.ids[:n])
    return int(differs[0]) if len(differs) else n
