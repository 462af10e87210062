"""Examples laid out in rows without padding, each seeing only itself and the beginning it shares with others.

    row        p p p p  a a a  b b b b  c c       p: a beginning that a, b and c share, computed once
    position   0 1 2 3  4 5 6  4 5 6 7  0 1       each example counts on from its own beginning
    sees       itself   p,itself p,itself itself  (and within itself only what came before)

Packing changes how fast a step is and nothing else: losses and gradients are those of the examples one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rushlight.trainer.data.masks import Ids, Tokens

_LEAST_SHARED: Final = 8  # tokens: a shorter beginning is not worth a piece of its own


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens in a row; `parent` is the number of the segment it continues, -1 where it begins."""

    start: int
    stop: int
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Pack:
    """One row for the model. `targets[i]` is to be predicted at `places[i]`, for example number `owners[i]`."""

    ids: Ids
    positions: Ids
    segments: tuple[Segment, ...]
    places: Ids
    targets: Ids
    owners: Ids  # indices into the examples that were packed
    n_read: int  # tokens of the examples, each counted whole

    @property
    def n_tokens(self) -> int:
        return len(self.ids)

    @property
    def n_targets(self) -> int:
        return len(self.targets)


def padded(pack: Pack, multiple: int) -> Pack:
    """The row with tokens at its end that nobody sees and nothing is predicted from, so that its length is a multiple:
    where computing a row of a new length costs more than a few tokens."""
    n_more = -pack.n_tokens % multiple
    if not n_more:
        return pack
    end = Segment(pack.n_tokens, pack.n_tokens + n_more)
    return replace(
        pack, ids=np.concatenate([pack.ids, np.zeros(n_more, pack.ids.dtype)]),
        positions=np.concatenate([pack.positions, np.arange(n_more, dtype=pack.positions.dtype)]),
        segments=(*pack.segments, end),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Group:
    """Examples that share their first `n_shared` tokens; one alone shares none."""

    members: tuple[int, ...]
    n_shared: int
    n_tokens: int


def make_packs(examples: Sequence[Tokens], row_tokens: int, *, share: bool = True) -> list[Pack]:
    """The examples in rows of at most `row_tokens` tokens; a longer example gets a row of its own. Those without a
    trained token are left out: they would change nothing."""
    numbers = [i for i, one in enumerate(examples) if one.n_trained]
    groups = _groups(examples, numbers, row_tokens) if share else [_alone(examples, i) for i in numbers]
    rows: list[list[_Group]] = []
    room: list[int] = []
    for group in sorted(groups, key=lambda one: (-one.n_tokens, one.members)):
        fits = [i for i, left in enumerate(room) if left >= group.n_tokens]
        if fits:
            best = min(fits, key=lambda i: (room[i], i))
            rows[best].append(group)
            room[best] -= group.n_tokens
        else:
            rows.append([group])
            room.append(row_tokens - group.n_tokens)
    return [_pack(examples, row) for row in rows]


def _alone(examples: Sequence[Tokens], number: int) -> _Group:
    return _Group((number,), 0, len(examples[number].ids))


def _groups(examples: Sequence[Tokens], numbers: Sequence[int], row_tokens: int) -> list[_Group]:
    """Examples with the same beginning together, as long as what is saved grows with each that joins."""
    ordered = sorted(numbers, key=lambda i: (examples[i].ids.tolist(), i))
    found: list[_Group] = []
    members: list[int] = []
    shared = total = 0
    for number in ordered:
        one = examples[number]
        can = _sharable(one)
        if members:
            common = min(shared, can, _common(examples[members[0]].ids, one.ids))
            saved, before = common * len(members), shared * (len(members) - 1)
            size = total + len(one.ids) - common * len(members)
            if common >= _LEAST_SHARED and saved > before and size <= row_tokens:
                members.append(number)
                total += len(one.ids)
                shared = common
                continue
            found.append(_closed(members, shared, total))
        members, shared, total = [number], can, len(one.ids)
    if members:
        found.append(_closed(members, shared, total))
    return found


def _closed(members: Sequence[int], shared: int, total: int) -> _Group:
    if len(members) == 1:
        return _Group(tuple(members), 0, total)
    return _Group(tuple(members), shared, total - shared * (len(members) - 1))


def _sharable(one: Tokens) -> int:
    """How much of the beginning is only read: up to the first trained token."""
    return int(np.argmax(one.trained)) if one.trained.any() else len(one.ids)


def _common(a: Ids, b: Ids) -> int:
    n = min(len(a), len(b))
    differs = np.flatnonzero(a[:n] != b[:n])
    return int(differs[0]) if len(differs) else n


def _pack(examples: Sequence[Tokens], groups: Sequence[_Group]) -> Pack:
    ids: list[Ids] = []
    positions: list[Ids] = []
    segments: list[Segment] = []
    places: list[Ids] = []
    targets: list[Ids] = []
    owners: list[Ids] = []
    at = 0

    def lay(piece: Ids, first: int, parent: int) -> int:
        nonlocal at
        ids.append(piece)
        positions.append(np.arange(first, first + len(piece)))
        segments.append(Segment(at, at + len(piece), parent))
        at += len(piece)
        return at - len(piece)

    for group in groups:
        shared, parent, base = group.n_shared, -1, 0
        if shared:
            base = lay(examples[group.members[0]].ids[:shared], 0, -1)
            parent = len(segments) - 1
        for number in group.members:
            one = examples[number]
            start = lay(one.ids[shared:], shared, parent)
            wanted = np.flatnonzero(one.trained[1:]) + 1  # what is predicted, in the example's own counting
            before = wanted - 1
            places.append(np.where(before >= shared, start + before - shared, base + before))
            targets.append(one.ids[wanted])
            owners.append(np.full(len(wanted), number))
    return Pack(
        np.concatenate(ids), np.concatenate(positions), tuple(segments), np.concatenate(places),
        np.concatenate(targets), np.concatenate(owners),
        sum(len(examples[number].ids) for group in groups for number in group.members),
    )  # fmt: skip
