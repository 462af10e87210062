"""The n-gram index: what it finds, that undoing leaves no trace, and that both implementations agree."""

import array
import ctypes
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.native import _fallback, _kernels


def test_longest_suffix_decides_and_most_recent_occurrence_wins(kernels: ModuleType) -> None:
    index = kernels.NgramIndex(max_ngram=3)
    index.extend([1, 2, 3, 10, 2, 3, 20, 3, 30, 1, 2, 3])
    assert index.propose(2) == [10, 2]  # 1 2 3, though 2 3 and 3 occurred later
    index.truncate(9)
    index.extend([8, 2, 3])
    assert index.propose(2) == [20, 3]  # 2 3 twice: the later one
    index.append(3)
    assert index.propose(1) == [3]  # 3 itself: the occurrence just before the end


def test_nothing_is_proposed_where_nothing_occurred_before(kernels: ModuleType) -> None:
    index = kernels.NgramIndex(max_ngram=2, min_ngram=2)
    assert index.propose(5) == []
    index.append(1)
    assert index.propose(5) == []
    index.extend([2, 3, 1])
    assert index.propose(5) == []  # 1 occurred, 3 1 did not
    index.append(2)
    assert index.propose(5) == [3, 1, 2]
    assert index.propose(0) == []


def test_proposals_stop_at_the_end_of_the_text(kernels: ModuleType) -> None:
    index = kernels.NgramIndex()
    index.extend([5, 5, 5])
    assert index.propose(10**30) == [5]
    index.extend([1, 2, 1, 2])
    assert index.propose(10) == [1, 2]


def test_truncate_is_exact(kernels: ModuleType) -> None:
    rng = np.random.default_rng(5)
    text = rng.integers(0, 6, 300).tolist()
    index = kernels.NgramIndex()
    index.extend(text)
    for n_tokens in (299, 250, 250, 101, 100, 3, 1, 0):
        index.truncate(n_tokens)
        fresh = kernels.NgramIndex()
        fresh.extend(text[:n_tokens])
        assert len(index) == n_tokens
        assert index.propose(9) == fresh.propose(9)
    index.extend(text)
    again = kernels.NgramIndex()
    again.extend(text)
    assert index.propose(9) == again.propose(9)


@pytest.mark.parametrize("make", [
    list, tuple, lambda ids: np.array(ids, dtype=np.int32), lambda ids: array.array("i", ids),
    lambda ids: (ctypes.c_int32 * len(ids))(*ids), lambda ids: np.array(ids, dtype=np.int32)[::-1][::-1],
    lambda ids: np.repeat(np.array(ids, dtype=np.int32), 3)[::3],
    lambda ids: np.frombuffer(b"x" + np.array(ids, dtype=np.int32).tobytes(), dtype=np.int32, offset=1),
    lambda ids: [np.int64(token_id) for token_id in ids],
], ids=["list", "tuple", "numpy", "array", "ctypes", "reversed-twice", "strided", "unaligned",
        "numpy-ints"])  # fmt: skip
@pytest.mark.parametrize("n_tokens", [0, 1, 7, 1500])
def test_every_kind_of_token_ids(kernels: ModuleType, make: Any, n_tokens: int) -> None:
    ids = [int(token_id) for token_id in np.random.default_rng(n_tokens).integers(-(2**31), 2**31, n_tokens)]
    index = kernels.NgramIndex()
    index.append(42)
    index.extend(make(ids))
    assert len(index) == 1 + n_tokens
    index.append(42)
    assert index.propose(n_tokens + 1) == [*ids, 42]


@pytest.mark.parametrize(("action", "error", "text"), [
    (lambda index: index.extend("ab"), TypeError, "token_ids must be a one-dimensional buffer of int32"),
    (lambda index: index.extend(None), TypeError, "not NoneType"),
    (lambda index: index.extend({1, 2}), TypeError, "not set"),
    (lambda index: index.extend(np.arange(3, dtype=np.int64)), TypeError, 'format of its elements is "l", 8 bytes'),
    (lambda index: index.extend(np.arange(3, dtype=np.uint32)), TypeError, "must hold int32"),
    (lambda index: index.extend(np.arange(3, dtype=np.float32)), TypeError, "must hold int32"),
    (lambda index: index.extend(np.arange(3, dtype=">i4")), TypeError, "must hold int32"),
    (lambda index: index.extend(np.zeros((2, 2), dtype=np.int32)), TypeError, "one dimension; it has 2"),
    (lambda index: index.extend(np.array(3, dtype=np.int32)), TypeError, "one dimension; it has 0"),
    (lambda index: index.extend(b"abcd"), TypeError, 'is "B", 1 bytes'),
    (lambda index: index.extend([1, 2.5]), TypeError, r"token_ids\[1\] must be an int, not float"),
    (lambda index: index.extend([1, "x"]), TypeError, r"token_ids\[1\] must be an int, not str"),
    (lambda index: index.extend([2**31]), ValueError, r"token_ids\[0\] is 2147483648; it must fit in 32 bits"),
    (lambda index: index.extend((0, -(2**31) - 1)), ValueError, r"token_ids\[1\] is -2147483649"),
    (lambda index: index.extend([10**30]), ValueError, "must fit in 32 bits"),
    (lambda index: index.append(2**40), ValueError, "token_id is 1099511627776"),
    (lambda index: index.append([1]), TypeError, "token_id must be an int, not list"),
    (lambda index: index.append(None), TypeError, "token_id must be an int, not NoneType"),
    (lambda index: index.truncate(4), ValueError, "n_tokens is 4; it must be between 0 and 3"),
    (lambda index: index.truncate(-1), ValueError, "n_tokens is -1"),
    (lambda index: index.truncate(1.0), TypeError, "n_tokens must be an int, not float"),
    (lambda index: index.propose(-1), ValueError, "n_draft is -1; it must be at least 0"),
    (lambda index: index.propose("1"), TypeError, "n_draft must be an int, not str"),
])  # fmt: skip
def test_wrong_values_are_refused_and_change_nothing(
    kernels: ModuleType, action: Any, error: type[Exception], text: str
) -> None:
    index = kernels.NgramIndex()
    index.extend([1, 2, 1])
    with pytest.raises(error, match=text):
        action(index)
    assert len(index) == 3
    assert index.propose(5) == [2, 1]


@pytest.mark.parametrize(("arguments", "error", "text"), [
    ({"max_ngram": 0}, ValueError, "max_ngram is 0; it must be between 1 and 16"),
    ({"max_ngram": 17}, ValueError, "max_ngram is 17"),
    ({"min_ngram": 0}, ValueError, "min_ngram is 0; it must be between 1 and max_ngram, 4"),
    ({"max_ngram": 2, "min_ngram": 3}, ValueError, "min_ngram is 3; it must be between 1 and max_ngram, 2"),
    ({"max_tokens": 0}, ValueError, "max_tokens is 0"),
    ({"max_tokens": 2**30 + 1}, ValueError, "it must be between 1 and 1073741824"),
    ({"max_ngram": "4"}, TypeError, "max_ngram must be an int, not str"),
])  # fmt: skip
def test_wrong_limits_are_refused(
    kernels: ModuleType, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        kernels.NgramIndex(**arguments)


def test_more_than_max_tokens_is_refused_as_a_whole(kernels: ModuleType) -> None:
    index = kernels.NgramIndex(max_tokens=4)
    index.extend([1, 2, 1])
    with pytest.raises(ValueError, match="holds at most 4 tokens, not 5"):
        index.extend([2, 3])
    assert len(index) == 3
    index.append(2)
    with pytest.raises(ValueError, match="holds at most 4 tokens, not 5: build it with a larger max_tokens"):
        index.append(3)
    assert index.propose(4) == [1, 2]
    index.truncate(3)
    index.append(2)
    assert (len(index), index.max_tokens, index.max_ngram, index.min_ngram) == (4, 4, 4, 1)


@pytest.mark.parametrize("max_tokens", [1, 5, 64, 1000, 5000])
@pytest.mark.parametrize("sizes", [(1, 1), (4, 1), (16, 3)])
def test_memory_stays_within_what_is_stated(kernels: ModuleType, max_tokens: int, sizes: tuple[int, int]) -> None:
    max_ngram, min_ngram = sizes
    n_sizes = max_ngram - min_ngram + 1
    index = kernels.NgramIndex(max_ngram, min_ngram, max_tokens)
    index.extend(list(range(max_tokens)))
    assert 0 < index.size_bytes <= max_tokens * (4 + 36 * n_sizes) + 512 * n_sizes
    index.clear()
    assert (index.size_bytes, len(index), index.propose(3)) == (0, 0, [])
    index.append(1)
    assert len(index) == 1


def test_a_list_that_changes_while_it_is_read(kernels: ModuleType) -> None:
    class Sly:
        def __index__(self) -> int:
            ids.clear()
            return 3

    ids: list[Any] = [Sly(), 7, 7]
    index = kernels.NgramIndex()
    index.extend(ids)
    assert len(index) == 3


_OPERATION = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 3)),
    st.tuples(st.just("extend"), st.lists(st.integers(0, 3), max_size=30)),
    st.tuples(st.just("truncate"), st.integers(0, 80)),
    st.tuples(st.just("propose"), st.integers(-1, 12)),
    st.tuples(st.just("clear"), st.none()),
)


@given(
    st.integers(1, 6).flatmap(lambda most: st.tuples(st.just(most), st.integers(1, most))),
    st.integers(1, 120), st.lists(_OPERATION, max_size=40),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_compiled_and_fallback_agree(
    sizes: tuple[int, int], max_tokens: int, operations: list[tuple[str, Any]]
) -> None:
    compiled, fallback = _kernels.NgramIndex(*sizes, max_tokens), _fallback.NgramIndex(*sizes, max_tokens)

    def answer(index: Any, name: str, argument: Any) -> object:
        try:
            return getattr(index, name)(*([] if argument is None else [argument]))
        except ValueError as err:
            return str(err)

    for name, argument in operations:
        assert answer(compiled, name, argument) == answer(fallback, name, argument)
        assert len(compiled) == len(fallback)
        assert compiled.propose(6) == fallback.propose(6)


def test_one_index_in_several_threads(kernels: ModuleType) -> None:
    index = kernels.NgramIndex(max_tokens=100_000)
    text = np.arange(3000, dtype=np.int32)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(4):
                index.extend(text)  # long enough to give up the GIL
                for token_id in range(50):
                    index.append(token_id)
                if kernels is _kernels:  # the fallback would look at the whole text each time
                    index.propose(5)
                len(index)
        except BaseException as err:
            failures.append(err)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(index) == 4 * 4 * (3000 + 50)
