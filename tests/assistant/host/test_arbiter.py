"""Who may load, who has to go, and what is said when nobody can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.host.arbiter import Arbiter, Claim, does_not_fit, limit_bytes

GIB = 1024**3
CLAIM = st.builds(
    Claim,
    st.integers(0, 10**6),
    st.just("m"),
    st.integers(0, 8 * GIB),
    st.integers(0, 8 * GIB),
    st.booleans(),
    st.floats(0, 1000),
)


def claim(number: int, need: int = GIB, held: int = 0, in_use: bool = False, last_used_s: float = 0.0) -> Claim:
    return Claim(number, f"model-{number}", need, held, in_use, last_used_s)


@given(
    st.integers(0, 16 * GIB),
    st.integers(0, 16 * GIB),
    st.integers(0, 2 * GIB),
    st.lists(CLAIM, max_size=6, unique_by=lambda each: each.engine_id),
)
def test_a_verdict_keeps_its_promise(need: int, available: int, reserve: int, claims: list[Claim]) -> None:
    verdict = Arbiter(reserve, available=lambda: available).decide(need, claims)
    by_id = {each.engine_id: each for each in claims}
    free = available - reserve - sum(each.outstanding_bytes for each in claims)
    returned = [by_id[engine_id].returned_bytes for engine_id in verdict.evict]
    assert verdict.admitted == (need <= free)
    assert not any(by_id[engine_id].in_use for engine_id in verdict.evict)
    if verdict.evict:
        assert need <= free + sum(returned)
        assert all(need > free + sum(returned) - each for each in returned), "nobody goes in vain"
    elif not verdict.admitted:
        assert need > free + sum(each.returned_bytes for each in claims if not each.in_use)


def test_the_longest_unused_goes_first() -> None:
    claims = [claim(1, last_used_s=3), claim(2, last_used_s=1), claim(3, last_used_s=2), claim(4, in_use=True)]
    assert Arbiter(0, available=lambda: 4 * GIB).decide(GIB, claims).evict == (2,)


def test_a_large_one_that_goes_saves_the_small_ones() -> None:
    claims = [claim(1, need=GIB // 10, last_used_s=1), claim(2, need=4 * GIB, last_used_s=2)]
    assert Arbiter(0, available=lambda: 5 * GIB).decide(4 * GIB, claims).evict == (2,)


def test_mapped_weights_count_though_the_kernel_calls_them_available() -> None:
    arbiter = Arbiter(0, available=lambda: 10 * GIB)
    assert arbiter.free_bytes([claim(1, need=4 * GIB, held=GIB)]) == 7 * GIB
    assert arbiter.free_bytes([claim(1, need=GIB, held=4 * GIB)]) == 10 * GIB


def test_where_the_system_does_not_say_everything_is_admitted() -> None:
    arbiter = Arbiter(0, available=lambda: None)
    assert arbiter.decide(100 * GIB, []).admitted
    assert arbiter.free_bytes([]) is None
    assert not arbiter.is_low()


def test_only_who_is_far_beyond_the_estimate_is_out_of_hand() -> None:
    arbiter = Arbiter(0, available=lambda: 0)
    assert arbiter.is_low()
    assert arbiter.worst([claim(1, need=GIB, held=limit_bytes(GIB))]) is None
    worst = arbiter.worst([claim(1, need=GIB, held=2 * GIB), claim(2, need=GIB, held=3 * GIB)])
    assert worst is not None
    assert worst.engine_id == 2


@pytest.mark.parametrize("in_use", [[], ["busy.gguf"]])
def test_the_refusal_has_both_numbers(in_use: list[str]) -> None:
    err = does_not_fit("mistral.gguf", int(9.1 * GIB), int(5.8 * GIB), GIB // 2, in_use)
    assert "mistral.gguf: it needs 9.1 GiB, 5.8 GiB are free" in err.message
    assert "512 MiB" in err.message
    assert ("busy.gguf" in err.hint) == bool(in_use)
