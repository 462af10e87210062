"""The cache of the common prefix: what is kept, and that what is kept gives the same answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.prefix import Prefix, common_length

tokens = st.lists(st.integers(0, 2), max_size=40)


@given(tokens, tokens)
def test_common_length_is_that_of_the_obvious_way(first: list[int], second: list[int]) -> None:
    n = 0
    while n < min(len(first), len(second)) and first[n] == second[n]:
        n += 1
    assert common_length(first, second) == n


class FakeMemory:
    """A context that remembers how many positions it holds."""

    def __init__(self, *, can_cut: bool = True, first: int = 0) -> None:
        self.n = 0
        self.can_cut = can_cut
        self.first = first
        self.n_cleared = 0

    def cut(self, n_kept: int, _sequence: int) -> bool:
        if self.can_cut:
            self.n = n_kept
        return self.can_cut

    def remove(self, _sequence: int) -> None:
        self.n = 0
        self.n_cleared += 1

    def n_positions(self, _sequence: int) -> int:
        return self.n

    def first_position(self, _sequence: int) -> int:
        return self.first


def prefix_of(memory: Any, token_ids: list[int], *, is_recurrent: bool = False) -> Prefix:
    prefix = Prefix(memory, is_recurrent=is_recurrent)
    prefix.extend(token_ids)
    memory.n = len(token_ids)
    return prefix


def test_keeps_the_common_part_and_always_computes_the_last_token() -> None:
    prefix = prefix_of(FakeMemory(), [1, 2, 3, 4])
    assert prefix.reuse([1, 2, 9], ()) == 2
    assert prefix.token_ids == [1, 2]
    assert prefix.reuse([1, 2], ()) == 1  # the logits of the last token are wanted


def test_another_adapter_makes_the_cache_worthless() -> None:
    memory = FakeMemory()
    prefix = prefix_of(memory, [1, 2, 3])
    assert prefix.reuse([1, 2, 3, 4], "adapter") == 0
    assert memory.n_cleared >= 1
    prefix.extend([1, 2, 3])
    memory.n = 3
    assert prefix.reuse([1, 2, 3, 4], "adapter") == 3


@pytest.mark.parametrize("memory", [FakeMemory(can_cut=False), FakeMemory(first=7)])
def test_memory_that_cannot_go_back_is_computed_again(memory: FakeMemory) -> None:
    prefix = prefix_of(memory, [1, 2, 3, 4])
    assert prefix.reuse([1, 2, 9], ()) == 0
    assert prefix.token_ids == [] and memory.n == 0


def test_memory_that_cannot_go_back_may_go_on() -> None:
    prefix = prefix_of(FakeMemory(can_cut=False), [1, 2, 3])
    assert prefix.reuse([1, 2, 3, 4], ()) == 3


def test_after_an_abort_the_cache_is_what_llama_cpp_kept() -> None:
    memory = FakeMemory()
    prefix = prefix_of(memory, [1, 2])
    memory.n = 4  # two of the four pending tokens were computed
    prefix.repair([3, 4, 5, 6])
    assert prefix.token_ids == [1, 2, 3, 4]


def test_after_an_abort_a_recurrent_state_is_worthless() -> None:
    memory = FakeMemory()
    prefix = prefix_of(memory, [1, 2], is_recurrent=True)
    prefix.repair([3])
    assert prefix.token_ids == [] and memory.n == 0


@pytest.mark.model
def test_logits_of_a_reused_prefix_differ_only_by_rounding(loaded: Loaded) -> None:
    text = "The history of the candle begins with the rush, peeled and dipped into fat. " * 12
    token_ids = loaded.model.tokenize(text, parse_special=False)
    context, prefix = loaded.context, loaded.prefix

    def logits(n_reused: int) -> Any:
        done = prefix.reuse(token_ids, ())
        assert done == n_reused
        while done < len(token_ids):
            chunk = token_ids[done : done + context.n_batch]
            assert context.decode(chunk) == 0
            prefix.extend(chunk)
            done += len(chunk)
        return context.logits().copy()

    def reused(n_reused: int) -> Any:
        assert prefix.reuse([*token_ids[:n_reused], 0], ()) == n_reused
        return logits(n_reused)

    prefix.clear()
    fresh = logits(0)
    # Cut at the border of a batch, the rest is computed in the same pieces: the same bits.
    assert float(abs(fresh - reused(2 * context.n_batch)).max()) < 1e-5
    # Cut elsewhere, batches have another shape and round differently (activations are quantized to 8 bits for these
    # weights: up to 0.49 was seen, of logits up to 20). A wrong cache is off by whole units.
    other = reused(context.n_batch + 37)
    prefix.clear()
    assert int(fresh.argmax()) == int(other.argmax())
    assert float(abs(fresh - other).max()) < 1.0
    assert float(abs(fresh).max()) > 10
