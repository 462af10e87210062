"""Who may load, who has to go, and what is said when nobody can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.host.arbiter import Arbiter, limit_bytes
from rushlight.assistant.host.need import Claim, Limits, Need
from rushlight.assistant.host.refusal import does_not_fit

MIB = 1024**2
GIB = 1024**3
CLAIM = st.builds(
    Claim,
    st.integers(0, 10**6),
    st.just("m"),
    st.integers(0, 8 * GIB),
    st.integers(0, 8 * GIB),
    st.booleans(),
    st.floats(0, 1000),
    st.integers(0, 4 * GIB),
)
NEED = st.builds(Need, st.integers(0, 16 * GIB), st.integers(0, GIB), st.integers(0, 4 * GIB))


def claim(
    number: int, need: int = GIB, held: int = 0, in_use: bool = False, last_used_s: float = 0.0, card: int = 0
) -> Claim:
    return Claim(number, f"model-{number}", need, held, in_use, last_used_s, card)


def arbiter(available: int | None, *, total: int = 100 * GIB, cards: int = 0, **limits: int) -> Arbiter:
    made = Arbiter(0, available=lambda: available, total=lambda: total)
    made.limits = Limits(**limits)
    made.saw_cards(cards, [])
    return made


@given(
    st.lists(NEED, min_size=1, max_size=4),
    st.integers(0, 16 * GIB),
    st.integers(0, 2 * GIB),
    st.integers(0, 8 * GIB),
    st.integers(0, 16 * GIB),
    st.lists(CLAIM, max_size=6, unique_by=lambda each: each.claim_id),
)
def test_a_verdict_keeps_its_promise(
    needs: list[Need], available: int, reserve: int, cards: int, budget: int, claims: list[Claim]
) -> None:
    judge = arbiter(available, cards=cards, reserve_bytes=reserve, budget_bytes=budget)
    verdict = judge.decide(needs, claims)
    by_id = {each.claim_id: each for each in claims}
    room = judge.room(claims)

    def fits(need: Need, gone: list[Claim]) -> bool:
        main = room.main_bytes + sum(each.held_bytes for each in gone)
        card = room.card_bytes + sum(each.card_bytes for each in gone)
        return need.main_bytes <= main and need.card_bytes <= max(0, card)

    gone = [by_id[claim_id] for claim_id in verdict.evict]
    assert not any(each.in_use for each in gone)
    idle = [each for each in claims if not each.in_use]
    if verdict.possible:
        assert fits(verdict.need, gone)
        assert verdict.admitted == (not gone)
        better = needs[: needs.index(verdict.need)]
        assert not any(fits(need, idle) for need in better), "the best that can be had"
        assert not any(fits(verdict.need, [one for one in gone if one is not each]) for each in gone), "none in vain"
    else:
        assert not any(fits(need, idle) for need in needs)
    assert 0 <= verdict.parked_bytes <= verdict.need.parked_bytes
    if verdict.parked_bytes:
        assert verdict.need.main_bytes + verdict.parked_bytes <= room.main_bytes


def test_the_longest_unused_goes_first() -> None:
    claims = [claim(1, last_used_s=3), claim(2, last_used_s=1), claim(3, last_used_s=2), claim(4, in_use=True)]
    assert arbiter(4 * GIB).decide([Need(GIB)], claims).evict == (2,)


def test_a_large_one_that_goes_saves_the_small_ones() -> None:
    claims = [claim(1, need=GIB // 10, last_used_s=1), claim(2, need=4 * GIB, last_used_s=2)]
    assert arbiter(5 * GIB).decide([Need(4 * GIB)], claims).evict == (2,)


def test_mapped_weights_count_though_the_kernel_calls_them_available() -> None:
    assert arbiter(10 * GIB).free_bytes([claim(1, need=4 * GIB, held=GIB)]) == 7 * GIB
    assert arbiter(10 * GIB).free_bytes([claim(1, need=GIB, held=4 * GIB)]) == 10 * GIB


def test_where_the_system_does_not_say_everything_is_admitted() -> None:
    unknown = arbiter(None)
    assert unknown.decide([Need(100 * GIB, GIB)], []).parked_bytes == GIB
    assert unknown.free_bytes([]) is None
    assert not unknown.is_low()
    unknown.limits = Limits(budget_bytes=GIB)
    assert not unknown.decide([Need(2 * GIB)], []).admitted, "a budget holds all the same"


def test_parked_conversations_take_what_is_left_and_make_nobody_go() -> None:
    need = Need(GIB, parked_bytes=GIB)
    verdict = arbiter(GIB + 100 * MIB).decide([need], [])
    assert verdict.admitted and verdict.parked_bytes == 100 * MIB
    assert arbiter(3 * GIB).decide([need], []).parked_bytes == GIB
    verdict = arbiter(2 * GIB).decide([need], [claim(1, need=GIB, held=GIB)])
    assert verdict.admitted and not verdict.evict


def test_the_budget_holds_together_and_the_smaller_one_counts() -> None:
    judge = arbiter(50 * GIB, total=20 * GIB, budget_bytes=8 * GIB, budget_percent=25)
    assert judge.budget_bytes == 5 * GIB
    claims = [claim(1, need=3 * GIB, last_used_s=1), claim(2, need=GIB, last_used_s=2)]
    assert judge.free_bytes(claims) == GIB
    assert judge.decide([Need(2 * GIB)], claims).evict == (1,)
    assert not judge.decide([Need(6 * GIB)], claims).possible


def test_as_many_layers_on_the_card_as_fit() -> None:
    needs = [Need(MIB, card_bytes=n * GIB, gpu_layers=n, n_layers=4) for n in range(4, 0, -1)] + [Need(4 * GIB)]
    judge = arbiter(10 * GIB, cards=3 * GIB)
    assert judge.decide(needs, []).need.gpu_layers == 3
    idle, busy = claim(1, card=2 * GIB), claim(1, card=2 * GIB, in_use=True)
    assert judge.decide(needs, [busy]).need.gpu_layers == 1
    assert judge.decide(needs, [idle]).evict == (1,), "an idle one makes room on the card"
    judge.saw_cards(GIB, [idle])
    assert judge.room([idle]).card_bytes == GIB, "what it held when the card was looked at is not counted twice"
    judge.limits = Limits(card_budget_bytes=GIB)
    assert judge.decide(needs, []).need.gpu_layers == 1
    judge.saw_cards(0, [])
    assert judge.decide(needs, []).need.gpu_layers == 0


def test_only_who_is_far_beyond_the_estimate_is_out_of_hand() -> None:
    judge = arbiter(0)
    assert judge.is_low()
    assert judge.worst([claim(1, need=GIB, held=limit_bytes(GIB))]) is None
    worst = judge.worst([claim(1, need=GIB, held=2 * GIB), claim(2, need=GIB, held=3 * GIB)])
    assert worst is not None
    assert worst.claim_id == 2


@pytest.mark.parametrize("in_use", [False, True])
def test_the_refusal_names_the_cause_and_what_to_lower(in_use: bool) -> None:
    need = Need(int(9.1 * GIB), weights_bytes=8 * GIB, context_bytes=GIB, compute_bytes=100 * MIB, n_ctx=8192)
    judge = arbiter(int(9.9 * GIB), reserve_bytes=GIB // 2, budget_bytes=20 * GIB)
    claims = [Claim(1, "other.gguf", GIB, 0, in_use, 0.0)]
    err = does_not_fit("mistral.gguf", judge.decide([need], claims), claims, judge, kv_type="f16")
    assert err.message == (
        "Cannot load mistral.gguf: it needs 9.1 GiB of memory (8.0 GiB weights, 1.0 GiB for 8,192 tokens of context, "
        "100 MiB to compute); 8.4 GiB are free (beside the 512 MiB that memory.reserve_mib keeps, within the 20.0 GiB "
        f"that memory.budget_mib allows). Held by: other.gguf 1.0 GiB ({'in use' if in_use else 'idle'})."
    )
    assert "lower engine.context to 2304" in err.hint
    assert "engine.kv_type to q8_0 (saves 480 MiB)" in err.hint
    assert "raise memory.budget_mib" in err.hint
    assert ("wait until what is in use is done: other.gguf" in err.hint) == in_use
